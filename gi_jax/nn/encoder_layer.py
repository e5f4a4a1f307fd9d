"""One layer of the gene encoder: a convolution per network, then the networks combined."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array
from jax.ad_checkpoint import checkpoint_name

from gi_jax.data.networks import Adjacency, CellGraph
from gi_jax.nn.gatv2 import GATv2, GATv2Parameters, gatv2
from gi_jax.nn.gin import GIN, GINParameters, gin_aggregate, gin_aggregate_shared, gin_mlp
from gi_jax.nn.graph_aggregation import CrossAttention, PairwiseInteraction
from gi_jax.nn.mlp import ACTIVATIONS, DropoutKeys, drop_rows
from gi_jax.nn.norms import Norm, NormParameters, normalise
from gi_jax.nn.options import GeneEncoderConfig
from gi_jax.ops.changed_rows import BatchChange, ChangedRows, NetworkChange
from gi_jax.ops.genotype_rows import LEFT, rows_anew
from gi_jax.ops.node_states import NodeStates
from gi_jax.ops.norm import Moments, RowSelection
from gi_jax.ops.segment import segment_sum
from gi_jax.ops.spmm import OneOf, accumulator

AGGREGATED = "aggregated"


class Branch(NamedTuple):
    """What one network's share of a layer needs besides its input."""

    convolution: GINParameters | GATv2Parameters
    norm: NormParameters
    keys: list[Array | None]  # of the dropouts: after each hidden layer, and the last


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

        def attend(own: GATv2Parameters, adjacency: Adjacency) -> NodeStates:
            loops = encoder.add_self_loops
            return gatv2(own, adjacency, states, keep, concat=encoder.concat, self_loops=loops)

        def sums(own: GINParameters, turn: Array) -> NodeStates:
            # Kept for the backward pass, which computes the rest of the branch again.
            received = gin_aggregate(OneOf(networks, turn), own.eps, states, keep)
            return received.map(partial(checkpoint_name, name=AGGREGATED))

        def transform(branch: Branch, x: NodeStates) -> tuple[NodeStates, Moments | None]:
            if isinstance(branch.convolution, GINParameters):
                mlp, drop = branch.convolution, branch.keys[:-1]
                x = gin_mlp(mlp, x, self.activation, self.dropout, drop)
            x, moments = normalise(self.norm, branch.norm, x, select)
            act = ACTIVATIONS[self.activation]
            return drop_rows(x.map(act), self.dropout, branch.keys[-1]), moments

        present = tuple(i for i, name in enumerate(self.graph_names) if name in graph)
        branches = [
            Branch(
                *(jax.tree.map(lambda a: a[i], p) for p in (parameters, norm_parameters)),  # noqa: B023
                [keys() for _ in range(num_hidden + 1)],
            )
            for i in present
        ]
        networks = tuple(graph[self.graph_names[i]] for i in present)
        summed = encoder.graph_aggregation_method in ("sum", "mean")
        if change is None:
            if encoder.encoder_type == "gatv2":
                attended = [
                    attend(branch.convolution, network).columns
                    for branch, network in zip(branches, networks, strict=True)
                ]
                turns, take = jnp.stack(attended), lambda _, x: NodeStates(x)
            else:
                turns, take = jnp.arange(len(networks)), sums
            rows = states.columns
            outputs, wildtypes, moments = _in_turn(transform, take, branches, turns, rows, summed, self.remat)
        else:
            changes = tuple(change.networks[graph.names.index(self.graph_names[i])] for i in present)
            own = change._replace(networks=changes)
            received = gin_aggregate_shared(networks, [b.convolution.eps for b in branches], states, own)
            transformed = [transform(branch, x) for branch, x in zip(branches, received, strict=True)]
            outputs, moments = zip(*transformed, strict=True)
            wildtypes = [output.wildtype for output in outputs]
            outputs = (_sum if summed else _stack)(outputs, changes, change.union)
        # Kept only where a caller asks for `intermediates`; training and prediction do not.
        self.sow("intermediates", "network_outputs", list(wildtypes))
        for i, own in zip(present, moments, strict=True):
            if own is not None:
                norm.update(own, (i,))
        if summed:
            scale = 1 / len(present) if encoder.graph_aggregation_method == "mean" else 1
            return outputs.map(lambda x: x * scale), None
        return self._attend(outputs, present, select, train)

    def _attend(
        self, stacked: NodeStates, present: tuple[int, ...], select: RowSelection, train: bool
    ) -> tuple[NodeStates, NodeStates]:
        """Args: stacked, states with a leading axis of networks."""
        config, num_networks = self.encoder.graph_aggregation_config, len(self.graph_names)
        norm_kind = None
        if self.encoder.graph_aggregation_method == "cross_attention":
            kind = nn.remat(CrossAttention, static_argnums=(2, 3)) if self.remat else CrossAttention
            arguments = (num_networks, self.channels, config.num_heads)
        else:
            norm_kind = config.aggregation_norm
            hidden = config.pairwise_hidden_dim or self.channels // 2
            kind = PairwiseInteraction
            arguments = (num_networks, self.channels, hidden, config.pairwise_num_layers, self.activation)
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


