"""Products of gene rows at the edges of a network, beside an array over all pairs of genes."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gi_jax.data.networks import CellGraph, cell_graph
from gi_jax.ops import edge_products as module
from gi_jax.ops.edge_products import edge_products
from gi_jax.ops.spmm import with_backend

GENES, CHANNELS, EDGES = 9, 3, 30


def graph(backend: str) -> CellGraph:
    """Repeated edges and self loops among them."""
    edges = np.random.default_rng(0).integers(0, GENES, size=(2, EDGES))
    edges[:, 20:] = edges[:, :10]
    edges[:, 29] = 4
    return with_backend(cell_graph({"a": edges}, GENES), backend)


def sides(*leading: int) -> tuple[jax.Array, jax.Array]:
    rng = np.random.default_rng(1)
    left, right = (jnp.array(rng.normal(size=(*leading, GENES, CHANNELS))) for _ in range(2))
    return left, right


@pytest.mark.parametrize("backend", ["bcsr", "segment"])
def test_products_and_gradients_are_those_of_all_pairs(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CPU_BLOCK", "BLOCK"):  # several blocks, the last of them not full
        monkeypatch.setattr(module, name, 7)
    with jax.enable_x64(True):
        network, (left, right) = graph(backend)["a"], sides()
        weights = jnp.array(np.random.default_rng(2).normal(size=EDGES))

        def at_edges(left: jax.Array, right: jax.Array) -> jax.Array:
            return edge_products(network, left, right)

        def of_pairs(left: jax.Array, right: jax.Array) -> jax.Array:
            return (left @ right.T)[network.senders, network.receivers]

        found, found_vjp = jax.vjp(at_edges, left, right)
        expected, expected_vjp = jax.vjp(of_pairs, left, right)
        np.testing.assert_allclose(found, expected, rtol=1e-13)
        for f, e in zip(found_vjp(weights), expected_vjp(weights), strict=True):
            np.testing.assert_allclose(f, e, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("backend", ["bcsr", "segment"])
def test_members_of_an_ensemble_have_the_gradients_that_they_have_alone(backend: str) -> None:
    network, both = graph(backend)["a"], sides(3)
    gradient = jax.grad(lambda left, right: (edge_products(network, left, right) ** 2).sum(), (0, 1))
    found = jax.jit(jax.vmap(gradient))(*both)
    for member in range(3):
        alone = gradient(*(side[member] for side in both))
        for f, e in zip(found, alone, strict=True):
            np.testing.assert_allclose(f[member], e, rtol=1e-5, atol=1e-5)


def test_a_network_without_edges_has_no_products() -> None:
    network, (left, right) = cell_graph({"a": np.zeros((2, 0), int)}, GENES)["a"], sides()
    assert edge_products(network, left, right).shape == (0,)
    gradient = jax.grad(lambda left: edge_products(network, left, right).sum())(left)
    np.testing.assert_array_equal(gradient, 0)
