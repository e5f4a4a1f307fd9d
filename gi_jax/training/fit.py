"""How a neural model is fitted: by gradient, with checkpoints in a run folder."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from signal import Signals
from typing import Any

import jax

from gi_jax.config import RunConfig
from gi_jax.data.transforms import LabelTransform
from gi_jax.models.model import Cell, FittedModel, Labelled, PredictionSettings
from gi_jax.models.neural.fitted import restore_neural
from gi_jax.models.weights import read_best
from gi_jax.ops.spmm import with_backend
from gi_jax.training.checkpoint import Checkpoints, Restored
from gi_jax.training.fixed import kept_with_run
from gi_jax.training.logging import Reporter
from gi_jax.training.loop import Training
from gi_jax.training.processes import every_process, is_first
from gi_jax.training.progress import Progress
from gi_jax.training.signals import StopSignals
from gi_jax.training.start import fresh_state, state_like
from gi_jax.training.task import Task, make_task


class GradientFit:
    """Fits a model of `gi_jax.models.neural`: a `Fit` of the contract that may be interrupted.

    Args:
      config: of the run.
      transform: of the labels.
      folder: of the run.
      checkpoints: in it, where states and the best weights go.
      reporter: told of everything.
      begin: called with the last step that the run's records keep, before the first step.
      check: called with a restored state before anything goes on from it.
      resuming: continue where the last checkpoint stands.
    """

    def __init__(
        self,
        config: RunConfig,
        transform: LabelTransform,
        folder: Path,
        checkpoints: Checkpoints,
        reporter: Reporter,
        *,
        begin: Callable[[int], None],
        check: Callable[[Restored], None],
        resuming: bool,
    ) -> None:
        self.config, self.transform, self.folder = config, transform, folder
        self.checkpoints, self.reporter, self.resuming = checkpoints, reporter, resuming
        self.begin, self.check = begin, check
        self.ended: str | None = None  # why; None if a signal stopped it
        self.stopped_by: Signals | None = None
        self.progress = Progress()
        self.cell: Cell | None = None  # with the backends that it was trained with

    def __call__(
        self, options: Any, training: Labelled, validation: Labelled, cell: Cell
    ) -> FittedModel | None:
        """The best weights by the validation genotypes; None if a signal stopped the training.

        Only the first of several processes gets the model.
        """
        config = replace(self.config, model=options)
        task = make_task(config, training, validation, cell, self.transform)
        task = kept_with_run(task, self.folder, resuming=self.resuming)
        # Weights to start from are needed no more, and may have gone, once there is a checkpoint.
        restored = self.checkpoints.restore(state_like(task)) if self.resuming else None
        if restored is None:
            state = fresh_state(task)
        else:
            self.check(restored)
            state, self.progress = restored.state, restored.progress
            task = replace(task, cell=_with_earlier_backends(task.cell, config, self.progress))
        self.cell = task.cell
        self.begin(self.progress.step if restored else -1)
        with StopSignals() as signals, self.reporter:
            loop = Training(task, state, self.progress, self.checkpoints, self.reporter, signals)
            self.ended = loop.run()
        if self.ended is None:
            self.stopped_by = signals.received
            return None
        best, epoch = loop.criterion.best(self.progress), self.progress.best_epoch
        assert epoch is not None, "a training that ended was validated"
        self.reporter.say(
            f"training ended: {self.ended}; best {loop.criterion.label} "
            f"{math.nan if best is None else best:.4f} in epoch {epoch + 1}"
        )
        return every_process(lambda: self._best(task) if is_first() else None)

    def _best(self, task: Task) -> FittedModel:
        settings = PredictionSettings(task.config.data_module.batch_size, task.config.ensemble)
        variables: dict[str, Any] = read_best(self.folder)[0]
        return restore_neural(variables, task.config.neural, task.cell, settings)


def _with_earlier_backends(cell: Cell, config: RunConfig, progress: Progress) -> Cell:
    """Goes on with the backends that the run began with: others round differently."""
    named = config.trainer.aggregation_backend != "auto"
    elsewhere = progress.platform != jax.default_backend()
    if named or elsewhere or set(progress.backends) != set(cell.graph.names):
        return cell
    return cell._replace(graph=jax.device_put(with_backend(cell.graph, progress.backends)))
