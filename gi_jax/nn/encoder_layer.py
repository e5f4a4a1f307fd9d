"""One layer of the gene encoder: a convolution per network, then the networks combined."""

from __future__ import annotations

from functools import partial
from typing import cast

import jax.numpy as jnp
from flax import linen as nn
from jax import Array
from jax.ad_checkpoint import checkpoint_name

from gi_jax.data.networks import Adjacency, CellGraph
from gi_jax.nn.gatv2 import GATv2, GATv2Parameters, gatv2
from gi_jax.nn.gin import GIN, GINParameters, gin_aggregate, gin_aggregate_shared
from gi_jax.nn.graph_aggregation import CrossAttention, PairMixture, PairwiseInteraction
from gi_jax.nn.mlp import ACTIVATIONS, DropoutKeys, drop_rows
from gi_jax.nn.network_loop import AGGREGATED, Branch, NetworkOutputs, one_at_a_time
from gi_jax.nn.norms import Norm, NormParameters, normalise
from gi_jax.nn.options import GeneEncoderConfig
from gi_jax.ops.changed_rows import BatchChange
from gi_jax.ops.network_union import stack_of_networks, sum_of_networks
from gi_jax.ops.node_states import Dense, NodeStates, RowSelection, SharedColumn
from gi_jax.ops.norm import Moments
from gi_jax.ops.spmm import SelectedNetwork
from gi_jax.ops.trees import take


