"""The frame of the two buffered losses: squared error, a distribution term, a contrastive term."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import DTypeLike

from gi_jax.errors import GiJaxError
from gi_jax.losses.buffer import RingBuffer, batch_and_past, draw_permutation, empty_buffer, push
from gi_jax.losses.epoch_weights import TEMPERATURE_SCHEDULES, buffer_draws, buffer_weights, temperature_at
from gi_jax.losses.inputs import LossInputs
from gi_jax.losses.mse import mse
from gi_jax.losses.output_weights import Weights
from gi_jax.losses.supcr import supcr
from gi_jax.losses.terms import weighted_sum


class MleState(NamedTuple):
    """What a buffered loss remembers between batches; both None without a buffer."""

    distribution: RingBuffer | None  # rows `predictions`, `targets`: [size, D]
    supcr: RingBuffer | None  # rows `embeddings`: [size, H], `labels`: [size, D]


class _Moment(NamedTuple):
    """What depends on the epoch."""

    temperature: Array  # [], of the contrastive term
    buffer_weight: Array  # [], w; 1 without adaptive weighting


@dataclass(frozen=True, kw_only=True)
class MleSupCR(ABC):
    """`lambda_mse * mse + lambda * distribution + lambda_supcr * supcr`, see `gi_jax.losses.Loss`.

    With a buffer the last two terms see past batches as constants beside the current one. Each batch
    is pushed first; a term is 0 until its buffer holds `min_samples`. With adaptive weighting the
    distribution term adds `floor(n w / (1 - w))` random buffer rows to the n current ones, w being
    the buffer weight of the epoch, otherwise the whole buffer (w = 1); the contrastive term always
    sees the whole buffer and is multiplied by `1 - w / 2`. A term whose lambda is not positive is
    left out and fills no buffer. A subclass names the distribution term x and adds `lambda_x` and
    `min_samples_for_x`.

    Attributes:
      embedding_dim: H, checked against the embeddings if given.
      use_ddp_gather, gather_interval: accepted for configurations of the original; a sharded batch is
        one batch here, so every term sees all of it at every step.
      warmup_epochs, stable_epoch: of the buffer weight; 10 % and 50 % of `max_epochs` if None.
      supcr_temperature: used when the temperature is not scheduled.
      weights: one per output dimension, equal if None.
    """

    distribution_name: ClassVar[str]

    lambda_mse: float = 1.0
    lambda_supcr: float = 0.001
    supcr_temperature: float = 0.1
    embedding_dim: int | None = None
    use_buffer: bool = True
    buffer_size: int = 256
    min_samples_for_supcr: int = 64
    use_ddp_gather: bool = True
    gather_interval: int = 1
    use_adaptive_weighting: bool = True
    warmup_epochs: int | None = None
    stable_epoch: int | None = None
    use_temp_scheduling: bool = True
    init_temperature: float = 1.0
    final_temperature: float = 0.1
    temp_schedule: str = "exponential"
    weights: Weights = None
    max_epochs: int = 1000

    def __post_init__(self) -> None:
        if self.temp_schedule not in TEMPERATURE_SCHEDULES:
            raise GiJaxError(
                f"unknown temp_schedule {self.temp_schedule!r}; use one of {', '.join(TEMPERATURE_SCHEDULES)}"
            )
        for name in ("buffer_size", "max_epochs"):
            if getattr(self, name) < 1:
                raise GiJaxError(f"{name} must be at least 1, got {getattr(self, name)}")
        for name in ("supcr_temperature", "init_temperature", "final_temperature"):
            if getattr(self, name) <= 0:
                raise GiJaxError(f"{name} must be positive, got {getattr(self, name)}")

    @abstractmethod
    def distribution_term(self, predictions: Array, targets: Array, valid: Array) -> tuple[Array, Array]:
        """The distribution term and its value per dimension, of `[M, D]` rows and `valid [M]`."""

    def init(self, num_outputs: int, embedding_dim: int, dtype: DTypeLike = jnp.float32) -> MleState:
        """Empty buffers for D outputs and H channels."""
        if self.embedding_dim not in (None, embedding_dim):
            raise GiJaxError(
                f"the loss has embedding_dim {self.embedding_dim} but the model's z_p has {embedding_dim} "
                "channels; make them equal or leave embedding_dim out"
            )
        if not self.use_buffer:
            return MleState(None, None)

        def zeros(width: int) -> Array:
            return jnp.zeros((self.buffer_size, width), dtype)

        return MleState(
            empty_buffer(predictions=zeros(num_outputs), targets=zeros(num_outputs)),
            empty_buffer(embeddings=zeros(embedding_dim), labels=zeros(num_outputs)),
        )

    def apply(self, state: MleState, inputs: LossInputs) -> tuple[Array, MleState, dict[str, Array]]:
        """See `gi_jax.losses.Loss.apply`."""
        dtype, name = inputs.predictions.dtype, self.distribution_name
        moment, log = self._at_epoch(inputs.epoch, dtype)
        lambdas = {"mse": self.lambda_mse, name: getattr(self, f"lambda_{name}"), "supcr": self.lambda_supcr}
        off = (jnp.zeros((), dtype), jnp.zeros(inputs.targets.shape[1:], dtype))
        values = dict.fromkeys(lambdas, off)
        if lambdas["mse"] > 0:
            rows = inputs.predictions, inputs.targets, inputs.valid
            values["mse"] = mse(*rows, weights=self.weights)
        if lambdas[name] > 0:
            values[name], buffer = self._distribution_value(state.distribution, inputs)
            state = state._replace(distribution=buffer)
        if lambdas["supcr"] > 0:
            values["supcr"], buffer = self._contrastive_value(state.supcr, inputs, moment)
            state = state._replace(supcr=buffer)
        loss, terms = weighted_sum(values, lambdas)
        return loss, state, terms | log

    def _at_epoch(self, epoch: Array | int, dtype: DTypeLike) -> tuple[_Moment, dict[str, Array]]:
        """What depends on the epoch, and what of it is logged."""
        moment, log = _Moment(jnp.asarray(self.supcr_temperature, dtype), jnp.ones((), dtype)), {}
        if self.use_temp_scheduling:
            temperature = self._temperature(jnp.asarray(epoch).astype(dtype))
            moment, log["temperature"] = moment._replace(temperature=temperature), temperature
        if self.use_buffer and self.use_adaptive_weighting:
            by_epoch = self._buffer_weights()
            weight = jnp.asarray(by_epoch, dtype)[jnp.minimum(epoch, len(by_epoch) - 1)]
            moment, log["buffer_weight"] = moment._replace(buffer_weight=weight), weight
        return moment, log

    def _distribution_value(
        self, buffer: RingBuffer | None, inputs: LossInputs
    ) -> tuple[tuple[Array, Array], RingBuffer | None]:
        """The distribution term, and the buffer after this batch."""
        buffer, rows, seen = self.distribution_rows(buffer, inputs)
        term = self.distribution_term(**rows, valid=seen)
        if buffer is None:
            return term, None
        return _if_filled(buffer, getattr(self, f"min_samples_for_{self.distribution_name}"), term), buffer

    def distribution_rows(
        self, buffer: RingBuffer | None, inputs: LossInputs
    ) -> tuple[RingBuffer | None, dict[str, Array], Array]:
        """What the distribution term sees of the batch and the past.

        Returns:
          The buffer after this batch, the rows (`predictions`, `targets` `[M, D]`) and which of them
          count, `[M]`; M = B + buffer size, or B without a buffer.
        """
        rows = {"predictions": inputs.predictions, "targets": inputs.targets}
        if buffer is None:
            return None, rows, inputs.valid
        buffer = push(buffer, rows, inputs.valid)
        if not self.use_adaptive_weighting:
            return buffer, *batch_and_past(buffer, rows, inputs.valid)
        by_epoch = self._buffer_weights()
        draws = jnp.asarray(buffer_draws(by_epoch, inputs.predictions.shape[0]))
        draws = draws[jnp.minimum(inputs.epoch, len(by_epoch) - 1), jnp.sum(inputs.valid)]
        assert inputs.key is not None, "a loss with a buffer draws from it"
        order = self.slot_order(buffer, inputs.key)
        return buffer, *batch_and_past(buffer, rows, inputs.valid, order, draws)

    def slot_order(self, buffer: RingBuffer, key: Array) -> Array:
        """The order in which rows are drawn from the buffer: `[size]`, filled slots first."""
        return draw_permutation(buffer, key)

    def _contrastive_value(
        self, buffer: RingBuffer | None, inputs: LossInputs, moment: _Moment
    ) -> tuple[tuple[Array, Array], RingBuffer | None]:
        """The contrastive term, and the buffer after this batch."""
        rows, seen = {"embeddings": inputs.z_p, "labels": inputs.targets}, inputs.valid
        if buffer is not None:
            buffer = push(buffer, rows, seen)
            rows, seen = batch_and_past(buffer, rows, seen)
        value, per_output = supcr(**rows, valid=seen, temperature=moment.temperature, weights=self.weights)
        if buffer is None:
            return (value, per_output), None
        faded = value * (1.0 - moment.buffer_weight + moment.buffer_weight * 0.5)
        return _if_filled(buffer, self.min_samples_for_supcr, (faded, per_output)), buffer

    def _temperature(self, epoch: Array) -> Array:
        first, last = self.init_temperature, self.final_temperature
        return temperature_at(epoch, first, last, self.max_epochs, self.temp_schedule)

    def _buffer_weights(self) -> np.ndarray:
        warmup = int(self.max_epochs * 0.1) if self.warmup_epochs is None else self.warmup_epochs
        stable = int(self.max_epochs * 0.5) if self.stable_epoch is None else self.stable_epoch
        return buffer_weights(warmup, stable)


def _if_filled(buffer: RingBuffer, needed: int, term: tuple[Array, Array]) -> tuple[Array, Array]:
    value, per_output = term
    enough = buffer.count >= needed
    return jnp.where(enough, value, 0.0), jnp.where(enough, per_output, 0.0)
