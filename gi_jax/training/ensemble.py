"""Ensembles: K members trained side by side, with a leading axis on all that differs between them."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax import Array

from gi_jax.config import RunConfig
from gi_jax.data.networks import CellGraph
from gi_jax.errors import GiJaxError
from gi_jax.training.batches import TrainingData
from gi_jax.training.state import TrainState
from gi_jax.training.step import Step, StepInputs, StepReport


def stack_members(states: Sequence[TrainState]) -> TrainState:
    """The state of an ensemble: every leaf `[K, ...]`."""
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *states)


def over_members(step: Step) -> Step:
    """Maps a step over the members of a stacked state, in one program.

    Only the state is mapped: graph, genotypes and all that is computed from these alone (the batch,
    the rows it changes) exist once, and a sparse product stays one with K times the columns. Every
    member clips, and checks its numbers, by itself. The report is the mean over members, with
    `loss_spread`, the standard deviation of their losses.
    """
    mapped = jax.vmap(step, in_axes=(0, None, None, None, None))

    def ensemble_step(
        state: TrainState, data: TrainingData, order: Array, graph: CellGraph, inputs: StepInputs
    ) -> tuple[TrainState, StepReport]:
        state, members = mapped(state, data, order, graph, inputs)
        report: StepReport = jax.tree.map(lambda value: value.mean(axis=0), members)
        spread = members.loss.std(ddof=1)
        return state, report._replace(terms=report.terms | {"loss_spread": spread})

    return ensemble_step


def check_starting_weights(found: int, config: RunConfig) -> None:
    """Checks that weights of `found` members can start a run, and that its members will then differ.

    Raises:
      GiJaxError: other numbers of members, or one set of weights for all and nothing random after it.
    """
    path, wanted = config.model.checkpoint_path, config.ensemble
    if found not in (1, wanted):
        raise GiJaxError(
            f"{path}: holds an ensemble of {found}, but this configuration trains {wanted}; set "
            f"ensemble: {found}, or start from one member saved as a model folder"
        )
    if found == 1 < wanted and config.neural.dropout == 0:
        raise GiJaxError(
            f"ensemble is {wanted}, but {path} gives every member the same weights and model.dropout is 0, "
            f"so they would stay equal; set model.dropout or ensemble: 1, or name an ensemble of {wanted}"
        )
