"""Graph isomorphism convolution over every network, on the graph that all genotypes share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from flax import linen as nn
from jax import Array

from gi_jax.data.networks import Adjacency
from gi_jax.nn.mlp import ACTIVATIONS, Linear, LinearParameters, drop_rows
from gi_jax.ops.changed_rows import BatchChange
from gi_jax.ops.kept_messages import kept_messages
from gi_jax.ops.node_states import Dense, NodeStates, SharedColumn, TemplateWithChanges
from gi_jax.ops.spmm import SelectedNetwork, masked_spmm, spmm


class GINParameters(NamedTuple):
    """Stacked over networks, leading axis G; index it for one network."""

    eps: Array  # [G]
    layers: tuple[Linear, ...]
    projection: Linear | None

    @property
    def num_hidden(self) -> int:
        """Layers of `after_messages` that a dropout may follow."""
        return len(self.layers)

    def after_messages(
        self, x: NodeStates, activation: str, rate: float, keys: list[Array | None]
    ) -> NodeStates:
        """The MLP: hidden layers are linear, activation, dropout; the last one is linear only (see `GIN`)."""
        act = ACTIVATIONS[activation]
        single = len(self.layers) == 1
        for i, layer in enumerate(self.layers):
            x = x.map(layer)
            if single or i < len(self.layers) - 1:
                x = drop_rows(x.map(act), rate, keys[i])
        return x if self.projection is None else x.map(self.projection)


class GIN(nn.Module):
    """Declares `mlp_g((1 + eps_g) x + sum of messages)` for G networks (Xu et al. 2019).

    A MLP of n >= 2 layers ends in a linear layer of width `channels`; one of 1 layer is linear and
    activation of width `hidden`, followed by a projection when the widths differ (as the original).
    """

    num_networks: int
    channels: int
    hidden: int
    num_layers: int

    @nn.compact
    def __call__(self) -> GINParameters:
        stack = (self.num_networks,)
        widths = [self.channels, *[self.hidden] * (self.num_layers - 1)]
        widths.append(self.hidden if self.num_layers == 1 else self.channels)
        layers = tuple(
            LinearParameters(widths[i], widths[i + 1], stack, name=f"linear_{i}")()
            for i in range(self.num_layers)
        )
        projection = None
        if widths[-1] != self.channels:
            projection = LinearParameters(widths[-1], self.channels, stack, name="projection")()
        eps = self.param("eps", nn.initializers.zeros, stack)
        return GINParameters(eps, layers, projection)


def gin_aggregate(adjacency: Adjacency | SelectedNetwork, eps: Array, states: Dense, keep: Array) -> Dense:
    """`(1 + eps) x + sum of the messages over kept edges` for the wildtype and every genotype.

    One sparse product of width (1 + B) H.

    Args:
      states: `[N, 1 + B, H]`.
      keep: `[N, 1 + B]`.
    """
    x = states.columns
    return Dense((1 + eps).astype(x.dtype) * x + masked_spmm(adjacency, x, keep))


def gin_aggregate_shared(
    networks: Sequence[Adjacency], eps: Sequence[Array], states: SharedColumn, change: BatchChange
) -> list[TemplateWithChanges]:
    """`gin_aggregate` on each of G networks, where all genotypes have the same input (the first layer).

    One sparse product of width H gives the template, and the changed rows
    are corrected by the messages they lose; a deleted gene receives nothing.

    Args:
      eps: G times [].
      states: the shared column `[N, 1, H]`.
      change: the rows that the batch changes, G networks.
    """
    x = states.wildtype  # [N, H]
    messages = [spmm(network, x) for network in networks]  # [N, H] each
    scale = [(1 + own).astype(x.dtype) for own in eps]
    own = [s * x[network.rows.gene] for s, network in zip(scale, change.networks, strict=True)]  # [R_g, H]
    kept = kept_messages(change, networks, x, messages, own)
    return [
        TemplateWithChanges((scale[g] * x + messages[g])[:, None], own[g] + kept[g], change.networks[g].rows)
        for g in range(len(networks))
    ]
