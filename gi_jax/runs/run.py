"""A run: a folder that holds a training from its configuration to its evaluation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from signal import Signals
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from rich.console import Console

from gi_jax.config import RunConfig
from gi_jax.config.paths import with_absolute_paths
from gi_jax.config.schema import plain
from gi_jax.data.splits import load_split
from gi_jax.errors import GiJaxError
from gi_jax.files import check_folder, check_writable, replacing_together
from gi_jax.ops.spmm import with_backend
from gi_jax.experiment.bundle import CONFIG, ModelBundle, load_bundle, write_description
from gi_jax.experiment.cell import load_genes, network_fingerprints
from gi_jax.predict.predictor import Predictor
from gi_jax.report import plot_report, write_page
from gi_jax.evaluate.calibration import FILE as CALIBRATION
from gi_jax.evaluate.calibration import write_calibration
from gi_jax.train.checkpoint import Checkpoints
from gi_jax.train.devices import device_mesh
from gi_jax.train.ensemble import check_starting_weights, stack_members
from gi_jax.evaluate.evaluation import (
    BASELINES,
    EVALUATION,
    MODEL,
    PREDICTIONS,
    Evaluation,
    evaluate,
    print_evaluation,
    write_evaluation,
)
from gi_jax.experiment.experiment import Experiment, load_experiment
from gi_jax.runs.lock import lock_folder
from gi_jax.train.logging import JsonLines, Reporter, read_records
from gi_jax.train.loop import Training
from gi_jax.train.optimizer import make_optimizer
from gi_jax.train.processes import check_alike, every_process, is_first
from gi_jax.train.progress import Progress
from gi_jax.runs.resume import (
    check_same_config,
    check_same_data,
    check_same_genes,
    describe_resumption,
    flat,
)
from gi_jax.train.signals import StopSignals
from gi_jax.train.sinks import Sink, make_sinks
from gi_jax.train.state import TrainState, init_state, init_variables

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
) -> RunResult:
    """Trains into a run folder and evaluates the best weights on the test split.

    Several processes (see `gi_jax.train.processes`) call it with the same arguments and see the same
    files; the first one writes, speaks and evaluates.

    Args:
      config: of the run.
      folder: new, or of a run to continue.
      resume: continue the run of the folder where its last checkpoint stands; a run that never
        started is started.
      console: where the reports go.
      baselines: evaluated beside the model, see `gi_jax.models.closed_form`.

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
        return _train(experiment, folder, resuming, console, baselines)


def _train(
    experiment: Experiment, folder: Path, resuming: bool, console: Console, baselines: Sequence[str]
) -> RunResult:
    """Trains and evaluates in a folder that is this run's own."""
    identity = experiment.identity()
    check_alike("configuration, genes, data or run folder", {**identity, "resuming": resuming})
    reporter = Reporter(console if is_first() else Console(quiet=True))
    reporter.say(f"{experiment.report}\n{experiment.split}")
    checkpoints = Checkpoints(folder, identity)
    # Weights to start from are needed no more, and may have gone, once there is a checkpoint.
    restored = checkpoints.restore(_state(experiment, loaded=None)) if resuming else None
    if restored is None:
        state, progress = fresh_state(experiment), Progress()
    else:
        check_same_data(folder, restored.identity, identity)
        state, progress = restored.state, restored.progress
        experiment = _with_earlier_backends(experiment, progress)
        reporter.say(describe_resumption(restored))
    keep_until = progress.step if restored else -1
    reporter.sinks = every_process(lambda: _open(folder, experiment, keep_until) if is_first() else ())
    with closing(reporter):
        with StopSignals() as signals, reporter:
            training = Training(experiment, state, progress, checkpoints, reporter, signals)
            ended = training.run()
        if ended is None:
            text = f"stopped by {signals.received.name}, state saved at step {progress.step:,}"
            return RunResult(text, None, signals.received)
        criterion = training.criterion
        best = criterion.best(progress)
        reporter.say(
            f"training ended: {ended}; best {criterion.label} {math.nan if best is None else best:.4f} "
            f"in epoch {progress.best_epoch + 1}"
        )
        evaluation = every_process(
            lambda: _conclude(folder, experiment, reporter, progress, baselines) if is_first() else None
        )
    return RunResult(ended, evaluation, None)


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
    return load_experiment(config, load_split(folder / SPLIT) if resuming else None), resuming


def _with_earlier_backends(experiment: Experiment, progress: Progress) -> Experiment:
    """Goes on with the backends that the run began with: others round differently."""
    named = experiment.config.trainer.aggregation_backend != "auto"
    elsewhere = progress.platform != jax.default_backend()
    if named or elsewhere or set(progress.backends) != set(experiment.graph.names):
        return experiment
    return replace(experiment, graph=jax.device_put(with_backend(experiment.graph, progress.backends)))


