"""Normalisation of node embeddings with the statistics spelled out.

Every norm is `x -> (x - mean) / deviation * scale + bias`; the kinds differ in what is averaged
(`layer`: rows and channels; the others: rows, per channel), `statistics` says over which rows:

- `batch`: the wildtype's N rows; all rows of all genotypes of the batch together, also of a batch
  dealt among devices;
- `genotype`: the wildtype's N rows; the N rows of every genotype by itself;
- `node`: every row by itself (`layer` only: ordinary LayerNorm).

Formulas follow PyTorch Geometric's norm classes called without a batch vector, epsilon 1e-5. They
multiply rows by one factor per channel: a division's gradient costs several times its own time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from gi_jax.ops.node_states import NodeStates, RowSelection

EPSILON = 1e-5


class Moments(NamedTuple):
    """Per-channel statistics of the wildtype pass and of the batch pass, for running averages."""

    mean: Array  # [2, H]
    variance: Array  # [2, H], biased
    # The statistical word; nobody counts the entries of the tuple.
    count: Array  # pyright: ignore[reportIncompatibleMethodOverride] # [2, 1], rows averaged


def _root(variance: Array) -> Array:
    # The gradient of a square root is infinite at 0; a constant input has gradient 0, as in PyTorch.
    positive = variance > 0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, variance, 1)), 0)


def layer_norm(states: NodeStates, select: RowSelection, scale: Array, bias: Array) -> NodeStates:
    """`(x - mean) / (deviation + eps) * scale + bias`, one mean and deviation per group of rows.

    With `node` statistics it is ordinary LayerNorm, `(x - mean) / sqrt(variance + eps)` per row.
    """
    if select.statistics == "node":
        return states.map(lambda x: row_layer_norm(x, scale, bias))
    mean = states.row_mean(select).mean(axis=-1, keepdims=True)  # [C', 1]
    variance = _mean_square(states, select, mean).mean(axis=-1, keepdims=True)
    factor = scale / (_root(variance) + EPSILON)  # [C', H]
    return states.elementwise(lambda x, m, f: (x - m) * f + bias, mean, factor)


@jax.custom_vjp
def row_layer_norm(x: Array, scale: Array, bias: Array) -> Array:
    """LayerNorm of each row, `[..., H]` (Ba, Kiros and Hinton 2016; PyTorch's definition)."""
    return _row_layer_norm(x, scale, bias)[0]


def _row_layer_norm(x: Array, scale: Array, bias: Array) -> tuple[Array, tuple[Array, ...]]:
    mean = _channel_mean(x)
    centred = x - mean
    inverse = 1 / jnp.sqrt(_channel_mean(centred * centred) + EPSILON)
    return centred * inverse * scale + bias, (x, mean, inverse, scale)


def _row_layer_norm_backward(saved: tuple[Array, ...], cotangent: Array) -> tuple[Array, Array, Array]:
    # Derived by hand because the compiler, left to itself, forms the cotangent anew in each of five sums.
    x, mean, inverse, scale = saved
    unit = (x - mean) * inverse
    rows = tuple(range(x.ndim - 1))
    dunit = cotangent * scale
    dx = inverse * (dunit - _channel_mean(dunit) - unit * _channel_mean(dunit * unit))
    return dx, (cotangent * unit).sum(axis=rows), cotangent.sum(axis=rows)


row_layer_norm.defvjp(_row_layer_norm, _row_layer_norm_backward)


def _channel_mean(x: Array) -> Array:
    """`[..., 1]`, as a product: what it averages is then formed once, not in every loop that needs it."""
    weights = jnp.full((x.shape[-1], 1), 1 / x.shape[-1], x.dtype)
    rows = jnp.dot(x.reshape(-1, x.shape[-1]), weights, precision=jax.lax.Precision.HIGHEST)
    return rows.reshape(*x.shape[:-1], 1)


def _mean_square(states: NodeStates, select: RowSelection, centre: Array) -> Array:
    return states.elementwise(lambda x, c: (x - c) ** 2, centre).row_mean(select)


def batch_norm(
    states: NodeStates,
    select: RowSelection,
    scale: Array,
    bias: Array,
    running: tuple[Array, Array] | None,
) -> tuple[NodeStates, Moments | None]:
    """BatchNorm1d over rows; with `running` (mean, variance) `[H]` those replace the statistics.

    Returns the states and, without `running`, the moments to update the running ones with.
    """
    moments = None
    if running is None:
        mean = states.row_mean(select)  # [C', H]
        variance = _mean_square(states, select, mean)
        moments = Moments(mean[jnp.array([0, -1])], variance[jnp.array([0, -1])], _row_counts(states, select))
    else:
        mean, variance = (r[None] for r in running)
    factor = scale / jnp.sqrt(variance + EPSILON)
    return states.elementwise(lambda x, m, f: (x - m) * f + bias, mean, factor), moments


def _row_counts(states: NodeStates, select: RowSelection) -> Array:
    dtype = states.columns.dtype
    if select.keep is None:
        n = states.columns.shape[0]
        valid = select.over_batch(select.valid.sum())
        return jnp.array([[n], [0]], dtype) + jnp.array([[0], [n]], dtype) * valid
    kept = select.keep.sum(axis=0)  # [1 + B]
    return jnp.stack([kept[:1], select.over_batch((kept[1:] * select.valid).sum(keepdims=True))])


def graph_norm(
    states: NodeStates, select: RowSelection, scale: Array, bias: Array, mean_scale: Array
) -> NodeStates:
    """GraphNorm (Cai et al. 2021): minus a learned share of the mean, over the root mean square."""
    centre = states.row_mean(select) * mean_scale  # [C', H]
    factor = scale / jnp.sqrt(_mean_square(states, select, centre) + EPSILON)
    return states.elementwise(lambda x, c, f: (x - c) * f + bias, centre, factor)


def instance_norm(states: NodeStates, select: RowSelection) -> NodeStates:
    """Per channel `(x - mean) / sqrt(variance + eps)`, no parameters."""
    mean = states.row_mean(select)
    factor = 1 / jnp.sqrt(_mean_square(states, select, mean) + EPSILON)
    return states.elementwise(lambda x, m, f: (x - m) * f, mean, factor)


def pair_norm(states: NodeStates, select: RowSelection) -> NodeStates:
    """PairNorm (Zhao and Akoglu 2020), scale H: centred rows over their root mean squared norm."""
    mean = states.row_mean(select)
    square_norm = _mean_square(states, select, mean).sum(axis=-1, keepdims=True)  # [C', 1]
    factor = mean.shape[-1] / jnp.sqrt(EPSILON + square_norm)
    return states.elementwise(lambda x, m, f: (x - m) * f, mean, factor)


def mean_subtraction_norm(states: NodeStates, select: RowSelection) -> NodeStates:
    """Subtracts the mean of every channel."""
    return states.elementwise(lambda x, m: x - m, states.row_mean(select))


PARAMETER_FREE: dict[str, Callable[[NodeStates, RowSelection], NodeStates]] = {
    "instance": instance_norm,
    "pair": pair_norm,
    "mean_subtraction": mean_subtraction_norm,
}
