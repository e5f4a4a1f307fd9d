"""The picture of a study: a panel per dataset and split, a bar per row, a dot per seed."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from gi_jax.models.registry import COMPETITORS
from gi_jax.report.panels import as_drawn

PANELS_PER_LINE = 2
BASELINE_BAR, MODEL_BAR, INK = "#8c8c8c", "#c2410c", "#222222"


def plot_study(path: Path, panels: Mapping[str, Mapping[str, Sequence[float]]]) -> None:
    """Writes the picture: Pearson on the test split, bars at the mean over seeds, `-` where none was run.

    Args:
      path: a .png file.
      panels: title -> row -> Pearson of each seed that was run.
    """
    lines = math.ceil(len(panels) / PANELS_PER_LINE)
    most_rows = max(len(rows) for rows in panels.values())
    figure = Figure(figsize=(6.2 * PANELS_PER_LINE, lines * (1.0 + 0.3 * most_rows)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(lines, PANELS_PER_LINE, squeeze=False).flatten()
    for panel, (title, rows) in zip(axes, panels.items(), strict=False):
        _bars(panel, rows)
        panel.set_title(as_drawn(title), loc="left")
    for panel in axes[len(panels) :]:
        panel.set_visible(False)
    figure.savefig(path, dpi=100)


def _bars(axes: Axes, rows: Mapping[str, Sequence[float]]) -> None:
    means = [statistics.mean(values) if values else 0.0 for values in rows.values()]
    colours = [BASELINE_BAR if row in COMPETITORS else MODEL_BAR for row in rows]
    drawn = axes.barh([as_drawn(row.replace("_", " ")) for row in rows], means, color=colours, height=0.7)
    for bar, values in zip(drawn, rows.values(), strict=True):
        middle = bar.get_y() + bar.get_height() / 2
        axes.plot(values, [middle] * len(values), "o", color=INK, markersize=3.5, zorder=3)
        # Beyond the last dot, which the number would hide.
        end = max([0.0, *values])
        text = f"{statistics.mean(values):.3f}" if values else "-"
        axes.annotate(text, (end, middle), (6, 0), textcoords="offset points", va="center", fontsize=8)
    axes.invert_yaxis()
    axes.margins(x=0.15)
    axes.axvline(0, color=INK, linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set(xlabel="Pearson correlation on the test split")
