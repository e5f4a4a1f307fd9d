"""How well predictions agree with measurements, in the units of the measurements."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy import stats


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
