"""When schedules advance: by batch, by epoch, by validated epoch."""

from __future__ import annotations

import pytest

from gi_jax.config import LrSchedulerConfig, OptimizerConfig, RegressionTaskConfig
from gi_jax.training.learning_rate import LearningRate
from gi_jax.training.progress import Progress

STEPS, EPOCHS = 2, 4


def rates(
    scheduler: LrSchedulerConfig | None, errors: list[float | None], warmup_steps: int = 0
) -> list[float]:
    """The rate of every batch of a run that resumes after each epoch."""
    task = RegressionTaskConfig(
        optimizer=OptimizerConfig(lr=1.0), lr_scheduler=scheduler, warmup_steps=warmup_steps
    )
    progress, found = Progress(), []
    for error in errors:
        rate = LearningRate(task, STEPS, EPOCHS, progress)
        for _ in range(STEPS):
            found.append(rate.value(progress))
            progress.step += 1
            rate.after_step(progress)
        rate.after_epoch(progress, error)
        progress = Progress.from_dict(progress.to_dict())
    return found


def test_without_a_schedule_the_rate_stays_after_the_warmup() -> None:
    assert rates(None, [1.0, 1.0], warmup_steps=4) == [0.25, 0.5, 0.75, 1.0]


def test_a_cosine_takes_the_whole_run_by_epochs_or_by_batches() -> None:
    # (1 + cos(pi k / n)) / 2, n = 4 epochs or 8 batches
    by_epoch = rates(LrSchedulerConfig(type="CosineAnnealingLR"), [1.0] * EPOCHS)
    assert by_epoch[::2] == by_epoch[1::2] == pytest.approx([1.0, 0.8535534, 0.5, 0.1464466])
    by_step = rates(LrSchedulerConfig(type="CosineAnnealingLR", interval="step"), [1.0] * EPOCHS)
    assert by_step == pytest.approx(
        [1.0, 0.9619398, 0.8535534, 0.6913417, 0.5, 0.3086583, 0.1464466, 0.0380602]
    )


def test_a_given_length_is_kept() -> None:
    halved = LrSchedulerConfig(type="CosineAnnealingLR", T_max=2)
    assert rates(halved, [1.0] * 3)[::2] == pytest.approx([1.0, 0.5, 0.0])


def test_a_plateau_counts_validated_epochs_only() -> None:
    scheduler = LrSchedulerConfig(type="ReduceLROnPlateau", factor=0.5, patience=0)
    assert rates(scheduler, [1.0, None, 0.5, 0.5, 0.4])[::2] == [1.0, 1.0, 1.0, 1.0, 0.5]
