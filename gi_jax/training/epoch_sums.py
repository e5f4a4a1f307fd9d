"""What the sums over the batches of an epoch say of it."""

from __future__ import annotations

import math

import numpy as np

from gi_jax.data.arrays import on_host
from gi_jax.training.state import EpochSums


def epoch_summary(sums: EpochSums) -> tuple[float, float]:
    """Mean loss and Pearson correlation of the batches seen so far; NaN if there were none.

    `r = cov(p, y) / sqrt(var(p) var(y))`. For an ensemble (sums `[K]`) both are means over its
    members: no batch is predicted by the members together.
    """
    members = np.stack([np.asarray(value, np.float64).reshape(-1) for value in sums], axis=1)  # [K, 7]
    loss, pearson = np.mean([_summary(*member) for member in members.tolist()], axis=0)
    return float(loss), float(pearson)


def centred(sums: EpochSums) -> EpochSums:
    """The moments around the mean from the plain sums that checkpoints of earlier versions hold."""
    count, loss, p, y, pp, yy, py = (np.asarray(value, np.float64) for value in sums)
    n = np.maximum(count, 1)
    moments = (count, loss / n, p / n, y / n, pp - p * p / n, yy - y * y / n, py - p * y / n)
    return EpochSums(*(on_host(new.astype(old.dtype)) for new, old in zip(moments, sums, strict=True)))


def _summary(
    count: float, loss: float, p: float, y: float, pp: float, yy: float, py: float
) -> tuple[float, float]:
    if not count:
        return math.nan, math.nan
    return loss, py / math.sqrt(pp) / math.sqrt(yy) if pp > 0 and yy > 0 else math.nan
