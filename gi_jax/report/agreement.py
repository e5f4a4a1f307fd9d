"""How well the model predicts the test genotypes, beside the baselines and point by point."""

from __future__ import annotations

import math

import numpy as np

from gi_jax.evaluation.evaluation import MODEL, Evaluation
from gi_jax.evaluation.ranking import OTHER_SHARE, STRONG, TOP
from gi_jax.report.blocks import Section, Table, aligned, number, picture, scaled
from gi_jax.report.interval import RESAMPLES, pearson_intervals
from gi_jax.report.panels import frameless, measured_against_predicted, new_figure, shown_range


def in_short(evaluation: Evaluation, split: str) -> str:
    """The result in one sentence, with the best baseline beside it."""
    metrics = dict(evaluation.metrics)
    own = metrics.pop(MODEL)
    text = (
        f"On {len(evaluation.table):,} test genotypes ({split} split), held out from training and from the "
        f"choice of weights, predictions correlate with measurements at Pearson {number(own.pearson)}, "
        f"Spearman {number(own.spearman)}; RMSE {scaled(own.rmse)} in score units."
    )
    ranked = {name: m.pearson for name, m in metrics.items() if not math.isnan(m.pearson)}
    if not ranked or math.isnan(own.pearson):
        return text
    best = max(ranked, key=ranked.__getitem__)
    relation = "ahead of" if own.pearson > ranked[best] else "behind"
    return f"{text} That is {relation} the best baseline, {best}, at Pearson {number(ranked[best])}."


def baselines_section(evaluation: Evaluation) -> Section:
    """The table of the model and the baselines, with intervals."""
    caption = (
        f"Every row is about the same {len(evaluation.table):,} test genotypes. Baselines are fitted to the "
        "training genotypes and choose their strength on the validation genotypes, as the model chose its "
        f"weights. The interval is the middle 95 % of {RESAMPLES} bootstrap samples of the test genotypes: "
        "how much the choice of test genotypes matters. It takes genotypes that share a gene for "
        "independent, and says nothing about other random seeds or other splits."
    )
    metrics = evaluation.metrics.values()
    intervals = pearson_intervals(evaluation.table.score, evaluation.predictions).values()
    errors = np.reshape(aligned([m.rmse for m in metrics] + [m.mae for m in metrics]), (2, -1))
    columns = (
        evaluation.metrics,
        (number(m.pearson) for m in metrics),
        ("–" if math.isnan(low) else f"{number(low)} to {number(high)}" for low, high in intervals),
        (number(m.spearman) for m in metrics),
        *errors.tolist(),
    )
    head = ("", "Pearson", "95 % interval", "Spearman", "RMSE", "MAE")
    return Section("Model and baselines", (caption, Table(head, tuple(zip(*columns, strict=True)))))


def ranking_section(evaluation: Evaluation) -> Section:
    """What the first hundred of the predicted list are worth, at either end."""
    table = evaluation.table
    bounds = {name: STRONG[name] for name in table.studies if name in STRONG}
    known = "; ".join(
        f"{name}: {low:g} and below, {high:g} and above" for name, (low, high) in bounds.items()
    )
    others = f"the lowest and the highest {OTHER_SHARE:.0%} of the test genotypes of any other study"
    caption = (
        f"At the bench the top of a list is tested. Strong interactions are here: {known or others}. "
        f"{'Otherwise ' + others + '. ' if known and len(bounds) < len(table.studies) else ''}"
        f"The share of strong ones among the {TOP} that a predictor puts first, how many times that is the "
        "share among all, and the average precision over the whole list."
    )
    rows = []
    for name, lists in evaluation.rankings.items():
        cells = [
            text
            for found in lists.values()
            for text in (
                "–" if math.isnan(found.top) else f"{found.top:.0%}",
                "–" if math.isnan(found.top) else f"{found.enrichment:.1f}",
                number(found.average_precision),
            )
        ]
        rows.append((name, *cells))
    ends = ("negative", "positive")
    head = ("", *(f"{end}: {what}" for end in ends for what in (f"top {TOP}", "times chance", "precision")))
    return Section("The top of the list", (caption, Table(head, tuple(rows))))


def scatter_section(evaluation: Evaluation) -> Section:
    """Measured against predicted scores of the test genotypes."""
    measured, predicted = evaluation.table.score, evaluation.predictions[MODEL]
    figure = new_figure(6.4, 5)
    axes = figure.subplots()
    cells = measured_against_predicted(axes, measured, predicted)
    if cells is not None:
        cells.set_rasterized(True)
        figure.colorbar(cells, label="genotypes per cell, log scale", format="%d", shrink=0.8)
    frameless(axes)
    low, high = shown_range(measured, predicted)
    outside = np.sum((np.minimum(measured, predicted) < low) | (np.maximum(measured, predicted) > high))
    marks = "Cells are counts of them" if cells is not None else "A point each"
    caption = (
        f"The {len(measured):,} test genotypes. {marks}, measured score to the right, predicted score up; "
        "on the dashed line both agree. A cloud flatter than that line is a model that predicts less "
        f"extreme scores than there are: the standard deviation is {scaled(predicted.std())} for "
        f"predictions and {scaled(measured.std())} for measurements. {outside:,} genotypes lie outside the "
        "range shown."
    )
    return Section(
        "Measured against predicted", (caption, picture(figure, "Measured against predicted scores"))
    )
