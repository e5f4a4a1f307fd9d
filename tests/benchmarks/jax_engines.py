"""The two JAX engines: this project, and the plain port."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import jax
import numpy as np
from flax.traverse_util import unflatten_dict

from gi_jax.config import ModelConfig
from gi_jax.config.schema import build
from gi_jax.data.genotypes import GenotypeBatch
from gi_jax.data.networks import CellGraph, cell_graph
from gi_jax.losses import make_loss
from gi_jax.models.neural import build_model, num_parameters
from gi_jax.models.neural.row_needs import changed_row_needs
from gi_jax.ops.changed_rows import Capacity
from gi_jax.ops.row_counts import cheaper_than_all_rows
from gi_jax.ops.spmm import with_backend
from gi_jax.training.batches import TrainingData
from gi_jax.training.objective import PredictionLoss
from gi_jax.training.optimizer import make_optimizer
from gi_jax.training.state import init_state
from gi_jax.training.step import StepInputs, make_train_step
from tests.benchmarks import jax_port
from tests.benchmarks.jax_program import LEARNING_RATE, TASK, compiled, mode_function, room
from tests.benchmarks.measure import Engine, timed
from tests.benchmarks.workload import World


def config_of(world: World) -> ModelConfig:
    return build(ModelConfig, world.model, "model", ModelConfig, [])


def params_of(world: World) -> dict[str, Any]:
    return jax.device_put(unflatten_dict({tuple(key.split("/")): leaf for key, leaf in world.flax.items()}))


def graph_of(world: World) -> CellGraph:
    return jax.device_put(with_backend(cell_graph(world.edges, world.num_genes)))


def genotypes_of(world: World, batch: int) -> tuple[GenotypeBatch, np.ndarray]:
    """The first B genotypes and their labels `[B, 1]`, on the host."""
    genes = world.genes[:batch]
    sizes = (genes < world.num_genes).sum(axis=1).astype(np.int32)
    return GenotypeBatch(genes, sizes, np.ones(batch, bool)), world.labels[:batch, None]


def whole_batches(world: World, batch: int) -> np.ndarray:
    """Rows of the table in its order, as many as fill whole batches."""
    return np.arange(len(world.genes) // batch * batch, dtype=np.int32)


def capacity_of(world: World, graph: CellGraph, batch: int) -> Capacity | None:
    """Capacity for changed rows, chosen as training chooses it."""
    needs = changed_row_needs(config_of(world), graph, world.genes, batch)
    if needs is None:
        return None
    most = needs.expected(batch).maximum(needs.largest(whole_batches(world, batch), batch))
    return cheaper_than_all_rows(needs.capacity(most), world.num_genes, batch)


def gi_jax(world: World, batch: int, mode: str) -> Engine:
    """This project; its backward pass recomputes as little as fits the memory."""
    graph, params = graph_of(world), params_of(world)
    capacity = capacity_of(world, graph, batch)
    for remat in ("layer", "full"):
        model = build_model(replace(config_of(world), remat=remat), world.num_genes, graph.names)
        make = _training if mode == "step" else _passes
        engine = make(world, model, graph, params, capacity, batch, mode)
        if mode == "forward" or engine.facts["temp_bytes"] < room():
            break
    facts = {
        "remat": remat,
        "changed_rows": None if capacity is None else capacity.union,
        "parameters": num_parameters(params),
    }
    return engine._replace(facts=engine.facts | facts)


def _passes(
    world: World,
    model: Any,
    graph: CellGraph,
    params: Any,
    capacity: Capacity | None,
    batch: int,
    mode: str,
) -> Engine:
    genotypes, labels = genotypes_of(world, batch)

    def apply(params: Any, graph: CellGraph, batch: GenotypeBatch) -> jax.Array:
        return model.apply({"params": params}, graph, batch, capacity=capacity).gene_interaction

    arguments = (params, graph, genotypes)
    program = compiled(mode_function(apply, labels, mode), arguments)
    return program.engine(lambda: jax.block_until_ready(program.call(*arguments)), genotypes)


def _training(
    world: World,
    model: Any,
    graph: CellGraph,
    params: Any,
    capacity: Capacity | None,
    batch: int,
    mode: str,
) -> Engine:
    """The step that training runs, on consecutive batches."""
    optimizer, objective = make_optimizer(TASK, params), PredictionLoss(make_loss(TASK.loss))
    width = model.config.hidden_channels
    state = init_state(
        {"params": params}, TASK, optimizer, objective, embedding_dim=width, batch_size=batch, seed=0
    )
    state = jax.device_put(state, jax.local_devices()[0])
    sizes = (world.genes < world.num_genes).sum(axis=1).astype(np.int32)
    data = TrainingData(world.genes, sizes, world.labels[:, None])
    data, order = jax.device_put((data, whole_batches(world, batch)))
    inputs = StepInputs(np.int32(0), np.int32(0), LEARNING_RATE, np.bool_(True))
    step = make_train_step(model, objective, optimizer, batch_size=batch, capacity=capacity)
    program = compiled(step, (state, data, order, graph, inputs), donate=(0,))
    position = 0

    def run() -> jax.Array:
        nonlocal state, position
        here = inputs._replace(position=np.int32(position))
        state, report = program.call(state, data, order, graph, here)
        position = (position + 1) % (len(order) // batch)
        return jax.block_until_ready(report.loss)

    return program.engine(run, inputs)


def plain_port(world: World, batch: int, mode: str) -> Engine:
    """The plain port; a full step includes moving the batch to the device, as in the original."""
    params = params_of(world)
    genotypes, labels = genotypes_of(world, batch)
    wildtype = jax.device_put(jax_port.wildtype_graph(world.edges))
    prepare, host = timed(lambda: jax_port.replicate(world.edges, genotypes.genes, world.num_genes))
    function = mode_function(partial(jax_port.predict, config=config_of(world)), labels, mode)
    if mode != "step":
        arguments = (params, wildtype, jax.device_put(host))
        program = compiled(function, arguments)
        return program.engine(lambda: jax.block_until_ready(program.call(*arguments)), host, prepare)
    moments = make_optimizer(TASK, params).init(params)
    program = compiled(function, (params, moments, wildtype, host), donate=(0, 1))

    def run() -> jax.Array:
        nonlocal params, moments
        params, moments, loss = program.call(params, moments, wildtype, jax.device_put(host))
        return jax.block_until_ready(loss)

    return program.engine(run, host, prepare)
