"""The training loop: epochs, validation, early stopping, checkpoints, and how it ends."""

from __future__ import annotations

import math
import time
from collections import deque
from dataclasses import replace
from signal import Signals
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gi_jax.data.arrays import on_host
from gi_jax.errors import GiJaxError
from gi_jax.evaluation.metrics import RegressionMetrics, regression_metrics
from gi_jax.models.neural.fitted import prediction_module
from gi_jax.models.neural.fixed import ADDED
from gi_jax.models.neural.forward import TableForward
from gi_jax.training.batches import num_batches
from gi_jax.training.checkpoint import Checkpoints
from gi_jax.training.criterion import choose_criterion
from gi_jax.training.devices import on_all_devices, one_copy
from gi_jax.training.epoch_sums import epoch_summary
from gi_jax.training.failure import describe_failure, first_failure
from gi_jax.training.learning_rate import LearningRate
from gi_jax.training.logging import Reporter, clock
from gi_jax.training.optimizer import make_optimizer
from gi_jax.training.prior import best_scale
from gi_jax.training.processes import first_process, highest
from gi_jax.training.progress import Progress
from gi_jax.training.signals import StopSignals
from gi_jax.training.state import TrainState
from gi_jax.training.step import StepInputs, StepReport
from gi_jax.training.stepper import Stepper
from gi_jax.training.task import Task

STEPS_IN_FLIGHT = 2  # dispatched but perhaps not done, so that the host never waits for the device