def _open(folder: Path, experiment: Experiment, keep_until: int) -> tuple[Sink, ...]:
    """Writes what the run folder says of the run, and opens its records."""
    config = experiment.config
    experiment.split.save(folder / SPLIT)
    networks = network_fingerprints(experiment.graph)
    write_description(folder, config, experiment.genes, experiment.transform, networks)
    lines = JsonLines(folder / METRICS, keep_until)
    return (lines, *make_sinks(config.trainer.loggers, folder, plain(config)))


def _conclude(
    folder: Path, experiment: Experiment, reporter: Reporter, progress: Progress, baselines: Sequence[str]
) -> Evaluation:
    """Evaluates the best weights beside baselines, and writes and shows the result."""
    predictor = Predictor(load_bundle(folder), experiment.graph)
    evaluation = evaluate(experiment, predictor, experiment.test, baselines)
    write_report(evaluation, experiment, predictor, folder)
    values = evaluation.metrics[MODEL]._asdict()
    reporter.record("test", progress.step, **{f"test_{name}": value for name, value in values.items()})
    print_evaluation(evaluation, f"test genotypes ({experiment.split.kind} split)", reporter.console)
    return evaluation


def fresh_state(experiment: Experiment) -> TrainState:
    """The state before the first step, from random weights or those of `model.checkpoint_path`.

    With an ensemble every leaf has a leading axis, one entry per member; the first member starts as
    a run of the same seed does.
    """
    config = experiment.config
    loaded = None
    if config.model.checkpoint_path is not None:
        loaded = load_bundle(config.model.checkpoint_path)
        check_starting_weights(loaded.config.ensemble, config)
    return _state(experiment, loaded)


def _state(experiment: Experiment, loaded: ModelBundle | None) -> TrainState:
    config = experiment.config
    states = [_member_state(experiment, member, loaded) for member in range(config.ensemble)]
    return states[0] if config.ensemble == 1 else stack_members(states)


def _member_state(experiment: Experiment, member: int, loaded: ModelBundle | None) -> TrainState:
    config, seed = experiment.config, experiment.config.seed + member
    variables = init_variables(experiment.model, experiment.graph, seed)
    if loaded is not None:
        start = loaded.member(member if loaded.config.ensemble > 1 else 0)
        variables = _same_shapes(start.variables, variables, config)
    return init_state(
        variables,
        config.regression_task,
        make_optimizer(config.regression_task, variables["params"]),
        experiment.objective,
        embedding_dim=config.model.hidden_channels,
        batch_size=config.data_module.batch_size,
        seed=seed,
    )


def check_report(folder: Path) -> None:
    """Tries, before the work, whether the files of a report can be written into a folder, if it is there.

    Raises:
      GiJaxError: one of them cannot.
    """
    if folder.is_dir():
        for name in (EVALUATION, PREDICTIONS, PICTURE, REPORT, CALIBRATION):
            check_writable(folder / name)


def write_report(evaluation: Evaluation, experiment: Experiment, predictor: Predictor, folder: Path) -> None:
    """Writes `evaluation.tsv`, `predictions.tsv`, `report.png` and `report.html`, of an ensemble also
    `calibration.tsv`, into a run folder: all of them, or none if one fails.
    """
    epochs, steps = (read_records(folder / METRICS, kind) for kind in ("epoch", "step"))
    pearson = {name: metrics.pearson for name, metrics in evaluation.metrics.items()}
    with replacing_together(folder) as new:
        write_evaluation(evaluation, experiment.genes.ids, new)
        if evaluation.calibration is not None:
            write_calibration(evaluation.calibration, new)
        plot_report(new / PICTURE, evaluation.table.score, evaluation.predictions[MODEL], epochs, pearson)
        name = folder.absolute().name
        write_page(new / REPORT, experiment, predictor, evaluation, epochs, steps, name=name)


def _same_shapes(loaded: dict[str, Any], fresh: dict[str, Any], config: RunConfig) -> dict[str, Any]:
    found, expected = (flat(jax.tree.map(lambda x: tuple(x.shape), tree)) for tree in (loaded, fresh))
    for name in expected | found:
        if found.get(name) != expected.get(name):
            raise GiJaxError(
                f"{config.model.checkpoint_path}: {name} has shape {found.get(name)}, but this configuration "
                f"needs {expected.get(name)}; use the model section that the weights were trained with"
            )
    return jax.tree.map(lambda weights, like: jnp.asarray(weights, like.dtype), loaded, fresh)
