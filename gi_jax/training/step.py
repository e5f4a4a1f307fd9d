"""One training step: a pure function of state and batch number, compiled once for a run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn
from jax import Array
from jax.sharding import Mesh, PartitionSpec

from gi_jax.data.genotypes import GenotypeBatch
from gi_jax.data.networks import CellGraph
from gi_jax.ops.changed_rows import Capacity
from gi_jax.training.batches import TrainingData, add_prior, rows_at, take_batch
from gi_jax.training.devices import AXIS, own_part, whole_batch
from gi_jax.training.objective import Objective
from gi_jax.training.state import EpochSums, Failure, TrainState


class StepInputs(NamedTuple):
    """All that the host sends for a step."""

    position: Array  # [] int32, number of the batch in its epoch
    epoch: Array  # [] int32
    learning_rate: Array  # []
    update: Array  # [] bool, the optimizer moves after this batch


class StepReport(NamedTuple):
    """What a step tells the host, which reads it now and then."""

    loss: Array  # []
    gradient_norm: Array  # [], before clipping
    terms: dict[str, Array]  # the scalar parts of the loss


Step = Callable[[TrainState, TrainingData, Array, CellGraph, StepInputs], tuple[TrainState, StepReport]]


def make_train_step(
    model: nn.Module,
    objective: Objective,
    optimizer: optax.GradientTransformation,
    *,
    batch_size: int,
    capacity: Capacity | None,
    ema_decay: float | None = None,
    check_finite: bool = True,
    mesh: Mesh | None = None,
) -> Step:
    """Builds `step(state, data, order, graph, inputs) -> (state, report)`, not yet compiled.

    A step whose forward pass, loss or gradient is not finite changes nothing but `state.failure`,
    and neither does any step after it: the weights stay those before the failure.

    With a mesh the batch is dealt among its devices and everything else is on all of them: each
    runs the model on its genotypes and the loss on the predictions of all, so that losses see the
    whole batch, and the mean of the gradients moves the weights alike everywhere. Results are those
    of one device up to rounding, except for the dropout masks, which every device draws anew.

    Args:
      model: a model of `gi_jax.models`.
      objective: what to minimise.
      optimizer: gives the direction, see `make_optimizer`.
      batch_size: B, over all devices.
      capacity: room for changed rows on one device, None for the plain path.
      ema_decay: d of `averaged <- d averaged + (1 - d) params` after each update; d is at most
        `(1 + n) / (10 + n)` after n updates, so that the first weights are soon forgotten.
      check_finite: off, the checks are not compiled at all.
      mesh: the devices, see `gi_jax.training.devices`; one device if None.
    """
    axis = None if mesh is None else AXIS

    def step(
        state: TrainState, data: TrainingData, order: Array, graph: CellGraph, inputs: StepInputs
    ) -> tuple[TrainState, StepReport]:
        rows = rows_at(order, inputs.position, batch_size)
        batch, labels = take_batch(data, rows, graph.num_genes)
        key = jax.random.fold_in(jax.random.wrap_key_data(state.rng), state.step)
        dropout_key, loss_key = jax.random.split(key)
        if axis is not None:
            dropout_key = jax.random.fold_in(dropout_key, jax.lax.axis_index(axis))

        def forward(params: Any) -> tuple[Array, tuple]:
            output, updated = model.apply(
                {"params": params, "batch_stats": state.batch_stats},
                graph,
                own_part(batch, axis),
                capacity=capacity,
                train=True,
                axis=axis,
                rngs={"dropout": dropout_key},
                mutable=["batch_stats"],
            )
            predicted, z_p = whole_batch((output.gene_interaction, output.z_p), axis)
            output = output._replace(gene_interaction=add_prior(predicted, data, rows), z_p=z_p)
            value, loss_state, terms = objective.apply(
                state.loss_state, output, labels, batch, graph, loss_key, inputs.epoch
            )
            return value, (output, updated.get("batch_stats", {}), loss_state, terms)

        (value, (output, batch_stats, loss_state, terms)), gradient = jax.value_and_grad(
            forward, has_aux=True
        )(state.params)
        finite = output.finite
        if axis is not None:
            # Each device's loss is the whole batch's and a sum or gather passes its gradient to the
            # devices that it came from, so local gradients add up to that of all the (equal) losses.
            gradient, batch_stats = jax.lax.pmean((gradient, batch_stats), axis)
            finite = jax.lax.pmin(finite.astype(jnp.int32), axis) > 0
        norm = optax.tree.norm(gradient)
        new = _update(state, gradient, optimizer, inputs, ema_decay)
        new = replace(
            new,
            step=state.step + 1,
            batch_stats=batch_stats,
            loss_state=loss_state,
            sums=_add(state.sums, value, output.gene_interaction, labels, batch.valid),
        )
        if check_finite:
            flags = jnp.append(finite, jnp.isfinite(jnp.stack([value, norm])))
            new = _keep_if_failed(state, new, flags, inputs.position, output.gene_interaction, batch)
        report = StepReport(value, norm, {name: term for name, term in terms.items() if term.ndim == 0})
        return new, report

    if mesh is None:
        return step
    everywhere = PartitionSpec()
    # Unchecked: the checks want an annotation wherever a value that all devices hold meets one of a
    # single device's, all over the models, and the sparse kernel has no rule for them.
    return jax.shard_map(step, mesh=mesh, in_specs=everywhere, out_specs=everywhere, check_vma=False)


def _update(
    state: TrainState,
    gradient: Any,
    optimizer: optax.GradientTransformation,
    inputs: StepInputs,
    ema_decay: float | None,
) -> TrainState:
    """Moves the weights, or only adds to the accumulated gradient if this batch is not to update."""
    if state.accumulated is None:
        return _move(state, gradient, optimizer, inputs.learning_rate, ema_decay)
    total = jax.tree.map(jnp.add, state.accumulated, gradient)
    count = state.num_accumulated + 1

    def move(state: TrainState) -> TrainState:
        mean = jax.tree.map(lambda g: g / count.astype(g.dtype), total)
        moved = _move(state, mean, optimizer, inputs.learning_rate, ema_decay)
        return replace(
            moved, accumulated=jax.tree.map(jnp.zeros_like, total), num_accumulated=jnp.zeros_like(count)
        )

    def wait(state: TrainState) -> TrainState:
        return replace(state, accumulated=total, num_accumulated=count)

    return jax.lax.cond(inputs.update, move, wait, state)


def _move(
    state: TrainState,
    gradient: Any,
    optimizer: optax.GradientTransformation,
    learning_rate: Array,
    ema_decay: float | None,
) -> TrainState:
    direction, moments = optimizer.update(gradient, state.moments, state.params)
    params = jax.tree.map(lambda p, d: p - learning_rate.astype(p.dtype) * d, state.params, direction)
    averaged = state.averaged
    if ema_decay is not None:
        n = state.num_updates.astype(learning_rate.dtype)
        decay = jnp.minimum(ema_decay, (1 + n) / (10 + n))
        averaged = jax.tree.map(lambda a, p: a + (1 - decay).astype(a.dtype) * (p - a), averaged, params)
    return replace(
        state, params=params, moments=moments, averaged=averaged, num_updates=state.num_updates + 1
    )


def _add(sums: EpochSums, loss: Array, predictions: Array, labels: Array, valid: Array) -> EpochSums:
    """Merges the moments of a batch with those before it (Chan, Golub and LeVeque 1983)."""
    weight = valid[:, None].astype(predictions.dtype)  # [B, 1]
    added = weight.sum()
    p, mean_p = _around_mean(jax.lax.stop_gradient(predictions), weight)
    y, mean_y = _around_mean(labels, weight)
    count = sums.count + added
    share = added / jnp.maximum(count, 1)
    p_rise, y_rise = mean_p - sums.prediction, mean_y - sums.label
    between = sums.count * share
    return EpochSums(
        count=count,
        loss=sums.loss + share * (loss - sums.loss),
        prediction=sums.prediction + share * p_rise,
        label=sums.label + share * y_rise,
        prediction_squared=sums.prediction_squared + (p * p).sum() + between * p_rise * p_rise,
        label_squared=sums.label_squared + (y * y).sum() + between * y_rise * y_rise,
        product=sums.product + (p * y).sum() + between * p_rise * y_rise,
    )


def _around_mean(values: Array, weight: Array) -> tuple[Array, Array]:
    """Values `[B, 1]` less their mean over those of weight 1, 0 elsewhere; and that mean."""
    values = jnp.where(weight > 0, values, 0)
    count = jnp.maximum(weight.sum(), 1)
    mean = values.sum() / count
    around = (values - mean) * weight
    rest = around.sum() / count  # what rounding left in the mean
    return (around - rest) * weight, mean + rest


def _keep_if_failed(
    old: TrainState, new: TrainState, flags: Array, position: Array, predictions: Array, batch: GenotypeBatch
) -> TrainState:
    failed_before = old.failure.position >= 0
    failed = failed_before | ~flags.all()
    here = Failure(position, flags, batch.valid & ~jnp.isfinite(predictions[:, 0]))
    failure = jax.tree.map(
        lambda before, now: jnp.where(~failed_before & failed, now, before), old.failure, here
    )
    kept = jax.tree.map(lambda before, after: jnp.where(failed, before, after), old, new)
    return kept.replace(failure=failure)
