"""bfloat16 in the encoder: float32 where it must be, near float32 elsewhere, finite gradients."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gi_jax.config import GeneEncoderConfig, GraphAggregationConfig, LocalPredictorConfig, ModelConfig
from gi_jax.data.genotypes import genotype_batch
from gi_jax.data.networks import cell_graph
from gi_jax.errors import GiJaxError
from gi_jax.models.neural import build_model
from gi_jax.models.neural.row_needs import changed_row_needs
from gi_jax.ops.spmm import with_backend

N = 60
NAMES = ("a", "b")
BOUND = 0.08  # of the largest prediction: some twenty roundings on the way, 2^-8 = 0.004 each


@pytest.mark.parametrize("aggregation", ["sum", "pairwise_interaction"])
@pytest.mark.parametrize("backend", ["segment", "dense"])
def test_half_precision_is_near_float32_with_float32_parameters(aggregation, backend):
    config = ModelConfig(
        hidden_channels=16,
        num_layers=2,
        gene_encoder_config=GeneEncoderConfig(
            graph_aggregation_method=aggregation,
            graph_aggregation_config=GraphAggregationConfig(aggregation_norm="layer"),
        ),
        local_predictor_config=LocalPredictorConfig(num_heads=2),
    )
    rng = np.random.default_rng(0)
    edges = {name: rng.integers(0, N, (2, 200)) for name in NAMES}
    graph = with_backend(cell_graph(edges, N), backend)
    batch = genotype_batch([sorted(rng.choice(N, 2 + i % 2, replace=False)) for i in range(12)], N)
    needs = changed_row_needs(config, graph, batch.genes, 12)
    capacity = needs.capacity(needs.largest(np.arange(12), 12))
    models = [build_model(config, N, NAMES, precision=precision) for precision in ("32", "bf16")]
    variables = jax.jit(models[0].init)(jax.random.key(0), graph, batch)
    # Larger weights than at the start of a training, so that all stages contribute.
    larger = jax.jit(
        lambda tree: jax.tree.map(lambda p: p + 0.2 * jax.random.normal(jax.random.key(1), p.shape), tree)
    )
    variables = larger(variables)

    def loss(variables, model):
        out = model.apply(variables, graph, batch, capacity=capacity)
        return (out.gene_interaction**2).mean(), out

    results = [
        jax.jit(jax.value_and_grad(loss, has_aux=True), static_argnums=1)(variables, m) for m in models
    ]
    (_, exact), _ = results[0]
    (_, half), gradient = results[1]
    assert half.layers[-1].columns.dtype == jnp.bfloat16
    assert half.z_p.dtype == half.gene_interaction.dtype == jnp.float32
    scale = np.abs(exact.gene_interaction).max()
    assert np.abs(half.gene_interaction - exact.gene_interaction).max() < BOUND * scale
    for leaf in jax.tree.leaves(gradient):
        assert leaf.dtype == jnp.float32
        assert np.isfinite(leaf).all()


def test_a_model_without_half_precision_says_so():
    config = ModelConfig(kind="dango", local_predictor_config=LocalPredictorConfig(num_heads=4))
    with pytest.raises(GiJaxError, match="'bf16', which model.kind 'dango' does not have"):
        build_model(config, N, NAMES, precision="bf16")
