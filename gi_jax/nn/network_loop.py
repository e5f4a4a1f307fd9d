"""The networks of a layer, one after the other: what each makes of the genotypes, summed or stacked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from gi_jax.nn.gatv2 import GATv2Parameters
from gi_jax.nn.gin import GINParameters
from gi_jax.nn.norms import NormParameters
from gi_jax.ops.node_states import Dense, NodeStates
from gi_jax.ops.norm import Moments
from gi_jax.ops.spmm import accumulator
from gi_jax.ops.trees import take

AGGREGATED = "aggregated"  # the name of what a recomputed branch keeps for the backward pass


class Branch(NamedTuple):
    """What one network's share of a layer needs besides its input."""

    convolution: GINParameters | GATv2Parameters
    norm: NormParameters
    keys: list[Array | None]  # of the dropouts: after each hidden layer, and the last


class NetworkOutputs(NamedTuple):
    """What the G networks of a layer give, before it is combined."""

    states: NodeStates  # their sum, or all of them along a leading axis
    wildtypes: Any  # G times [N, H]
    moments: list[Moments | None]  # G


def one_at_a_time(
    branch_output: Callable[[Branch, Array], tuple[NodeStates, Moments | None]],
    branches: list[Branch],
    inputs: Array,
    like: Array,
    *,
    summed: bool,
    remat: bool,
) -> NetworkOutputs:
    """Runs the branches of G networks in a loop.

    A loop, because a compiler that sees all branches at once works on them at once, and holds the
    intermediate arrays of all of them.

    Args:
      branch_output: dense states of one network, and its moments, from its branch and its input.
      branches: G.
      inputs: `[G, ...]`.
      like: `[N, 1 + B, H]`, of the shape and dtype of an output.
      summed: add the outputs up, rather than stack them.
      remat: compute a branch again in the backward pass, but for what is named `AGGREGATED`.
    """

    def step(total: Array, branch_and_input: tuple[Branch, Array]) -> tuple[Array, tuple[Array, Any]]:
        output, moments = branch_output(*branch_and_input)
        if summed:
            return total + output.columns.astype(total.dtype), (output.wildtype, moments)
        return total, (output.columns, moments)

    if remat:
        step = jax.checkpoint(
            step, prevent_cse=False, policy=jax.checkpoint_policies.save_only_these_names(AGGREGATED)
        )
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *branches)
    # Nine roundings to half precision would add up.
    total = jnp.zeros(like.shape if summed else (), accumulator(like.dtype))
    total, (outputs, moments) = jax.lax.scan(step, total, (stacked, inputs))
    moments = [take(moments, g) for g in range(len(branches))]
    if summed:
        return NetworkOutputs(Dense(total.astype(like.dtype)), outputs, moments)
    return NetworkOutputs(Dense(outputs), outputs[:, :, 0], moments)
