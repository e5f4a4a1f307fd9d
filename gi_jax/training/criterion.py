"""What decides which weights are the best: the validation Pearson, or the RMSE where that is undefined."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gi_jax.evaluation.metrics import RegressionMetrics
from gi_jax.training.progress import Progress


@dataclass(frozen=True)
class Criterion:
    """One metric of the validation, chosen once for a run, that best weights and early stopping go by."""

    metric: str  # `pearson` or `rmse`, a field of `RegressionMetrics`
    label: str
    note: str | None = None  # why it is not the Pearson correlation

    def best(self, progress: Progress) -> float | None:
        """The value of the best weights so far, None if it is undefined or there are none."""
        return getattr(progress, f"best_{self.metric}")

    def improves(self, metrics: RegressionMetrics, progress: Progress) -> bool:
        """Whether the weights are the best so far; the first ones are, whatever they are worth."""
        return progress.best_step is None or self._beats(metrics, self.best(progress), 0.0)

    def note_best(self, metrics: RegressionMetrics, progress: Progress) -> None:
        """Puts the value of the best weights into the progress."""
        value = getattr(metrics, self.metric)
        setattr(progress, f"best_{self.metric}", value if math.isfinite(value) else None)

    def note_validation(self, metrics: RegressionMetrics, progress: Progress, min_delta: float) -> None:
        """Counts the validations since the last one that was better by `min_delta`, for early stopping."""
        name = f"early_stopping_{self.metric}"
        if self._beats(metrics, getattr(progress, name), min_delta):
            setattr(progress, name, getattr(metrics, self.metric))
            progress.stale_epochs = 0
        else:
            progress.stale_epochs += 1

    def undefined(self, metrics: RegressionMetrics) -> bool:
        """Whether this validation has no value, as the predictions do not vary; it counts as the worst."""
        return math.isnan(getattr(metrics, self.metric))

    def _beats(self, metrics: RegressionMetrics, before: float | None, min_delta: float) -> bool:
        sign = 1.0 if self.metric == "pearson" else -1.0
        value = sign * getattr(metrics, self.metric)
        return value > (-math.inf if before is None else sign * before) + min_delta


def choose_criterion(scores: np.ndarray) -> Criterion:
    """The criterion for measured validation scores `[M]`."""
    if len(scores) > 1 and np.ptp(scores) > 0:
        return Criterion("pearson", "validation Pearson")
    what = "is one genotype" if len(scores) == 1 else f"is {len(scores):,} genotypes of the same score"
    return Criterion(
        "rmse",
        "validation RMSE",
        f"the validation split {what}, so a correlation with it is undefined: best weights and early "
        "stopping go by the validation RMSE, lower is better",
    )


def best_validation(epochs: Sequence[Mapping[str, Any]]) -> int:
    """Which `epoch` record's weights were kept: the last one that says so.

    Records of earlier versions do not say; there it is the first with the highest validation Pearson.
    """
    kept = [position for position, record in enumerate(epochs) if record.get("best")]
    if kept:
        return kept[-1]
    return max(range(len(epochs)), key=lambda position: _or_lowest(epochs[position]["val_pearson"]))


def _or_lowest(pearson: float | None) -> float:
    return -math.inf if pearson is None else pearson
