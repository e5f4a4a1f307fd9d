"""What a training minimises: a loss of the predictions, or Dango's with its reconstruction."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Protocol

import jax.numpy as jnp
from jax import Array

from gi_jax.config import RunConfig
from gi_jax.data.genotypes import GenotypeBatch
from gi_jax.data.networks import CellGraph
from gi_jax.errors import GiJaxError
from gi_jax.losses import LOSSES, Loss, LossInputs, LossState, make_loss
from gi_jax.losses.dango import alpha_schedule, dango_loss, mean_reconstruction_loss

# Zeros of these STRING channels mean little (Zhang et al. 2020); those of the others count in full.
SPARSELY_OBSERVED = ("neighborhood", "coexpression", "experimental")


class Objective(Protocol):
    """A number to minimise, computed from a model's output; pure, with explicit state."""

    def init(self, embedding_dim: int, dtype: jnp.dtype) -> LossState:
        """The state before the first batch."""
        ...

    def apply(
        self,
        state: LossState,
        output: Any,
        labels: Array,
        batch: GenotypeBatch,
        graph: CellGraph,
        key: Array,
        epoch: Array,
    ) -> tuple[Array, LossState, dict[str, Array]]:
        """The number, the next state, and the terms to log.

        Args:
          output: of the model.
          labels: `[B, 1]`.
        """
        ...


@dataclass(frozen=True)
class PredictionLoss:
    """A loss of `gi_jax.losses` on predictions and pooled embeddings."""

    loss: Loss

    def init(self, embedding_dim: int, dtype: jnp.dtype) -> LossState:
        return self.loss.init(1, embedding_dim, dtype)

    def apply(
        self,
        state: LossState,
        output: Any,
        labels: Array,
        batch: GenotypeBatch,
        graph: CellGraph,
        key: Array,
        epoch: Array,
    ) -> tuple[Array, LossState, dict[str, Array]]:
        inputs = LossInputs(output.gene_interaction, labels, output.z_p, batch.valid, key, epoch)
        return self.loss.apply(state, inputs)


@dataclass(frozen=True)
class DangoObjective:
    """`alpha reconstruction + (1 - alpha) log cosh`, see `gi_jax.losses.dango`; it keeps no state.

    Attributes:
      names: the networks of the model, in its order.
      zero_weights: networks and their lambdas.
      schedule: of alpha over the epochs.
      transition_epoch: of the schedule, torchcell's default if None.
    """

    names: tuple[str, ...]
    zero_weights: tuple[tuple[str, float], ...]
    schedule: str = "PreThenPost"
    transition_epoch: int | None = None

    def init(self, embedding_dim: int, dtype: jnp.dtype) -> LossState:
        return ()

    def apply(
        self,
        state: LossState,
        output: Any,
        labels: Array,
        batch: GenotypeBatch,
        graph: CellGraph,
        key: Array,
        epoch: Array,
    ) -> tuple[Array, LossState, dict[str, Array]]:
        weight, bias = output.reconstruction
        reconstruction = mean_reconstruction_loss(
            output.network_embeddings, weight, bias, self.names, graph, dict(self.zero_weights)
        )
        alpha = alpha_schedule(self.schedule, self.transition_epoch)(epoch)
        value, terms = dango_loss(output.gene_interaction, labels, reconstruction, alpha, batch.valid)
        return value, state, terms


def make_objective(config: RunConfig) -> Objective:
    """The objective of a run; schedules inside a loss span the run unless its options say otherwise.

    Raises:
      GiJaxError: an unknown or missing option, or a loss that the model has no output for.
    """
    task = config.regression_task
    if task.loss == "dango":
        return _dango(config)
    contrastive = task.loss not in ("logcosh", "mse")
    if contrastive and config.model.kind == "dango":
        raise GiJaxError(
            f"regression_task.loss is '{task.loss}', which needs the pooled embeddings that model.kind "
            "'dango' does not have; use logcosh, mse or dango"
        )
    known = {f.name for f in fields(LOSSES[task.loss])}
    span = {"max_epochs": config.trainer.max_epochs} if "max_epochs" in known else {}
    return PredictionLoss(make_loss(task.loss, **span | task.loss_options))


def _dango(config: RunConfig) -> DangoObjective:
    if config.model.kind != "dango":
        raise GiJaxError(
            f"regression_task.loss is 'dango', which reconstructs networks from model.kind 'dango', not "
            f"'{config.model.kind}'; use another loss"
        )
    names = config.cell_dataset.graphs
    options: dict[str, Any] = dict(config.regression_task.loss_options)
    weights = {name: 0.1 if any(part in name for part in SPARSELY_OBSERVED) else 1.0 for name in names}
    for key in [key for key in options if key.startswith("lambda_")]:
        name = key.removeprefix("lambda_")
        if name not in weights:
            raise GiJaxError(
                f"regression_task.loss_config.{key} is about no network of cell_dataset.graphs "
                f"({', '.join(names)})"
            )
        weights[name] = float(options.pop(key))
    if unknown := [key for key in options if key not in ("schedule", "transition_epoch")]:
        raise GiJaxError(
            f"loss dango has no argument '{unknown[0]}'; it takes schedule, transition_epoch and "
            "lambda_NETWORK"
        )
    objective = DangoObjective(names, tuple(weights.items()), **options)
    alpha_schedule(objective.schedule, objective.transition_epoch)
    return objective
