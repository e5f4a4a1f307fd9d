"""A trained model beside the baselines, on the same genotypes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Column, Table

from gi_jax.arguments import as_sequence
from gi_jax.data.gene_list import GeneList
from gi_jax.data.genotype_table import GenotypeTable
from gi_jax.evaluation.calibration import Calibration, calibrate
from gi_jax.evaluation.coverage import Coverage, coverage
from gi_jax.evaluation.metrics import RegressionMetrics, regression_metrics
from gi_jax.evaluation.ranking import TOP, Ranking, rankings
from gi_jax.experiment.confidence import LEVEL
from gi_jax.experiment.experiment import Experiment
from gi_jax.files import write_text
from gi_jax.models.closed_form.options import QUICK
from gi_jax.models.model import FittedModel
from gi_jax.models.registry import fit_competitor
from gi_jax.predict.predictor import Predictor
from gi_jax.terminal import show_table

MODEL = "model"
BASELINES = QUICK
EVALUATION, PREDICTIONS = "evaluation.tsv", "predictions.tsv"


class Evaluation(NamedTuple):
    """Predictions of the model and of the baselines for M genotypes, and how good they are."""

    table: GenotypeTable
    predictions: dict[str, np.ndarray]  # [M] each, in the units of the scores; the model first
    metrics: dict[str, RegressionMetrics]
    model_std: np.ndarray | None = None  # [M], where the model has one, in the units of the scores
    calibration: Calibration | None = None  # of this deviation
    coverage: dict[str, Coverage] | None = None  # of the model's intervals, where it has some

    @property
    def rankings(self) -> dict[str, dict[str, Ranking]]:
        """Of the lists of strong interactions that the model and the baselines predict."""
        return {name: rankings(self.table, values) for name, values in self.predictions.items()}


def evaluate(
    experiment: Experiment, predictor: Predictor, table: GenotypeTable, baselines: Sequence[str] = BASELINES
) -> Evaluation:
    """Predicts measured genotypes with the model and with the baselines, fitted on the run's training split.

    The baselines choose their strengths on the validation split, as the model chose its weights.
    """
    mean, std = predictor.score_table(table)
    predictions = {MODEL: mean}
    for name, baseline in fit_to_labels(baselines, experiment).items():
        predictions[name.replace("_", "-")] = baseline_scores(baseline, experiment, table)
    metrics = {name: regression_metrics(values, table.score) for name, values in predictions.items()}
    if std is None:
        return Evaluation(table, predictions, metrics)
    calibration = calibrate(mean, std, table.score)
    if (confidence := predictor.bundle.confidence) is None:
        return Evaluation(table, predictions, metrics, std, calibration)
    inside = coverage(table, *confidence.interval(mean, std), experiment.train)
    return Evaluation(table, predictions, metrics, std, calibration, inside)


def fit_to_labels(names: Sequence[str], experiment: Experiment) -> dict[str, FittedModel]:
    """Fits baselines on a run's training split, to its transformed labels.

    Raises:
      GiJaxError: an unknown name.
    """
    data = experiment.training, experiment.validation, experiment.cell
    return {name: fit_competitor(name, *data) for name in as_sequence(names)}


def baseline_scores(baseline: FittedModel, experiment: Experiment, table: GenotypeTable) -> np.ndarray:
    """Scores `[M]` that a baseline fitted to labels predicts, each on the scale of its study."""
    table = experiment.transform.with_own_studies(table)
    return experiment.transform.inverse(baseline.predict(table).members[0], table.study)


def print_evaluation(evaluation: Evaluation, what: str, console: Console) -> None:
    """Shows the comparison on a terminal; `what` says which genotypes it is about."""
    console.print(f"{len(evaluation.table):,} {what}", soft_wrap=True)
    head = ("Pearson", "Spearman", "RMSE", f"top {TOP} neg.", f"top {TOP} pos.")
    table = Table("", *(Column(name, justify="right") for name in head))
    lists = evaluation.rankings
    for name, m in evaluation.metrics.items():
        correlations = ("-" if math.isnan(value) else f"{value:.3f}" for value in (m.pearson, m.spearman))
        tops = (
            "-" if math.isnan(found.top) else f"{found.top:.0%} ({found.enrichment:.1f}x)"
            for found in lists[name].values()
        )
        table.add_row(name, *correlations, f"{m.rmse:.4g}", *tops)
    show_table(console, table)
    if evaluation.calibration is not None:
        console.print(str(evaluation.calibration), soft_wrap=True)
    if evaluation.coverage is not None:
        told = (
            f"{name} {found.inside:.1%} of {found.genotypes:,}" for name, found in evaluation.coverage.items()
        )
        console.print(f"intervals of {LEVEL:.0%} hold: {', '.join(told)}", soft_wrap=True)


def write_evaluation(evaluation: Evaluation, genes: GeneList, folder: Path) -> None:
    """Writes `evaluation.tsv` (one row per model) and `predictions.tsv` (one row per genotype).

    An ensemble's predictions have a column `model_std`, its spread over members. The last column is `names`,
    what people call the genes, where they have names.
    """
    lists = evaluation.rankings
    of_lists = [f"{end}_{field}" for end in ("negative", "positive") for field in Ranking._fields]
    rows = ["\t".join(("model", "genotypes", *RegressionMetrics._fields, *of_lists))]
    for name, metrics in evaluation.metrics.items():
        values = (*metrics, *lists[name]["negative"], *lists[name]["positive"])
        rows.append("\t".join((name, str(len(evaluation.table)), *(f"{value:.6g}" for value in values))))
    write_text(folder / EVALUATION, "\n".join(rows) + "\n")
    table = evaluation.table
    numbers = {"measured": table.score, **evaluation.predictions}
    if evaluation.model_std is not None:
        numbers["model_std"] = evaluation.model_std
    values = np.stack(list(numbers.values()), axis=1)  # [M, columns]
    named = genes.has_labels
    lines = ["\t".join(("genes", "study", *numbers, *(["names"] if named else [])))]
    for row, genotype in enumerate(table.genes):
        texts = [f"{value:.6g}" for value in values[row]]
        texts += [",".join(genes.labelled(genotype))] if named else []
        lines.append("\t".join((",".join(genes.names(genotype)), table.studies[table.study[row]], *texts)))
    write_text(folder / PREDICTIONS, "\n".join(lines) + "\n")
