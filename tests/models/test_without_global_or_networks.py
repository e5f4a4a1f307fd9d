"""`combination_method: local` and `num_layers: 0`: the ablations of the global path and of the networks."""

from __future__ import annotations

from dataclasses import replace

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gi_jax.config import LocalPredictorConfig, ModelConfig
from gi_jax.data.genotypes import genotype_batch
from gi_jax.data.networks import cell_graph
from gi_jax.models.neural import build_model
from gi_jax.ops.spmm import with_backend

N, H = 12, 8
CONFIG = ModelConfig(
    hidden_channels=H, num_layers=1, local_predictor_config=LocalPredictorConfig(num_heads=2)
)
GRAPH = with_backend(cell_graph({"a": np.random.default_rng(0).integers(0, N, (2, 30))}, N), "segment")
EMPTY = cell_graph({}, N)
BATCH = genotype_batch([[0, 3], [5], [1, 2, 7]], N)


def fitted(config, graph=GRAPH):
    model = build_model(config, N, graph.names)
    return model, jax.jit(model.init)(jax.random.key(0), graph, BATCH)


def combined(config, method):
    return replace(
        config, local_predictor_config=LocalPredictorConfig(num_heads=2, combination_method=method)
    )


def test_local_predicts_what_the_local_path_says():
    model, variables = fitted(combined(CONFIG, "local"))
    output = jax.jit(model.apply)(variables, GRAPH, BATCH)
    concat = jax.jit(build_model(combined(CONFIG, "concat"), N, GRAPH.names).apply)(variables, GRAPH, BATCH)
    chex.assert_trees_all_equal(output.gene_interaction, concat.local_interaction)
    assert not np.allclose(output.gene_interaction, concat.gene_interaction)
    chex.assert_trees_all_equal(output.gate_weights, jnp.array([[0.0, 1.0]] * 3))


def test_local_does_not_compute_the_global_path():
    texts = {}
    for method in ("local", "concat"):
        model, variables = fitted(combined(CONFIG, method))

        def predict(variables, graph, batch, model=model):
            output = model.apply(variables, graph, batch)
            return output.gene_interaction, output.finite

        program = jax.jit(predict).lower(variables, GRAPH, BATCH)
        texts[method] = program.compile().as_text()
    assert "global_aggregator" in texts["concat"]
    assert "global_aggregator" not in texts["local"]


def test_without_layers_a_genotype_pools_the_genes_it_keeps():
    model, variables = fitted(replace(CONFIG, num_layers=0), EMPTY)
    assert not any("convs" in name for name in variables["params"])
    with jax.enable_x64(True):
        variables = jax.tree.map(lambda x: x.astype(np.float64), variables)
        output = jax.jit(model.apply)(variables, EMPTY, BATCH)
        states = output.layers[-1].wildtype  # [N, H]
        pooling = variables["params"]["global_aggregator"]

        def linear(name, x):
            return x @ pooling[name]["kernel"] + pooling[name]["bias"]

        gate = linear("gate_1", jax.nn.gelu(linear("gate_0", states), approximate=False))[:, 0]
        values = jax.nn.gelu(linear("transform", states), approximate=False)
        for row, genotype in enumerate([[0, 3], [5], [1, 2, 7]]):
            kept = np.setdiff1d(np.arange(N), genotype)
            expected = jax.nn.softmax(gate[kept]) @ values[kept]
            np.testing.assert_allclose(output.z_i[row], expected, rtol=1e-12)


@pytest.mark.parametrize("layers", [0, 1])
def test_gradients_are_finite(layers):
    config = combined(replace(CONFIG, num_layers=layers), "local")
    graph = GRAPH if layers else EMPTY
    model, variables = fitted(config, graph)
    square = lambda v: (model.apply(v, graph, BATCH).gene_interaction ** 2).sum()  # noqa: E731
    gradient = jax.jit(jax.grad(square))(variables)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient))
    assert float(jnp.abs(gradient["params"]["gene_embedding"]).sum()) > 0


@pytest.mark.parametrize("method", ["local", "concat"])
def test_without_layers_deleted_genes_have_the_embeddings_of_the_wildtype(method):
    model, variables = fitted(replace(combined(CONFIG, method), num_layers=0), EMPTY)
    output = jax.jit(model.apply)(variables, EMPTY, BATCH)
    padded = np.append(output.layers[-1].wildtype, np.zeros((1, H)), axis=0)  # [N + 1, H]
    np.testing.assert_allclose(output.pert_gene_embs, padded[BATCH.genes], rtol=1e-5, atol=1e-6)


def test_without_layers_and_global_path_no_other_gene_is_computed():
    config = replace(combined(CONFIG, "local"), num_layers=0)
    model, variables = fitted(config, EMPTY)

    def predict(variables, batch):
        return model.apply(variables, EMPTY, batch).gene_interaction

    products = [
        line
        for line in jax.jit(predict).lower(variables, BATCH).compile().as_text().splitlines()
        if "/preprocessor/" in line and f"f32[{N}," in line
    ]
    assert products == []
