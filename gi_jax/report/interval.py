"""How far a correlation would move with other test genotypes of the same kind."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

RESAMPLES = 500


def pearson_intervals(
    measured: np.ndarray, predictions: Mapping[str, np.ndarray], seed: int = 0
) -> dict[str, tuple[float, float]]:
    """95 % bootstrap interval of the Pearson correlation of each prediction with the measurements.

    Genotypes are drawn with replacement, the same draws for every prediction; the 2.5 and 97.5 %
    quantiles of the correlations (Efron 1979). NaN where a side does not vary.

    Args:
      measured: `[M]`.
      predictions: `[M]` by name.
    """
    y = measured - measured.mean()
    p = np.stack([values - values.mean() for values in predictions.values()])  # [models, M]
    # A constant prediction must not correlate through its rounding errors.
    p[np.ptp(np.stack(list(predictions.values())), axis=1) == 0] = 0
    features = np.concatenate([p, p * p, p * y, [y, y * y]]).T  # [M, 3 models + 2]
    rng, found = np.random.default_rng(seed), []
    for _ in range(RESAMPLES):
        counts = np.bincount(rng.integers(len(y), size=len(y)), minlength=len(y))
        *means, mean_y, mean_yy = counts @ features / len(y)
        mean_p, mean_pp, mean_py = np.reshape(means, (3, -1))
        product = (mean_pp - mean_p**2) * (mean_yy - mean_y**2)
        with np.errstate(invalid="ignore", divide="ignore"):
            found.append(np.where(product > 0, (mean_py - mean_p * mean_y) / np.sqrt(product), math.nan))
    drawn = np.array(found)  # [RESAMPLES, models]
    return {name: _interval(column) for name, column in zip(predictions, drawn.T, strict=True)}


def _interval(drawn: np.ndarray) -> tuple[float, float]:
    """The middle 95 % of what was drawn."""
    if not np.isfinite(drawn).any():
        return math.nan, math.nan
    low, high = np.nanquantile(drawn, [0.025, 0.975])
    return low, high
