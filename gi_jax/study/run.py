"""Running the cells of a study, one after the other, from wherever the last session left them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from signal import Signals
from typing import Any

import jax
from rich.console import Console

from gi_jax.config import to_yaml
from gi_jax.config.paths import with_absolute_paths
from gi_jax.config.study import StudyConfig
from gi_jax.errors import GiJaxError
from gi_jax.evaluation.evaluation import (
    MODEL,
    Evaluation,
    baseline_scores,
    fit_to_labels,
    print_evaluation,
    write_evaluation,
)
from gi_jax.evaluation.metrics import regression_metrics
from gi_jax.experiment.bundle import CONFIG
from gi_jax.experiment.experiment import load_experiment
from gi_jax.files import check_folder, write_text
from gi_jax.predict.predictor import Predictor
from gi_jax.runs.lock import FolderInUseError
from gi_jax.runs.run import METRICS, train
from gi_jax.study.cells import Cell, State
from gi_jax.study.paths import path_numbers
from gi_jax.study.report import check_report, write_report
from gi_jax.study.results import Result, at_the_top, finite, on_test_split, write_results
from gi_jax.terminal import show_title
from gi_jax.training.criterion import best_validation
from gi_jax.training.logging import read_records


def run_study(
    study: StudyConfig, cells: Sequence[Cell], selected: Sequence[Cell], console: Console
) -> Signals | None:
    """Runs the selected cells that are not done, and writes the study's tables after each of them.

    A cell that was started goes on where its last checkpoint stands. A cell that fails is passed over
    until the end, and so is one that another process works on: several may share a study.

    Args:
      study: where the tables go.
      cells: all of the study, for the tables.
      selected: those to run.
      console: where the reports go.

    Returns:
      The signal that ended it early, if one did.

    Raises:
      GiJaxError: a cell is done with another configuration (nothing has been run then), or cells failed.
    """
    for cell in selected:
        if cell.state() is State.CHANGED:
            raise GiJaxError(
                f"{cell.folder}: was run with another {cell.changed_key()} than the study has now; remove "
                "the folder to run the cell anew, or restore the study's value"
            )
    check_report(study)
    check_folder(study.out)
    failed: dict[str, GiJaxError] = {}
    for number, cell in enumerate(selected, 1):
        if cell.state() is State.DONE:
            continue
        show_title(console, f"{cell.name} ({number} of {len(selected)})")
        try:
            stopped_by = run_cell(cell, console)
        except FolderInUseError:
            console.print(f"{cell.name}: another process works on it")
            continue
        except GiJaxError as error:
            failed[cell.name] = error
            console.print(f"{cell.name} failed: {error}", style="red")
            continue
        if stopped_by is not None:
            return stopped_by
        write_report(study, cells)
        # Nothing of a finished cell is called again, but its programs would stay in memory.
        jax.clear_caches()
    write_report(study, cells)
    if failed:
        first, error = next(iter(failed.items()))
        raise GiJaxError(f"{len(failed)} of {len(selected)} cells failed; the first, {first}: {error}")
    return None


def run_cell(cell: Cell, console: Console) -> Signals | None:
    """Runs one cell to its results, or to the signal that stopped it."""
    if cell.baselines:
        _fit_baselines(cell, console)
        return None
    run = train(cell.config, cell.folder, resume=True, console=console, baselines=())
    if run.evaluation is None:
        return run.stopped_by
    predictor = Predictor.load(cell.folder)
    numbers: dict[str, Any] = {
        **on_test_split(run.evaluation.metrics[MODEL]),
        **at_the_top(run.evaluation.table, run.evaluation.predictions[MODEL]),
        "covered": _covered(run.evaluation),
        **training_numbers(cell.folder / METRICS),
        "parameters": predictor.fitted.num_parameters()["total"],
        **path_numbers(predictor, run.evaluation.table),
    }
    write_results(cell.folder, {cell.row: Result(**numbers)})
    return None


def _covered(evaluation: Evaluation) -> dict[str, float] | None:
    if evaluation.coverage is None:
        return None
    return {name: found.inside for name, found in evaluation.coverage.items()}


def training_numbers(metrics: Path) -> dict[str, Any]:
    """The numbers of a `Result` that the metrics file of a finished training holds."""
    epochs, solved = read_records(metrics, "epoch"), read_records(metrics, "fit")
    if solved:
        return {name: solved[-1].get(name) for name in ("val_pearson", "seconds", "chosen")}
    if not epochs:  # lost since
        return {"val_pearson": None}
    best = epochs[best_validation(epochs)]
    rates = [record["genotypes_per_second"] for record in read_records(metrics, "step")]
    return {
        "val_pearson": best["val_pearson"],
        "train_pearson": best["train_pearson"],
        "seconds": epochs[-1]["seconds"],
        "epochs": epochs[-1]["epoch"] + 1,
        "genotypes_per_second": statistics.median(rates) if rates else None,
    }


def _fit_baselines(cell: Cell, console: Console) -> None:
    """Fits the baselines on the training split, as the rows see it, and evaluates them as models are."""
    experiment = load_experiment(cell.config)
    console.print(f"{experiment.report}\n{experiment.split}")
    val, test = experiment.val, experiment.test
    results, predictions, metrics = {}, {}, {}
    for name in cell.baselines:
        began = time.monotonic()
        baseline = fit_to_labels([name], experiment)[name]
        seconds = time.monotonic() - began
        predictions[name] = baseline_scores(baseline, experiment, test)
        metrics[name] = regression_metrics(predictions[name], test.score)
        on_val = regression_metrics(baseline_scores(baseline, experiment, val), val.score)
        on_test: dict[str, Any] = on_test_split(metrics[name]) | at_the_top(test, predictions[name])
        results[name] = Result(
            **on_test,
            val_pearson=finite(on_val.pearson),
            seconds=seconds,
            chosen=baseline.chosen,
        )
    cell.folder.mkdir(parents=True, exist_ok=True)
    write_text(cell.folder / CONFIG, to_yaml(with_absolute_paths(cell.config)))
    evaluation = Evaluation(test, predictions, metrics)
    write_evaluation(evaluation, experiment.genes, cell.folder)
    print_evaluation(evaluation, f"test genotypes ({experiment.split.kind} split)", console)
    write_results(cell.folder, results)
