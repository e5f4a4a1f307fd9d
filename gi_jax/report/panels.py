"""Panels that the picture and the page share, and their colours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PolyCollection
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

INK, TRAIN, VAL = "#222222", "#8c8c8c", "#c2410c"
COUNTS = LinearSegmentedColormap.from_list("counts", ["#c6d9ee", "#4a90c9", "#08306b"])  # seen on white
FEW = 2000  # points that can still be told apart


def as_drawn(text: str) -> str:
    """A user's text, so that Matplotlib draws its letters and takes nothing between `$` for a formula."""
    visible = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return "".join(visible).replace("$", r"\$")


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of so many inches that needs no display."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def frameless(*panels: Axes) -> None:
    """Takes away the lines above and right of the panels."""
    for axes in panels:
        axes.spines[["top", "right"]].set_visible(False)


def shown_range(measured: np.ndarray, predicted: np.ndarray) -> tuple[float, float]:
    """The range of scores worth showing: a few extreme ones would squeeze everything else into a blot."""
    low, high = np.quantile(np.concatenate([measured, predicted]), [0.0005, 0.9995])
    margin = 0.05 * (high - low) or 1.0
    return float(low - margin), float(high + margin)


def measured_against_predicted(
    axes: Axes, measured: np.ndarray, predicted: np.ndarray
) -> PolyCollection | None:
    """Draws `[M]` measured and predicted scores: as points if they are few, else as counts per cell.

    Returns: the cells, for a colour bar; None for points.
    """
    limits, cells = shown_range(measured, predicted), None
    if len(measured) > FEW:
        cells = axes.hexbin(
            measured, predicted, gridsize=60, extent=(*limits, *limits), bins="log", cmap=COUNTS, mincnt=1
        )
    else:
        axes.plot(measured, predicted, ".", color=VAL, alpha=0.5, markersize=4)
    axes.plot(limits, limits, color=INK, linewidth=0.8, linestyle="--")
    axes.set(
        xlim=limits, ylim=limits, xlabel="measured interaction score", ylabel="predicted interaction score"
    )
    axes.set_aspect("equal")
    return cells


def pearson_by_epoch(axes: Axes, x: ArrayLike, epochs: Sequence[Mapping[str, Any]]) -> None:
    """Draws the training and validation correlation of `epoch` records at positions `x`."""
    for key, label, color in (("train_pearson", "training", TRAIN), ("val_pearson", "validation", VAL)):
        axes.plot(x, column(epochs, key), marker="o", markersize=3, color=color, label=label)
    axes.set(xlabel="epoch", ylabel="Pearson correlation")
    axes.legend(frameon=False)


def column(records: Sequence[Mapping[str, Any]], key: str) -> np.ndarray:
    """One number per record `[number of records]`; NaN where a metrics file has null."""
    return np.array([record[key] for record in records], float)
