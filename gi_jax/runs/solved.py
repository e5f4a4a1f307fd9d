"""How a model of closed form is fitted into a run folder."""

from __future__ import annotations

import time
from collections.abc import Callable
from signal import Signals

from gi_jax.config import RunConfig
from gi_jax.data.transforms import LabelTransform
from gi_jax.evaluation.metrics import regression_metrics
from gi_jax.models.model import Cell, FittedModel, Labelled
from gi_jax.models.registry import KINDS
from gi_jax.training.checkpoint import Checkpoints
from gi_jax.training.logging import Reporter
from gi_jax.training.processes import every_process, is_first
from gi_jax.training.progress import Progress


class SolvedFit:
    """Solves for a model, and saves it as the run's best weights; nothing is left to be resumed.

    Args:
      config: of the run.
      transform: of the labels.
      checkpoints: in the run folder.
      reporter: told of everything.
      begin: called with -1 before the fit: no earlier record is kept.
    """

    def __init__(
        self,
        config: RunConfig,
        transform: LabelTransform,
        checkpoints: Checkpoints,
        reporter: Reporter,
        *,
        begin: Callable[[int], None],
    ) -> None:
        self.config, self.transform, self.checkpoints, self.reporter = (
            config,
            transform,
            checkpoints,
            reporter,
        )
        self.begin, self.progress = begin, Progress()
        self.ended: str | None = None
        self.stopped_by: Signals | None = None
        self.cell: Cell | None = None

    def __call__(
        self, options: object, training: Labelled, validation: Labelled, cell: Cell
    ) -> FittedModel | None:
        """The fitted model; only the first of several processes solves for it and gets it."""
        self.begin(-1)
        self.cell, kind = cell, self.config.model.kind
        began = time.monotonic()
        solve = KINDS[kind].fit
        assert solve is not None, f"a model of kind {kind} is not solved for"
        fitted = every_process(lambda: solve(options, training, validation, cell) if is_first() else None)
        self.progress.seconds = time.monotonic() - began
        self.checkpoints.save_best(dict(fitted.arrays()) if fitted else {}, self.progress)
        self.ended = f"{kind} fitted in {self.progress.seconds:.1f} s"
        if fitted is not None:
            table = validation.table
            scores = self.transform.inverse(fitted.predict(table).members[0], table.study)
            metrics = regression_metrics(scores, table.score)
            self.reporter.say(
                f"{self.ended} ({fitted.chosen}); val Pearson {metrics.pearson:.4f}, val RMSE "
                f"{metrics.rmse:.4g}"
            )
            values = {f"val_{name}": value for name, value in metrics._asdict().items()}
            self.reporter.record("fit", 0, chosen=fitted.chosen, seconds=self.progress.seconds, **values)
        return fitted
