"""`gi-jax evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from gi_jax.cli.setting import CONSOLE, use_compilation_cache
from gi_jax.config.paths import check_files
from gi_jax.data.formats.genotype_files import load_genotypes
from gi_jax.data.genotype_filter import GenotypeFilter
from gi_jax.data.genotype_table import GenotypeTable
from gi_jax.data.splits import load_split
from gi_jax.evaluate.evaluation import evaluate as evaluate_table
from gi_jax.evaluate.evaluation import print_evaluation
from gi_jax.experiment.bundle import CONFIG, load_bundle
from gi_jax.experiment.experiment import load_experiment
from gi_jax.models.weights import read_best_record
from gi_jax.options import check_devices, path
from gi_jax.predict.predictor import Predictor
from gi_jax.runs.resume import check_same_data, check_same_genes
from gi_jax.runs.run import SPLIT, check_report, write_report


def evaluate(
    run: Annotated[Path, typer.Argument(help="Folder of a run.", metavar="RUN", parser=path)],
    genotypes: Annotated[
        Path | None,
        typer.Option(
            help="Measured genotypes (genes, score) in place of the test split.", metavar="FILE", parser=path
        ),
    ] = None,
) -> None:
    """Compare a trained model and the baselines with measurements.

    On the run's own test split this also writes evaluation.tsv, predictions.tsv, report.png and report.html
    anew.
    """
    check_devices()
    bundle = load_bundle(run)
    check_files(bundle.config, run / CONFIG)
    if genotypes is None:
        check_report(run)
    use_compilation_cache(bundle.config)
    experiment = load_experiment(bundle.config, load_split(run / SPLIT))
    check_same_genes(run, experiment.genes)
    predictor = Predictor(bundle, experiment.graph)
    check_same_data(run, read_best_record(run), experiment.identity())
    for note in predictor.notes:
        CONSOLE.print(note)
    if genotypes is None:
        evaluation = evaluate_table(experiment, predictor, experiment.test)
        write_report(evaluation, experiment, predictor, run)
        what = f"test genotypes ({experiment.split.kind} split)"
    else:
        keep = GenotypeFilter(leave_out_unknown_genes=bundle.config.data.filter.leave_out_unknown_genes)
        table, report = load_genotypes(experiment.genes, [genotypes], keep=keep)
        known = seen_in_training(experiment.train, table)
        CONSOLE.print(f"{report}\n{known:,} of {len(table):,} genotypes were trained on")
        evaluation = evaluate_table(experiment, predictor, table)
        what = f"genotypes of {genotypes}"
    print_evaluation(evaluation, what, CONSOLE)


def seen_in_training(train: GenotypeTable, table: GenotypeTable) -> int:
    """How many genotypes of a table are gene sets that the training split holds too."""
    width = max(train.genes.shape[1], table.genes.shape[1])
    trained, asked = (
        np.pad(t.genes, ((0, 0), (0, width - t.genes.shape[1])), constant_values=t.num_genes)
        for t in (train, table)
    )
    known = {row.tobytes() for row in trained}
    return sum(row.tobytes() in known for row in asked)
