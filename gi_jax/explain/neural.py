"""What carries a prediction of a neural model: its paths, and what it loses without networks and edges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import Array

from gi_jax.data.genotype_table import GenotypeTable
from gi_jax.data.genotypes import GenotypeBatch, genotype_batch
from gi_jax.data.networks import Adjacency, CellGraph
from gi_jax.explain.explanation import Explanation, Removal, Sum, Term
from gi_jax.explain.intermediates import inside
from gi_jax.explain.paths import contributions, forward_paths
from gi_jax.explain.terms import explanation_of
from gi_jax.models.model import Cell
from gi_jax.models.neural.fitted import NeuralModel
from gi_jax.models.neural.forward import TableForward, forward_batch

_PATHS = (
    "prediction = global weight * global prediction + local weight * local prediction, weights of the gate"
)
_ONE = "prediction = what the model says of the deleted genes' embeddings"
_CHOSEN = (
    "edges and neighbours are those whose removal the slope of the prediction by every edge's weight ranks "
    "first; changes are of predictions made anew, and below a millionth of the prediction rounding"
)


@explanation_of.register
def _(fitted: NeuralModel, genes: np.ndarray, cell: Cell, most: int) -> Explanation:
    table = _table(genes, cell)
    own = _paths(fitted, table)
    below = None
    if fitted.prior is not None:
        own = tuple(term._replace(value=fitted.scale * term.value) for term in own)
        below = explanation_of(fitted.prior, genes, cell, most)
    removals = _removals(fitted, genes, cell, most)
    equation = _PATHS if len(own) > 1 else _ONE
    if below is None:
        notes = (_CHOSEN,) if removals else ()
        return Explanation((Sum("paths", equation, own),), removals, notes=notes)
    level = Term("prior", "pair-kernel process", below.sums[0].total)
    added = Term("path", "what the network model adds", sum(term.value for term in own))
    sums = [Sum("paths", f"prediction = prior + scale * own, own: {equation}", (level, *own))]
    sums += [
        Sum(f"prior: {one.name}", f"{one.equation}; and what is added", (*one.terms, added))
        for one in below.sums
    ]
    return Explanation(
        tuple(sums), removals, below.similar, (*below.notes, *((_CHOSEN,) if removals else ()))
    )


def _paths(fitted: NeuralModel, table: GenotypeTable) -> tuple[Term, ...]:
    """The global and the local part, the mean over members; one part of a model without paths."""
    size = fitted.settings.batch_size  # the program of a prediction, which rounds alike
    if not fitted.abilities.has_paths:
        forward = TableForward(fitted.module, fitted.graph, table, size, fitted.num_members)
        return (Term("path", "local", float(forward(fitted.variables)[0])),)
    parts, gates, said = [], [], []
    for member in range(fitted.num_members):
        trained = inside(fitted.member(member))
        assert trained is not None, "it is a neural model"
        paths = forward_paths(TableForward(trained.model, trained.graph, table, size), trained.variables)
        parts.append(contributions(paths)[0])
        gates.append(np.asarray(paths.weight, np.float64)[0])
        said.append(np.asarray(paths.interaction, np.float64)[0])
    mean, gate, own = (np.mean(rows, axis=0) for rows in (parts, gates, said))
    return tuple(
        Term("path", f"{name}: weight {weight:.3f} of {value:+.4g}", float(part))
        for name, weight, value, part in zip(("global", "local"), gate, own, mean, strict=False)
    )


class _Asked(NamedTuple):
    """A model and one genotype."""

    variables: Mapping[str, Any]
    graph: CellGraph  # every edge of which has a weight
    batch: GenotypeBatch
    model: nn.Module
    stacked: bool

    def label(self, graph: CellGraph) -> float:
        """The prediction on another graph, the mean over members."""
        return float(_label(self.variables, graph, self.batch, model=self.model, stacked=self.stacked))


class _Edges(NamedTuple):
    """The distinct edges of a network, without direction where it has both."""

    ends: np.ndarray  # [D, 2], smaller id first
    entry: np.ndarray  # [E], the edge of each entry of `senders`
    forward: np.ndarray  # [D] whether an entry runs from the smaller to the larger id
    backward: np.ndarray  # [D] and the other way round


def _removals(fitted: NeuralModel, genes: np.ndarray, cell: Cell, most: int) -> tuple[Removal, ...]:
    graph = _weighted(fitted.graph)
    names = [g for g, network in enumerate(graph.networks) if network.num_edges]
    batch = jax.device_put(genotype_batch([genes.tolist()], graph.num_genes))
    asked = _Asked(fitted.variables, graph, batch, fitted.module, fitted.num_members > 1)
    full = asked.label(graph)
    scale = fitted.scale if fitted.prior is not None else 1.0

    def removal(kind: str, name: str, ends: tuple[int, ...], without: CellGraph) -> Removal:
        return Removal(kind, name, ends, scale * (full - asked.label(without)))

    found = _without_features(fitted, genes, graph, removal)
    if not names or not _sees_networks(fitted):
        return found
    weights = [cast(Array, network.weights) for network in graph.networks]
    for g in names:
        without = _with_weights(graph, {g: jnp.zeros_like(weights[g])})
        found += (removal("network", graph.names[g], (), without),)
    slopes = [
        np.asarray(slope, np.float64)
        for slope in _slopes(*asked[:3], model=asked.model, stacked=asked.stacked)
    ]
    edges = {g: _edges(graph.networks[g]) for g in names}

    by_edge = [(g, k, size) for g in names for k, size in enumerate(_of_edges(slopes[g], edges[g]))]
    sizes = np.array([size for *_, size in by_edge])
    for place in np.argsort(-np.abs(sizes), kind="stable")[:most]:
        g, k, size = by_edge[place]
        if size:
            entries = np.flatnonzero(edges[g].entry == k)
            without = _with_weights(graph, {g: weights[g].at[entries].set(0)})
            ends = edges[g].ends[k].tolist()
            both = edges[g].forward[k] and edges[g].backward[k]
            ends = ends if both or edges[g].forward[k] else ends[::-1]
            kind = "edge" if both else "directed edge"
            found += (removal(kind, graph.names[g], tuple(ends), without),)

    for other in _neighbours(genes, slopes, edges, most):
        changed = {
            g: weights[g].at[np.flatnonzero(_between(genes, other, edges[g])[edges[g].entry])].set(0)
            for g in names
        }
        found += (removal("neighbour", "", (other,), _with_weights(graph, changed)),)
    return found


def _without_features(fitted: NeuralModel, genes: np.ndarray, graph: CellGraph, removal: Any) -> tuple:
    """What the prediction loses where the features of one deleted gene, or of all of them, are 0."""
    if graph.features is None or not fitted.trained.embeds_features:
        return ()
    sets = [(int(gene),) for gene in genes] + ([tuple(genes.tolist())] if len(genes) > 1 else [])
    known = jnp.asarray(graph.features)
    return tuple(
        removal("features", "", own, replace(graph, features=known.at[jnp.asarray(own)].set(0)))
        for own in sets
    )


def _sees_networks(fitted: NeuralModel) -> bool:
    return fitted.trained.kind == "dango" or fitted.trained.num_layers > 0


def _of_edges(slope: np.ndarray, edges: _Edges) -> np.ndarray:
    """The slope `[D]` by the weight of each edge, of all its entries together."""
    return np.bincount(edges.entry, slope, len(edges.ends))


def _neighbours(
    genes: np.ndarray, slopes: list[np.ndarray], edges: dict[int, _Edges], most: int
) -> list[int]:
    """Genes beside the deleted ones, by the slope of all edges between them."""
    total: dict[int, float] = {}
    for g, own in edges.items():
        of_edge = _of_edges(slopes[g], own)
        deleted = np.isin(own.ends, genes)
        for k in np.flatnonzero(deleted.sum(axis=1) == 1):
            other = int(own.ends[k][~deleted[k]][0])
            total[other] = total.get(other, 0.0) + of_edge[k]
    return sorted(total, key=lambda other: -abs(total[other]))[:most]


def _between(genes: np.ndarray, other: int, edges: _Edges) -> np.ndarray:
    """Which edges `[D]` run between a gene and the deleted ones."""
    return (edges.ends == other).any(axis=1) & np.isin(edges.ends, genes).any(axis=1)


def _edges(network: Adjacency) -> _Edges:
    senders, receivers = (np.asarray(ends, np.int64) for ends in (network.senders, network.receivers))
    n = network.num_genes
    keys = np.minimum(senders, receivers) * n + np.maximum(senders, receivers)
    distinct, entry = np.unique(keys, return_inverse=True)
    ends = np.stack(np.divmod(distinct, n), axis=1)
    forward = np.bincount(entry, senders <= receivers, len(distinct)) > 0
    backward = np.bincount(entry, senders >= receivers, len(distinct)) > 0
    return _Edges(ends, entry, forward, backward)


def _weighted(graph: CellGraph) -> CellGraph:
    """The graph with a weight of 1 for every edge."""
    return _with_weights(
        graph, {g: jnp.ones(network.num_edges, jnp.float32) for g, network in enumerate(graph.networks)}
    )


def _with_weights(graph: CellGraph, weights: Mapping[int, Array]) -> CellGraph:
    networks = tuple(
        replace(network, weights=weights[g], backend="segment", dense=None) if g in weights else network
        for g, network in enumerate(graph.networks)
    )
    return replace(graph, networks=networks)


@partial(jax.jit, static_argnames=("model", "stacked"))
def _label(
    variables: Mapping[str, Any], graph: CellGraph, batch: GenotypeBatch, *, model: nn.Module, stacked: bool
) -> Array:
    return forward_batch(variables, graph, batch, model=model, capacity=None, stacked=stacked).mean()


@partial(jax.jit, static_argnames=("model", "stacked"))
def _slopes(
    variables: Mapping[str, Any], graph: CellGraph, batch: GenotypeBatch, *, model: nn.Module, stacked: bool
) -> list[Array]:
    """The derivative of the label by the weight of every edge: G times `[E_g]`."""

    def label(weights: dict[int, Array]) -> Array:
        own = _with_weights(graph, weights)
        return forward_batch(variables, own, batch, model=model, capacity=None, stacked=stacked).mean()

    slopes = jax.grad(label)({g: cast(Array, network.weights) for g, network in enumerate(graph.networks)})
    return [slopes[g] for g in range(len(graph.networks))]


def _table(genes: np.ndarray, cell: Cell) -> GenotypeTable:
    nothing = np.full(1, np.nan)
    row = genes[None].astype(np.int32)
    one = np.zeros(1, np.int16)
    return GenotypeTable(
        row, np.array([len(genes)], np.int8), nothing, nothing, one, ("query",), len(cell.genes)
    )
