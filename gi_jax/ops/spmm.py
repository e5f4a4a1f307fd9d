"""Sparse aggregation `A @ X` over the graph that all genotypes share, with interchangeable backends."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.custom_batching import custom_vmap
from jax.experimental import sparse

from gi_jax.checks import one_of
from gi_jax.data.networks import Adjacency, CellGraph
from gi_jax.errors import GiJaxError
from gi_jax.ops.names import AGGREGATION_BACKENDS
from gi_jax.ops.segment import segment_sum


class SelectedNetwork(NamedTuple):
    """One of several networks, chosen as the program runs: a loop over them holds one product at a time."""

    networks: tuple[Adjacency, ...]
    number: Array  # int32, of the chosen one

    @property
    def num_genes(self) -> int:
        return self.networks[0].num_genes


def spmm(adjacency: Adjacency | SelectedNetwork, x: Array) -> Array:
    """Sums the rows of every gene's in-neighbours: `out[i] = sum_j A[i, j] x[j]`.

    The backward pass is the same product with the stored transpose, `dx = A^T dout`; the backend
    is a static property of the adjacency (`with_backend`). Exact up to the order of summation. Under
    `jax.vmap` over `x` it stays one sparse product, with more columns.

    Args:
      adjacency: one network, N genes; or, in a loop, one of several.
      x: `[N, ...]`, any trailing shape: one sparse product serves all genotypes and channels.

    Returns:
      `[N, ...]`, the shape and dtype of `x`.
    """
    if x.shape[0] != adjacency.num_genes:
        raise GiJaxError(f"the network has {adjacency.num_genes} genes, but {x.shape[0]} rows were given")
    flat = x.reshape(x.shape[0], -1)  # [N, C]
    if is_weighted(adjacency):
        return _weighted_product(adjacency, flat).astype(x.dtype).reshape(x.shape)
    return _spmm(adjacency, flat).astype(x.dtype).reshape(x.shape)


def is_weighted(adjacency: Adjacency | SelectedNetwork) -> bool:
    """Whether edges count in part; of several networks all do, or none."""
    first = adjacency.networks[0] if isinstance(adjacency, SelectedNetwork) else adjacency
    return first.weights is not None


def in_degree(adjacency: Adjacency) -> Array:
    """How many messages every gene receives, `[N]`."""
    if adjacency.weights is None:
        return jnp.diff(adjacency.indptr)
    return segment_sum(adjacency.weights, adjacency.receivers, adjacency.num_genes, indices_are_sorted=True)


def _weighted_product(adjacency: Adjacency | SelectedNetwork, x: Array) -> Array:
    """`out[i] = sum_e w_e x[j_e]` over the entries e of row i, with derivatives by the weights too."""
    if isinstance(adjacency, SelectedNetwork):
        products = [partial(_weighted_product, network) for network in adjacency.networks]
        return jax.lax.switch(adjacency.number, products, x)
    x = x.astype(accumulator(x.dtype))
    if adjacency.num_edges == 0:
        return jnp.zeros_like(x)
    return sparse_product(replace(adjacency, backend="segment"), x, adjacency.weights)


@jax.custom_vjp
def _spmm(adjacency: Adjacency | SelectedNetwork, x: Array) -> Array:
    return _aggregate(adjacency, x)


def _forward(
    adjacency: Adjacency | SelectedNetwork, x: Array
) -> tuple[Array, tuple[Adjacency | SelectedNetwork, Array]]:
    return _spmm(adjacency, x), (adjacency, jnp.zeros(0, x.dtype))


def _backward(saved: tuple[Adjacency | SelectedNetwork, Array], cotangent: Array) -> tuple[None, Array]:
    adjacency, like = saved
    return None, _aggregate_transposed(adjacency, cotangent.astype(like.dtype)).astype(like.dtype)


_spmm.defvjp(_forward, _backward)


def _one_product(transpose: bool) -> Callable[[Adjacency | SelectedNetwork, Array], Array]:
    """`A @ X` or `A^T @ X` for `X [N, C]`, which `jax.vmap` over K of them widens to `[N, K * C]`."""

    @custom_vmap
    def product(adjacency: Adjacency | SelectedNetwork, x: Array) -> Array:
        return _product(adjacency, x, transpose=transpose)

    @product.def_vmap
    def wider(
        size: int, batched: list, adjacency: Adjacency | SelectedNetwork, x: Array
    ) -> tuple[Array, bool]:
        if any(jax.tree.leaves(batched[0])):
            raise GiJaxError("aggregation was mapped over graphs; map over node states and share the graph")
        n = x.shape[1]
        columns = jnp.moveaxis(x, 0, 1).reshape(n, -1)  # [N, K * C]
        out = product(adjacency, columns).reshape(n, size, -1)  # [N, K, C]
        return jnp.moveaxis(out, 1, 0), True

    return product


_aggregate, _aggregate_transposed = _one_product(transpose=False), _one_product(transpose=True)


def _product(adjacency: Adjacency | SelectedNetwork, x: Array, *, transpose: bool) -> Array:
    if isinstance(adjacency, SelectedNetwork):
        products = [partial(_product, network, transpose=transpose) for network in adjacency.networks]
        return jax.lax.switch(adjacency.number, products, x)
    if adjacency.num_edges == 0:
        return jnp.zeros(x.shape, accumulator(x.dtype))
    if adjacency.backend == "dense":
        assert adjacency.dense is not None, "`prepared` makes the matrix"
        return _dense_product(adjacency.dense, x, transpose=transpose)
    return sparse_product(adjacency, x.astype(accumulator(x.dtype)), transpose=transpose)


def sparse_product(
    adjacency: Adjacency, x: Array, weights: Array | None = None, *, transpose: bool = False
) -> Array:
    """`A @ X`, or `A^T @ X`, entry by entry and without a derivative of its own.

    Args:
      adjacency: one network, N genes and E edges; any backend but `bcsr` means `segment`.
      x: `[N, C]`.
      weights: `[E]`, the values of the entries, in the order of the matrix that is multiplied; 1 if None.
    """
    n = adjacency.num_genes
    if transpose:
        indptr, columns, rows = adjacency.indptr_t, adjacency.receivers_t, adjacency.senders_t
    else:
        indptr, columns, rows = adjacency.indptr, adjacency.senders, adjacency.receivers
    if adjacency.backend == "bcsr":
        values = jnp.ones(columns.shape, x.dtype) if weights is None else weights
        return sparse.BCSR((values, columns, indptr), shape=(n, n), indices_sorted=True) @ x
    messages = x[columns] if weights is None else weights[:, None] * x[columns]
    return segment_sum(messages, rows, n, indices_are_sorted=True)


def _dense_product(dense: Array, x: Array, *, transpose: bool) -> Array:
    # Small integer counts are exact in bfloat16, so the matrix is stored at two bytes an entry.
    contract = 0 if transpose else 1
    return jax.lax.dot_general(
        dense.astype(x.dtype),
        x,
        (((contract,), (0,)), ((), ())),
        precision=jax.lax.Precision.HIGHEST,
        preferred_element_type=accumulator(x.dtype),
    )


def accumulator(dtype: jnp.dtype) -> jnp.dtype:
    """The dtype in which many values are added up: float32 for half precision."""
    return jnp.float32 if dtype == jnp.bfloat16 else dtype


def with_backend(graph: CellGraph, backend: str | Mapping[str, str] = "auto") -> CellGraph:
    """Returns the graph with an aggregation backend set for every network.

    `bcsr` is XLA's native sparse kernel, `segment` is gather + segment sum (the one that can be
    exported), `dense` uses matrix units. `auto` is what `rule` says, without a measurement.

    Args:
      graph: on the host or a device.
      backend: one for all networks, or one for each by name.
    """
    backends = [backend] * len(graph.names) if isinstance(backend, str) else [backend[n] for n in graph.names]
    for chosen in {backend} if isinstance(backend, str) else backends:
        one_of("aggregation backend", chosen, AGGREGATION_BACKENDS)
    networks = (prepared(a, chosen) for a, chosen in zip(graph.networks, backends, strict=True))
    return replace(graph, networks=tuple(networks))


def rule(adjacency: Adjacency) -> str:
    """The backend that is usually fastest: `bcsr` on CPU; elsewhere `dense` for networks with more than 1
    edge per 512 entries of the matrix and `segment` for the rest.
    """
    if jax.default_backend() == "cpu":
        return "bcsr"
    return "dense" if adjacency.num_edges > adjacency.num_genes**2 / 512 else "segment"


def prepared(adjacency: Adjacency, backend: str) -> Adjacency:
    """The network with a backend set and what that backend needs."""
    backend = rule(adjacency) if backend == "auto" else backend
    dense = None
    if backend == "dense":
        counts = np.zeros((adjacency.num_genes,) * 2, np.float32)
        np.add.at(counts, (np.asarray(adjacency.receivers), np.asarray(adjacency.senders)), 1)
        exact_in_bfloat16 = counts.max(initial=0) <= 256
        dense = jnp.asarray(counts, jnp.bfloat16 if exact_in_bfloat16 else jnp.float32)
    return replace(adjacency, backend=backend, dense=dense)


def masked_spmm(adjacency: Adjacency | SelectedNetwork, x: Array, keep: Array) -> Array:
    """Aggregation over kept edges only: `keep * (A @ (keep * X))`.

    An edge is kept exactly when neither endpoint is deleted, so node masks say all there is to say
    and no edge is ever replicated or masked.

    Args:
      x: `[N, C, H]`, one column per pass or genotype.
      keep: `[N, C]`, 1 for a kept gene, 0 for a deleted one, in the dtype of `x`.
    """
    keep = keep[..., None].astype(x.dtype)  # [N, C, 1]
    return keep * spmm(adjacency, keep * x)
