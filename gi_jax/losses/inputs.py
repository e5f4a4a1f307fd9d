"""What a training loss sees of one batch."""

from __future__ import annotations

from typing import NamedTuple

from jax import Array


class LossInputs(NamedTuple):
    """B genotypes, D outputs, H channels; the arrays of a batch and the moment of the training."""

    predictions: Array  # [B, D]
    targets: Array  # [B, D], NaN where missing (log cosh does not know missing ones)
    z_p: Array | None  # [B, H], embeddings for a contrastive term; None from a model without
    valid: Array  # [B] bool, False for padding genotypes, which count nowhere
    key: Array | None = None  # for losses that draw from a buffer
    epoch: Array | int = 0  # counted from 0, an int or an int32 scalar
