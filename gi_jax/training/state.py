"""Everything that a training step changes, as one pytree."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn
from flax import struct
from jax import Array

from gi_jax.config import RegressionTaskConfig
from gi_jax.data.genotypes import genotype_batch
from gi_jax.data.networks import CellGraph
from gi_jax.models.neural import STAGES
from gi_jax.training.objective import Objective

CHECKS = (*STAGES, "loss", "gradient")


class EpochSums(NamedTuple):
    """Running moments of the genotypes of an epoch: its mean loss and Pearson correlation.

    Around the means, so that scores far from 0 lose nothing: with n genotypes, predictions p and
    labels y, `sum p^2 - n mean(p)^2` in float32 would be the difference of two large numbers.
    """

    # A checkpoint knows this array by its name; nobody counts the entries of the tuple.
    count: Array  # pyright: ignore[reportIncompatibleMethodOverride] # [], n
    loss: Array  # [], the mean
    prediction: Array  # [], the mean
    label: Array  # [], the mean
    prediction_squared: Array  # [], sum of (p - mean p)^2
    label_squared: Array  # [], sum of (y - mean y)^2
    product: Array  # [], sum of (p - mean p) (y - mean y)


class Failure(NamedTuple):
    """The first batch that was not finite; nothing changes after it."""

    position: Array  # [] int32, number of the batch in its epoch, -1 if there was none
    finite: Array  # [len(CHECKS)] bool
    genotypes: Array  # [B] bool, whose prediction was not finite


@struct.dataclass
class TrainState:
    """The state of a training: weights, moments, loss buffers, running sums.

    The random key never changes: the key of a step is derived from it and the step number.
    """

    step: Array  # [] int32, batches seen
    params: Any
    batch_stats: Any  # running statistics of batch norms, {} without
    moments: optax.OptState
    loss_state: Any  # buffers of the loss
    accumulated: Any  # sum of the gradients since the last update, None without accumulation
    num_accumulated: Array  # [] int32, batches in `accumulated`
    num_updates: Array  # [] int32
    averaged: Any  # exponential moving average of the weights, None without
    sums: EpochSums
    failure: Failure
    rng: Array  # [2] uint32, key data

    @property
    def variables(self) -> dict[str, Any]:
        """The variables to predict with: averaged weights if there are any."""
        params = self.params if self.averaged is None else self.averaged
        return {"params": params, "batch_stats": self.batch_stats} if self.batch_stats else {"params": params}


def zero_sums(dtype: jnp.dtype) -> EpochSums:
    """The sums at the start of an epoch."""
    return EpochSums(*(jnp.zeros((), dtype) for _ in EpochSums._fields))


def init_variables(model: nn.Module, graph: CellGraph, seed: int) -> dict[str, Any]:
    """Fresh weights (and running statistics) of a model."""
    return _init(jax.random.key(seed), graph, model=model)


@partial(jax.jit, static_argnames="model")  # compiled once for all members of an ensemble
def _init(key: Array, graph: CellGraph, *, model: nn.Module) -> dict[str, Any]:
    # Shapes of parameters do not depend on the batch, so the smallest one will do.
    return dict(model.init(key, graph, genotype_batch([[0]], graph.num_genes)))


def init_state(
    variables: dict[str, Any],
    config: RegressionTaskConfig,
    optimizer: optax.GradientTransformation,
    objective: Objective,
    *,
    embedding_dim: int,
    batch_size: int,
    seed: int,
) -> TrainState:
    """The state before the first step."""
    params = variables["params"]
    dtype = jax.tree.leaves(params)[0].dtype

    def copy(tree: Any) -> Any:  # the state is donated to every step, so it shares nothing
        return jax.tree.map(jnp.copy, tree)

    return TrainState(
        step=jnp.int32(0),
        params=copy(params),
        batch_stats=copy(variables.get("batch_stats", {})),
        moments=optimizer.init(params),
        loss_state=objective.init(embedding_dim, dtype),
        accumulated=jax.tree.map(jnp.zeros_like, params) if config.grad_accumulation_schedule else None,
        num_accumulated=jnp.int32(0),
        num_updates=jnp.int32(0),
        averaged=copy(params) if config.ema_decay is not None else None,
        sums=zero_sums(dtype),
        failure=Failure(jnp.int32(-1), jnp.ones(len(CHECKS), bool), jnp.zeros(batch_size, bool)),
        rng=jax.random.key_data(jax.random.fold_in(jax.random.key(seed), 1)),
    )
