"""The learning rate of the moment: the configured schedule, advanced as the training goes on."""

from __future__ import annotations

from gi_jax.config import RegressionTaskConfig
from gi_jax.schedules import linear_warmup, make_schedule
from gi_jax.training.progress import Progress

# The option that says how long a schedule takes; left out, it takes the whole run.
_LENGTH = {"CosineAnnealingWarmupRestarts": "first_cycle_steps", "CosineAnnealingLR": "T_max"}


class LearningRate:
    """Follows the schedule of a run; its memory lives in the progress, so that it resumes.

    Args:
      config: the `regression_task:` block.
      steps: batches of an epoch.
      max_epochs: of the run.
      progress: gets the schedule's start if the run is new.
    """

    def __init__(self, config: RegressionTaskConfig, steps: int, max_epochs: int, progress: Progress) -> None:
        scheduler = config.lr_scheduler
        name = "Constant" if scheduler is None else scheduler.type
        options = {} if scheduler is None else scheduler.options
        self.by_step = scheduler is not None and scheduler.interval == "step"
        self.on_plateau = name == "ReduceLROnPlateau"
        if name in _LENGTH:
            options = {_LENGTH[name]: max_epochs * steps if self.by_step else max_epochs} | options
        self.schedule = make_schedule(name, lr=config.optimizer.lr, **options)
        self.warmup_steps = config.warmup_steps
        if progress.schedule is None:
            progress.schedule = self.schedule.start()

    def value(self, progress: Progress) -> float:
        """The rate of the next step."""
        return progress.schedule["lr"] * linear_warmup(progress.step, self.warmup_steps)

    def after_step(self, progress: Progress) -> None:
        """Call after every batch."""
        if self.by_step:
            progress.schedule = self.schedule.advance(progress.schedule)

    def after_epoch(self, progress: Progress, val_mse: float | None) -> None:
        """Call after every epoch, with the squared error of the validation if there was one."""
        if self.on_plateau and val_mse is not None:
            progress.schedule = self.schedule.advance(progress.schedule, val_mse)
        elif not self.by_step and not self.on_plateau:
            progress.schedule = self.schedule.advance(progress.schedule)
