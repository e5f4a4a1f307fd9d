"""Sinkhorn divergence between predictions and targets, per output dimension."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from gi_jax.losses.mse import labelled
from gi_jax.losses.output_weights import Weights, broadcast_weights
from gi_jax.losses.sinkhorn import sinkhorn_divergence


def wasserstein(
    predictions: Array,
    targets: Array,
    valid: Array | None = None,
    *,
    p: int = 2,
    blur: float = 0.05,
    scaling: float = 0.9,
    weights: Weights = None,
) -> tuple[Array, Array]:
    """Sinkhorn divergence of the labelled predictions from their targets, as two point clouds.

    Per output dimension over the genotypes with a target; 0 where fewer than two have one. The
    total is the sum of weight times dimension value with the weights as given (not divided by their
    sum, as in the original), or the plain mean over dimensions without weights.

    Args:
      predictions, targets: `[M, D]`; NaN targets are missing.
      valid: `[M]` bool, False for padding genotypes.
      p, blur, scaling: see `sinkhorn_divergence`.
      weights: one per output dimension.

    Returns:
      The loss and its value per dimension, `[D]`.

    Source: torchcell 1.8.4, `WeightedWassersteinLoss`.
    """
    present = labelled(targets, valid)  # [M, D]
    divergence = partial(sinkhorn_divergence, p=p, blur=blur, scaling=scaling)
    per_output = jax.vmap(divergence, in_axes=(1, 1, 1))(predictions, targets, present)  # [D]
    per_output = jnp.where(jnp.sum(present, axis=0) > 1, per_output, 0.0)
    if weights is None:
        return jnp.mean(per_output), per_output
    each = broadcast_weights(weights, per_output.shape[0], per_output.dtype)
    return jnp.sum(per_output * each), per_output
