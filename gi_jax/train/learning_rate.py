"""The learning rate of the moment, from the configured schedule."""

from __future__ import annotations

from gi_jax.config import RegressionTaskConfig
from gi_jax.train.progress import Progress


class LearningRate:
    """Follows the schedule of a run; its memory lives in the progress, so that it resumes."""

    def __init__(self, config: RegressionTaskConfig, progress: Progress) -> None:
        self.config = config

    def value(self, progress: Progress) -> float:
        return self.config.optimizer.lr

    def after_validation(self, mse: float, progress: Progress) -> None:
        pass
