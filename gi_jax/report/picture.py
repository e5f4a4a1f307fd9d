"""The picture of a run: what was measured against what was predicted, and how the training went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from gi_jax.report.panels import (
    TRAIN,
    VAL,
    frameless,
    measured_against_predicted,
    new_figure,
    pearson_by_epoch,
)


def plot_report(
    path: str | Path,
    measured: np.ndarray,
    predicted: np.ndarray,
    epochs: Sequence[Mapping[str, Any]],
    pearson: Mapping[str, float],
) -> None:
    """Writes a picture of three panels: measured against predicted, training curve, Pearson by model; the
    second only of a model that was trained in epochs.

    Args:
      path: a .png file.
      measured, predicted: `[M]` scores of the test genotypes, in their units.
      epochs: the `epoch` records of the run's metrics.
      pearson: Pearson correlation on the test genotypes by model, the model itself first.
    """
    if epochs:
        figure = new_figure(13, 4.2)
        scatter, curve, bars = figure.subplots(1, 3, width_ratios=(1, 1, 0.8))
        pearson_by_epoch(curve, [record["epoch"] + 1 for record in epochs], epochs)
        curve.set_title("training curve", loc="left")
        curve.xaxis.set_major_locator(MaxNLocator(integer=True))
        frameless(curve)
    else:
        figure = new_figure(9, 4.2)
        scatter, bars = figure.subplots(1, 2, width_ratios=(1, 0.8))
    measured_against_predicted(scatter, measured, predicted)
    scatter.set_title(f"{len(measured):,} test genotypes", loc="left")
    _pearson_by_model(bars, pearson)
    frameless(scatter, bars)
    figure.savefig(path, dpi=120)


def _pearson_by_model(axes: Axes, pearson: Mapping[str, float]) -> None:
    values = [0.0 if np.isnan(value) else value for value in pearson.values()]
    drawn = axes.barh(list(pearson), values, color=[VAL] + [TRAIN] * (len(pearson) - 1))
    labels = ["-" if np.isnan(value) else f"{value:.3f}" for value in pearson.values()]
    axes.bar_label(drawn, labels, padding=3)
    axes.invert_yaxis()
    axes.margins(x=0.15)
    axes.set(xlabel="Pearson correlation")
    axes.set_title("beside the baselines", loc="left")
