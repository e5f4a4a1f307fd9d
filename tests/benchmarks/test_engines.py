"""All engines compute the same numbers, so that their times may be compared."""

from __future__ import annotations

from collections.abc import Iterator

import jax
import numpy as np
import pytest

from conversion.architecture import Architecture
from tests.benchmarks.jax_engines import gi_jax, plain_port
from tests.benchmarks.measure import Engine
from tests.benchmarks.prepare import assemble, model_config
from tests.benchmarks.torch_engine import reference
from tests.benchmarks.workload import Workload, World, power_law_edges

NUM_GENES, BATCH = 60, 3
GENES = np.array([[0, 1, 60], [2, 7, 30], [5, 59, 60], [1, 2, 3]], np.int32)  # two or three genes
LABELS = np.array([0.1, -0.2, 0.3, 0.0], np.float32)


@pytest.fixture(autouse=True)
def quick_compilation() -> Iterator[None]:
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)


def small_world(case: str) -> World:
    """Two networks, and random weights, also where they start as zeros or ones."""
    rng = np.random.default_rng(0)
    edges = {name: power_law_edges(rng, NUM_GENES, size) for name, size in (("dense", 300), ("sparse", 40))}
    config = model_config(Workload(case, BATCH, channels=8, layers=2 if case == "pairwise" else 1))
    architecture = Architecture(config, NUM_GENES, tuple(edges))
    variables = jax.tree.map(
        lambda leaf: rng.normal(0.1, 0.3, leaf.shape).astype(leaf.dtype),
        jax.eval_shape(architecture.initialise),
    )
    return assemble(architecture, variables, edges, GENES, LABELS)


def values(engine: Engine) -> list[float]:
    return engine.values(engine.run())


@pytest.mark.parametrize(
    ("case", "mode", "count"),
    # Predictions; with the backward pass also the loss and the norm of the gradient.
    [("sum", "backward", BATCH + 2), ("pairwise", "backward", BATCH + 2), ("one_layer", "forward", BATCH)],
)
def test_engines_compute_the_same(case, mode, count):
    world = small_world(case)
    own = gi_jax(world, BATCH, mode)
    expected = values(own)
    assert len(expected) == count and np.isfinite(expected).all()
    for other in (plain_port(world, BATCH, mode), reference(world, BATCH, mode, compiled=False)):
        np.testing.assert_allclose(values(other), expected, rtol=1e-4, atol=1e-5)
        # Nine copies of an edge list beside three sets of at most three genes.
        assert other.moved_bytes > 10 * own.moved_bytes
    assert own.traces() == 1


def test_networks_have_the_sizes_asked_for_and_hubs():
    edges = power_law_edges(np.random.default_rng(0), 500, 5_000)
    assert edges.shape == (2, 5_000)
    assert len(np.unique(edges, axis=1).T) == 5_000
    degrees = np.sort(np.bincount(edges[0], minlength=500))
    # A tenth of the genes sends 10 % of the edges where degrees are equal.
    assert degrees[-50:].sum() > 0.3 * 5_000
