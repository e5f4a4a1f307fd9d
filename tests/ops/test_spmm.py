"""Aggregation against dense NumPy: every backend, values and gradients, awkward graphs."""

from __future__ import annotations

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gi_jax.data.networks import CellGraph, cell_graph
from gi_jax.errors import GiJaxError
from gi_jax.ops.names import BACKENDS
from gi_jax.ops.spmm import SelectedNetwork, in_degree, is_weighted, masked_spmm, spmm, with_backend

N = 7
EDGES = 12  # one shape for every drawn graph: one compilation


def dense(senders: np.ndarray, receivers: np.ndarray) -> np.ndarray:
    matrix = np.zeros((N, N))
    np.add.at(matrix, (receivers, senders), 1)
    return matrix


def graph_of(edges: np.ndarray, backend: str) -> CellGraph:
    return with_backend(cell_graph({"network": edges}, N), backend)


# Repeated edges and self loops are drawn often among 7 genes; some genes are always isolated.
edge_lists = st.lists(
    st.tuples(st.integers(0, N - 1), st.integers(0, N - 2)), min_size=EDGES, max_size=EDGES
).map(lambda edges: np.array(edges, np.int32).T)
keeps = st.lists(st.booleans(), min_size=N * 3, max_size=N * 3).map(
    lambda flags: np.array(flags, np.float64).reshape(N, 3)
)


@pytest.fixture(scope="module")
def x() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(N, 3, 2))


@jax.jit
def _value_and_gradient(graph: CellGraph, x: jax.Array, keep: jax.Array, weight: jax.Array):
    def loss(x):
        out = masked_spmm(graph.networks[0], x, keep)
        return (out * weight).sum(), out

    (_, out), gradient = jax.value_and_grad(loss, has_aux=True)(x)
    return out, gradient


@pytest.mark.parametrize("backend", BACKENDS)
@settings(max_examples=25, deadline=None)
@given(edges=edge_lists, keep=keeps)
def test_masked_aggregation_and_its_gradient_equal_dense_numpy(x, backend, edges, keep):
    weight = np.cos(np.arange(x.size)).reshape(x.shape)
    with jax.enable_x64(True):
        out, gradient = _value_and_gradient(graph_of(edges, backend), x, keep, weight)
    a = dense(*edges)
    expected, expected_gradient = np.zeros_like(x), np.zeros_like(x)
    for c in range(3):
        kept = keep[:, c][:, None] * a * keep[:, c][None, :]  # edges with both endpoints kept
        expected[:, c] = kept @ x[:, c]
        expected_gradient[:, c] = kept.T @ weight[:, c]
    np.testing.assert_allclose(out, expected, atol=1e-14)
    np.testing.assert_allclose(gradient, expected_gradient, atol=1e-14)


@pytest.mark.parametrize("backend", BACKENDS)
def test_empty_network_sends_nothing(x, backend):
    graph = graph_of(np.zeros((2, 0), np.int32), backend)
    np.testing.assert_array_equal(spmm(graph.networks[0], jnp.asarray(x)), np.zeros_like(x))


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_loop_over_networks_makes_the_product_of_each(x, backend):
    edges = {"pair": [[0, 3], [1, 0]], "none": [[], []], "star": [[2, 4, 5, 2], [6, 6, 6, 6]]}
    graph = with_backend(cell_graph({k: np.array(v, np.int32) for k, v in edges.items()}, N), backend)
    x = jnp.asarray(x, jnp.float32)
    weight = jnp.cos(jnp.arange(3 * x.size, dtype=jnp.float32)).reshape(3, *x.shape)

    def in_turn(x):
        return jax.lax.scan(
            lambda _, g: (None, spmm(SelectedNetwork(graph.networks, g), x)), None, jnp.arange(3)
        )[1]

    def one_by_one(x):
        return jnp.stack([spmm(network, x) for network in graph.networks])

    (got, got_gradient), (expected, expected_gradient) = (
        (f(x), jax.grad(lambda x: (f(x) * weight).sum())(x))  # noqa: B023
        for f in (in_turn, one_by_one)
    )
    np.testing.assert_array_equal(got, expected)
    np.testing.assert_allclose(got_gradient, expected_gradient, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("backend", BACKENDS)
def test_float32_stays_float32_and_within_rounding(x, backend):
    edges = np.array([[0, 0, 3, 3, 6, 2], [1, 1, 3, 0, 5, 5]], np.int32)
    out = spmm(graph_of(edges, backend).networks[0], jnp.asarray(x, jnp.float32))
    assert out.dtype == jnp.float32
    expected = np.einsum("ij,jck->ick", dense(*edges), x)
    np.testing.assert_allclose(out, expected, rtol=1e-6, atol=1e-6)


def test_repeated_edges_beyond_bfloat16_stay_exact():
    edges = np.zeros((2, 257), np.int32)  # 257 is the first count that bfloat16 cannot hold
    out = spmm(graph_of(edges, "dense").networks[0], jnp.ones((N, 1)))
    assert out[0, 0] == 257


def test_wrong_number_of_rows_is_named():
    graph = graph_of(np.zeros((2, 1), np.int32), "segment")
    with pytest.raises(GiJaxError, match="7 genes, but 6 rows"):
        spmm(graph.networks[0], jnp.ones((6, 2)))


def test_unknown_backend_lists_the_known_ones():
    with pytest.raises(GiJaxError, match="expected one of auto, bcsr, segment, dense"):
        with_backend(cell_graph({}, N), "cuda")


def test_edge_outside_the_gene_list_is_named():
    with pytest.raises(GiJaxError, match="gene 7, but the ids of 7 genes run from 0 to 6"):
        cell_graph({"network": np.array([[0], [7]])}, N)


def test_edges_that_count_in_part() -> None:
    rng = np.random.default_rng(3)
    edges = np.array([[0, 1, 1, 4, 2, 4], [2, 2, 2, 0, 5, 4]])  # the edge 1 -> 2 twice, and a self loop
    network, features = cell_graph({"network": edges}, N).networks[0], rng.normal(size=(N, 3))
    weights = rng.uniform(size=6)
    matrix = np.zeros((N, N))
    ends = np.asarray(network.receivers), np.asarray(network.senders)
    np.add.at(matrix, ends, weights)
    partial = replace(network, weights=jnp.asarray(weights, jnp.float32))
    np.testing.assert_allclose(spmm(partial, jnp.asarray(features)), matrix @ features, rtol=1e-5)
    np.testing.assert_allclose(in_degree(partial), matrix.sum(axis=1), rtol=1e-6)
    np.testing.assert_array_equal(in_degree(network), np.bincount(edges[1], minlength=N))

    several = SelectedNetwork((network, partial), jnp.int32(1))
    assert not is_weighted(several) and is_weighted(SelectedNetwork((partial, partial), jnp.int32(1)))
    cotangent = rng.normal(size=(N, 3))

    def loss(w: jax.Array) -> jax.Array:
        own = replace(network, weights=w)
        return (spmm(SelectedNetwork((own, own), jnp.int32(1)), jnp.asarray(features)) * cotangent).sum()

    slope = jax.grad(loss)(jnp.asarray(weights, jnp.float32))
    expected = (cotangent[ends[0]] * features[ends[1]]).sum(axis=1)
    np.testing.assert_allclose(slope, expected, rtol=1e-4, atol=1e-6)
