"""Search of settings by the validation genotypes; test genotypes are never predicted."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from pathlib import Path
from signal import Signals
from typing import TYPE_CHECKING, Any, NamedTuple

from rich.console import Console

from gi_jax.config import load_config, to_yaml
from gi_jax.errors import GiJaxError
from gi_jax.files import check_folder, write_text
from gi_jax.runs.lock import FolderInUseError, lock_folder
from gi_jax.runs.run import METRICS, train
from gi_jax.study.run import training_numbers
from gi_jax.study.space import Space
from gi_jax.terminal import show_title

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import Trial

JOURNAL, BEST, TRIALS = "trials.journal", "best.yaml", "trials.tsv"
NAME = "gi_jax"


class Found(NamedTuple):
    """How a search ended."""

    trials: int  # that came to an end, those given up early included
    value: float | None  # the best validation Pearson; None if no trial came to its end
    overrides: tuple[str, ...]  # of the best trial
    stopped_by: Signals | None


class _GiveUp(Exception):
    """Raised in the middle of a training that is behind the others."""


class _Watcher:
    """Tells the search of every epoch, and ends a training that is not worth its time."""

    def __init__(self, trial: Trial) -> None:
        self.trial = trial

    def write(self, record: Mapping[str, Any]) -> None:
        if record["kind"] != "epoch":
            return
        value = record.get("val_pearson")
        self.trial.report(value if value is not None and math.isfinite(value) else -1.0, record["epoch"])
        if self.trial.should_prune():
            raise _GiveUp

    def close(self) -> None:
        """There is nothing to be closed."""


def tune(
    config: str | Path,
    space: Space,
    folder: str | Path,
    *,
    trials: int,
    overrides: tuple[str, ...] = (),
    console: Console,
) -> Found:
    """Trains with settings of a space until there are so many trials, and writes the best configuration.

    Optuna's tree-structured Parzen estimator (Bergstra et al. 2011; Akiba et al. 2019) proposes settings by
    the validation Pearson of the trials before. A training whose validation Pearson is below the median of
    the others' at the same epoch is given up. Every trial is a run folder without an evaluation. Several
    processes may search in one folder, and a search goes on where it was stopped or killed.

    Args:
      config: file or name of the configuration to start from.
      space: what may vary.
      folder: of the search: `trials.journal`, a run folder for each trial, `trials.tsv`, `best.yaml`.
      trials: how many there shall be in the folder.
      overrides: of the configuration, for all trials.
      console: told of every trial.

    Raises:
      GiJaxError: Optuna is not installed, the configuration does not take what the space gives, the folder
        holds a search of another configuration or space, or every trial failed.
    """
    folder = Path(folder)
    load_config(config, (*overrides, *space.first()))
    check_folder(folder, create=True)
    study = _study(folder, config, overrides, space)
    stopped_by = None
    while stopped_by is None and (trial := _next(study, folder, trials)) is not None:
        stopped_by = _run(study, trial, space, config, overrides, folder, console)
    return _conclude(study, space, config, overrides, folder, stopped_by)


def _study(folder: Path, config: str | Path, overrides: tuple[str, ...], space: Space) -> Study:
    try:
        import optuna
    except ImportError:
        raise GiJaxError(
            "a search needs Optuna, which is not installed; pip install 'gi-jax[tune]'"
        ) from None
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(logging.WARNING)
    storage = JournalStorage(JournalFileBackend(str(folder / JOURNAL)))
    study = optuna.create_study(
        study_name=NAME,
        storage=storage,
        load_if_exists=True,
        direction="maximize",
        sampler=optuna.samplers.TPESampler(constant_liar=True),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=1),
    )
    basis = {"config": to_yaml(load_config(config, overrides).config), "space": repr(space)}
    for key, value in basis.items():
        if study.user_attrs.setdefault(key, value) != value:
            raise GiJaxError(
                f"{folder}: holds a search of another {key}; go on with that one, or name another folder"
            )
        study.set_user_attr(key, value)
    return study


def _trial_folder(folder: Path, number: int) -> Path:
    return folder / f"trial_{number:04}"


def _next(study: Study, folder: Path, trials: int) -> Trial | None:
    """A trial that a process left behind, or a new one; None if there are enough."""
    from optuna.trial import Trial, TrialState

    known = study.get_trials(deepcopy=False)
    for found in known:
        if found.state == TrialState.RUNNING:
            try:
                lock_folder(_trial_folder(folder, found.number)).release()
            except FolderInUseError:
                continue
            return Trial(study, found._trial_id)
    counted = sum(trial.state != TrialState.FAIL for trial in known)
    return study.ask() if counted < trials else None


def _run(
    study: Study,
    trial: Trial,
    space: Space,
    config: str | Path,
    overrides: tuple[str, ...],
    folder: Path,
    console: Console,
) -> Signals | None:
    """Trains one trial and tells the search; gives the signal that stopped it, if one did."""
    from optuna.trial import TrialState

    own, into = space.suggest(trial), _trial_folder(folder, trial.number)
    show_title(console, f"trial {trial.number}: {', '.join(own)}")
    try:
        run = train(
            load_config(config, (*overrides, *own)).config,
            into,
            resume=True,
            console=console,
            evaluated=False,
            watchers=[_Watcher(trial)],
        )
    except FolderInUseError:
        return None  # another process was faster, and tells the search itself
    except _GiveUp:
        console.print(f"trial {trial.number}: given up, it is behind the others")
        study.tell(trial, state=TrialState.PRUNED)
        return None
    except GiJaxError as error:
        console.print(f"trial {trial.number} failed: {error}", style="red", markup=False)
        study.tell(trial, state=TrialState.FAIL)
        failed = study.get_trials(deepcopy=False, states=(TrialState.FAIL,))
        if len(failed) > 3 and not study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)):
            raise GiJaxError(f"{folder}: {len(failed)} trials failed and none succeeded; {error}") from None
        return None
    if run.stopped_by is not None:
        return run.stopped_by
    value = training_numbers(into / METRICS)["val_pearson"]
    if value is None:  # a constant prediction
        study.tell(trial, state=TrialState.FAIL)
    else:
        study.tell(trial, value)
        console.print(f"trial {trial.number}: validation Pearson {value:.4f}")
    return None


def _conclude(
    study: Study,
    space: Space,
    config: str | Path,
    overrides: tuple[str, ...],
    folder: Path,
    stopped_by: Signals | None,
) -> Found:
    """Writes the table of trials and the best configuration."""
    from optuna.trial import TrialState

    ended = [trial for trial in study.get_trials(deepcopy=False) if trial.state.is_finished()]
    complete = [trial for trial in ended if trial.state == TrialState.COMPLETE]
    lines = ["\t".join(("trial", "state", "validation_pearson", *space.settings))]
    for trial in sorted(ended, key=lambda trial: -(trial.value if trial.value is not None else -math.inf)):
        value = "" if trial.value is None else f"{trial.value:.6g}"
        shown = (str(trial.params.get(key, "")) for key in space.settings)
        lines.append("\t".join((str(trial.number), trial.state.name.lower(), value, *shown)))
    write_text(folder / TRIALS, "\n".join(lines) + "\n")
    counted = sum(trial.state != TrialState.FAIL for trial in ended)
    if not complete:
        return Found(counted, None, (), stopped_by)
    best = max(complete, key=lambda trial: trial.value or -math.inf)
    own = _overrides(space, best.params)
    text = to_yaml(load_config(config, (*overrides, *own)).config)
    write_text(folder / BEST, f"# Trial {best.number}: validation Pearson {best.value:.4f}\n{text}")
    return Found(counted, best.value, own, stopped_by)


def _overrides(space: Space, params: Mapping[str, Any]) -> tuple[str, ...]:
    """The overrides of a trial that has run, from what the journal keeps of it."""
    from optuna.trial import FixedTrial

    return space.suggest(FixedTrial(dict(params)))  # pyright: ignore[reportArgumentType] # suggests the same