def _in_turn(
    transform: Callable[[Branch, NodeStates], tuple[NodeStates, Moments | None]],
    take: Callable[[GINParameters | GATv2Parameters, Array], NodeStates],
    branches: list[Branch],
    turns: Array,
    like: Array,
    summed: bool,
    remat: bool,
) -> tuple[NodeStates, Array, list[Moments | None]]:
    """Transforms network after network what `take` makes of its turn: their sum, or all of them along a
    leading axis.

    A loop, because a compiler that sees all branches at once works on them at once, and holds the
    intermediate arrays of all of them.

    Returns: also the wildtype outputs `[G, N, H]`, and the moments of each network.
    """

    def step(total: Array, branch_and_turn: tuple[Branch, Array]) -> tuple[Array, tuple[Array, Any]]:
        branch, turn = branch_and_turn
        output, moments = transform(branch, take(branch.convolution, turn))
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
    total, (outputs, moments) = jax.lax.scan(step, total, (stacked, turns))
    moments = [jax.tree.map(lambda m: m[g], moments) for g in range(len(branches))]  # noqa: B023
    if summed:
        return NodeStates(total.astype(like.dtype)), outputs, moments
    return NodeStates(outputs), outputs[:, :, 0], moments


def _sum(outputs: Sequence[NodeStates], changes: Sequence[NetworkChange], union: ChangedRows) -> NodeStates:
    columns = sum(output.columns for output in outputs)
    # Every network adds the difference of its changed rows to the sum of the templates.
    difference = jnp.concatenate([output.difference() for output in outputs])  # [sum of R_g, H]
    replaced = jnp.concatenate([_largest(output.template_rows(), output.rows.live) for output in outputs])
    terms = jnp.concatenate([difference, replaced[:, None]], axis=1)
    row = jnp.concatenate([change.union_row for change in changes])
    shift = segment_sum(terms, row, union.gene.shape[0])  # [R, H + 1]
    shift, replaced = shift[:, :-1], shift[:, -1]
    template = NodeStates(columns, shift, union).template_rows()
    total = template + shift
    before = jnp.maximum(_largest(template, union.live), replaced)
    lost = union.live & (_largest(total, union.live) < LEFT * before)
    held = [jax.lax.stop_gradient((output.columns, output.changed)) for output in outputs]

    def anew(places: Array) -> Array:
        gene, genotype = (a.at[places].get(mode="fill", fill_value=0) for a in (union.gene, union.genotype))
        parts = []
        for (columns, changed), place in zip(held, _rows_of_union(changes, union, places), strict=True):
            template = columns[gene, jnp.minimum(1 + genotype, columns.shape[1] - 1)]
            there = (place < changed.shape[0])[:, None]
            parts.append(jnp.where(there, changed.at[place].get(mode="clip"), template))
        return sum(parts)

    return NodeStates(columns, *rows_anew([total], [lost], anew), union)


def _rows_of_union(changes: Sequence[NetworkChange], union: ChangedRows, places: Array) -> list[Array]:
    """Each network's row at the places of the union, `[K]`; the number of its rows where it has none."""
    size = union.gene.shape[0]
    rows = [jnp.arange(len(change.source), dtype=jnp.int32) for change in changes]
    at = [
        jnp.where(change.rows.live, g * size + change.union_row, len(changes) * size)
        for g, change in enumerate(changes)
    ]
    nowhere = jnp.full(len(changes) * size, jnp.iinfo(jnp.int32).max)
    found = (
        nowhere.at[jnp.concatenate(at)].set(jnp.concatenate(rows), mode="drop").reshape(len(changes), size)
    )
    return list(found.at[:, places].get(mode="clip"))


def _largest(x: Array, live: Array) -> Array:
    """`[R]`: the largest absolute value of every row, 0 for padding."""
    return jnp.where(live, jnp.abs(jax.lax.stop_gradient(x)).max(axis=1), 0)


def _stack(outputs: Sequence[NodeStates], changes: Sequence[NetworkChange], union: ChangedRows) -> NodeStates:
    """All networks along a leading axis: columns `[G, N, C, H]`, changed rows `[G, R, H]`."""
    columns = jnp.stack([output.columns for output in outputs])
    changed = []
    for output, change in zip(outputs, changes, strict=True):
        template = NodeStates(output.columns, output.changed, union).template_rows()  # [R, H]
        row = jnp.where(output.rows.live, change.union_row, union.gene.shape[0])
        changed.append(template.at[row].set(output.changed, mode="drop"))
    return NodeStates(columns, jnp.stack(changed), union)
