"""Runs a model on a folder of recorded values and returns its own under the same names."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict
from jax import Array
from jax.typing import DTypeLike
from safetensors.numpy import load_file

from conversion.architecture import Architecture, architecture_from_kwargs
from conversion.to_flax import to_flax
from conversion.torch_keys import slots
from gi_jax.data.genotypes import GenotypeBatch, genotype_batch
from gi_jax.data.networks import CellGraph, cell_graph
from gi_jax.losses import log_cosh
from gi_jax.models import GeneInteractionOutput
from gi_jax.models.row_needs import changed_row_needs
from gi_jax.ops.node_states import NodeStates
from gi_jax.ops.spmm import with_backend

Arrays = dict[str, np.ndarray]
# A case runs once, on small arrays: compiling is all that costs.
COMPILE_QUICKLY = {"xla_backend_optimization_level": 0}


@dataclass(frozen=True)
class GoldenCase:
    """A folder of the golden format, without its expected values."""

    meta: dict[str, Any]  # case.json
    state_dict: Arrays
    graphs: Arrays
    targets: np.ndarray

    @classmethod
    def load(cls, folder: str | Path) -> GoldenCase:
        """Reads `case.json`, `params.safetensors`, `graphs.npz` and the targets."""
        folder = Path(folder)
        return cls(
            meta=json.loads((folder / "case.json").read_text()),
            state_dict=load_file(folder / "params.safetensors"),
            graphs=dict(np.load(folder / "graphs.npz")),
            targets=np.load(folder / "outputs.npz")["targets"],
        )

    @property
    def architecture(self) -> Architecture:
        """From the constructor arguments of the original."""
        return architecture_from_kwargs(self.meta["model"], self.meta["kwargs"])

    @property
    def graph(self) -> CellGraph:
        """The networks present, in the order of the model."""
        present = {name: self.graphs[name] for name in self.meta["graph_names"] if name in self.graphs}
        return with_backend(cell_graph(present, self.meta["gene_num"]), "segment")

    @property
    def batch(self) -> GenotypeBatch:
        """All genotypes of the case."""
        return genotype_batch(self.meta["genotypes"], self.meta["gene_num"])


class GoldenRun(NamedTuple):
    """One forward and backward pass, arrays by the names of the golden format."""

    outputs: Arrays
    grads: Arrays  # one entry per distinct parameter; zeros where PyTorch has none
    post_state: Arrays | None  # parameters and running statistics after a pass in train mode


def run_case(case: GoldenCase, dtype: DTypeLike = np.float64, *, first_layer_shortcut: bool = False) -> GoldenRun:
    """Forward and backward pass of a recorded model case.

    Args:
      dtype: precision of parameters and computation.
      first_layer_shortcut: compute the first layer from what each genotype changes (the same values).
    """
    architecture = case.architecture
    layout = slots(architecture)
    train = case.meta["mode"] == "train"
    with jax.enable_x64(np.dtype(dtype) == np.float64), jax.default_matmul_precision("highest"):
        variables = jax.tree.map(lambda x: jnp.asarray(x, dtype), to_flax(case.state_dict, architecture))
        graph, batch = case.graph, case.batch
        options: dict[str, Any] = {"train": train}
        if first_layer_shortcut:
            needs = changed_row_needs(architecture.config, graph, batch.genes, len(batch.sizes))
            options["capacity"] = needs and needs.capacity(needs.genotypes.sum(axis=0))
        model, targets = architecture.model, jnp.asarray(case.targets, dtype)

        def loss(params: Any, graph: CellGraph) -> tuple[Array, tuple[Any, Any]]:
            mutable = ["batch_stats"] if train else False
            out = model.apply({**variables, "params": params}, graph, batch, mutable=mutable, **options)
            out, changed = out if train else (out, {})
            return log_cosh(out.gene_interaction, targets), (out, changed)

        run = jax.jit(jax.value_and_grad(loss, has_aux=True), compiler_options=COMPILE_QUICKLY)
        (value, (out, changed)), grads = run(variables["params"], graph)
        outputs = named_outputs(out, batch) | {"loss": value, "targets": targets}
        outputs = {name: np.asarray(array) for name, array in outputs.items()}
        post_state = named_tensors({**variables, **changed}, layout) if train else None
        return GoldenRun(outputs, named_tensors({"params": grads}, layout, all_keys=False), post_state)


def named_outputs(out: GeneInteractionOutput, batch: GenotypeBatch) -> dict[str, Array]:
    """The outputs of a `GeneInteractionDango` under the names and shapes of the golden format."""
    b, s = batch.genes.shape
    member = (np.arange(s) < np.asarray(batch.sizes)[:, None]).reshape(-1)  # [B * S]
    arrays = {name: getattr(out, name) for name in SCORES if getattr(out, name) is not None}
    for name in ("pert_gene_embs", "local_static", "local_dynamic"):
        value = getattr(out, name)
        if value is not None:
            arrays[name] = value.reshape(b * s, -1)[member]  # [K, H]
    arrays |= {f"h_w_{layer}": states.wildtype for layer, states in enumerate(out.layers)}
    arrays |= {"z_w_nodes": out.layers[-1].wildtype, "z_i_nodes": batch_rows(out.layers[-1], b)}
    for layer, states in enumerate(out.layer_aggregation_weights):
        arrays[f"layer_aggregation_weights_wildtype_{layer}"] = states.wildtype
        arrays[f"layer_aggregation_weights_{layer}"] = batch_rows(states, b)
    return arrays


SCORES = (
    "gene_interaction",
    "z_w",
    "z_i",
    "z_p",
    "global_interaction",
    "local_interaction",
    "gate_weights",
)


def batch_rows(states: NodeStates, batch_size: int) -> Array:
    """`[B * N, ...]`: the rows of all genotypes, sample by sample."""
    columns = states.dense(batch_size).columns[:, 1:]  # [N, B, ...]
    return jnp.swapaxes(columns, 0, 1).reshape(-1, *columns.shape[2:])


def named_tensors(variables: Mapping[str, Any], layout: Any, *, all_keys: bool = True) -> Arrays:
    """Leaves of a tree of the variables' form by PyTorch key, tied ones under the first or all keys."""
    leaves = {path: np.asarray(leaf) for path, leaf in flatten_dict(dict(variables)).items()}
    return {
        key: slot.to_torch(leaves[slot.path])
        for slot in layout
        if slot.path in leaves
        for key in (slot.keys if all_keys else slot.keys[:1])
    }
