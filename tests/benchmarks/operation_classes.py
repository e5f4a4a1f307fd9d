"""Where the time of forward and backward pass goes, each class of operations beside its floor.

A class runs alone, in this project's own functions and with the shapes it has in the model; its
floor is the larger of operations over the measured matrix-product rate and of bytes that must be
read and written over the measured copy bandwidth.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from statistics import median
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from gi_jax.nn.gin import gin_aggregate, gin_aggregate_shared
from gi_jax.nn.graph_aggregation import PairwiseInteraction
from gi_jax.nn.mlp import ACTIVATIONS, Linear
from gi_jax.nn.norms import NormParameters, normalise
from gi_jax.nn.pooling import AttentionalPooling
from gi_jax.ops.changed_rows import changed_rows
from gi_jax.ops.node_states import Dense, NodeStates, RowSelection, SharedColumn, TemplateWithChanges
from gi_jax.ops.trees import take
from gi_jax.training.optimizer import make_optimizer
from tests.benchmarks.jax_engines import capacity_of, config_of, genotypes_of, graph_of, params_of
from tests.benchmarks.jax_program import TASK
from tests.benchmarks.measure import repeat
from tests.benchmarks.workload import World

FLOAT = 4  # bytes
BOTH_PASSES_PRODUCTS = 3  # of a linear layer: the output, the gradient of input and of weight
BOTH_PASSES_ARRAYS = 5  # read x, write y; read x and dy, write dx


class OperationClass(NamedTuple):
    """Forward and backward pass of one class in one batch."""

    name: str
    seconds: float
    operations: float
    bytes: float


class Ceilings(NamedTuple):
    """What the machine reaches, measured in the same process."""

    operations_per_second: float
    bytes_per_second: float


def ceilings() -> Ceilings:
    n, length = 2048, 2**26
    square, line = jnp.ones((n, n)), jnp.ones(length)
    product, copy = jax.jit(jnp.matmul), jax.jit(lambda x: x + 1)
    product_seconds = min(_seconds(lambda: product(square, square)))
    copy_seconds = min(_seconds(lambda: copy(line)))
    return Ceilings(2 * n**3 / product_seconds, 2 * FLOAT * length / copy_seconds)


def operation_classes(world: World, batch: int) -> Iterator[OperationClass]:
    """All classes of a model of this project at B genotypes."""
    yield from _Classes(world, batch)


class _Classes:
    def __init__(self, world: World, batch: int) -> None:
        self.config, self.params, self.graph = config_of(world), params_of(world), graph_of(world)
        self.num_genes, self.batch = world.num_genes, batch
        genotypes, _ = jax.device_put(genotypes_of(world, batch))
        capacity = capacity_of(world, self.graph, batch)
        self.change = self.networks = None
        if capacity is not None:
            self.change = jax.jit(changed_rows, static_argnums=2)(self.graph, genotypes, capacity)
        owner = jnp.arange(1, batch + 1)[:, None]
        keep = jnp.ones((self.num_genes, 1 + batch)).at[genotypes.genes, owner].set(0, mode="drop")
        self.genes, self.keep = genotypes.genes, keep
        self.select = RowSelection(self.config.norm_statistics, genotypes.valid)
        self.act = ACTIVATIONS[self.config.activation]
        self.key = iter(jax.random.split(jax.random.key(0), 256))

    def __iter__(self) -> Iterator[OperationClass]:
        layers, g = self.config.num_layers, len(self.graph.networks)
        shortcut = self.change is not None
        kinds = [("aggregation", self._aggregation), ("linear layers of the GIN MLPs", self._linear)]
        kinds.append(("norms and activations", self._elementwise))
        if self.config.gene_encoder_config.graph_aggregation_method == "pairwise_interaction":
            kinds.append(("pair MLPs", self._pairs))
        for name, measure in kinds:
            first = measure(shortcut, g)
            later = measure(False, g) if layers > 1 else (0.0, 0.0, 0.0)
            yield OperationClass(name, *(f + (layers - 1) * r for f, r in zip(first, later, strict=True)))
        yield OperationClass("pooling", *self._pooling(shortcut and layers == 1))
        yield OperationClass("optimizer", *self._optimizer())

    def _states(self, first: bool, network: int | None, *shape: int) -> NodeStates:
        """Random states of one network's branch, or of the union over networks."""
        n = self.num_genes
        if not first:
            return Dense(self._random(n, 1 + self.batch, *shape))
        rows = self.change.union if network is None else self.change.networks[network].rows
        return TemplateWithChanges(self._random(n, 1, *shape), self._random(len(rows.gene), *shape), rows)

    def _random(self, *shape: int) -> Array:
        return jax.random.normal(next(self.key), shape)

    def _aggregation(self, first: bool, g: int) -> tuple[float, float, float]:
        h, n = self.config.hidden_channels, self.num_genes
        columns = 1 if first else 1 + self.batch

        def function(x: Array, fixed: Any) -> list[tuple[Array, ...]]:
            graph, change, keep = fixed
            eps = [jnp.zeros(())] * g
            if first:
                sums = gin_aggregate_shared(graph.networks, eps, SharedColumn(x), change)
            else:
                sums = [gin_aggregate(*own, Dense(x), keep) for own in zip(graph.networks, eps, strict=True)]
            return [s.embeddings for s in sums]

        seconds = _both_passes(function, self._random(n, columns, h), (self.graph, self.change, self.keep))
        edges = sum(network.num_edges for network in self.graph.networks)
        width = columns * h
        return seconds, 2 * 2 * edges * width, 2 * FLOAT * (2 * g * n * width + edges)

    def _linear(self, first: bool, g: int) -> tuple[float, float, float]:
        h, gin = self.config.hidden_channels, self.params["convs_0"]["gin"]
        depth = self.config.gene_encoder_config.gin_num_layers
        layers = [Linear(**gin[f"linear_{i}"]) for i in range(depth)]
        branches = [self._states(first, i, h).embeddings for i in range(g)]

        def function(inputs: Any, _: Any) -> list[Any]:
            layers, branches = inputs
            outputs = []
            for i, x in enumerate(branches):
                for layer in layers:
                    x = jax.tree.map(take(layer, i), x)
                outputs.append(x)
            return outputs

        rows = sum(leaf.size for leaf in jax.tree.leaves(branches)) / h
        weights = sum(layer.kernel[0].size for layer in layers)
        operations = BOTH_PASSES_PRODUCTS * 2 * rows * weights
        return _both_passes(function, (layers, branches)), operations, depth * _elementwise_bytes(branches)

    def _elementwise(self, first: bool, g: int) -> tuple[float, float, float]:
        config, norm = self.config, self.params["convs_0"]["norm"]
        hidden = config.gene_encoder_config.gin_num_layers - 1
        states = [self._states(first, i, config.hidden_channels) for i in range(g)]
        branches = [s.embeddings for s in states]

        def function(inputs: Any, fixed: Any) -> list[Any]:
            branches, norm = inputs
            states, select = fixed
            outputs = []
            for i, (branch, own) in enumerate(zip(branches, states, strict=True)):
                x = own.with_embeddings(branch)
                for _ in range(hidden):  # between linear layers, so never one pass over the memory
                    x = x.map(lambda x: lax.optimization_barrier(self.act(x)))
                parameters = NormParameters(norm["scale"][i], norm["bias"][i], None, None)
                x = normalise(config.norm, parameters, x, select)[0].map(self.act)
                outputs.append(x.embeddings)
            return outputs

        seconds = _both_passes(function, (branches, norm), (states, self.select))
        return seconds, 0.0, (hidden + 2) * _elementwise_bytes(branches)

    def _pairs(self, first: bool, g: int) -> tuple[float, float, float]:
        h, settings = self.config.hidden_channels, self.config.gene_encoder_config.graph_aggregation_config
        k = settings.pairwise_hidden_dim or h // 2
        module = PairwiseInteraction(g, h, k, settings.pairwise_num_layers, self.config.activation, 0.0)
        states = jax.tree.map(lambda x: jnp.moveaxis(x, -2, 0), self._states(first, None, g, h).embeddings)

        def function(inputs: Any, _: Any) -> Any:
            params, states = inputs
            apply = lambda x: module.apply({"params": params}, x, tuple(range(g)), False)[0]  # noqa: E731
            return jax.tree.map(apply, states)

        seconds = _both_passes(function, (self.params["convs_0"]["aggregator"], states))
        rows = sum(leaf.size for leaf in jax.tree.leaves(states)) / (g * h)
        pairs = g * (g + 1) // 2
        weights = g * g * h * k + (settings.pairwise_num_layers - 2) * pairs * k * k + pairs * k * (k + h)
        moved = _elementwise_bytes(states) * (g + 1) / (2 * g)  # G embeddings in, one out
        return seconds, BOTH_PASSES_PRODUCTS * 2 * rows * weights, moved

    def _pooling(self, first: bool) -> tuple[float, float, float]:
        h = self.config.hidden_channels
        module = AttentionalPooling(h, self.config.activation, 0.0)
        states = self._states(first, None, h)

        def function(inputs: Any, fixed: Any) -> tuple[Array, Array]:
            params, embeddings = inputs
            states, genes, keep, shared = fixed
            given = states.with_embeddings(embeddings)
            return module.apply({"params": params}, given, genes, keep, False, shared)

        inputs = (self.params["global_aggregator"], states.embeddings)
        shared = self.change.shared if first else None
        seconds = _both_passes(function, inputs, (states, self.genes, self.keep, shared))
        size = sum(leaf.size for leaf in jax.tree.leaves(states.embeddings))
        return seconds, BOTH_PASSES_PRODUCTS * 2 * size * (h + h // 2), 3 * FLOAT * size

    def _optimizer(self) -> tuple[float, float, float]:
        optimizer = make_optimizer(TASK, self.params)

        def move(params: Any, moments: Any, gradient: Any) -> Any:
            direction, moments = optimizer.update(gradient, moments, params)
            return jax.tree.map(lambda p, d: p - 1e-3 * d, params, direction), moments

        program, moments = jax.jit(move), optimizer.init(self.params)
        seconds = median(_seconds(lambda: program(self.params, moments, self.params)))
        size = sum(leaf.size for leaf in jax.tree.leaves(self.params))
        return seconds, 0.0, 7 * FLOAT * size  # read weight, gradient, two moments; write weight, two moments


def _both_passes(function: Callable[[Any, Any], Any], inputs: Any, fixed: Any = None) -> float:
    """Median seconds of `function(inputs, fixed)` and of the gradient of all inputs."""

    def passes(inputs: Any, fixed: Any, cotangent: Any) -> Any:
        output, backward = jax.vjp(lambda i: function(i, fixed), inputs)
        return output, backward(cotangent)

    shapes = jax.eval_shape(function, inputs, fixed)
    cotangent = jax.tree.map(lambda s: jnp.ones(s.shape, s.dtype), shapes)
    program = jax.jit(passes)
    return median(_seconds(lambda: program(inputs, fixed, cotangent)))


def _elementwise_bytes(arrays: Any) -> float:
    return BOTH_PASSES_ARRAYS * FLOAT * sum(leaf.size for leaf in jax.tree.leaves(arrays))


def _seconds(run: Callable[[], Any]) -> list[float]:
    return repeat(lambda: jax.block_until_ready(run()))[1]