class Training:
    """One training from where it stands to its end, or to a signal.

    Several processes run it in step: they go by the validation of the first, and by the clock and
    the signals of all, which they compare whenever a step is logged.

    Args:
      task: genotypes, cell, module and objective.
      state, progress: the start, fresh or restored.
      checkpoints: where states go.
      reporter: told of everything.
      signals: looked at after every batch.
    """

    def __init__(
        self,
        task: Task,
        state: TrainState,
        progress: Progress,
        checkpoints: Checkpoints,
        reporter: Reporter,
        signals: StopSignals,
    ) -> None:
        self.task, self.progress = task, progress
        self.checkpoints, self.reporter, self.signals = checkpoints, reporter, signals
        self.config = task.config
        optimizer = make_optimizer(self.config.regression_task, state.params)
        self.stepper = Stepper(task, optimizer, state, progress)
        self.state = on_all_devices(state, self.stepper.mesh)
        self.steps = num_batches(len(task.training.table), self.config.data_module.batch_size)
        settings, epochs = self.config.regression_task, self.config.trainer.max_epochs
        self.rate = LearningRate(settings, self.steps, epochs, progress)
        self.val = task.validation.table
        self.criterion = choose_criterion(self.val.score)
        self._told_undefined = False
        model = prediction_module(self.config.neural, task.graph)
        batch_size, members = self.config.data_module.batch_size, self.config.ensemble
        self.validate = TableForward(model, task.graph, self.val, batch_size, members)
        self.prior_of_val = None if task.prior is None else task.prior.predict(self.val).members[0]
        self._started = time.monotonic() - progress.seconds
        graph = task.graph
        progress.backends = {n: a.backend for n, a in zip(graph.names, graph.networks, strict=True)}
        progress.platform = jax.default_backend()
        self._agree()
        self._compiling = True

    def run(self) -> str | None:
        """Trains until there is a reason to end, which it returns, or a signal asks to stop (None).

        The last state is then on disk.

        Raises:
          GiJaxError: a value was not finite, or a checkpoint could not be written.
        """
        if self.criterion.note is not None:
            self.reporter.say(self.criterion.note)
        if self.checkpoints.last_step() is None:
            self._save()
        while self._stop is None and self._reason_to_end() is None:
            self._epoch()
        if self.checkpoints.last_step() != self.progress.step:
            self._save()
        return self._reason_to_end()

    def _reason_to_end(self) -> str | None:
        trainer, progress = self.config.trainer, self.progress
        if progress.epoch >= trainer.max_epochs:
            return f"all {trainer.max_epochs} epochs done"
        if self._time_is_up:
            return f"the time of {clock(trainer.max_seconds)} is spent"
        patience = trainer.early_stopping.patience
        if patience is not None and progress.stale_epochs >= patience:
            return f"no better {self.criterion.label} in {patience} validations"
        return None

    def _epoch(self) -> None:
        trainer, progress = self.config.trainer, self.progress
        self.order, recompiled = self.stepper.start_epoch(progress.epoch)
        progress.row_need = [] if self.stepper.row_need is None else self.stepper.row_need.to_list()
        progress.device_batch = self.stepper.device_batch
        if recompiled:
            self.reporter.say(
                f"epoch {self._epoch_name()}: a batch changes more rows than the step holds; compiling anew"
            )
        alone = jax.process_count() == 1
        accumulation = self.config.regression_task.accumulation(progress.epoch)
        in_flight: deque[jax.Array] = deque()
        self._lap = (time.monotonic(), progress.position)
        for position in range(progress.position, self.steps):
            last = position + 1 == self.steps
            inputs = StepInputs(
                on_host(np.int32(position)),
                on_host(np.int32(progress.epoch)),
                on_host(np.float32(self.rate.value(progress))),
                on_host(np.bool_(last or (position + 1) % accumulation == 0)),
            )
            self.state, report = self.stepper(self.state, inputs)
            progress.position, progress.step = position + 1, progress.step + 1
            self.rate.after_step(progress)
            if self._compiling:
                report.loss.block_until_ready()
                self._lap, self._compiling = (time.monotonic(), progress.position), False
            in_flight.append(report.loss)
            if len(in_flight) > STEPS_IN_FLIGHT:
                in_flight.popleft().block_until_ready()
            logged = progress.step % trainer.log_every_n_steps == 0 or last
            if logged:
                self._log(report, float(inputs.learning_rate))
            if logged or alone:  # processes compare when the device was waited for anyway
                self._agree()
            if last or self._time_is_up:
                break
            if self._stop is not None:
                return
            if progress.step % trainer.checkpoint_every_n_steps == 0:
                self._save()
        self._end_epoch()

    def _end_epoch(self) -> None:
        """Validates if it is time to, turns to the next epoch if this one is done, and saves."""
        self._check_finite()
        trainer, progress = self.config.trainer, self.progress
        whole = progress.position == self.steps
        final = progress.epoch + 1 == trainer.max_epochs or self._time_is_up
        val_mse = None
        if final or (progress.epoch + 1) % trainer.check_val_every_n_epoch == 0:
            val_mse = self._validate().mse
        if whole:
            self.rate.after_epoch(progress, val_mse)
            progress.epoch, progress.position = progress.epoch + 1, 0
            sums = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), self.state.sums)
            self.state = replace(self.state, sums=on_all_devices(sums, self.stepper.mesh))
        self._save()
        self._agree()

    def _measure(self) -> dict[str, Any]:
        """Metrics of the mean prediction on the validation split, and the mean spread of an ensemble."""
        val = self.val
        labels = self.validate.members(one_copy(self.state.variables)).astype(np.float64)
        scale = 1.0
        if self.prior_of_val is not None:
            scale = best_scale(self.prior_of_val, labels.mean(axis=0), self.task.validation.labels)
            labels = self.prior_of_val + scale * labels
        scores = self.task.transform.inverse(labels, val.study)  # [K, M]
        spread = float(scores.std(axis=0, ddof=1).mean()) if len(scores) > 1 else None
        return {
            "metrics": list(regression_metrics(scores.mean(axis=0), val.score)),
            "spread": spread,
            "scale": scale,
        }

    def _validate(self) -> RegressionMetrics:
        progress = self.progress
        measured = first_process(self._measure)
        metrics = RegressionMetrics(*measured["metrics"])
        loss, pearson = epoch_summary(self.state.sums)
        better = self.criterion.improves(metrics, progress)
        self.criterion.note_validation(metrics, progress, self.config.trainer.early_stopping.min_delta)
        self._read_clock()
        if better:
            self.criterion.note_best(metrics, progress)
            progress.best_epoch, progress.best_step = progress.epoch, progress.step
            self.checkpoints.save_best(self._to_predict_with(measured["scale"]), progress)
        self.reporter.say(
            f"epoch {self._epoch_name()}  loss {loss:.4f}  train Pearson {pearson:.4f}  "
            f"val Pearson {metrics.pearson:.4f}{' *' if better else '  '}  val RMSE {metrics.rmse:.4g}  "
            f"{clock(progress.seconds)}"
        )
        if self.criterion.undefined(metrics) and not self._told_undefined:
            self._told_undefined = True
            self.reporter.say(
                "the predictions of all validation genotypes are equal, so their Pearson correlation is "
                "undefined; it counts as the lowest, here and in later epochs"
            )
        values = {f"val_{name}": value for name, value in metrics._asdict().items()}
        if measured["spread"] is not None:
            values["val_spread"] = measured["spread"]
        self.reporter.record(
            "epoch",
            progress.step,
            epoch=progress.epoch,
            train_loss=loss,
            train_pearson=pearson,
            **values,
            best=better,
            learning_rate=self.rate.value(progress),
            seconds=progress.seconds,
        )
        return metrics

    def _to_predict_with(self, scale: float) -> dict[str, Any]:
        """The weights, and with a prior the part of what they say that is added to it."""
        weights = one_copy(self.state.variables)
        if self.prior_of_val is None:
            return weights
        members = self.config.ensemble
        return weights | {ADDED: {"scale": np.full(members if members > 1 else (), scale, np.float32)}}

    def _log(self, report: StepReport, learning_rate: float) -> None:
        progress = self.progress
        values = {name: float(term) for name, term in report.terms.items()}
        loss, pearson = epoch_summary(self.state.sums)
        began, position = self._lap
        genotypes = min(progress.position * self.stepper.batch_size, self.stepper.data.num_genotypes)
        rate = (genotypes - position * self.stepper.batch_size) / max(time.monotonic() - began, 1e-9)
        self._lap = (time.monotonic(), progress.position)
        self._read_clock()
        self.reporter.record(
            "step",
            progress.step,
            epoch=progress.epoch,
            loss=float(report.loss),
            gradient_norm=float(report.gradient_norm),
            learning_rate=learning_rate,
            genotypes_per_second=rate,
            seconds=progress.seconds,
            **values,
        )
        self._check_finite()
        trainer = self.config.trainer
        left = (trainer.max_epochs - progress.epoch) * self.steps - progress.position
        seconds_left = left * self.stepper.batch_size / rate if rate else math.inf
        if trainer.max_seconds is not None:
            seconds_left = min(seconds_left, trainer.max_seconds - progress.seconds)
        self.reporter.advance(
            epoch=self._epoch_name(),
            done=progress.position,
            total=self.steps,
            loss=loss,
            pearson=pearson,
            rate=rate,
            seconds_left=seconds_left,
        )

    def _check_finite(self) -> None:
        failed = first_failure(self.state.failure)
        if failed is None:
            return
        self.progress.step += failed.position + 1 - self.progress.position
        failure = describe_failure(failed, self.order, self.task)
        step, before = self.progress.step, self.checkpoints.last_step()
        member = {} if failure.member is None else {"member": failure.member}
        self.reporter.record("not_finite", step, stage=failure.stage, genotypes=failure.genotypes, **member)
        raise GiJaxError(
            f"step {step:,} (epoch {self._epoch_name()}): {failure}; the state of step {before:,} is kept in "
            f"{self.checkpoints.run / 'checkpoints' / 'last'}; train anew with a smaller learning rate or "
            "stronger clipping"
        )

    def _save(self) -> None:
        self._check_finite()
        self._read_clock()
        self.checkpoints.save(one_copy(self.state), self.progress)

    def _epoch_name(self) -> str:
        return f"{self.progress.epoch + 1}/{self.config.trainer.max_epochs}"

    def _read_clock(self) -> None:
        self.progress.seconds = time.monotonic() - self._started

    def _agree(self) -> None:
        """Looks at the clock and for signals; what one process finds, all know afterwards."""
        self._read_clock()
        limit = self.config.trainer.max_seconds
        time_is_up = limit is not None and self.progress.seconds >= limit
        time_is_up, number = highest(time_is_up, self.signals.received or 0)
        self._time_is_up, self._stop = bool(time_is_up), Signals(number) if number else None
        if self._stop is not None:
            self.signals.received = self._stop
