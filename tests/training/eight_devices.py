"""Trains small cases on one and on several of 8 simulated devices and saves both ends.

`python -m tests.training.eight_devices FILE.npz`, in a process of its own: a process simulates either
one device or several. `test_devices.py` starts it and compares.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gi_jax.config import RunConfig, parse_config
from gi_jax.data.networks import CellGraph, cell_graph
from gi_jax.models.neural import build_model
from gi_jax.models.neural.row_needs import changed_row_needs
from gi_jax.nn.norms import NormParameters, normalise
from gi_jax.ops.changed_rows import ChangedRows
from gi_jax.ops.node_states import Dense, RowSelection, TemplateWithChanges
from gi_jax.ops.spmm import with_backend
from gi_jax.training.batches import TrainingData
from gi_jax.training.devices import AXIS, device_mesh, on_all_devices, own_part, whole_batch
from gi_jax.training.objective import make_objective
from gi_jax.training.optimizer import make_optimizer
from gi_jax.training.state import init_state, init_variables
from gi_jax.training.step import StepInputs, make_train_step
from tests.training.stand_in import AdditiveModel

N, M, B = 12, 20, 8  # the last of the three batches is half padding: some devices have nothing else

BASE = """
cell_dataset: {graphs: [a]}
data_module: {batch_size: 8}
model:
  hidden_channels: 4
  num_layers: 1
  norm: layer
  activation: relu
  gene_encoder_config: {encoder_type: gin, graph_aggregation_method: sum, gin_num_layers: 1}
  local_predictor_config: {use_local_predictor: false, num_heads: 2}
regression_task:
  loss: logcosh
  # Where a gradient is zero up to rounding, Adam would divide noise by noise.
  optimizer: {lr: 0.1, eps: 1.0}
