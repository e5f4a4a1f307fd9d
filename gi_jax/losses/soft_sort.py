"""Differentiable sorting by projection onto the permutahedron."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array


def soft_sort(values: Array, valid: Array, *, regularisation: float = 0.1) -> Array:
    """Sorts in descending order, pooling neighbours that lie too far apart.

    With s the values in descending order and `w_i = (n - i) / regularisation`, i = 0 .. n-1, the
    result is `w - PAV(w - s)`, where PAV is the non-increasing isotonic regression. Neighbours less
    than `1 / regularisation` apart come out exactly sorted; a larger gap replaces the pooled block
    by its mean value plus the block's share of w. The gradient is averaged within a block. Equal
    values keep their order, and so does the gradient they get.

    Args:
      values: `[M]`.
      valid: `[M]` bool; n valid values, the others do not take part.

    Returns:
      `[M]`: the n soft-sorted values, then zeros.

    Source: Blondel et al., Fast Differentiable Sorting and Ranking, ICML 2020, as in torchcell's
    `FastSoftSort`. Only the block boundaries come from `w - s`: means are taken of s and of w apart,
    which spares float32 the cancellation in `w - (w - s)`.
    """
    size = values.shape[0]
    rank = jnp.arange(size)
    count = jnp.sum(valid)
    order = jnp.argsort(jnp.where(valid, -values, jnp.inf), stable=True)
    ranked = rank < count
    ordered = jnp.where(ranked, values[order], 0.0)
    anchors = jnp.where(ranked, (count - rank) / regularisation, 0.0).astype(values.dtype)
    block = _blocks(jax.lax.stop_gradient(anchors - ordered), ranked)
    return ordered_means(ordered, block) + (anchors - ordered_means(anchors, block))


def ordered_means(x: Array, block: Array) -> Array:
    """Each entry of `x [M]` replaced by the mean of its block (`block [M]`, non-decreasing ids)."""
    totals = jax.ops.segment_sum(x, block, x.shape[0], indices_are_sorted=True)
    sizes = jax.ops.segment_sum(jnp.ones_like(x), block, x.shape[0], indices_are_sorted=True)
    return (totals / jnp.maximum(sizes, 1))[block]


def _blocks(y: Array, ranked: Array) -> Array:
    """Block ids `[M]` of the non-increasing isotonic regression of `y`.

    Every round merges all neighbouring blocks that violate the order at once, which reaches the
    same blocks as one merge at a time; without a violation no round runs.
    """

    def violations(starts: Array) -> Array:
        means = ordered_means(y, jnp.cumsum(starts) - 1)
        rises = jnp.concatenate([jnp.zeros(1, bool), means[:-1] < means[1:]])
        return rises & starts & ranked

    starts = jnp.ones(y.shape, bool)
    starts, _ = jax.lax.while_loop(
        lambda carry: jnp.any(carry[1]),
        lambda carry: (carry[0] & ~carry[1], violations(carry[0] & ~carry[1])),
        (starts, violations(starts)),
    )
    return jnp.cumsum(starts) - 1
