"""Scalar products of gene rows at the edges of a network, and their derivative."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array
from jax.custom_batching import sequential_vmap

from gi_jax.data.networks import Adjacency
from gi_jax.ops.spmm import sparse_product

# Edges whose rows are gathered at a time: on a CPU as many as the caches of a core hold, five times as
# fast as all at once; elsewhere few turns count for more.
CPU_BLOCK, BLOCK = 2_048, 65_536


@jax.custom_vjp
def edge_products(adjacency: Adjacency, left: Array, right: Array) -> Array:
    """`v_e = left[j] . right[i]` for every edge e: j -> i, in the order of `adjacency.senders`.

    The backward pass is two sparse products whose entries are the cotangents c of the edges:
    `dleft[j] = sum over e: j -> i of c_e right[i]`, and `dright` with the roles exchanged.

    Args:
      adjacency: one network, N genes and E edges.
      left, right: `[N, H]`, the row of a gene as a sender and as a receiver.

    Returns:
      `[E]`, the dtype of `left`.
    """
    if not adjacency.num_edges:
        return jnp.zeros(0, left.dtype)
    size = CPU_BLOCK if adjacency.backend == "bcsr" else BLOCK

    def product(edge: tuple[Array, Array]) -> Array:
        return jnp.dot(left[edge[0]], right[edge[1]], precision=jax.lax.Precision.HIGHEST)

    return jax.lax.map(product, (adjacency.senders, adjacency.receivers), batch_size=size)


def _forward(adjacency: Adjacency, left: Array, right: Array) -> tuple[Array, tuple]:
    return edge_products(adjacency, left, right), (adjacency, left, right)


def _backward(saved: tuple, cotangent: Array) -> tuple[None, Array, Array]:
    adjacency, left, right = saved
    if not adjacency.num_edges:
        return None, jnp.zeros_like(left), jnp.zeros_like(right)
    dleft = _weighted(adjacency, cotangent[adjacency.order_t], right, transpose=True)
    dright = _weighted(adjacency, cotangent, left, transpose=False)
    return None, dleft, dright


edge_products.defvjp(_forward, _backward)


def _weighted(adjacency: Adjacency, weights: Array, x: Array, *, transpose: bool) -> Array:
    # Members of an ensemble have weights of their own, which no wider product shares.
    product = sequential_vmap(lambda w, x: sparse_product(adjacency, x, w, transpose=transpose))
    return product(weights, x)
