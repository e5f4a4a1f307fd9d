"""A run: a folder that holds a training from its configuration to its evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from signal import Signals
from typing import NamedTuple

from rich.console import Console

from gi_jax.config import RunConfig
from gi_jax.config.paths import with_absolute_paths
from gi_jax.config.schema import plain
from gi_jax.data.splits import load_split
from gi_jax.errors import GiJaxError
from gi_jax.evaluation.calibration import FILE as CALIBRATION
from gi_jax.evaluation.calibration import write_calibration
from gi_jax.evaluation.evaluation import (
    BASELINES,
    EVALUATION,
    MODEL,
    PREDICTIONS,
    Evaluation,
    evaluate,
    print_evaluation,
    write_evaluation,
)
from gi_jax.experiment.bundle import CONFIG, ModelBundle, write_description
from gi_jax.experiment.cell import load_genes
from gi_jax.experiment.confidence import FILE as CONFIDENCE
from gi_jax.experiment.confidence import write_confidence
from gi_jax.experiment.experiment import Experiment, load_experiment
from gi_jax.experiment.stored_cell import network_fingerprints
from gi_jax.files import check_folder, check_writable, replacing_together
from gi_jax.models.model import FittedModel
from gi_jax.models.registry import KINDS
from gi_jax.predict.predictor import Predictor
from gi_jax.report import plot_report, write_page
from gi_jax.runs.lock import lock_folder
from gi_jax.runs.resume import (
    check_same_config,
    check_same_data,
    check_same_genes,
    describe_resumption,
)
from gi_jax.runs.solved import SolvedFit
from gi_jax.training.checkpoint import Checkpoints, Restored
from gi_jax.training.devices import device_mesh
from gi_jax.training.fit import GradientFit
from gi_jax.training.logging import JsonLines, Reporter, read_records
from gi_jax.training.processes import check_alike, every_process, is_first
from gi_jax.training.progress import Progress
from gi_jax.training.sinks import Sink, make_sinks
from gi_jax.training.task import Task, make_task

METRICS, SPLIT = "metrics.jsonl", "split.npz"
PICTURE, REPORT = "report.png", "report.html"


class RunResult(NamedTuple):
    """How a training ended: by itself, with an evaluation, or by a signal, without."""

    ended: str
    evaluation: Evaluation | None
    stopped_by: Signals | None


def train(
    config: RunConfig,
    folder: str | Path,
    *,
    resume: bool,
    console: Console,
    baselines: Sequence[str] = BASELINES,
    evaluated: bool = True,
    watchers: Sequence[Sink] = (),
) -> RunResult:
    """Trains into a run folder and evaluates the best weights on the test split.

    Several processes (see `gi_jax.training.processes`) call it with the same arguments and see the same
    files; the first one writes, speaks and evaluates.

    Args:
      config: of the run.
      folder: new, or of a run to continue.
      resume: continue the run of the folder where its last checkpoint stands; a run that never
        started is started.
      console: where the reports go.
      baselines: evaluated beside the model, see `gi_jax.models.closed_form`.
      evaluated: look at the test genotypes at the end; without it there is no report either.
      watchers: told of every record, beside the run's own files. An error of theirs ends the training.

    Raises:
      GiJaxError: the folder holds a run and `resume` is off; the run was started with another
        configuration or other data; another process trains into the folder; anything that is wrong with
        configuration, data or checkpoints.
    """
    folder, config = Path(folder), with_absolute_paths(config)
    experiment, resuming = every_process(lambda: _prepare(config, folder, resume))
    with ExitStack() as held:
        every_process(
            lambda: held.callback(lock_folder(folder, console.print).release) if is_first() else None
        )
        return _train(experiment, folder, resuming, console, baselines if evaluated else None, watchers)


def _train(
    experiment: Experiment,
    folder: Path,
    resuming: bool,
    console: Console,
    baselines: Sequence[str] | None,
    watchers: Sequence[Sink],
) -> RunResult:
    """Trains and evaluates in a folder that is this run's own."""
    config, identity = experiment.config, experiment.identity()
    check_alike("configuration, genes, data or run folder", {**identity, "resuming": resuming})
    reporter = Reporter(console if is_first() else Console(quiet=True))
    reporter.say(f"{experiment.report}\n{experiment.split}")
    checkpoints = Checkpoints(folder, identity)

    def begin(keep_until: int) -> None:
        own = every_process(lambda: _open(folder, experiment, keep_until) if is_first() else ())
        reporter.sinks = (*own, *watchers)

    def check(restored: Restored) -> None:
        check_same_data(folder, restored.identity, identity)
        reporter.say(describe_resumption(restored))

    if KINDS[config.model.kind].fit is None:
        fit = GradientFit(
            config,
            experiment.transform,
            folder,
            checkpoints,
            reporter,
            begin=begin,
            check=check,
            resuming=resuming,
        )
    else:
        fit = SolvedFit(config, experiment.transform, checkpoints, reporter, begin=begin)
    with closing(reporter):
        fitted = fit(config.model, experiment.training, experiment.validation, experiment.cell)
        if fit.ended is None:
            assert fit.stopped_by is not None, "nothing but a signal ends a fit without a word"
            text = f"stopped by {fit.stopped_by.name}, state saved at step {fit.progress.step:,}"
            return RunResult(text, None, fit.stopped_by)
        assert fit.cell is not None, "a fit that ended had a cell"
        used = replace(experiment, graph=fit.cell.graph)

        def conclude() -> Evaluation | None:
            if fitted is None or baselines is None:  # the first process alone has the model
                return None
            return _conclude(folder, used, fitted, reporter, fit.progress, baselines)

        evaluation = every_process(conclude)
    return RunResult(fit.ended, evaluation, None)


