"""The drawings of `screen.html`."""

from __future__ import annotations

import networkx as nx
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from scipy.cluster.hierarchy import dendrogram

from gi_jax.data.gene_list import GeneList
from gi_jax.report.panels import as_drawn
from gi_jax.report.screen.concentration import Concentration
from gi_jax.report.screen.layout import places_of, spread_out
from gi_jax.report.screen.outcome import HIGHEST, LOWEST, Histogram
from gi_jax.report.screen.palette import Canvas
from gi_jax.report.screen.profiles import Profiles

BARS = 25  # genes


def distribution(
    canvas: Canvas, predicted: Histogram, measured: np.ndarray, cuts: dict[str, float]
) -> Figure:
    """Shares of predictions and of measured scores per bin, on a log scale, with the ends of the list."""
    figure, colours = canvas.figure((7.5, 3.6), (3.6, 3.2)), canvas.colours
    axes = canvas.panel(figure)
    centers = (predicted.edges[:-1] + predicted.edges[1:]) / 2
    low, high = predicted.edges[[0, -1]]
    if len(measured):
        low, high = min(low, measured.min()), max(high, measured.max())
    bins = np.linspace(low, high, 71)
    for values, weights, color, name in (
        (measured, None, colours.soft, "measured"),
        (centers, predicted.counts, colours.positive, "predicted"),
    ):
        counts = np.histogram(values, bins, weights=weights)[0]
        if counts.sum():
            share = np.where(counts > 0, counts / counts.sum(), np.nan)
            axes.stairs(np.nan_to_num(share), bins, color=color, linewidth=1.4, label=name)
    for place in cuts.values():
        axes.axvline(place, color=colours.ink, linewidth=0.8, linestyle="--")
    axes.set_yscale("log")
    axes.set(xlabel="interaction score", ylabel="share of genotypes per bin")
    axes.legend(frameon=False)
    return figure