"""


class Case(NamedTuple):
    devices: int
    overrides: tuple[str, ...]


CASES = {
    "two layers, batch norm with its moments, and a buffered loss": Case(
        4,
        (
            "model.num_layers=2",
            "model.norm=batch",
            "regression_task.loss=mle_dist_supcr",
            "regression_task.lambda_supcr=0.1",
            "regression_task.loss_config={buffer_size: 12, min_samples_for_dist: 4}",
            "regression_task.loss_config.min_samples_for_supcr=4",
        ),
    ),
    "shared single deletions, a local predictor, and a contrastive loss": Case(
        8,
        (
            "cell_dataset.graphs=[a,b]",
            "model.norm_statistics=node",
            "model.local_predictor_config.use_local_predictor=true",
            "regression_task.loss=icloss",
            "regression_task.lambda_dist=0.1",
            "regression_task.lambda_supcr=0.1",
            "regression_task.ema_decay=0.9",
        ),
    ),
    "eager_v1 on kept rows": Case(
        2,
        (
            "model.kind=eager_v1",
            "model.norm=batch",
            "model.local_predictor_config={use_local_predictor: true, combination_method: gating}",
            "model.local_predictor_config.num_heads=2",
        ),
    ),
    "dango": Case(
        4,
        (
            "model.kind=dango",
            "regression_task.loss=dango",
            "regression_task.loss_config={schedule: LinearUntilUniform}",
        ),
    ),
}
ADDITIVE = parse_config(BASE, ["regression_task.loss=mse"]).config


def world(config: RunConfig) -> tuple[CellGraph, TrainingData]:
    rng = np.random.default_rng(0)
    edges = {name: rng.integers(0, N, (2, size)) for name, size in (("a", 16), ("b", 8))}
    genes = np.full((M, 3), N, np.int32)
    for row in genes:
        size = rng.integers(1, 4)
        row[:size] = rng.choice(N, size, replace=False)
    sizes, labels = (genes < N).sum(axis=1), rng.normal(size=(M, 1))
    data = TrainingData(jnp.asarray(genes), jnp.asarray(sizes, jnp.int32), jnp.asarray(labels))
    chosen = {name: edges[name] for name in config.cell_dataset.graphs}
    return with_backend(cell_graph(chosen, N)), data


def trained(config: RunConfig, model: Any = None, infinite_gene: int | None = None) -> dict[str, Any]:
    """State and reports after an epoch of three steps."""
    graph, data = world(config)
    model = model or build_model(config.model, N, graph.names)
    variables = init_variables(model, graph, seed=0)
    variables = jax.tree.map(lambda x: x.astype(jnp.float64), variables)  # drawn in float32
    if infinite_gene is not None:
        embedding = variables["params"]["gene_embedding"]
        variables["params"]["gene_embedding"] = embedding.at[infinite_gene].set(jnp.inf)
    task, objective = config.regression_task, make_objective(config)
    optimizer = make_optimizer(task, variables["params"])
    state = init_state(variables, task, optimizer, objective, embedding_dim=4, batch_size=B, seed=0)
    mesh = device_mesh(config)
    share = B if mesh is None else B // mesh.size
    order = np.pad(np.arange(M, dtype=np.int32), (0, -M % B), constant_values=M)
    needs = changed_row_needs(config.model, graph, np.asarray(data.genes), share)
    options = {
        "capacity": needs and needs.capacity(needs.largest(order, share)),
        "ema_decay": task.ema_decay,
        "mesh": mesh,
    }
    step = jax.jit(make_train_step(model, objective, optimizer, batch_size=B, **options))
    state, data, order, graph = on_all_devices((state, data, jnp.asarray(order), graph), mesh)
    reports = []
    for position in range(3):
        inputs = StepInputs(np.int32(position), np.int32(position), np.float32(0.1), np.bool_(True))
        state, report = step(state, data, order, graph, inputs)
        reports.append(report)
    return {"state": state, "reports": reports}


def with_devices(config: RunConfig, devices: int) -> RunConfig:
    return replace(config, trainer=replace(config.trainer, devices=devices))


NORMS = ("layer", "batch", "graph", "instance", "pair", "mean_subtraction")


def normalised(devices: int) -> dict[str, Any]:
    """Every norm with statistics over the batch: of dense states, of kept rows, and of changed rows."""
    rng = np.random.default_rng(1)
    rows = 3  # changed in every genotype
    wildtype, states, changed = (rng.normal(size=shape) for shape in ((N, 1, 4), (B, N, 4), (B, rows, 4)))
    gene = np.tile(np.arange(rows, dtype=np.int32), (B, 1))
    keep, valid = rng.random((B, N)) < 0.8, np.arange(B) < B - 3
    mesh = device_mesh(with_devices(ADDITIVE, devices))
    axis = mesh and AXIS

    def run(everything: tuple) -> dict[str, Any]:
        states, changed, gene, keep, valid = own_part(everything, axis)
        b = valid.shape[0]
        genotype = jnp.repeat(jnp.arange(b, dtype=jnp.int32), rows)
        listed = ChangedRows(gene.reshape(-1), genotype, jnp.ones(b * rows, bool), jnp.zeros(b * rows, bool))
        dense = Dense(jnp.concatenate([wildtype, jnp.moveaxis(states, 0, 1)], axis=1))
        kept = jnp.concatenate([jnp.ones((N, 1)), keep.T], axis=1)
        forms = {
            "dense": (dense, RowSelection("batch", valid, axis=axis)),
            "kept": (dense, RowSelection("batch", valid, kept, axis)),
            "changed": (
                TemplateWithChanges(jnp.asarray(wildtype), changed.reshape(-1, 4), listed),
                RowSelection("batch", valid, axis=axis),
            ),
        }
        found = {}
        for kind in NORMS:
            parameters = NormParameters(jnp.full(4, 1.5), jnp.full(4, 0.5), jnp.full(4, 0.7), None)
            for form, (x, select) in forms.items():
                y, moments = normalise(kind, parameters, x, select)
                own = jnp.moveaxis(y.dense(b).columns[:, 1:], 1, 0)  # [b, N, 4]
                found[f"{kind} {form}"] = (y.wildtype, whole_batch(own, axis), moments)
        return found

    everything = (states, changed, gene, keep, valid)
    if mesh is not None:
        everywhere = jax.sharding.PartitionSpec()
        run = jax.shard_map(run, mesh=mesh, in_specs=everywhere, out_specs=everywhere, check_vma=False)
    return jax.jit(run)(on_all_devices(everything, mesh))


class Predictions:
    """An objective whose state is what was predicted last."""

    def init(self, embedding_dim: int, dtype: jnp.dtype) -> jax.Array:
        return jnp.zeros((B, 1), dtype)

    def apply(self, state: jax.Array, output: Any, *rest: Any) -> tuple[jax.Array, jax.Array, dict]:
        return output.gene_interaction.mean(), output.gene_interaction, {}


def dropped_out(devices: int) -> np.ndarray:
    """Predictions `[B, 1]` for one genotype, B times in a batch, under dropout."""
    config = with_devices(ADDITIVE, devices)
    graph, data = world(config)
    model, mesh, objective = AdditiveModel(N, dropout=0.5), device_mesh(config), Predictions()
    variables = init_variables(model, graph, seed=0)
    task = config.regression_task
    optimizer = make_optimizer(task, variables["params"])
    state = init_state(variables, task, optimizer, objective, embedding_dim=4, batch_size=B, seed=0)
    step = jax.jit(make_train_step(model, objective, optimizer, batch_size=B, capacity=None, mesh=mesh))
    same = jnp.zeros(B, jnp.int32)
    inputs = StepInputs(np.int32(0), np.int32(0), np.float32(0), np.bool_(True))
    state, _ = step(*on_all_devices((state, data, same, graph), mesh), inputs)
    return np.asarray(state.loss_state)


def main(path: str) -> None:
    found = {}

    def keep(name: str, devices: int, tree: Any) -> None:
        for where, leaf in jax.tree_util.tree_leaves_with_path(tree):
            part = f"{name}/{'one' if devices == 1 else 'several'}{jax.tree_util.keystr(where)}"
            found[part] = np.asarray(leaf)

    for name, case in CASES.items():
        config = parse_config(BASE, case.overrides).config
        for devices in (1, case.devices):
            keep(name, devices, trained(with_devices(config, devices)))
    for devices in (1, 4):
        config = with_devices(ADDITIVE, devices)
        keep("not finite", devices, trained(config, AdditiveModel(N), infinite_gene=3))
        keep("dropout", devices, dropped_out(devices))
        keep("norms", devices, normalised(devices))
    np.savez(path, **found)


if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)
    main(sys.argv[1])
