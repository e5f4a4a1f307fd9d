"""How well predictions agree with measurements, in the units of the measurements."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy import stats

from gi_jax.train.state import EpochSums


class RegressionMetrics(NamedTuple):
    """Agreement of M predictions with M measurements."""

    pearson: float  # NaN if either side does not vary
    spearman: float  # NaN likewise
    rmse: float  # in the units of the measurements, as mae; mse in their square
    mse: float
    mae: float


def regression_metrics(prediction: np.ndarray, measured: np.ndarray) -> RegressionMetrics:
    """Compares predictions `[M]` with measurements `[M]`, both in the units of the measurements."""
    error = prediction - measured
    mse = float(np.mean(error**2))
    varies = len(error) > 1 and np.ptp(prediction) > 0 and np.ptp(measured) > 0
    pearson = float(stats.pearsonr(prediction, measured).statistic) if varies else math.nan
    spearman = float(stats.spearmanr(prediction, measured).statistic) if varies else math.nan
    return RegressionMetrics(pearson, spearman, math.sqrt(mse), mse, float(np.mean(np.abs(error))))


def epoch_summary(sums: EpochSums) -> tuple[float, float]:
    """Mean loss and Pearson correlation of the batches seen so far; NaN if there were none.

    `r = cov(p, y) / sqrt(var(p) var(y))`, with the moments from running sums. For an ensemble (sums
    `[K]`) both are means over its members: no batch is predicted by the members together.
    """
    members = np.stack([np.asarray(value, np.float64).reshape(-1) for value in sums], axis=1)  # [K, 7]
    loss, pearson = np.mean([_summary(*member) for member in members.tolist()], axis=0)
    return float(loss), float(pearson)


def _summary(
    count: float, loss: float, p: float, y: float, pp: float, yy: float, py: float
) -> tuple[float, float]:
    if not count:
        return math.nan, math.nan
    covariance = py / count - (p / count) * (y / count)
    variances = (pp / count - (p / count) ** 2) * (yy / count - (y / count) ** 2)
    return loss / count, covariance / math.sqrt(variances) if variances > 0 else math.nan
