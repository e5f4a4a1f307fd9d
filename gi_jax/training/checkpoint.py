"""Checkpoints of a run: the last two states to resume from, and the best weights to predict with."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gi_jax.errors import GiJaxError
from gi_jax.models.weights import ArrayFolder, FormatError, read_arrays, write_arrays
from gi_jax.training.epoch_sums import centred
from gi_jax.training.processes import every_process, first_process, from_first, is_first
from gi_jax.training.progress import Progress
from gi_jax.training.state import TrainState

CENTRED = "centred_sums"  # in the record: the sums of the state are moments around the mean


class Restored(NamedTuple):
    """A state, where it stood, whose it is, and the newer checkpoints found damaged: step -> why."""

    state: TrainState
    progress: Progress
    identity: dict[str, Any]
    damaged: dict[int, str]


class Checkpoints:
    """Orbax checkpoints of a run: `checkpoints/last/STEP` (the newest two), `checkpoints/best/STEP` (one).

    Each is a composite of `state` (or `variables`) and the JSON `record`: the progress, what the run
    identifies itself by, and the SHA-256 of all arrays. Every process calls every method; the first
    one reads and writes, and all get what it read, or its error.

    The first checkpoint of either kind that a session writes is read back at once: a folder that
    keeps nothing, or something else, is to be known before hours of training.

    Args:
      run: the run folder.
      identity: put into every record (configuration, gene ids, fingerprints of the data).
    """

    def __init__(self, run: Path, identity: dict[str, Any]) -> None:
        self.run, self.identity = run, identity
        folder = run / "checkpoints"
        self._folders = (ArrayFolder(folder / "last"), ArrayFolder(folder / "best")) if is_first() else None
        self._last_step = first_process(lambda: self._last.newest())
        self._read_back: set[str] = set()  # what of `state` and `variables` was, in this session

    @property
    def _last(self) -> ArrayFolder:
        assert self._folders is not None, "the first process alone reads and writes"
        return self._folders[0]

    @property
    def _best(self) -> ArrayFolder:
        assert self._folders is not None, "the first process alone reads and writes"
        return self._folders[1]

    def save(self, state: TrainState, progress: Progress) -> None:
        """Saves the state to resume from; returns when it is on disk.

        Raises:
          GiJaxError: it could not be written, or not be read back; the checkpoint before is left as it was.
        """
        first_process(lambda: self._write(self._last, "state", state, progress, keep=2))
        self._last_step = progress.step

    def save_best(self, variables: dict[str, Any], progress: Progress) -> None:
        """Saves the weights with the best validation so far; raises as `save`."""
        first_process(lambda: self._write(self._best, "variables", variables, progress, keep=1))

    def restore(self, template: TrainState) -> Restored | None:
        """The newest state that is whole, or None if nothing was ever saved.

        Damaged newer ones are removed, so that the run can save past them.

        Args:
          template: a state with the shapes and dtypes to read.

        Raises:
          GiJaxError: there are checkpoints, but all are damaged; or the newest is of other dtypes or
            shapes than the template.
        """
        own = every_process(lambda: self._read(template) if is_first() else None)
        told = first_process(
            lambda: own and (own.progress.to_dict(), own.identity, list(own.damaged.items()))
        )
        if told is None:
            return None
        progress, identity, damaged = told
        self._last_step = progress["step"]
        state = from_first(own.state if own else template)
        return Restored(state, Progress.from_dict(progress), identity, dict(damaged))

    def _read(self, template: TrainState) -> Restored | None:
        shapes = _like(template)
        damaged: dict[int, str] = {}
        for step in sorted(self._last.all_steps(), reverse=True):
            try:
                state, record = read_arrays(self._last, step, "state", shapes)
                progress = Progress.from_dict(record.pop("progress"))
            except FormatError:
                raise
            except Exception as error:  # Orbax, TensorStore and JSON each raise their own for broken files
                damaged[step] = self._last.reason(error)
                continue
            for broken in damaged:
                self._last.delete(broken)
            if not record.get(CENTRED):
                state = replace(state, sums=centred(state.sums))
            return Restored(jax.tree.map(jnp.asarray, state), progress, record, damaged)
        if not damaged:
            return None
        reasons = "; ".join(f"step {step:,}: {why}" for step, why in damaged.items())
        best = self._best.newest()
        rescue = "start anew in another folder"
        if best is not None:
            rescue += f", from the best weights (step {best:,}) with model.checkpoint_path={self.run}"
        raise GiJaxError(f"{self.run}: every checkpoint to resume from is damaged ({reasons}); {rescue}")

    def last_step(self) -> int | None:
        """The step of the newest state on disk."""
        return self._last_step

    def _write(self, folder: ArrayFolder, name: str, tree: Any, progress: Progress, *, keep: int) -> None:
        step, before = progress.step, self._last.newest()
        record = {"progress": progress.to_dict(), CENTRED: True, **self.identity}
        try:
            # A run that went back to an older state meets steps that it had already saved.
            with _aside(folder, step):
                write_arrays(folder, step, name, tree, record)
                if name not in self._read_back:
                    _read_back(folder, step, name, tree)
            self._read_back.add(name)
            older = sorted(saved for saved in folder.all_steps() if saved < step)
            newer = [saved for saved in folder.all_steps() if saved > step]
            for passed in (*older[: len(older) + 1 - keep], *newer):
                folder.delete(passed)
        except Exception as error:  # a full disk surfaces as OSError, ValueError or TensorStore's own
            kept = "there is none before it" if before is None else f"the last good one is of step {before:,}"
            raise GiJaxError(
                f"the checkpoint of step {step:,} could not be written to {self.run / 'checkpoints'} "
                f"({folder.reason(error)}); {kept}; make room or mend the folder, then continue with --resume"
            ) from error


def _like(tree: Any) -> Any:
    """Host arrays of the same dtypes and shapes."""
    return jax.tree.map(lambda leaf: np.empty(leaf.shape, leaf.dtype), tree)


def _read_back(folder: ArrayFolder, step: int, name: str, tree: Any) -> None:
    """Raises a `ValueError`, and takes the checkpoint away, unless it is read as it was saved."""
    try:
        read_arrays(folder, step, name, _like(tree))
    except Exception as error:
        reason = folder.reason(error)
        folder.delete(step)
        raise ValueError(f"written, but it cannot be read back: {reason}") from error


@contextmanager
def _aside(folder: ArrayFolder, step: int) -> Iterator[None]:
    """Takes an earlier checkpoint of the same step out of the way, and puts it back if the block fails."""
    saved, aside = folder.folder / str(step), folder.folder.parent / f".{folder.folder.name}-{step}"
    if not saved.exists():
        yield
        return
    shutil.rmtree(aside, ignore_errors=True)
    saved.rename(aside)
    try:
        yield
    except BaseException:
        aside.rename(saved)
        raise
    shutil.rmtree(aside)
