"""The compiled training step with capacity for the changed rows of every batch."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache, partial
from typing import Any

import jax
import numpy as np
import optax

from gi_jax.data.arrays import on_host
from gi_jax.heap import return_heap
from gi_jax.models.neural.row_needs import changed_row_needs
from gi_jax.ops.row_counts import RowCounts, cheaper_than_all_rows
from gi_jax.training.batches import TrainingData, epoch_order, training_data
from gi_jax.training.devices import device_mesh, on_all_devices, one_copy
from gi_jax.training.ensemble import over_members
from gi_jax.training.memory import available_bytes, check_fits, required_bytes
from gi_jax.training.processes import every_process
from gi_jax.training.progress import Progress
from gi_jax.training.state import TrainState
from gi_jax.training.step import StepInputs, StepReport, make_train_step
from gi_jax.training.task import Task


class Stepper:
    """Runs training steps, on one device or on several; compiles once, and again only if an epoch has a
    batch of unseen extent.

    Args:
      task: genotypes, cell, module and objective.
      optimizer: see `make_optimizer`.
      state: any state of the run, for its dtype and key.
      progress: says for how many changed rows the step was made in an earlier session; estimated if it
        does not, or if a device had a batch of another size.

    Raises:
      GiJaxError: `trainer.devices` is impossible here.
    """

    def __init__(
        self,
        task: Task,
        optimizer: optax.GradientTransformation,
        state: TrainState,
        progress: Progress,
    ) -> None:
        self.task, self.optimizer = task, optimizer
        train = task.training.table
        self.mesh = device_mesh(task.config)
        self.batch_size = task.config.data_module.batch_size
        self.device_batch = self.batch_size if self.mesh is None else self.batch_size // self.mesh.size
        dtype = jax.tree.leaves(state.params)[0].dtype
        data: TrainingData = training_data(train, task.training.labels, dtype, task.prior_of_training)
        self.data, self.graph = on_all_devices((data, task.graph), self.mesh)
        self.needs = changed_row_needs(task.config.neural, task.graph, train.genes, self.device_batch)
        known = progress.row_need if progress.device_batch == self.device_batch else []
        self.row_need = None
        if self.needs is not None:
            self.row_need = RowCounts.from_list(known) if known else self.needs.expected(self.device_batch)
        self.rng = np.asarray(state.rng).reshape(-1, 2)[0]  # all members see the first one's batches
        self.capacity, self._compiled = None, None
        self._step: Any = None
        self._make_step()

    def start_epoch(self, epoch: int) -> tuple[np.ndarray, bool]:
        """Draws an epoch's order `[steps * B]`; True if the step has to be compiled again for it."""
        sizes = {"num_genotypes": self.data.num_genotypes, "batch_size": self.batch_size}
        order = epoch_order(self.rng, epoch, **sizes)
        self.order, order = on_all_devices(order, self.mesh), np.asarray(order)
        if self.capacity is None or self.needs is None or self.row_need is None:
            return order, False
        before = self.capacity
        self.row_need = self.row_need.maximum(self.needs.largest(order, self.device_batch))
        self._make_step()
        return order, self.capacity != before

    def __call__(self, state: TrainState, inputs: StepInputs) -> tuple[TrainState, StepReport]:
        """One step on batch `inputs.position` of the epoch; the state given is consumed.

        Raises:
          GiJaxError: before the first step, if the batch does not fit the memory.
        """
        arguments = (state, self.data, self.order, self.graph, inputs)
        if self._compiled is None:
            self._compiled = self._step.lower(*arguments).compile()
            required = required_bytes(self._compiled)
            devices = self.batch_size // self.device_batch
            check = partial(check_fits, self.batch_size, required, available_bytes())
            every_process(lambda: check(partial(self._required_at, state), devices))
            return_heap()
        return self._compiled(*arguments)

    def compile(self, state: Any) -> jax.stages.Compiled:
        """The step of the first epoch, compiled but not run, for its costs."""
        self.start_epoch(0)
        first = (np.int32(0), np.int32(0), np.float32(0), np.bool_(True))
        inputs = StepInputs(*map(on_host, first))
        return self._step.lower(state, self.data, self.order, self.graph, inputs).compile()

    def _required_at(self, state: TrainState, batch_size: int) -> int:
        config = self.task.config
        smaller = replace(config, data_module=replace(config.data_module, batch_size=batch_size))
        task = replace(self.task, config=smaller)
        state = one_copy(state)
        failed = state.failure.genotypes[..., :batch_size]
        state = replace(state, failure=state.failure._replace(genotypes=failed))
        stepper = Stepper(task, self.optimizer, state, Progress())
        return required_bytes(stepper.compile(on_all_devices(state, stepper.mesh)))

    def _make_step(self) -> None:
        """Makes the step for the present counts, unless the one there has the same capacity."""
        config, capacity = self.task.config, None
        if self.needs is not None and self.row_need is not None:
            capacity = self.needs.capacity(self.row_need)
            capacity = cheaper_than_all_rows(capacity, len(self.task.genes), self.device_batch)
        if self._step is not None and capacity == self.capacity:
            return
        self.capacity = capacity
        self._compiled = None
        self._step = _jitted_step(
            self.task.model,
            self.task.objective,
            self.optimizer,
            batch_size=self.batch_size,
            capacity=self.capacity,
            ema_decay=config.regression_task.ema_decay,
            check_finite=config.trainer.check_finite,
            mesh=self.mesh,
            ensemble=config.ensemble > 1,
        )


@lru_cache(maxsize=4)
def _jitted_step(*parts: Any, ensemble: bool, **settings: Any) -> Any:
    """The step of `make_train_step`; runs alike in all but data and seed share one, traced once."""
    step = make_train_step(*parts, **settings)
    return jax.jit(over_members(step) if ensemble else step, donate_argnums=0)
