"""Trains small cases on one and on several of 8 simulated devices and saves both ends.

`python -m tests.train.eight_devices FILE.npz`, in a process of its own: a process simulates either
one device or several. `test_devices.py` starts it and compares.
"""

from __future__ import annotations

import os
import sys
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gi_jax.config import RunConfig, parse_config
from gi_jax.data.networks import CellGraph, cell_graph
from gi_jax.models import build_model
from gi_jax.models.row_needs import changed_row_needs
from gi_jax.ops.spmm import with_backend
from gi_jax.predict.room import padded_order
from gi_jax.train.batches import TrainingData
from gi_jax.train.devices import device_mesh, on_all_devices
from gi_jax.train.objective import make_objective
from gi_jax.train.optimizer import make_optimizer
from gi_jax.train.state import TrainState, init_state, init_variables
from gi_jax.train.step import StepInputs, make_train_step
from tests.train.stand_in import AdditiveModel

N, M, B = 12, 20, 8  # the last of the three batches is half padding: some devices have nothing else

BASE = """
cell_dataset: {graphs: [a, b]}
data_module: {batch_size: 8}
model:
  hidden_channels: 4
  num_layers: 2
  norm: layer
  activation: gelu
  gene_encoder_config: {encoder_type: gin, graph_aggregation_method: sum, gin_num_layers: 2}
  local_predictor_config: {num_heads: 2, num_attention_layers: 1, combination_method: gating}
regression_task: {loss: logcosh, optimizer: {lr: 0.01}}
"""


class Case(NamedTuple):
    devices: int
    overrides: tuple[str, ...]
    all_rows: bool = False  # the plain path


BUFFERED = "regression_task.loss_config={buffer_size: 12, min_samples_for_%s: 4, min_samples_for_supcr: 4}"
CASES = {
    "layer norm and icloss": Case(
        8,
        (
            "model.norm_statistics=batch",
            "regression_task.loss=icloss",
            "regression_task.lambda_dist=0.1",
            "regression_task.lambda_supcr=0.1",
        ),
    ),
    "batch norm with its moments and a buffered loss": Case(
        4,
        (
            "model.norm=batch",
            "regression_task.loss=mle_dist_supcr",
            "regression_task.lambda_supcr=0.1",
            BUFFERED % "dist",
        ),
    ),
    "graph norm and a buffered loss": Case(
        8,
        (
            "model.norm=graph",
            "model.num_layers=1",
            "regression_task.loss=mle_wass_supcr",
            "regression_task.lambda_supcr=0.1",
            BUFFERED % "wasserstein",
        ),
    ),
    "norms of all rows": Case(2, ("model.norm_statistics=batch", "model.remat=layer"), all_rows=True),
    "shared deletions": Case(8, ("model.num_layers=1", "model.norm_statistics=node")),
    "eager_v1": Case(
        4, ("model.name=eager_v1", "model.norm=batch", "model.num_layers=1", "regression_task.loss=mse")
    ),
    "dango": Case(
        8, ("model.name=dango", "regression_task.loss=dango", "regression_task.loss_config={schedule: LinearUntilUniform}")
    ),
}


def world() -> tuple[CellGraph, TrainingData]:
    rng = np.random.default_rng(0)
    edges = {name: rng.integers(0, N, (2, size)) for name, size in (("a", 16), ("b", 8))}
    genes = np.full((M, 3), N, np.int32)
    for row in genes:
        size = rng.integers(1, 4)
        row[:size] = rng.choice(N, size, replace=False)
    data = TrainingData(
        jnp.asarray(genes), jnp.asarray((genes < N).sum(axis=1), jnp.int32), jnp.asarray(rng.normal(size=(M, 1)))
    )
    return with_backend(cell_graph(edges, N)), data


def trained(config: RunConfig, all_rows: bool, model: Any = None, poison: bool = False) -> dict[str, Any]:
    """State and reports after three steps."""
    graph, data = world()
    model = model or build_model(config.model, N, graph.names)
    variables = init_variables(model, graph, seed=0)
    if poison:  # a gene of some genotypes of the first batch
        variables["params"]["gene_embedding"] = variables["params"]["gene_embedding"].at[3].set(jnp.inf)
    optimizer, objective = make_optimizer(config.regression_task, variables["params"]), make_objective(config)
    state = init_state(
        variables, config.regression_task, optimizer, objective, embedding_dim=4, batch_size=B, seed=0
    )
    mesh = device_mesh(config)
    share = B if mesh is None else B // mesh.size
    needs = None if all_rows else changed_row_needs(config.model, graph, np.asarray(data.genes), share)
    order = padded_order(np.arange(M), B)
    capacity = needs and needs.capacity(needs.largest(order, share))
    step = jax.jit(make_train_step(model, objective, optimizer, batch_size=B, capacity=capacity, mesh=mesh))
    state, data, order, graph = on_all_devices((state, data, jnp.asarray(order), graph), mesh)
    reports = []
    for position in range(3):
        inputs = StepInputs(np.int32(position), np.int32(position), np.float32(0.01), np.bool_(True))
        state, report = step(state, data, order, graph, inputs)
        reports.append(report)
    return {"state": state, "reports": reports}



def main(path: str) -> None:
    found = {}

    def keep(name: str, tree: Any) -> None:
        for where, leaf in jax.tree_util.tree_leaves_with_path(tree):
            found[f"{name}{jax.tree_util.keystr(where)}"] = np.asarray(leaf)

    for name, case in CASES.items():
        for devices in (1, case.devices):
            config = parse_config(BASE, [*case.overrides, f"trainer.devices={devices}"]).config
            keep(f"{name}/{'one' if devices == 1 else 'several'}", trained(config, case.all_rows))
    np.savez(path, **found)


if __name__ == "__main__":
    assert "device_count=8" in os.environ["XLA_FLAGS"]
    jax.config.update("jax_enable_x64", True)
    main(sys.argv[1])
