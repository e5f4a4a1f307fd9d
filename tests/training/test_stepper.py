"""Room for changed rows: enough for every batch of an epoch, and grown only when it must be."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gi_jax.config import RunConfig
from gi_jax.experiment.experiment import load_experiment
from gi_jax.ops.row_counts import RowCounts
from gi_jax.runs.run import training_task
from gi_jax.training.optimizer import make_optimizer
from gi_jax.training.progress import Progress
from gi_jax.training.start import fresh_state
from gi_jax.training.stepper import Stepper


def test_room_that_is_too_small_grows_before_the_epoch_and_then_stays(small_config: RunConfig) -> None:
    task = training_task(load_experiment(small_config))
    state = fresh_state(task)
    optimizer = make_optimizer(small_config.regression_task, state.params)
    estimated = Stepper(task, optimizer, state, Progress())
    _, recompiled = estimated.start_epoch(0)
    assert not recompiled  # what epochs in other orders need, and a margin, holds this one's batches

    progress = Progress(row_need=RowCounts.zeros(2).to_list(), device_batch=16)
    small = Stepper(task, optimizer, state, progress)
    assert small.capacity.union < estimated.capacity.union
    order, recompiled = small.start_epoch(0)
    assert recompiled
    need = small.needs.largest(order, small.batch_size)
    assert small.row_need.to_list() == need.to_list()
    assert small.capacity == small.needs.capacity(need)
    assert not small.start_epoch(0)[1]

    progress = Progress(row_need=small.row_need.to_list(), device_batch=16)
    resumed = Stepper(task, optimizer, state, progress)
    assert resumed.capacity == small.capacity
    np.testing.assert_array_equal(resumed.start_epoch(0)[0], order)

    on_more_devices = Stepper(task, optimizer, state, replace(progress, device_batch=4))
    assert (
        on_more_devices.row_need.to_list() == estimated.row_need.to_list()
    )  # what 4 genotypes needed says nothing