class EncoderLayer(nn.Module):
    """Per network: convolution, norm, activation, dropout; then the networks combined.

    Networks of `graph_names` that the graph lacks keep their parameters and take no part.
    """

    graph_names: tuple[str, ...]
    channels: int
    norm: str
    activation: str
    dropout: float
    encoder: GeneEncoderConfig
    remat: bool  # recompute each network's branch in the backward pass
    inner_activation: str = ""  # inside the convolutions and aggregations, `activation` if empty

    @nn.compact
    def __call__(
        self,
        graph: CellGraph,
        states: NodeStates,
        keep: Array,
        select: RowSelection,
        change: BatchChange | None,
        train: bool,
    ) -> tuple[NodeStates, NodeStates | None]:
        """Args: states dense, or one shared column with the batch's `change` (the first layer, GIN only).

        Returns: the combined states, and the weights of an attentive aggregation as node states.
        """
        present = tuple(i for i, name in enumerate(self.graph_names) if name in graph)
        convolution = self._convolution()
        norm = Norm(self.norm, self.channels, (len(self.graph_names),), name="norm")
        branches = self._branches(convolution, norm(not train), present, train)
        if change is None:
            networks = [graph[self.graph_names[i]] for i in present]
            outputs = self._on_all_rows(branches, networks, states, keep, select)
        else:
            numbers = [graph.names.index(self.graph_names[i]) for i in present]
            outputs = self._on_changed_rows(branches, graph, numbers, states, change, select)
        # Kept only where a caller asks for `intermediates`; training and prediction do not.
        self.sow("intermediates", "network_outputs", list(outputs.wildtypes))
        for i, moments in zip(present, outputs.moments, strict=True):
            if moments is not None:
                norm.update(moments, (i,))
        return self._combine(outputs.states, present, select, train)

    @property
    def _summed(self) -> bool:
        return self.encoder.graph_aggregation_method in ("sum", "mean")

    def _convolution(self) -> GINParameters | GATv2Parameters:
        """The parameters of all networks, stacked."""
        encoder, num_networks = self.encoder, len(self.graph_names)
        if encoder.encoder_type == "gatv2":
            return GATv2(num_networks, self.channels, encoder.heads, encoder.concat, name="gatv2")()
        hidden = encoder.gin_hidden_dim or self.channels
        return GIN(num_networks, self.channels, hidden, encoder.gin_num_layers, name="gin")()

    def _branches(
        self,
        convolution: GINParameters | GATv2Parameters,
        norm: NormParameters,
        present: tuple[int, ...],
        train: bool,
    ) -> list[Branch]:
        """What each present network has of the parameters, and its own dropouts."""
        keys = DropoutKeys(self, self.dropout, train)
        return [
            Branch(take(convolution, i), take(norm, i), [keys() for _ in range(convolution.num_hidden + 1)])
            for i in present
        ]

    def _on_all_rows(
        self,
        branches: list[Branch],
        networks: list[Adjacency],
        states: NodeStates,
        keep: Array,
        select: RowSelection,
    ) -> NetworkOutputs:
        """Every row of every genotype."""
        assert isinstance(states, Dense), "only the first layer has one column for all genotypes"

        def attend(branch: Branch, network: Adjacency) -> Array:
            options = {"concat": self.encoder.concat, "self_loops": self.encoder.add_self_loops}
            convolution = cast(GATv2Parameters, branch.convolution)
            return gatv2(convolution, network, states, keep, **options).columns

        def after_attention(branch: Branch, attended: Array) -> tuple[NodeStates, Moments | None]:
            return self._after_messages(branch, Dense(attended), select)

        def with_messages(branch: Branch, number: Array) -> tuple[NodeStates, Moments | None]:
            network = SelectedNetwork(tuple(networks), number)
            received = gin_aggregate(network, cast(GINParameters, branch.convolution).eps, states, keep)
            # Kept for the backward pass, which computes the rest of the branch again.
            received = received.map(partial(checkpoint_name, name=AGGREGATED))
            return self._after_messages(branch, received, select)

        if self.encoder.encoder_type == "gatv2":
            branch_output = after_attention
            inputs = jnp.stack([attend(*both) for both in zip(branches, networks, strict=True)])
        else:
            branch_output, inputs = with_messages, jnp.arange(len(networks))
        like = states.columns
        return one_at_a_time(branch_output, branches, inputs, like, summed=self._summed, remat=self.remat)

    def _on_changed_rows(
        self,
        branches: list[Branch],
        graph: CellGraph,
        numbers: list[int],
        states: NodeStates,
        change: BatchChange,
        select: RowSelection,
    ) -> NetworkOutputs:
        """One template for all genotypes, and the rows that they change; networks by their numbers."""
        assert isinstance(states, SharedColumn), "changed rows are those of the first layer"
        networks = [graph.networks[g] for g in numbers]
        changes = tuple(change.networks[g] for g in numbers)
        eps = [cast(GINParameters, branch.convolution).eps for branch in branches]
        received = gin_aggregate_shared(networks, eps, states, change._replace(networks=changes))
        outputs, moments = zip(
            *(self._after_messages(*both, select) for both in zip(branches, received, strict=True)),
            strict=True,
        )
        if self._summed:
            combined = sum_of_networks(outputs, changes, change.union, change.pairs)
        else:
            combined = stack_of_networks(outputs, changes, change.union)
        return NetworkOutputs(combined, [output.wildtype for output in outputs], list(moments))

    @nn.nowrap  # it declares nothing, and runs inside a loop
    def _after_messages(
        self, branch: Branch, received: NodeStates, select: RowSelection
    ) -> tuple[NodeStates, Moments | None]:
        """The rest of a network's branch: the convolution's own layers, norm, activation, dropout."""
        inner = self.inner_activation or self.activation
        x = branch.convolution.after_messages(received, inner, self.dropout, branch.keys[:-1])
        x, moments = normalise(self.norm, branch.norm, x, select)
        return drop_rows(x.map(ACTIVATIONS[self.activation]), self.dropout, branch.keys[-1]), moments

    def _combine(
        self, outputs: NodeStates, present: tuple[int, ...], select: RowSelection, train: bool
    ) -> tuple[NodeStates, NodeStates | None]:
        """Args: outputs of the networks, summed, or with a leading axis of networks."""
        method = self.encoder.graph_aggregation_method
        if self._summed:
            scale = 1 / len(present) if method == "mean" else 1
            return outputs.map(lambda x: x * scale), None
        config = self.encoder.graph_aggregation_config
        rate = self.dropout if config.dropout is None else config.dropout
        if method == "cross_attention":
            kind = nn.remat(CrossAttention, static_argnums=(2, 3)) if self.remat else CrossAttention
            aggregate = kind(len(self.graph_names), self.channels, config.num_heads, rate, name="aggregator")
        elif method == "pair_mixture":
            aggregate = PairMixture(len(self.graph_names), self.channels, rate, name="aggregator")
        else:
            aggregate = PairwiseInteraction(
                len(self.graph_names),
                self.channels,
                config.pairwise_hidden_dim or self.channels // 2,
                config.pairwise_num_layers,
                self.activation,
                rate,
                name="aggregator",
            )
        # Changed rows before columns: a call draws dropout, and the draws of a seed must stay.
        both = [aggregate(x, present, train) for x in reversed(outputs.embeddings)]
        combined, weights = (outputs.with_embeddings(part[::-1]) for part in zip(*both, strict=True))
        if method == "pairwise_interaction" and config.aggregation_norm is not None:
            combined = self._normalised(config.aggregation_norm, combined, select, train)
        return combined, weights

    def _normalised(self, kind: str, combined: NodeStates, select: RowSelection, train: bool) -> NodeStates:
        norm = Norm(kind, self.channels, name="aggregator_norm")
        combined, moments = normalise(kind, norm(not train), combined, select)
        if moments is not None:
            norm.update(moments)
        return combined
