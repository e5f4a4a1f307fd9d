"""A genotype has one value: alone or in a table, computed whole or from what it changes, in any order."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import Array

from gi_jax.config import GeneEncoderConfig, LocalPredictorConfig, ModelConfig
from gi_jax.data.genotypes import GenotypeBatch, genotype_batch
from gi_jax.data.networks import CellGraph, cell_graph
from gi_jax.models.neural import build_model
from gi_jax.models.neural.row_needs import changed_row_needs
from gi_jax.ops.changed_rows import Capacity
from gi_jax.ops.spmm import with_backend
from gi_jax.training.state import init_variables

N, B = 50, 6
KINDS = [  # norm, statistics, aggregation, pooled difference
    ("layer", "node", "sum", "sum"),
    ("layer", "genotype", "sum", "mean"),
    ("layer", "batch", "sum", "mean"),
    ("batch", "batch", "mean", "mean"),
    ("pair", "genotype", "cross_attention", "mean"),
    ("mean_subtraction", "genotype", "sum", "mean"),
]


def graph() -> CellGraph:
    """Two networks; genes 0 and 1 are neighbours of half of the others, some genes of nobody."""
    rng = np.random.default_rng(0)
    edges = rng.integers(2, N, (2, 60))
    hubs = np.array([rng.integers(0, 2, 50), rng.integers(2, N - 5, 50)])
    both = np.concatenate([edges, hubs, hubs[::-1]], axis=1)
    return with_backend(cell_graph({"a": both, "b": rng.integers(0, N, (2, 40))}, N), "segment")


@partial(jax.jit, static_argnames=("model", "capacity"))
def run(variables: Any, graph: CellGraph, batch: GenotypeBatch, model: nn.Module, capacity: Any) -> Array:
    return model.apply(variables, graph, batch, capacity=capacity).gene_interaction[:, 0]


def draw_genotypes(rng: np.random.Generator) -> list[list[int]]:
    """None, all, nearly all, the hubs, two of any others."""
    most = rng.permutation(N)[: N - rng.integers(1, 5)]
    few = [rng.choice(N, rng.integers(1, 4), replace=False) for _ in range(2)]
    return [[], list(range(N)), *(np.sort(own).tolist() for own in (most, np.arange(2), *few))]


def draw_weights(variables: Any, rng: np.random.Generator, sharpness: float, hub: float) -> Any:
    """As early in a training: fresh ones, moved a little; the attention sharpened, one gene made large."""
    moved = jax.tree.map(
        lambda x: (x + 0.1 * np.std(x) * rng.normal(size=x.shape)).astype(x.dtype),
        jax.tree.map(np.asarray, variables),
    )
    params = moved["params"]
    params["gene_embedding"][rng.integers(0, N)] *= hub
    params["global_aggregator"]["gate_1"]["kernel"] *= sharpness
    return moved


def relative(found: np.ndarray, exact: np.ndarray) -> float:
    return float(np.abs(found - exact).max() / np.abs(exact).max())


@pytest.mark.parametrize("kind", KINDS, ids="-".join)
@settings(max_examples=15, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 2**32 - 1),
    sharpness=st.sampled_from([0.0, 1.0, 4.0, 20.0]),
    hub=st.sampled_from([1.0, 30.0]),
)
def test_every_path_gives_the_same_value(kind: tuple, seed: int, sharpness: float, hub: float) -> None:
    norm, statistics, aggregation, difference = kind
    config = ModelConfig(
        hidden_channels=8,
        num_layers=1,
        norm=norm,
        norm_statistics=statistics,
        pooled_difference=difference,
        gene_encoder_config=GeneEncoderConfig(graph_aggregation_method=aggregation),
        local_predictor_config=LocalPredictorConfig(use_local_predictor=False),
    )
    rng, cell = np.random.default_rng(seed), graph()
    model = build_model(config, N, cell.names)
    variables = draw_weights(init_variables(model, cell, seed % 8), rng, sharpness, hub)
    genotypes = draw_genotypes(rng)
    batch = genotype_batch(genotypes, N, set_size=N, batch_size=B)
    with jax.enable_x64(True):
        exact = np.asarray(run(jax.tree.map(np.float64, variables), cell, batch, model, None))
    found = {"plain": run(variables, cell, batch, model, None)}
    found["changed rows"] = run(variables, cell, batch, model, capacity(config, cell))
    order = rng.permutation(B)
    turned = genotype_batch([genotypes[i] for i in order], N, set_size=N)
    found["another order"] = (
        jnp.zeros(B).at[order].set(run(variables, cell, turned, model, capacity(config, cell)))
    )
    if statistics != "batch":
        alone = (genotype_batch([own], N, set_size=N) for own in genotypes)
        found["alone"] = jnp.concatenate([run(variables, cell, own, model, None) for own in alone])
    error = {path: relative(np.asarray(own, np.float64), exact) for path, own in found.items()}
    # A sharp attention shows the rounding of every number before it: in the plain path, which subtracts
    # nothing, a little more than 1e-5 at times. No other path may be worse than that.
    assert error["plain"] < 5e-5
    assert max(error.values()) < max(1e-5, 3 * error["plain"]), error


def capacity(config: ModelConfig, cell: CellGraph) -> Capacity:
    """Room for any genotypes: one program for all examples."""
    everything = genotype_batch([list(range(N))] * B, N)
    needs = changed_row_needs(config, cell, everything.genes, B)
    return needs.capacity(needs.genotypes.sum(axis=0))
