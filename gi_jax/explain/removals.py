"""What the prediction of a neural model loses without a network, an edge, a neighbour, features.

Every edge of the graph gets a weight of 1, and what is removed one of 0: so all removals run one compiled
program on the graph that is there, and the derivatives by the weights rank all edges in one backward pass.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import Array

from gi_jax.data.genotypes import GenotypeBatch, genotype_batch
from gi_jax.data.networks import Adjacency, CellGraph
from gi_jax.explain.explanation import Removal
from gi_jax.models.neural.fitted import NeuralModel
from gi_jax.models.neural.forward import forward_batch


def removals_of(fitted: NeuralModel, genes: np.ndarray, most: int) -> tuple[Removal, ...]:
    """Removals from the prediction of one genotype, in units of labels.

    Args:
      fitted: the model.
      genes: `[S]` ids of the deleted genes.
      most: how many edges and how many neighbours.
    """
    own = _Remover(fitted, genes)
    found = own.features()
    if own.sees_networks:
        found += own.whole_networks() + own.single_edges(most) + own.neighbours(most)
    return tuple(found)


class _Edges(NamedTuple):
    """The distinct edges of a network, without direction where it has both."""

    ends: np.ndarray  # [D, 2], smaller id first
    entry: np.ndarray  # [E], the edge of each entry of `senders`
    forward: np.ndarray  # [D] whether an entry runs from the smaller to the larger id
    backward: np.ndarray  # [D] and the other way round
    slope: np.ndarray  # [D] derivative of the label by its weight


class _Remover:
    """A model and one genotype; see `removals_of`."""

    def __init__(self, fitted: NeuralModel, genes: np.ndarray) -> None:
        self.fitted, self.genes = fitted, genes
        self.sizes = [network.num_edges for network in fitted.graph.networks]
        self.graph = _with_weights(fitted.graph, [np.ones(size, np.float32) for size in self.sizes])
        self.batch = jax.device_put(genotype_batch([genes.tolist()], self.graph.num_genes))
        self.options = {"model": fitted.module, "stacked": fitted.num_members > 1}
        self.scale = fitted.scale if fitted.prior is not None else 1.0
        self.full = self._label(self.graph)

    @property
    def sees_networks(self) -> bool:
        """Whether edges take part in a prediction."""
        layered = self.fitted.trained.kind == "dango" or self.fitted.trained.num_layers > 0
        return layered and any(self.sizes)

    def features(self) -> list[Removal]:
        """Without the features of a deleted gene, and of all of them."""
        known = self.graph.features
        if known is None or not self.fitted.trained.embeds_features:
            return []
        each = [(int(gene),) for gene in self.genes]
        sets = each + ([tuple(self.genes.tolist())] if len(each) > 1 else [])
        known = jnp.asarray(known)
        graphs = (replace(self.graph, features=known.at[jnp.asarray(own)].set(0)) for own in sets)
        return [
            Removal("features", "", own, self._change(graph)) for own, graph in zip(sets, graphs, strict=True)
        ]

    def whole_networks(self) -> list[Removal]:
        """Without every edge of a network."""
        return [
            Removal("network", self.graph.names[g], (), self._without({g: np.ones(size, bool)}))
            for g, size in enumerate(self.sizes)
            if size
        ]

    def single_edges(self, most: int) -> list[Removal]:
        """Without an edge, of those with the largest slopes; one that no slope reaches is left out."""
        slopes = np.concatenate([own.slope for own in self.edges])
        ends = np.cumsum([len(own.slope) for own in self.edges])
        found = []
        for place in np.argsort(-np.abs(slopes), kind="stable")[:most]:
            if not slopes[place]:
                break
            g = int(np.searchsorted(ends, place, side="right"))
            own, k = self.edges[g], int(place - (ends[g] - len(self.edges[g].slope)))
            first, second = own.ends[k].tolist()
            both = bool(own.forward[k] and own.backward[k])
            pair = (first, second) if own.forward[k] else (second, first)
            kind = "edge" if both else "directed edge"
            found.append(Removal(kind, self.graph.names[g], pair, self._without({g: own.entry == k})))
        return found

    def neighbours(self, most: int) -> list[Removal]:
        """Without all edges between the deleted genes and another one, in every network."""
        total = np.zeros(self.graph.num_genes)
        tied = np.zeros(self.graph.num_genes, bool)
        for own in self.edges:
            deleted = np.isin(own.ends, self.genes)
            one = deleted.sum(axis=1) == 1
            others = own.ends[one][~deleted[one]]
            np.add.at(total, others, own.slope[one])
            tied[others] = True
        ranked = np.argsort(np.where(tied, -np.abs(total), np.inf), kind="stable")[: min(most, tied.sum())]
        found = []
        for other in ranked.tolist():
            masks = {}
            for g, own in enumerate(self.edges):
                between = (own.ends == other).any(axis=1) & np.isin(own.ends, self.genes).any(axis=1)
                masks[g] = between[own.entry]
            found.append(Removal("neighbour", "", (other,), self._without(masks)))
        return found

    @cached_property
    def edges(self) -> list[_Edges]:
        """Those of every network, with their slopes."""
        weights = [network.weights for network in self.graph.networks]
        slopes = _slopes(weights, self.fitted.variables, self.graph, self.batch, **self.options)
        both = zip(self.graph.networks, jax.device_get(slopes), strict=True)
        return [_distinct(network, np.asarray(slope, np.float64)) for network, slope in both]

    def _without(self, masks: Mapping[int, np.ndarray]) -> float:
        """The change by the removal of entries `[E]` bool, by the number of the network."""
        kept = [np.ones(size, np.float32) for size in self.sizes]
        for g, mask in masks.items():
            kept[g][mask] = 0
        return self._change(_with_weights(self.graph, kept))

    def _change(self, graph: CellGraph) -> float:
        return self.scale * (self.full - self._label(graph))

    def _label(self, graph: CellGraph) -> float:
        return float(_label(self.fitted.variables, graph, self.batch, **self.options))


def _distinct(network: Adjacency, slope: np.ndarray) -> _Edges:
    senders, receivers = (np.asarray(ends, np.int64) for ends in (network.senders, network.receivers))
    n = network.num_genes
    keys = np.minimum(senders, receivers) * n + np.maximum(senders, receivers)
    distinct, entry = np.unique(keys, return_inverse=True)
    ends = np.stack(np.divmod(distinct, n), axis=1)
    forward = np.bincount(entry, senders <= receivers, len(distinct)) > 0
    backward = np.bincount(entry, senders >= receivers, len(distinct)) > 0
    return _Edges(ends, entry, forward, backward, np.bincount(entry, slope, len(distinct)))


def _with_weights(graph: CellGraph, weights: list[Any]) -> CellGraph:
    networks = tuple(
        replace(network, weights=jnp.asarray(own), backend="segment", dense=None)
        for network, own in zip(graph.networks, weights, strict=True)
    )
    return replace(graph, networks=networks)


@partial(jax.jit, static_argnames=("model", "stacked"))
def _label(
    variables: Mapping[str, Any], graph: CellGraph, batch: GenotypeBatch, *, model: nn.Module, stacked: bool
) -> Array:
    """The prediction, the mean over members: []."""
    return forward_batch(variables, graph, batch, model=model, capacity=None, stacked=stacked).mean()


@partial(jax.jit, static_argnames=("model", "stacked"))
def _slopes(
    weights: list[Array],
    variables: Mapping[str, Any],
    graph: CellGraph,
    batch: GenotypeBatch,
    *,
    model: nn.Module,
    stacked: bool,
) -> list[Array]:
    """The derivatives of the prediction by the weights of every network: G times `[E_g]`."""

    def label(weights: list[Array]) -> Array:
        own = _with_weights(graph, weights)
        return forward_batch(variables, own, batch, model=model, capacity=None, stacked=stacked).mean()

    return jax.grad(label)(weights)
