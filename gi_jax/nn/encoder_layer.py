"""One layer of the gene encoder: a convolution per network, then the networks combined."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from gi_jax.config import GeneEncoderConfig
from gi_jax.data.networks import Adjacency, CellGraph
from gi_jax.nn.gatv2 import GATv2, GATv2Parameters, gatv2
from gi_jax.nn.gin import GIN, GINParameters, gin_aggregate, gin_mlp
from gi_jax.nn.graph_aggregation import CrossAttention, PairwiseInteraction
from gi_jax.nn.mlp import ACTIVATIONS, DropoutKeys, dropout
from gi_jax.nn.norms import Norm, NormParameters, normalise
from gi_jax.ops.changed_rows import BatchChange, ChangedRows, NetworkChange
from gi_jax.ops.node_states import NodeStates
from gi_jax.ops.norm import Moments, RowSelection
from gi_jax.ops.segment import segment_sum


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
        num_networks, encoder = len(self.graph_names), self.encoder
        if encoder.encoder_type == "gatv2":
            num_hidden = 0
            parameters = GATv2(num_networks, self.channels, encoder.heads, encoder.concat, name="gatv2")()
        else:
            num_hidden, hidden = encoder.gin_num_layers, encoder.gin_hidden_dim or self.channels
            parameters = GIN(num_networks, self.channels, hidden, num_hidden, name="gin")()
        norm = Norm(self.norm, self.channels, (num_networks,), name="norm")
        norm_parameters = norm(not train)
        keys = DropoutKeys(self, self.dropout, train)

        def branch(
            own: GINParameters | GATv2Parameters,
            own_norm: NormParameters,
            adjacency: Adjacency,
            lost: NetworkChange | None,
            states: NodeStates,
            drop: list[Array | None],
        ) -> tuple[NodeStates, Moments | None]:
            if isinstance(own, GATv2Parameters):
                loops = encoder.add_self_loops
                x = gatv2(own, adjacency, states, keep, concat=encoder.concat, self_loops=loops)
            else:
                x = gin_aggregate(adjacency, own.eps, states, keep, lost)
                x = x.map(lambda rows: gin_mlp(own, rows, self.activation, self.dropout, drop))
            x, moments = normalise(self.norm, own_norm, x, select)
            act = ACTIVATIONS[self.activation]
            return x.map(lambda rows: dropout(act(rows), self.dropout, drop[-1])), moments

        branch = jax.checkpoint(branch) if self.remat else branch
        present = tuple(i for i, name in enumerate(self.graph_names) if name in graph)
        changes = [change and change.networks[graph.names.index(self.graph_names[i])] for i in present]
        outputs = []
        for i, lost in zip(present, changes, strict=True):
            own, own_norm = (jax.tree.map(lambda a: a[i], p) for p in (parameters, norm_parameters))  # noqa: B023
            drop = [keys() for _ in range(num_hidden + 1)]
            output, moments = branch(own, own_norm, graph[self.graph_names[i]], lost, states, drop)
            if moments is not None:
                norm.update(moments, (i,))
            outputs.append(output)
        # Kept only where a caller asks for `intermediates`; training and prediction do not.
        self.sow("intermediates", "network_outputs", [output.wildtype for output in outputs])
        union = change and change.union
        if encoder.graph_aggregation_method in ("sum", "mean"):
            total = _sum(outputs, changes, union)
            scale = 1 / len(outputs) if encoder.graph_aggregation_method == "mean" else 1
            return total.map(lambda x: x * scale), None
        return self._attend(_stack(outputs, changes, union), present, select, train)

    def _attend(
        self, stacked: NodeStates, present: tuple[int, ...], select: RowSelection, train: bool
    ) -> tuple[NodeStates, NodeStates]:
        config, num_networks = self.encoder.graph_aggregation_config, len(self.graph_names)
        norm_kind = None
        if self.encoder.graph_aggregation_method == "cross_attention":
            kind, arguments = CrossAttention, (num_networks, self.channels, config.num_heads)
        else:
            norm_kind = config.aggregation_norm
            hidden = config.pairwise_hidden_dim or self.channels // 2
            kind = PairwiseInteraction
            arguments = (num_networks, self.channels, hidden, config.pairwise_num_layers, self.activation)
        kind = nn.remat(kind, static_argnums=(2, 3)) if self.remat else kind
        rate = self.dropout if config.dropout is None else config.dropout
        aggregate = kind(*arguments, rate, name="aggregator")
        both = stacked.map(lambda x: aggregate(x, present, train))
        combined, weights = (
            NodeStates(both.columns[i], both.changed and both.changed[i], both.rows) for i in (0, 1)
        )
        if norm_kind is not None:
            norm = Norm(norm_kind, self.channels, name="aggregator_norm")
            combined, moments = normalise(norm_kind, norm(not train), combined, select)
            if moments is not None:
                norm.update(moments)
        return combined, weights


def _sum(
    outputs: list[NodeStates], changes: list[NetworkChange | None], union: ChangedRows | None
) -> NodeStates:
    columns = sum(output.columns for output in outputs)
    if union is None:
        return NodeStates(columns)
    # Every network adds the difference of its changed rows to the sum of the templates.
    difference = jnp.concatenate([output.difference() for output in outputs])  # [sum of R_g, H]
    row = jnp.concatenate([change.union_row for change in changes])
    shift = segment_sum(difference, row, union.gene.shape[0])  # [R, H]
    template = NodeStates(columns, shift, union).template_rows()
    return NodeStates(columns, template + shift, union)


def _stack(
    outputs: list[NodeStates], changes: list[NetworkChange | None], union: ChangedRows | None
) -> NodeStates:
    columns = jnp.stack([output.columns for output in outputs], axis=2)  # [N, C, G, H]
    if union is None:
        return NodeStates(columns)
    changed = []
    for output, change in zip(outputs, changes, strict=True):
        template = NodeStates(output.columns, output.changed, union).template_rows()  # [R, H]
        row = jnp.where(output.rows.live, change.union_row, union.gene.shape[0])
        changed.append(template.at[row].set(output.changed, mode="drop"))
    return NodeStates(columns, jnp.stack(changed, axis=1), union)
