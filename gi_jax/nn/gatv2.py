"""GATv2 convolution over every network, on the graph that all genotypes share."""

from __future__ import annotations

from typing import NamedTuple

from flax import linen as nn
from jax import Array

from gi_jax.data.networks import Adjacency
from gi_jax.nn.mlp import Linear, LinearParameters, glorot_uniform
from gi_jax.ops.graph_attention import graph_attention
from gi_jax.ops.node_states import Dense, NodeStates


class GATv2Parameters(NamedTuple):
    """Stacked over networks, leading axis G; index it for one network."""

    sender: Linear  # H -> A D
    receiver: Linear  # H -> A D
    attention: Array  # [G, 1, A, D], the 1 runs along edges
    bias: Array  # [G, A D], or [G, D] where heads are averaged
    projection: Linear | None

    num_hidden = 0  # layers of `after_messages` that a dropout may follow

    def after_messages(
        self, x: NodeStates, activation: str, rate: float, keys: list[Array | None]
    ) -> NodeStates:
        """What was received as it is: `gatv2` has projected it already."""
        return x


class GATv2(nn.Module):
    """Declares GATv2 convolutions of A heads, `D = H // A` wide, for G networks (Brody et al. 2022).

    A projection follows where the heads, side by side or averaged, are not `channels` wide.
    """

    num_networks: int
    channels: int
    heads: int
    concat: bool

    @nn.compact
    def __call__(self) -> GATv2Parameters:
        g, h, d = self.num_networks, self.channels, self.channels // self.heads
        width = self.heads * d if self.concat else d
        sender, receiver = (
            LinearParameters(h, self.heads * d, (g,), initial="glorot", name=name)()
            for name in ("sender", "receiver")
        )
        return GATv2Parameters(
            sender=sender,
            receiver=receiver,
            attention=self.param("attention", glorot_uniform, (g, 1, self.heads, d)),
            bias=self.param("bias", nn.initializers.zeros, (g, width)),
            projection=None if width == h else LinearParameters(width, h, (g,), name="projection")(),
        )


def gatv2(
    parameters: GATv2Parameters,
    adjacency: Adjacency,
    states: Dense,
    keep: Array,
    *,
    concat: bool,
    self_loops: bool,
) -> Dense:
    """GATv2 on the graph of kept edges, for the wildtype and every genotype; see `graph_attention`.

    Args:
      parameters: those of one network.
      states: `[N, 1 + B, H]`.
      keep: `[N, 1 + B]`.
    """
    x = states.columns
    attention = parameters.attention.astype(x.dtype)  # [1, A, D]
    sender, receiver = (
        linear(x).reshape(*x.shape[:-1], *attention.shape[1:])
        for linear in (parameters.sender, parameters.receiver)
    )  # [N, 1 + B, A, D]
    out = graph_attention(adjacency, sender, receiver, attention, keep, self_loops=self_loops)
    out = out.reshape(*x.shape[:-1], -1) if concat else out.mean(axis=-2)  # [N, 1 + B, A D] or [N, 1 + B, D]
    out = out + parameters.bias.astype(x.dtype)
    return Dense(out if parameters.projection is None else parameters.projection(out))
