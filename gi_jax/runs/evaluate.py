"""A run evaluated anew: on its own test split, or on other measured genotypes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from rich.console import Console

from gi_jax.config import RunConfig
from gi_jax.config.paths import check_files
from gi_jax.data.bundled import bundled_gene_list, bundled_studies
from gi_jax.data.formats.genotype_files import load_genotypes
from gi_jax.data.genotype_filter import GenotypeFilter
from gi_jax.data.genotype_table import GenotypeTable
from gi_jax.data.splits import load_split
from gi_jax.errors import GiJaxError
from gi_jax.evaluation.calibration import calibrate
from gi_jax.evaluation.evaluation import MODEL, Evaluation, print_evaluation
from gi_jax.evaluation.evaluation import evaluate as evaluate_table
from gi_jax.evaluation.metrics import regression_metrics
from gi_jax.experiment.bundle import CONFIG, ModelBundle, load_bundle
from gi_jax.experiment.experiment import load_experiment
from gi_jax.models.weights import read_best_record
from gi_jax.predict.predictor import Predictor
from gi_jax.runs.measured import RunData
from gi_jax.runs.resume import check_same_data, check_same_genes
from gi_jax.runs.run import SPLIT, check_report, write_report


def evaluate(
    run: Path, genotypes: Path | None, *, console: Console, prepare: Callable[[RunConfig], None]
) -> Evaluation:
    """Compares a trained model and the baselines with measurements, and shows the comparison.

    Args:
      run: folder of a run.
      genotypes: a table of measured genotypes; if None, the run's own test split, and the files of the
        run's report are written anew.
      console: where the reports go.
      prepare: called with the run's configuration before anything is compiled.

    Raises:
      GiJaxError: the folder holds no run, its data changed, or the table has a mistake.
    """
    bundle = load_bundle(run)
    if bundle.graph is not None and not (run / SPLIT).exists():
        return _evaluate_folder(run, bundle, genotypes, console, prepare)
    check_files(bundle.config, run / CONFIG)
    if genotypes is None:
        check_report(run)
    prepare(bundle.config)
    experiment = load_experiment(bundle.config, load_split(run / SPLIT))
    check_same_genes(run, experiment.genes)
    predictor = Predictor(bundle, experiment.graph)
    check_same_data(run, read_best_record(run), experiment.identity())
    if bundle.confidence is None:  # as in runs of earlier versions
        predictor.trust(experiment.val)
    for note in predictor.notes:
        console.print(note)
    if genotypes is None:
        evaluation = evaluate_table(experiment, predictor, experiment.test)
        write_report(evaluation, experiment, predictor, run)
        what = f"test genotypes ({experiment.split.kind} split)"
    else:
        keep = GenotypeFilter(leave_out_unknown_genes=bundle.config.data.filter.leave_out_unknown_genes)
        table, report = load_genotypes(experiment.genes, [genotypes], keep=keep)
        known = seen_in_training(experiment.train, table)
        console.print(f"{report}\n{known:,} of {len(table):,} genotypes were trained on")
        evaluation = evaluate_table(experiment, predictor, table)
        what = f"genotypes of {genotypes}"
    print_evaluation(evaluation, what, console)
    return evaluation


def _evaluate_folder(
    folder: Path,
    bundle: ModelBundle,
    genotypes: Path | None,
    console: Console,
    prepare: Callable[[RunConfig], None],
) -> Evaluation:
    """A model folder on its test genotypes, if the package has them, or on a table of measurements; it holds
    no scores to fit baselines to.
    """
    prepare(bundle.config)
    if genotypes is None:
        return _evaluate_bundled(folder, bundle, console)
    predictor = Predictor(bundle)
    for note in predictor.notes:
        console.print(note)
    keep = GenotypeFilter(leave_out_unknown_genes=bundle.config.data.filter.leave_out_unknown_genes)
    table, report = load_genotypes(bundle.genes, [genotypes], keep=keep)
    console.print(str(report))
    if "train" in bundle.parts:
        trained = {row[row < table.num_genes].tobytes() for row in bundle.parts["train"]}
        known = sum(row[row < table.num_genes].tobytes() in trained for row in table.genes)
        console.print(f"{known:,} of {len(table):,} genotypes were trained on")
    mean, std = predictor.score_table(table)
    calibration = None if std is None else calibrate(mean, std, table.score)
    evaluation = Evaluation(
        table, {MODEL: mean}, {MODEL: regression_metrics(mean, table.score)}, std, calibration
    )
    print_evaluation(evaluation, f"genotypes of {genotypes}", console)
    return evaluation


def _evaluate_bundled(folder: Path, bundle: ModelBundle, console: Console) -> Evaluation:
    """A model folder on the genotypes it kept for its test, which a bundled study measured."""
    sources = bundle.config.data.genotypes
    bundled = sources and set(sources) <= set(bundled_studies())
    if not bundle.parts or not bundled or bundle.genes.fingerprint != bundled_gene_list().fingerprint:
        raise GiJaxError(
            f"{folder}: is a model folder, which holds no measurements; give a table of some with "
            f"--genotypes FILE"
        )
    experiment = load_experiment(bundle.config, RunData(folder, bundle).split)
    predictor = Predictor(bundle, experiment.graph)
    for note in predictor.notes:
        console.print(note)
    evaluation = evaluate_table(experiment, predictor, experiment.test)
    print_evaluation(evaluation, f"test genotypes ({experiment.split.kind} split)", console)
    return evaluation


def seen_in_training(train: GenotypeTable, table: GenotypeTable) -> int:
    """How many genotypes of a table are gene sets that the training split holds too."""
    width = max(train.genes.shape[1], table.genes.shape[1])
    trained, asked = (
        np.pad(t.genes, ((0, 0), (0, width - t.genes.shape[1])), constant_values=t.num_genes)
        for t in (train, table)
    )
    known = {row.tobytes() for row in trained}
    return sum(row.tobytes() in known for row in asked)
