"""The first layer computed from what a genotype changes equals the one that computes every row."""

from __future__ import annotations

from itertools import product
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gi_jax.config import GeneEncoderConfig, GraphAggregationConfig, LocalPredictorConfig, ModelConfig
from gi_jax.data.genotypes import GenotypeBatch, genotype_batch
from gi_jax.data.networks import CellGraph, cell_graph
from gi_jax.models.neural import build_model
from gi_jax.models.neural.row_needs import changed_row_needs
from gi_jax.ops.spmm import with_backend

NUM_GENES, NAMES = 30, ("a", "b", "c")
STATISTICS = [
    *(("layer", kind) for kind in ("batch", "genotype", "node")),
    *product(("batch", "graph", "instance", "pair", "mean_subtraction"), ("batch", "genotype")),
]
CASES = [
    *((norm, statistics, "sum") for norm, statistics in STATISTICS),
    # How networks are combined knows nothing of statistics, but for the norm behind pairwise interactions:
    # one norm each without statistics, with those of the batch, and with those of a genotype.
    *(
        (norm, statistics, aggregation)
        for norm, statistics in (("layer", "node"), ("batch", "batch"), ("graph", "genotype"))
        for aggregation in ("mean", "cross_attention", "pairwise_interaction")
    ),
]
TOLERANCE = 1e-11  # relative to the largest entry


def networks() -> CellGraph:
    rng = np.random.default_rng(0)
    # Repeated edges, self loops, and a network without edges.
    edges = {
        name: rng.integers(0, NUM_GENES, (2, count)) for name, count in zip(NAMES, (60, 40, 0), strict=True)
    }
    edges["a"] = np.concatenate([edges["a"], edges["a"][:, :5], [[1, 4], [1, 4]]], axis=1)
    return with_backend(cell_graph(edges, NUM_GENES), "segment")


def genotypes() -> GenotypeBatch:
    """Empty, single, neighbouring and repeated deletions, and two genotypes of padding."""
    return genotype_batch([[1, 2], [3], [], [4, 5, 6], [7, 8], [8, 1]], NUM_GENES, batch_size=8)


def relative_difference(a: Any, b: Any) -> float:
    """Largest difference of two trees, each leaf relative to the largest entry of all leaves."""
    both = (jax.tree.leaves(jax.tree.map(np.asarray, tree)) for tree in (a, b))
    pairs = [(x, y) for x, y in zip(*both, strict=True) if x.size]
    return max(np.abs(x - y).max() for x, y in pairs) / max(np.abs(x).max() for x, _ in pairs)


class Model:
    """A model with random variables, in float64, and both ways of running it."""

    def __init__(self, norm: str, statistics: str, aggregation: str, num_layers: int) -> None:
        config = ModelConfig(
            hidden_channels=4,
            num_layers=num_layers,
            norm=norm,
            norm_statistics=statistics,
            gene_encoder_config=GeneEncoderConfig(
                graph_aggregation_method=aggregation,
                graph_aggregation_config=GraphAggregationConfig(num_heads=2, aggregation_norm=norm),
            ),
            local_predictor_config=LocalPredictorConfig(use_local_predictor=False),
        )
        self.module = build_model(config, NUM_GENES, NAMES)
        self.graph, self.batch, self.train = networks(), genotypes(), norm == "batch"
        needs = changed_row_needs(config, self.graph, self.batch.genes, len(self.batch.sizes))
        self.capacity = needs.capacity(needs.genotypes.sum(axis=0))
        shapes = jax.eval_shape(self.module.init, jax.random.key(0), self.graph, self.batch)
        rng = np.random.default_rng(1)
        self.variables = jax.tree.map(lambda x: jnp.asarray(rng.normal(0.5, 0.4, x.shape) ** 2), shapes)

    def __call__(self, params: Any, capacity: Any) -> tuple[Any, Any]:
        """Pooled embeddings of the wildtype, the genotypes that are not padding, and their difference (times
        ten, which is less than the others); running statistics."""
        out, state = self.module.apply(
            self.variables | {"params": params},
            self.graph,
            self.batch,
            capacity=capacity,
            train=self.train,
            mutable=["batch_stats"],
        )
        genotypes = slice(int(self.batch.valid.sum()))
        return (out.z_w, out.z_i[genotypes], 10 * out.z_p[genotypes]), state


@pytest.mark.parametrize(("norm", "statistics", "aggregation"), CASES)
def test_values_and_running_statistics(norm: str, statistics: str, aggregation: str) -> None:
    with jax.enable_x64(True):
        for num_layers in (1, 2):
            model = Model(norm, statistics, aggregation, num_layers)
            run = jax.jit(model, static_argnums=1)
            values, state = run(model.variables["params"], None)
            fast_values, fast_state = run(model.variables["params"], model.capacity)
            assert relative_difference(values, fast_values) < TOLERANCE
            assert bool(state) == model.train
            if model.train:
                assert relative_difference(state, fast_state) < TOLERANCE


@pytest.mark.parametrize(
    ("norm", "statistics", "aggregation", "num_layers"),
    # Those with `batch` statistics are checked on every recorded case (tests/parity/test_golden.py).
    [
        ("layer", "genotype", "sum", 1),
        ("layer", "node", "sum", 1),
        ("layer", "node", "pairwise_interaction", 1),
        ("layer", "node", "cross_attention", 2),
        ("batch", "genotype", "sum", 1),
        ("graph", "genotype", "mean", 2),
    ],
)
def test_gradients(norm: str, statistics: str, aggregation: str, num_layers: int) -> None:
    with jax.enable_x64(True):
        model = Model(norm, statistics, aggregation, num_layers)

        def gradients(capacity: Any) -> Any:
            def loss(params: Any) -> Any:
                (z_w, z_i, z_p), _ = model(params, capacity)
                return jnp.sum(jnp.sin(z_i)) + jnp.sum(jnp.cos(z_w)) + jnp.sum(jnp.sin(3 * z_p))

            return jax.jit(jax.grad(loss))(model.variables["params"])

        assert relative_difference(gradients(None), gradients(model.capacity)) < TOLERANCE
