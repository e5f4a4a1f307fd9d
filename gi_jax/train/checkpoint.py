"""Checkpoints of a run: the last two states to resume from, and the best weights to predict with."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import orbax.checkpoint as ocp

from gi_jax.errors import GiJaxError
from gi_jax.predict.weights import first_line, open_manager, read_arrays, write_arrays
from gi_jax.train.processes import every_process, first_process, from_first, is_first
from gi_jax.train.progress import Progress
from gi_jax.train.state import TrainState


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

    Args:
      run: the run folder.
      identity: put into every record (configuration, gene ids, fingerprints of the data).
    """

    def __init__(self, run: Path, identity: dict[str, Any]) -> None:
        self.run, self.identity = run, identity
        folder = run / "checkpoints"
        self._last = open_manager(folder / "last", keep=2) if is_first() else None
        self._best = open_manager(folder / "best", keep=1) if is_first() else None
        self._last_step = first_process(lambda: self._last.latest_step())

    def save(self, state: TrainState, progress: Progress) -> None:
        """Saves the state to resume from; returns when it is on disk.

        Raises:
          GiJaxError: it could not be written; the checkpoint before is left as it was.
        """
        first_process(lambda: self._write(self._last, "state", state, progress))
        self._last_step = progress.step

    def save_best(self, variables: dict[str, Any], progress: Progress) -> None:
        """Saves the weights with the best validation so far; raises as `save`."""
        first_process(lambda: self._write(self._best, "variables", variables, progress))

    def restore(self, template: TrainState) -> Restored | None:
        """The newest state that is whole, or None if nothing was ever saved.

        Damaged newer ones are removed, so that the run can save past them.

        Args:
          template: a state with the shapes and dtypes to read.

        Raises:
          GiJaxError: there are checkpoints, but all are damaged.
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
        shapes = jax.tree.map(lambda leaf: np.empty(leaf.shape, leaf.dtype), template)
        damaged: dict[int, str] = {}
        for step in sorted(self._last.all_steps(), reverse=True):
            try:
                state, record = read_arrays(self._last, step, "state", shapes)
            except Exception as error:  # Orbax, TensorStore and JSON each raise their own for broken files
                damaged[step] = first_line(error)
                continue
            for broken in damaged:
                self._last.delete(broken)
            return Restored(state, Progress.from_dict(record.pop("progress")), record, damaged)
        if not damaged:
            return None
        reasons = "; ".join(f"step {step:,}: {why}" for step, why in damaged.items())
        best = self._best.latest_step()
        rescue = "start anew in another folder"
        if best is not None:
            rescue += f", from the best weights (step {best:,}) with model.checkpoint_path={self.run}"
        raise GiJaxError(f"{self.run}: every checkpoint to resume from is damaged ({reasons}); {rescue}")

    def last_step(self) -> int | None:
        """The step of the newest state on disk."""
        return self._last_step

    def _write(self, manager: ocp.CheckpointManager, name: str, tree: Any, progress: Progress) -> None:
        step, before = progress.step, self._last.latest_step()
        try:
            # A run that went back to an older state meets steps that it had already saved.
            for newer in [saved for saved in manager.all_steps() if saved >= step]:
                manager.delete(newer)
            write_arrays(manager, step, name, tree, {"progress": progress.to_dict(), **self.identity})
        except Exception as error:  # a full disk surfaces as OSError, ValueError or TensorStore's own
            kept = "there is none before it" if before is None else f"the last good one is of step {before:,}"
            raise GiJaxError(
                f"the checkpoint of step {step:,} could not be written to {self.run / 'checkpoints'} "
                f"({first_line(error)}); {kept}; make room or mend the folder, then continue with --resume"
            ) from error
