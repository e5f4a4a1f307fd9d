"""Parameters and running statistics of the norms, for one norm or a stack of G."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from gi_jax.ops import norm as ops
from gi_jax.ops.node_states import NodeStates, RowSelection
from gi_jax.ops.norm import Moments

MOMENTUM = 0.1  # PyTorch's: the weight of the new value


class NormParameters(NamedTuple):
    """What a norm of any kind needs; entries that a kind has not are None."""

    scale: Array | None  # [..., H]
    bias: Array | None  # [..., H]
    mean_scale: Array | None  # [..., H], graph norm
    running: tuple[Array, Array] | None  # mean and variance [..., H], batch norm in evaluation

    @property
    def affine(self) -> tuple[Array, Array]:
        """Scale and bias, of a kind that has them."""
        assert self.scale is not None and self.bias is not None, "layer, batch and graph norms have both"
        return self.scale, self.bias


class Norm(nn.Module):
    """Declares the parameters of a norm; `stack` is `()` for one norm, `(G,)` for one per network.

    Args:
      kind: one of `gi_jax.nn.options.NORMS`.
    """

    kind: str
    channels: int
    stack: tuple[int, ...] = ()

    @nn.compact
    def __call__(self, use_running: bool) -> NormParameters:
        shape = (*self.stack, self.channels)
        affine = self.kind in ("layer", "batch", "graph")
        scale = self.param("scale", nn.initializers.ones, shape) if affine else None
        bias = self.param("bias", nn.initializers.zeros, shape) if affine else None
        mean_scale = self.param("mean_scale", nn.initializers.ones, shape) if self.kind == "graph" else None
        running = None
        if self.kind == "batch":
            mean = self.variable("batch_stats", "mean", jnp.zeros, shape)
            variance = self.variable("batch_stats", "variance", jnp.ones, shape)
            running = (mean.value, variance.value) if use_running else None
        return NormParameters(scale, bias, mean_scale, running)

    def update(self, moments: Moments, index: tuple[int, ...] = ()) -> None:
        """Folds the statistics of a wildtype pass, then those of the batch pass, into the running ones.

        `running <- 0.9 running + 0.1 value`, with the unbiased variance (PyTorch's BatchNorm1d).
        """
        if self.is_initializing() or not self.is_mutable_collection("batch_stats"):
            return
        unbiased = moments.variance * moments.count / jnp.maximum(moments.count - 1, 1)
        for name, values in (("mean", moments.mean), ("variance", unbiased)):
            running = self.get_variable("batch_stats", name)
            for value in values:
                own = (1 - MOMENTUM) * running[index] + MOMENTUM * value
                # Set at no index would need a constant without entries, see `gi_jax.ops.changed_rows`.
                running = running.at[index].set(own) if index else own
            self.put_variable("batch_stats", name, running)


def normalise(
    kind: str, parameters: NormParameters, states: NodeStates, select: RowSelection
) -> tuple[NodeStates, Moments | None]:
    """Applies a norm of the given kind; the moments are those of a batch norm in training.

    Statistics of half-precision states are taken in the precision of the parameters.
    """
    p, dtype = parameters, states.columns.dtype
    if dtype == jnp.bfloat16:
        wide, moments = normalise(kind, p, states.map(lambda x: x.astype(jnp.float32)), select)
        return wide.map(lambda x: x.astype(dtype)), moments
    if kind == "layer":
        return ops.layer_norm(states, select, *p.affine), None
    if kind == "batch":
        return ops.batch_norm(states, select, *p.affine, p.running)
    if p.mean_scale is not None:
        return ops.graph_norm(states, select, *p.affine, p.mean_scale), None
    return ops.PARAMETER_FREE[kind](states, select), None
