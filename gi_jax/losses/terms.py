"""Adding up the terms of a composite loss, with what a log wants to know of each."""

from __future__ import annotations

from collections.abc import Mapping

import jax
import jax.numpy as jnp
from jax import Array


def weighted_sum(
    values: Mapping[str, tuple[Array, Array]], lambdas: Mapping[str, float]
) -> tuple[Array, dict[str, Array]]:
    """`sum of lambda * value` over the terms, and a log of them without gradient.

    Args:
      values: per term its value (scalar) and its value per output dimension, `[D]`.
      lambdas: per term its weight in the sum.

    Returns:
      The sum, and per term `x`: `x_loss`, `x_dim_losses`, `weighted_x`, and its share of the weighted
      and of the unweighted sum, `norm_weighted_x` and `norm_unweighted_x` (0 if that sum is 0); with
      `total_weighted` and `total_loss`, the names of torchcell's logs.
    """
    weighted = {name: lambdas[name] * value for name, (value, _) in values.items()}
    total = jnp.asarray(sum(weighted.values()))
    unweighted = jnp.asarray(sum(value for value, _ in values.values()))
    terms = {"total_weighted": total, "total_loss": total}
    for name, (value, per_output) in values.items():
        terms[f"{name}_loss"] = value
        terms[f"{name}_dim_losses"] = per_output
        terms[f"weighted_{name}"] = weighted[name]
        terms[f"norm_weighted_{name}"] = _share(weighted[name], total)
        terms[f"norm_unweighted_{name}"] = _share(value, unweighted)
    return total, jax.lax.stop_gradient(terms)


def _share(part: Array, whole: Array) -> Array:
    return jnp.where(whole != 0, part / jnp.where(whole != 0, whole, 1.0), 0.0)