def hits_of_genes(
    canvas: Canvas, found: dict[str, Concentration], genes: np.ndarray, names: GeneList
) -> Figure:
    """Bars of the listed genotypes of genes, lowest to the left, with a mark at what chance gives."""
    genes = genes[: 15 if canvas.narrow else BARS]
    height = 0.9 + 0.22 * len(genes)
    figure, colours = canvas.figure((7.5, height), (3.6, height)), canvas.colours
    axes, places = canvas.panel(figure), np.arange(len(genes))
    for end, sign, color in ((LOWEST, -1, colours.negative), (HIGHEST, 1, colours.positive)):
        if end not in found:
            continue
        own = np.searchsorted(found[end].genes, genes)
        axes.barh(places, sign * found[end].hits[own], color=color, height=0.72, label=f"{end} predictions")
        axes.plot(sign * found[end].expected[own], places, "|", color=colours.ink, markersize=9)
    axes.axvline(0, color=colours.soft, linewidth=0.8)
    axes.set_yticks(places, [as_drawn(names.labels[gene]) for gene in genes])
    axes.xaxis.set_major_formatter(lambda value, _: f"{abs(value):g}")
    axes.invert_yaxis()
    axes.set_ylim(len(genes) - 0.4, -0.6)
    axes.set_xlabel("listed genotypes with the gene")
    axes.legend(frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    return figure


def network_drawing(canvas: Canvas, network: nx.Graph, names: GeneList) -> Figure:
    """Genes as dots, alike ones joined, groups in colours; genes without an edge are left out."""
    joined = network.subgraph(sorted(gene for gene, degree in network.degree() if degree))
    size, font = ((3.6, 6.6), 5.5) if canvas.narrow else ((9.0, 7.6), 7.5)
    figure, colours = canvas.figure(size, size), canvas.colours
    figure.set_layout_engine("none")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    letters = max(len(names.labels[gene]) for gene in joined)
    places = spread_out(places_of(joined, size), (letters * font * 0.65 / 72, font * 2.1 / 72))
    edges = sorted(joined.edges(data="weight"))
    lines = [(places[a], places[b]) for a, b, _ in edges]
    widths = [0.6 + 4 * max(weight - 0.5, 0.0) for _, _, weight in edges]
    axes.add_collection(LineCollection(lines, linewidths=widths, colors=colours.line, zorder=1))
    group = nx.get_node_attributes(joined, "group")
    for gene, (x, y) in places.items():
        number = group[gene]
        color = colours.groups[(number - 1) % len(colours.groups)] if number else colours.soft
        axes.plot(x, y, "o", color=color, markersize=0.6 * font, zorder=2)
        axes.annotate(
            as_drawn(names.labels[gene]), (x, y), xytext=(0, 0.45 * font), textcoords="offset points",
            ha="center", fontsize=font, color=colours.ink, zorder=3,
        )  # fmt: skip
    axes.autoscale_view()
    axes.margins(0.08, 0.06)
    return figure


def heat_map(canvas: Canvas, profiles: Profiles, names: GeneList) -> Figure:
    """Profiles in the order of their trees, the tree of the rows beside them."""
    rows, columns = profiles.gene_order, profiles.partner_order
    scores = profiles.scores[np.ix_(rows, columns)]
    body, head, foot = 0.115 * len(rows), 0.8, 0.4  # inches
    wide, high = (3.6 if canvas.narrow else 8.6), body + head + foot
    figure, colours = canvas.figure((wide, high), (wide, high)), canvas.colours
    figure.set_layout_engine("none")  # labels of a hundred rows are slow to measure; all places are known

    def panel(left: float, right: float, bottom: float, top: float) -> Axes:
        return figure.add_axes((left / wide, bottom / high, (right - left) / wide, (top - bottom) / high))

    edge, names_wide = (0.4, 0.6) if canvas.narrow else (0.7, 0.8)
    tree, axes = (
        panel(0.05, edge, foot, foot + body),
        panel(edge + 0.05, wide - names_wide, foot, foot + body),
    )
    drawn = dendrogram(profiles.gene_tree, orientation="left", no_plot=True)
    depth = np.array(drawn["dcoord"])
    lines = [np.column_stack([-d, i]) for d, i in zip(depth, np.array(drawn["icoord"]), strict=True)]
    tree.add_collection(LineCollection(lines, colors=colours.soft, linewidths=0.6))
    tree.set(xlim=(-1.02 * (depth.max() or 1.0), 0), ylim=(10 * len(rows), 0))
    tree.set_axis_off()
    bound = float(np.nanquantile(np.abs(scores), 0.995)) or 1.0
    cells = axes.imshow(
        scores, aspect="auto", cmap=colours.scores.with_extremes(bad=colours.line), vmin=-bound, vmax=bound,
        interpolation="none",  # a pixel a score in the file; the browser scales it
    )  # fmt: skip
    axes.set_axis_off()
    for place, row in enumerate(rows):
        label = as_drawn(names.labels[profiles.genes[row]])
        axes.text(1.008, place, label, fontsize=6, va="center", transform=axes.get_yaxis_transform())
    axes.set_title(f"{len(columns):,} partner genes", y=-0.27 / body, fontsize="medium")
    middle = (edge + wide - names_wide) / 2
    bar = figure.colorbar(
        cells, cax=panel(middle - 1.1, middle + 1.1, high - 0.65, high - 0.53), location="top"
    )
    bar.outline.set_visible(False)
    bar.set_label("predicted score")
    return figure


def spread_against_error(canvas: Canvas, spread: np.ndarray, rmse: np.ndarray) -> Figure:
    """The error of test genotypes in bins of rising standard deviation; on the dashed line they are equal."""
    figure, colours = canvas.figure((5.0, 3.4), (3.6, 3.0)), canvas.colours
    axes, end = canvas.panel(figure), 1.08 * float(max(spread.max(), rmse.max()))
    axes.plot([0, end], [0, end], color=colours.soft, linewidth=0.8, linestyle="--")
    axes.plot(spread, rmse, "o-", color=colours.positive, markersize=4.5)
    axes.set(
        xlim=(0, end), ylim=(0, end), xlabel="predicted standard deviation", ylabel="actual error (RMSE)"
    )
    return figure
