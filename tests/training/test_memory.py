"""A batch that cannot fit is refused before the first step, with the largest that can."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from gi_jax.config import RunConfig
from gi_jax.errors import GiJaxError
from gi_jax.experiment.experiment import load_experiment
from gi_jax.runs.run import training_task
from gi_jax.training import stepper
from gi_jax.training.memory import available_bytes, check_fits, required_bytes
from gi_jax.training.optimizer import make_optimizer
from gi_jax.training.progress import Progress
from gi_jax.training.start import fresh_state
from gi_jax.training.step import StepInputs


def linear_needs(batch_size: int) -> int:
    return 1000 + 10 * batch_size


def test_the_largest_batch_follows_from_linear_needs():
    with pytest.raises(GiJaxError, match="batch_size is 64.*the largest that fits is about 50;"):
        check_fits(64, linear_needs(64), 1500, linear_needs)


def test_a_model_that_leaves_no_room_for_any_batch_says_so():
    with pytest.raises(GiJaxError, match="no batch fits; use a smaller model"):
        check_fits(64, linear_needs(64), 1005, linear_needs)


def test_devices_that_share_a_batch_get_a_multiple_of_their_number() -> None:
    asked = []

    def on_each_of_six(batch_size: int) -> int:
        asked.append(batch_size)
        return linear_needs(batch_size // 6)

    with pytest.raises(GiJaxError, match="batch_size is 90, .*the largest that fits is about 30"):
        check_fits(90, on_each_of_six(90), linear_needs(5) + 5, on_each_of_six, multiple_of=6)
    assert asked == [90, 6]  # an eighth of 90, in whole genotypes for each


@pytest.mark.parametrize("available", [linear_needs(64), None])
def test_a_batch_that_fits_passes_and_nothing_smaller_is_compiled(available):
    check_fits(64, linear_needs(64), available, lambda batch_size: pytest.fail("was compiled"))


def test_required_bytes_counts_arguments_and_work_space():
    x = np.ones((256, 256), np.float32)
    program = jax.jit(lambda x: (x @ x) @ (x @ x).T).lower(x).compile()
    assert required_bytes(program) >= 2 * x.nbytes
    assert available_bytes() > required_bytes(program)


def test_training_refuses_before_the_first_step(small_config: RunConfig, monkeypatch: pytest.MonkeyPatch):
    task = training_task(load_experiment(small_config))
    state = fresh_state(task)
    steps = stepper.Stepper(
        task, make_optimizer(small_config.regression_task, state.params), state, Progress()
    )
    required = required_bytes(steps.compile(state))
    monkeypatch.setattr(stepper, "available_bytes", lambda: required - 1)
    inputs = StepInputs(np.int32(0), np.int32(0), np.float32(0), np.bool_(True))
    with pytest.raises(GiJaxError, match="batch_size is 16, for which a step needs") as refused:
        steps(state, inputs)
    assert "the largest that fits is about 1" in str(refused.value)  # 10 to 15, by rounding of room
