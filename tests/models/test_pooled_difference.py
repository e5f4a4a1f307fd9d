"""`pooled_difference: sum` and `last_layers: zero`: settings beyond the original's."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import chex
import jax
import numpy as np
import pytest

from gi_jax.config import LocalPredictorConfig, ModelConfig
from gi_jax.data.genotypes import genotype_batch
from gi_jax.data.networks import cell_graph
from gi_jax.errors import GiJaxError
from gi_jax.models.neural import build_model
from gi_jax.models.neural.row_needs import changed_row_needs
from gi_jax.ops.spmm import with_backend

N, H = 12, 8
CONFIG = ModelConfig(
    hidden_channels=H, num_layers=1, local_predictor_config=LocalPredictorConfig(num_heads=2)
)
GRAPH = with_backend(cell_graph({"a": np.random.default_rng(0).integers(0, N, (2, 30))}, N), "segment")
BATCH = genotype_batch([[0, 3], [5], [1, 2, 7]], N)


def test_sum_is_the_mean_with_a_first_layer_times_the_number_of_genes() -> None:
    mean, total = (
        build_model(replace(CONFIG, pooled_difference=kind), N, GRAPH.names) for kind in ("mean", "sum")
    )
    variables = jax.jit(total.init)(jax.random.key(0), GRAPH, BATCH)
    found = jax.jit(total.apply)(variables, GRAPH, BATCH)
    first = variables["params"]["global_interaction_predictor"]["linear_0"]
    first["kernel"] = N * first["kernel"]
    expected = jax.jit(mean.apply)(variables, GRAPH, BATCH)
    chex.assert_trees_all_close(found.global_interaction, expected.global_interaction, rtol=1e-5)
    chex.assert_trees_all_equal(found.z_p, expected.z_p)


def test_zero_last_layers_weigh_both_paths_alike_and_learn() -> None:
    model = build_model(replace(CONFIG, last_layers="zero"), N, GRAPH.names)
    variables = jax.jit(model.init)(jax.random.key(0), GRAPH, BATCH)
    output = jax.jit(model.apply)(variables, GRAPH, BATCH)
    np.testing.assert_array_equal(output.global_interaction, 0)
    np.testing.assert_array_equal(output.local_interaction, 0)
    np.testing.assert_array_equal(output.gate_weights, 0.5)
    error = lambda v: ((model.apply(v, GRAPH, BATCH).gene_interaction - 1) ** 2).sum()  # noqa: E731
    gradient = jax.jit(jax.grad(error))(variables)["params"]
    for path in ("global_interaction_predictor", "gene_interaction_predictor"):
        assert any(np.abs(leaf).sum() > 0 for leaf in jax.tree.leaves(gradient[path]))


@pytest.mark.parametrize("name", ["dango", "eager_v1"])
@pytest.mark.parametrize("setting", [{"pooled_difference": "sum"}, {"last_layers": "zero"}])
def test_other_models_refuse_them(name: str, setting: dict[str, str]) -> None:
    with pytest.raises(GiJaxError, match=f"{next(iter(setting))} of {name}"):
        ModelConfig(kind=name, **setting)


def test_dropout_masks_are_those_of_genes() -> None:
    # Without a mask per gene, an empty genotype would differ from the wildtype by its masks.
    config = replace(CONFIG, dropout=0.5, num_layers=2)
    model = build_model(config, N, GRAPH.names)
    batch = genotype_batch([[], [3]], N)
    variables = jax.jit(model.init)(jax.random.key(0), GRAPH, batch)
    trained = jax.jit(partial(model.apply, train=True))
    outputs = [trained(variables, GRAPH, batch, rngs={"dropout": jax.random.key(seed)}) for seed in (0, 1)]
    for output in outputs:
        np.testing.assert_allclose(output.z_i[0], output.z_w[0], rtol=1e-5)
    assert np.abs(outputs[0].z_w - outputs[1].z_w).max() > 1e-3


def test_dropout_of_changed_rows_is_that_of_all_rows() -> None:
    model = build_model(replace(CONFIG, dropout=0.5), N, GRAPH.names)
    variables = jax.jit(model.init)(jax.random.key(0), GRAPH, BATCH)
    needs = changed_row_needs(model.config, GRAPH, BATCH.genes, len(BATCH.sizes))
    plain, fast = (
        jax.jit(partial(model.apply, capacity=capacity, train=True))(
            variables, GRAPH, BATCH, rngs={"dropout": jax.random.key(1)}
        )
        for capacity in (None, needs.capacity(needs.genotypes.sum(axis=0)))
    )
    chex.assert_trees_all_close(fast.z_p, plain.z_p, rtol=1e-4, atol=1e-6)
    chex.assert_trees_all_close(fast.gene_interaction, plain.gene_interaction, rtol=1e-4)
