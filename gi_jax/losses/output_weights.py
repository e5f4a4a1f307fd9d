"""Weights over the output dimensions (phenotypes) of a multi-output loss."""

from __future__ import annotations

import numpy as np
from jax.typing import DTypeLike

from gi_jax.errors import GiJaxError

Weights = tuple[float, ...] | None


def broadcast_weights(weights: Weights, num_outputs: int, dtype: DTypeLike) -> np.ndarray:
    """One weight per output dimension, `[D]`: ones if none are given, a single weight repeated.

    Raises:
      GiJaxError: neither 1 nor D weights.
    """
    weights = (1.0,) if weights is None else weights
    if len(weights) not in (1, num_outputs):
        raise GiJaxError(
            f"the loss has {len(weights)} output weights but predictions have {num_outputs} dimensions; "
            f"give {num_outputs} weights, or none for equal ones"
        )
    return np.broadcast_to(np.asarray(weights, dtype), (num_outputs,))


def normalised_weights(weights: Weights, num_outputs: int, dtype: DTypeLike) -> np.ndarray:
    """`broadcast_weights` divided by their sum, `[D]`."""
    given = broadcast_weights(weights, num_outputs, np.float64)
    return (given / given.sum()).astype(dtype)
