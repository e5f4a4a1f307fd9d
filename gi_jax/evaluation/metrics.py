"""How well predictions agree with measurements, in the units of the measurements."""

from __future__ import annotations

import math
from typing import Any, NamedTuple, cast

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
    pearson = math.nan
    if _vary(prediction, measured):
        result = cast(Any, stats.pearsonr(prediction, measured))  # SciPy's class has no types
        pearson = float(result.statistic)
    spearman = rank_correlation(prediction, measured)
    return RegressionMetrics(pearson, spearman, math.sqrt(mse), mse, float(np.mean(np.abs(error))))


def rank_correlation(x: np.ndarray, y: np.ndarray) -> float:
    """Spearman's correlation of `[M]` with `[M]`; NaN if either does not vary."""
    return float(cast(Any, stats.spearmanr(x, y)).statistic) if _vary(x, y) else math.nan


def _vary(x: np.ndarray, y: np.ndarray) -> bool:
    return bool(len(x) > 1 and np.ptp(x) > 0 and np.ptp(y) > 0)