def _prepare(config: RunConfig, folder: Path, resume: bool) -> tuple[Experiment, bool]:
    """The experiment, and whether the folder holds a run of it to continue; writes nothing yet."""
    device_mesh(config)  # an impossible one is to be said before there is a run folder
    if is_first():
        check_folder(folder)
        check_report(folder)
    resuming = (folder / CONFIG).exists()
    if resuming and not resume:
        raise GiJaxError(f"{folder}: holds a run already; continue it with --resume, or name another folder")
    if resuming:
        check_same_config(folder, config)
        check_same_genes(folder, load_genes(config.data))
    experiment = load_experiment(config, load_split(folder / SPLIT) if resuming else None)
    check_can_be_fitted(experiment)
    return experiment, resuming


def _open(folder: Path, experiment: Experiment, keep_until: int) -> tuple[Sink, ...]:
    """Writes what the run folder says of the run, and opens its records."""
    config = experiment.config
    experiment.split.save(folder / SPLIT)
    networks = network_fingerprints(experiment.graph)
    write_description(folder, config, experiment.genes, experiment.transform, networks)
    lines = JsonLines(folder / METRICS, keep_until)
    return (lines, *make_sinks(config.trainer.loggers, folder, plain(config)))


def check_can_be_fitted(experiment: Experiment) -> None:
    """Builds what a fit needs, to hear of what is impossible before there is a run folder.

    Raises:
      GiJaxError: a loss or a precision that the model does not have, or a model that no file can keep.
    """
    kind = KINDS[experiment.config.model.kind]
    if kind.not_saved:
        raise GiJaxError(kind.not_saved)
    if kind.fit is None:
        training_task(experiment)


def training_task(experiment: Experiment) -> Task:
    """What a training by gradient works on, of a run's experiment."""
    return make_task(
        experiment.config,
        experiment.training,
        experiment.validation,
        experiment.cell,
        experiment.transform,
    )


def _conclude(
    folder: Path,
    experiment: Experiment,
    fitted: FittedModel,
    reporter: Reporter,
    progress: Progress,
    baselines: Sequence[str],
) -> Evaluation:
    """Evaluates the fitted model beside baselines, and writes and shows the result."""
    networks = network_fingerprints(experiment.graph)
    bundle = ModelBundle(
        experiment.config, experiment.genes, experiment.transform, networks, dict(fitted.arrays())
    )
    predictor = Predictor(bundle, experiment.graph, fitted=fitted)
    predictor.trust(experiment.val)
    evaluation = evaluate(experiment, predictor, experiment.test, baselines)
    write_report(evaluation, experiment, predictor, folder)
    values = evaluation.metrics[MODEL]._asdict()
    reporter.record("test", progress.step, **{f"test_{name}": value for name, value in values.items()})
    print_evaluation(evaluation, f"test genotypes ({experiment.split.kind} split)", reporter.console)
    return evaluation


def check_report(folder: Path) -> None:
    """Tries, before the work, whether the files of a report can be written into a folder, if it is there.

    Raises:
      GiJaxError: one of them cannot.
    """
    if folder.is_dir():
        for name in (EVALUATION, PREDICTIONS, PICTURE, REPORT, CALIBRATION, CONFIDENCE):
            check_writable(folder / name)


def write_report(evaluation: Evaluation, experiment: Experiment, predictor: Predictor, folder: Path) -> None:
    """Writes the report of a run into its folder: all files, or none if one fails.

    They are `evaluation.tsv`, `predictions.tsv`, `report.png` and `report.html`; of a model with standard
    deviations also `calibration.tsv` and `confidence.json`.
    """
    epochs, steps = (read_records(folder / METRICS, kind) for kind in ("epoch", "step"))
    pearson = {name: metrics.pearson for name, metrics in evaluation.metrics.items()}
    with replacing_together(folder) as new:
        write_evaluation(evaluation, experiment.genes, new)
        if predictor.bundle.confidence is not None:
            write_confidence(predictor.bundle.confidence, new)
        if evaluation.calibration is not None:
            write_calibration(evaluation.calibration, new)
        plot_report(new / PICTURE, evaluation.table.score, evaluation.predictions[MODEL], epochs, pearson)
        name = folder.absolute().name
        write_page(new / REPORT, experiment, predictor, evaluation, epochs, steps, name=name)
