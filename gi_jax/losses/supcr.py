"""Supervised contrastive regression on embeddings."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from gi_jax.losses.mse import labelled, mean_over_outputs
from gi_jax.losses.output_weights import Weights

EPSILON = 1e-7


def supcr(
    embeddings: Array,
    labels: Array,
    valid: Array | None = None,
    *,
    temperature: Array | float = 0.1,
    weights: Weights = None,
) -> tuple[Array, Array]:
    """Supervised contrastive regression: genotypes of near labels get near embeddings.

    With `s_ij = cos(z_i, z_j) / temperature`, per output dimension the mean over `i != j` of

        -log( exp(s_ij) / max( sum over k != i with |y_i - y_k| >= |y_i - y_j| of exp(s_ik), 1e-7 ) )

    over the labelled genotypes (0 if fewer than two), then the weighted mean over the dimensions
    that have a label. Time O(M^2 log M), memory O(M^2).

    The direction of an embedding that is exactly zero (an undeleted cell) is undefined: its cosines
    are 0 as in the original, its gradient is 0, where the original's is of the order 1e12.

    Args:
      embeddings: `[M, H]`.
      labels: `[M, D]`; NaN labels are missing.
      valid: `[M]` bool, False for padding genotypes.
      temperature: positive.
      weights: one per output dimension, equal if None.

    Returns:
      The loss and its value per dimension, `[D]`.

    Source: torchcell 1.8.4, `WeightedSupCRCell`, `SupCR`; Zha et al., Rank-N-Contrast, NeurIPS 2023.
    """
    present = labelled(labels, valid)  # [M, D]
    similarity = _cosines(embeddings) / temperature  # [M, M]
    per_output = jax.vmap(partial(_contrast, similarity), in_axes=(1, 1))(labels, present)  # [D]
    return mean_over_outputs(per_output, present, weights), per_output


def _cosines(embeddings: Array) -> Array:
    squared = jnp.sum(embeddings**2, axis=1, keepdims=True)
    zero = squared == 0.0
    norm = jnp.sqrt(jnp.where(zero, 1.0, squared))
    unit = jnp.where(zero, 0.0, embeddings / jnp.maximum(norm, 1e-12))
    return jnp.matmul(unit, unit.T, precision=jax.lax.Precision.HIGHEST)


def _contrast(similarity: Array, labels: Array, present: Array) -> Array:
    # A missing label may be NaN; with 0 its distances are finite, and its pairs are left out below.
    labels = jnp.where(present, labels, 0.0)
    distance = jnp.abs(labels[:, None] - labels[None, :])  # [M, M]
    pair = present[:, None] & present[None, :] & ~jnp.eye(labels.shape[0], dtype=bool)
    similarity = jnp.where(pair, similarity, 0.0)
    likeness = jnp.exp(similarity)
    farther = _sum_not_nearer(jnp.where(pair, likeness, 0.0), distance)  # [M, M]
    losses = -jnp.log(likeness / jnp.maximum(farther, EPSILON))
    return jnp.sum(jnp.where(pair, losses, 0.0)) / jnp.maximum(jnp.sum(pair), 1)


def _sum_not_nearer(x: Array, distance: Array) -> Array:
    """`out[i, j] = sum over k with distance[i, k] >= distance[i, j] of x[i, k]`, all `[M, M]`."""
    order = jnp.argsort(distance, axis=1)
    ordered = jnp.take_along_axis(distance, order, axis=1)
    tail = jax.lax.cumsum(jnp.take_along_axis(x, order, axis=1), axis=1, reverse=True)
    first = jax.vmap(partial(jnp.searchsorted, side="left"))(ordered, distance)
    return jnp.take_along_axis(tail, first, axis=1)
