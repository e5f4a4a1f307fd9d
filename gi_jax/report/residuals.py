"""Errors on the test genotypes, by the study that measured them and by how many genes they lack."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from gi_jax.evaluation.evaluation import MODEL, Evaluation
from gi_jax.evaluation.metrics import regression_metrics
from gi_jax.report.blocks import Picture, Section, Table, aligned, number, picture
from gi_jax.report.groups import by_size, by_study
from gi_jax.report.panels import INK, VAL, as_drawn, frameless, new_figure

SHOWN = 25  # groups


def residuals_section(evaluation: Evaluation) -> Section:
    """Boxes and tables of the model's errors in groups of test genotypes."""
    caption = (
        f"Measured minus predicted scores of the {len(evaluation.table):,} test genotypes. A box holds the "
        "middle half, its line is the median, whiskers reach from 5 to 95 %. A box to the left of zero is "
        "a group that the model predicts too high, to the right too low; where RMSE is near the standard "
        "deviation (SD) of the measured scores, the model explains little. By study:"
    )
    studies, sizes = by_study(evaluation.table), by_size(evaluation.table)
    shown = dict(list(studies.items())[:SHOWN])
    blocks = [caption, _boxes(evaluation, shown, "study"), _table(evaluation, shown, "study")]
    if len(studies) > SHOWN:
        blocks.append(f"These are the {SHOWN} largest of {len(studies):,} studies.")
    blocks += [
        "The same by the number of deleted genes:",
        _boxes(evaluation, sizes, "number of deleted genes"),
        _table(evaluation, sizes, "deleted"),
    ]
    return Section("Residuals", tuple(blocks))


def _table(evaluation: Evaluation, groups: Mapping[str, np.ndarray], noun: str) -> Table:
    measured, predicted = evaluation.table.score, evaluation.predictions[MODEL]
    metrics = [regression_metrics(predicted[rows], measured[rows]) for rows in groups.values()]
    in_score_units = aligned(
        [measured[rows].std() for rows in groups.values()]
        + [(measured - predicted)[rows].mean() for rows in groups.values()]
        + [m.rmse for m in metrics]
    )
    columns = (
        groups,
        (f"{rows.sum():,}" for rows in groups.values()),
        *np.reshape(in_score_units, (3, -1)).tolist(),
        (number(m.pearson) for m in metrics),
        (number(m.spearman) for m in metrics),
    )
    head = (noun, "test genotypes", "SD of measured", "mean residual", "RMSE", "Pearson", "Spearman")
    return Table(head, tuple(zip(*columns, strict=True)))


def _boxes(evaluation: Evaluation, groups: Mapping[str, np.ndarray], noun: str) -> Picture:
    residual = evaluation.table.score - evaluation.predictions[MODEL]
    boxes = []
    for name, rows in groups.items():
        low, q1, median, q3, high = np.quantile(residual[rows], [0.05, 0.25, 0.5, 0.75, 0.95])
        boxes.append(
            {"label": as_drawn(name), "whislo": low, "q1": q1, "med": median, "q3": q3, "whishi": high}
        )
    figure = new_figure(7.5, 0.9 + 0.34 * len(boxes))
    axes, thin = figure.subplots(), {"color": INK, "linewidth": 0.8}
    axes.bxp(
        boxes,
        orientation="horizontal",
        showfliers=False,
        widths=0.5,
        patch_artist=True,
        boxprops={"facecolor": "#f3d5c6", "edgecolor": INK, "linewidth": 0.8},
        medianprops={"color": VAL, "linewidth": 1.6},
        whiskerprops=thin,
        capprops=thin,
    )
    axes.axvline(0, color=INK, linewidth=0.8, linestyle="--", zorder=0)
    axes.invert_yaxis()
    axes.set(xlabel="residual: measured − predicted, in score units")
    frameless(axes)
    return picture(figure, f"Box plot of residuals by {noun}")
