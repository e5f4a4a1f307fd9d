"""Log-cosh regression loss."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import DTypeLike

from gi_jax.errors import GiJaxError
from gi_jax.losses.inputs import LossInputs

REDUCTIONS = ("mean", "sum", "none")


@jax.custom_jvp
def _log_cosh(x: Array) -> Array:
    # log(cosh x) overflows from |x| = 89 in float32, and the form that does not
    # (|x| + log1p(exp(-2|x|)) - log 2) cancels to nothing near 0.
    near = jnp.log1p(2.0 * jnp.sinh(jnp.clip(x, -1.0, 1.0) / 2.0) ** 2)
    size = jnp.abs(x)
    far = size + jnp.log1p(jnp.exp(-2.0 * size)) - jnp.log(2.0).astype(x.dtype)
    return jnp.where(size < 1.0, near, far)


@_log_cosh.defjvp
def _log_cosh_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    (x,), (dx,) = primals, tangents
    return _log_cosh(x), jnp.tanh(x) * dx


def log_cosh(
    predictions: Array, targets: Array, valid: Array | None = None, *, reduction: str = "mean"
) -> Array:
    """Log-cosh loss, `log(cosh(prediction - target))`, finite for every finite difference.

    A NaN target gives NaN, as in the original: only padding rows are left out.

    Args:
      predictions, targets: `[B]` or `[B, D]`, one shape.
      valid: `[B]` bool, False for padding genotypes, which count in neither value nor mean.
      reduction: `mean` or `sum` over all entries (a scalar), or `none` (the shape of the inputs).

    Raises:
      GiJaxError: an unknown reduction.

    Source: torchcell `LogCoshLoss`.
    """
    if reduction not in REDUCTIONS:
        raise GiJaxError(f"unknown reduction {reduction!r} for log cosh; use one of {', '.join(REDUCTIONS)}")
    difference = predictions - targets
    if valid is None:
        valid = jnp.ones(difference.shape[:1], bool)
    valid = jnp.broadcast_to(valid.reshape(valid.shape + (1,) * (difference.ndim - 1)), difference.shape)
    losses = jnp.where(valid, _log_cosh(jnp.where(valid, difference, 0.0)), 0.0)
    if reduction == "none":
        return losses
    if reduction == "sum":
        return jnp.sum(losses)
    return jnp.sum(losses) / jnp.maximum(jnp.sum(valid), 1)


@dataclass(frozen=True, kw_only=True)
class LogCosh:
    """`log_cosh` as a training loss (see `gi_jax.losses.Loss`); it keeps no state."""

    reduction: str = "mean"

    def __post_init__(self) -> None:
        if self.reduction not in ("mean", "sum"):
            raise GiJaxError(
                f"logcosh got reduction {self.reduction!r}; a training loss is one number: use mean or sum"
            )

    def init(self, num_outputs: int, embedding_dim: int, dtype: DTypeLike = jnp.float32) -> tuple[()]:
        """Nothing to remember."""
        return ()

    def apply(self, state: tuple[()], inputs: LossInputs) -> tuple[Array, tuple[()], dict[str, Array]]:
        """See `gi_jax.losses.Loss.apply`."""
        rows = inputs.predictions, inputs.targets, inputs.valid
        return log_cosh(*rows, reduction=self.reduction), state, {}
