"""The picture of an explanation: the largest terms of the prediction, and genes around the deleted ones."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from gi_jax.explain.genotype import Explained
from gi_jax.explain.words import said_of_term
from gi_jax.files import replacing
from gi_jax.report.panels import INK, TRAIN, VAL, as_drawn, frameless, new_figure

MOST_BARS = 16
POSITIVE = "#1f6f5c"
_WIDEST = 5.0  # points, of the line of the largest change or similarity


class Line(NamedTuple):
    """A line between two genes."""

    ends: tuple[int, int]
    by: str  # the network or table
    size: float


def draw_explanation(found: Explained, path: str | Path) -> None:
    """Writes the picture; the format follows the ending, such as .png or .svg.

    Bars are the terms of the first sum. The lines are the edges whose removal changes the prediction most,
    of a neural model, or genes that the model takes for alike; the thicker, the more.
    """
    lines = lines_between(found)
    figure = new_figure(12 if lines else 6.5, 5.5)
    panels = figure.subplots(1, 2 if lines else 1, squeeze=False, width_ratios=(1, 1.15) if lines else (1,))[
        0
    ]
    _bars(panels[0], found)
    if lines:
        _network(panels[1], found, lines)
    figure.suptitle(as_drawn(f"{' x '.join(found.names(found.genes))}: {found.prediction:+.3g}"))
    with replacing(path) as new, matplotlib.rc_context({"svg.hashsalt": "gi_jax"}):
        figure.savefig(new, dpi=130, format=Path(path).suffix.lstrip(".").lower() or "png")


def lines_between(found: Explained) -> list[Line]:
    """The lines of the picture."""
    edges = [one for one in found.parts.removals if one.kind.endswith("edge")]
    if edges:
        return [Line((one.genes[0], one.genes[1]), one.name, abs(one.change)) for one in edges]
    return [
        Line((one.gene, one.other), one.shares[0][0] if one.shares else "kernel", one.similarity)
        for one in found.parts.similar
    ]


def _bars(axes: Axes, found: Explained) -> None:
    own = found.parts.sums[0]
    terms = sorted(own.terms, key=lambda term: -abs(term.value))[:MOST_BARS]
    values = [term.value for term in terms]
    colours = [VAL if value < 0 else POSITIVE for value in values]
    drawn = axes.barh(range(len(terms)), values, color=colours)
    axes.bar_label(drawn, [f"{value:+.3g}" for value in values], padding=3, fontsize=8)
    axes.set_yticks(range(len(terms)), [as_drawn(said_of_term(found, term)) for term in terms], fontsize=8)
    axes.invert_yaxis()
    axes.margins(x=0.2)
    axes.axvline(0, color=INK, linewidth=0.8)
    axes.set(xlabel="part of the predicted score")
    axes.set_title(f"by {own.name}", loc="left")
    frameless(axes)


def _network(axes: Axes, found: Explained, lines: list[Line]) -> None:
    deleted = list(found.genes)
    place = _places(deleted, lines)
    by = list(dict.fromkeys(line.by for line in sorted(lines, key=lambda line: -line.size)))
    palette = matplotlib.colormaps["tab10"]
    colour = {name: palette(k % 10) for k, name in enumerate(by)}
    most = max(line.size for line in lines) or 1.0
    for line in lines:
        (x, y), (u, v) = (place[gene] for gene in line.ends)
        width = max(_WIDEST * line.size / most, 0.4)
        axes.plot([x, u], [y, v], color=colour[line.by], linewidth=width, alpha=0.7, zorder=1)
    for gene, (x, y) in place.items():
        own = gene in deleted
        label = as_drawn(found.names([gene])[0])
        face = {"boxstyle": "round,pad=0.3", "facecolor": "white", "edgecolor": VAL if own else TRAIN}
        weight = "bold" if own else "normal"
        axes.text(x, y, label, ha="center", va="center", fontsize=9, weight=weight, bbox=face, zorder=2)
    shown = [Line2D([], [], color=colour[name], linewidth=3, label=as_drawn(name)) for name in by]
    axes.legend(
        handles=shown, frameon=False, fontsize=7, loc="upper center", bbox_to_anchor=(0.5, 0), ncols=2
    )
    edges = any(one.kind.endswith("edge") for one in found.parts.removals)
    axes.set_title("edges that the prediction needs" if edges else "genes taken for alike", loc="left")
    axes.set(xlim=(-1.3, 1.3), ylim=(-1.2, 1.2))
    axes.set_axis_off()


def _places(deleted: list[int], lines: list[Line]) -> dict[int, tuple[float, float]]:
    """Deleted genes in the middle, the others around them, each near the gene that it is tied to."""
    turn = 2 * np.pi / max(len(deleted), 1)
    angle = {gene: np.pi + k * turn for k, gene in enumerate(deleted)}
    inner = 0.35 if len(deleted) > 1 else 0.0
    place = {gene: (inner * float(np.cos(a)), inner * float(np.sin(a))) for gene, a in angle.items()}
    tied: dict[int, list[float]] = {}
    for line in lines:
        for gene, other in (line.ends, line.ends[::-1]):
            if gene not in angle:
                tied.setdefault(gene, []).extend([angle[other]] if other in angle else [])
    middle = {g: float(np.angle(np.mean(np.exp(1j * np.array(a))))) if a else 0.0 for g, a in tied.items()}
    around = sorted(middle, key=lambda gene: (middle[gene] % (2 * np.pi), gene))
    first = middle[around[0]] if around else 0.0
    beside = sum(abs(at - first) < 1e-9 for at in middle.values())  # of the first one's group
    for k, gene in enumerate(around):
        at = first + 2 * np.pi * (k - (beside - 1) / 2) / len(around)
        place[gene] = (float(np.cos(at)), float(np.sin(at)))
    return place
