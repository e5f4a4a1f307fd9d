"""Mean squared error over outputs with missing targets."""

from __future__ import annotations

from dataclasses import dataclass

import jax.numpy as jnp
from jax import Array
from jax.typing import DTypeLike

from gi_jax.losses.inputs import LossInputs
from gi_jax.losses.output_weights import Weights, normalised_weights


def labelled(targets: Array, valid: Array | None = None) -> Array:
    """`[B, D]` bool: the genotype is no padding (`valid [B]`) and its target is not NaN."""
    present = ~jnp.isnan(targets)
    return present if valid is None else present & valid[:, None]


def mse(
    predictions: Array, targets: Array, valid: Array | None = None, *, weights: Weights = None
) -> tuple[Array, Array]:
    """Weighted mean over output dimensions of the mean squared error of the labelled genotypes.

    `loss = sum_d w_d v_d mse_d / max(sum_d w_d v_d, 1e-8)`, `mse_d` = mean of `(p - t)^2` over the
    non-NaN targets of dimension d (0 if there are none), `v_d` = 1 if d has any, `w` = weights
    divided by their sum.

    Args:
      predictions, targets: `[B, D]`; NaN targets are missing.
      valid: `[B]` bool, False for padding genotypes.
      weights: one per output dimension, equal if None.

    Returns:
      The loss and `mse_d` as `[D]`.

    Source: torchcell 1.8.4, `WeightedMSELoss`.
    """
    present = labelled(targets, valid)  # [B, D]
    error = jnp.where(present, predictions - jnp.where(present, targets, 0.0), 0.0)
    per_output = jnp.sum(error**2, axis=0) / jnp.maximum(jnp.sum(present, axis=0), 1)  # [D]
    return mean_over_outputs(per_output, present, weights), per_output


def mean_over_outputs(per_output: Array, present: Array, weights: Weights) -> Array:
    """Weighted mean of `per_output [D]` over the dimensions that have a labelled genotype.

    Args:
      present: `[B, D]` bool, the labelled entries.
      weights: one per output dimension, equal if None.
    """
    each = normalised_weights(weights, per_output.shape[0], per_output.dtype)
    counted = each * jnp.any(present, axis=0)
    return jnp.sum(per_output * counted) / jnp.maximum(jnp.sum(counted), 1e-8)


@dataclass(frozen=True, kw_only=True)
class MSE:
    """`mse` as a training loss (see `gi_jax.losses.Loss`); it keeps no state."""

    weights: Weights = None

    def init(self, num_outputs: int, embedding_dim: int, dtype: DTypeLike = jnp.float32) -> tuple[()]:
        """Nothing to remember."""
        return ()

    def apply(self, state: tuple[()], inputs: LossInputs) -> tuple[Array, tuple[()], dict[str, Array]]:
        """See `gi_jax.losses.Loss.apply`."""
        rows = inputs.predictions, inputs.targets, inputs.valid
        loss, per_output = mse(*rows, weights=self.weights)
        return loss, state, {"mse_loss": loss, "mse_dim_losses": per_output}
