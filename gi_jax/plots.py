"""The picture of a run: what was measured against what was predicted, and how the training went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

INK, TRAIN, VAL = "#222222", "#8c8c8c", "#c2410c"


def plot_report(
    path: str | Path,
    measured: np.ndarray,
    predicted: np.ndarray,
    epochs: Sequence[Mapping[str, Any]],
    pearson: Mapping[str, float],
) -> None:
    """Writes a picture of three panels: measured against predicted, training curve, Pearson by model.

    Args:
      path: a .png file.
      measured, predicted: `[M]` scores of the test genotypes, in their units.
      epochs: the `epoch` records of the run's metrics.
      pearson: Pearson correlation on the test genotypes by model, the model itself first.
    """
    figure = Figure(figsize=(13, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    scatter, curve, bars = figure.subplots(1, 3, width_ratios=(1, 1, 0.8))
    _measured_against_predicted(scatter, measured, predicted)
    _training_curve(curve, epochs)
    _pearson_by_model(bars, pearson)
    for axes in (scatter, curve, bars):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=120)


def _measured_against_predicted(axes: Axes, measured: np.ndarray, predicted: np.ndarray) -> None:
    both = np.concatenate([measured, predicted])
    # A few extreme scores would squeeze everything else into a blot.
    low, high = np.quantile(both, [0.0005, 0.9995])
    margin = 0.05 * (high - low) or 1.0
    limits = (low - margin, high + margin)
    if len(measured) > 2000:
        axes.hexbin(
            measured, predicted, gridsize=60, extent=(*limits, *limits), bins="log", cmap="Blues", mincnt=1
        )
    else:
        axes.plot(measured, predicted, ".", color=VAL, alpha=0.5, markersize=4)
    axes.plot(limits, limits, color=INK, linewidth=0.8, linestyle="--")
    axes.set(
        xlim=limits, ylim=limits, xlabel="measured interaction score", ylabel="predicted interaction score"
    )
    axes.set_aspect("equal")
    axes.set_title(f"{len(measured):,} test genotypes", loc="left")


def _training_curve(axes: Axes, epochs: Sequence[Mapping[str, Any]]) -> None:
    number = [record["epoch"] + 1 for record in epochs]
    for key, label, color in (("train_pearson", "training", TRAIN), ("val_pearson", "validation", VAL)):
        values = [np.nan if record[key] is None else record[key] for record in epochs]
        axes.plot(number, values, marker="o", markersize=3, color=color, label=label)
    axes.set(xlabel="epoch", ylabel="Pearson correlation")
    axes.set_title("training curve", loc="left")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(frameon=False)


def _pearson_by_model(axes: Axes, pearson: Mapping[str, float]) -> None:
    values = [0.0 if np.isnan(value) else value for value in pearson.values()]
    drawn = axes.barh(list(pearson), values, color=[VAL] + [TRAIN] * (len(pearson) - 1))
    labels = ["-" if np.isnan(value) else f"{value:.3f}" for value in pearson.values()]
    axes.bar_label(drawn, labels, padding=3)
    axes.invert_yaxis()
    axes.margins(x=0.15)
    axes.set(xlabel="Pearson correlation")
    axes.set_title("beside the baselines", loc="left")
