"""Runs a model on a folder of recorded values and returns its own under the same names."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import DTypeLike
from safetensors.numpy import load_file

from conversion.architecture import Architecture, architecture_from_kwargs, with_edge_form
from conversion.golden_outputs import NAMED_OUTPUTS
from conversion.resolve import WrittenConfig
from conversion.to_flax import to_flax
from conversion.to_torch import named_tensors
from conversion.torch_keys import slots
from gi_jax.config import CellDatasetConfig, RunConfig, to_yaml
from gi_jax.data.genotypes import GenotypeBatch, genotype_batch
from gi_jax.data.networks import CellGraph, cell_graph
from gi_jax.errors import GiJaxError
from gi_jax.files import read_text
from gi_jax.models.neural.row_needs import changed_row_needs
from gi_jax.models.weights import first_line
from gi_jax.ops.spmm import with_backend

Arrays = dict[str, np.ndarray]
# A case runs once, on small arrays: compiling is all that costs.
COMPILE_QUICKLY = {"xla_backend_optimization_level": 0}


def read_recorded(path: Path, *needed: str) -> Arrays:
    """The arrays of a recorded file, `.npz` or `.safetensors`.

    Raises:
      GiJaxError: it is missing or damaged, or lacks an array of these names.
    """
    try:
        if path.suffix == ".safetensors":
            arrays = load_file(path)
        else:
            with np.load(path) as file:
                arrays = dict(file)
    except Exception as error:  # zipfile, zlib, NumPy and safetensors each raise their own for broken files
        raise GiJaxError(f"{path}: cannot be read ({first_line(error)}); record the case anew") from None
    for name in needed:
        if name not in arrays:
            raise GiJaxError(f"{path}: holds no array `{name}`; record the case anew")
    return arrays


@dataclass(frozen=True)
class GoldenCase:
    """A folder of the golden format, without its expected values (see docs/parity.md)."""

    meta: dict[str, Any]  # case.json
    state_dict: Arrays
    graphs: Arrays
    targets: np.ndarray

    @classmethod
    def load(cls, folder: str | Path) -> GoldenCase:
        """Reads `case.json`, `params.safetensors`, `graphs.npz` and the targets."""
        folder = Path(folder)
        return cls(
            meta=read_meta(folder),
            state_dict=read_recorded(folder / "params.safetensors"),
            graphs=read_recorded(folder / "graphs.npz"),
            targets=read_recorded(folder / "outputs.npz", "targets")["targets"],
        )

    @cached_property
    def architecture(self) -> Architecture:
        """From the constructor arguments of the original; how keys write networks, from the keys."""
        meta = self.meta
        architecture = architecture_from_kwargs(
            meta["model"], meta["kwargs"], meta["graph_names"], boundaries=meta.get("boundaries", True)
        )
        if "options" in meta:  # of this project's own, in cases that `gi-jax record` wrote
            architecture = replace(architecture, config=replace(architecture.config, **meta["options"]))
        return with_edge_form(architecture, self.state_dict)

    @property
    def written(self) -> WrittenConfig:
        """The architecture as a configuration file."""
        networks = CellDatasetConfig(graphs=self.architecture.graph_names)
        return WrittenConfig(
            to_yaml(RunConfig(model=self.architecture.config, cell_dataset=networks)), "case.json"
        )

    @cached_property
    def graph(self) -> CellGraph:
        """The networks present, in the order of the model."""
        present = {name: self.graphs[name] for name in self.meta["graph_names"] if name in self.graphs}
        return with_backend(cell_graph(present, self.meta["gene_num"]), "segment")

    @property
    def batch(self) -> GenotypeBatch:
        """All genotypes of the case."""
        return genotype_batch(self.meta["genotypes"], self.meta["gene_num"])


class Weights(NamedTuple):
    """A model and its variables."""

    architecture: Architecture
    variables: dict[str, Any]


class GoldenRun(NamedTuple):
    """One forward and backward pass, arrays by the names of the golden format."""

    outputs: Arrays
    grads: Arrays  # one entry per distinct parameter, zeros where PyTorch has none; empty if not asked for
    post_state: Arrays  # parameters and running statistics after the pass, empty in eval mode


def read_meta(folder: Path) -> dict[str, Any]:
    """The content of `case.json`.

    Raises:
      GiJaxError: the folder is none of the golden format.
    """
    try:
        meta = json.loads(read_text(folder / "case.json"))
        meta["model"]
        return meta
    except (OSError, ValueError, KeyError):
        raise GiJaxError(
            f"{folder}: is no recorded case; expected a folder with case.json, which names its model, "
            "and the arrays beside it"
        ) from None


def _check_same_cell(architecture: Architecture, case: GoldenCase) -> None:
    recorded = (case.meta["gene_num"], sorted(case.meta["graph_names"]))
    own = (architecture.gene_num, sorted(architecture.graph_names))
    if own != recorded:
        raise GiJaxError(
            f"the model has {own[0]} genes and the networks {', '.join(own[1])}, the recorded case has "
            f"{recorded[0]} genes and {', '.join(recorded[1])}; give a case recorded from this model"
        )


def run_case(
    case: GoldenCase,
    dtype: DTypeLike = np.float64,
    *,
    first_layer_shortcut: bool = False,
    gradients: bool = True,
    weights: Weights | None = None,
    wrap: Callable[[Callable[..., Any]], Callable[..., Any]] | None = None,
) -> GoldenRun:
    """Forward and backward pass of a recorded model case.

    Args:
      dtype: precision of parameters and computation.
      first_layer_shortcut: compute the first layer from what each genotype changes (the same values).
      gradients: run the backward pass too.
      weights: a model of its own in place of the recorded parameters.
      wrap: compiles the function; `jax.jit` if not given.

    Raises:
      GiJaxError: the parameters do not fit the model, or the model does not fit the case.
    """
    architecture, variables = weights or (case.architecture, to_flax(case.state_dict, case.architecture))
    _check_same_cell(architecture, case)
    train = case.meta["mode"] == "train"
    model, named = architecture.model, NAMED_OUTPUTS[case.meta["model"]]
    with jax.enable_x64(np.dtype(dtype) == np.float64), jax.default_matmul_precision("highest"):
        variables = jax.tree.map(lambda x: jnp.asarray(x, dtype), variables)
        graph, batch, targets = case.graph, case.batch, jnp.asarray(case.targets, dtype)
        options: dict[str, Any] = {"train": train, "mutable": ["batch_stats"]}
        if first_layer_shortcut:
            needs = changed_row_needs(architecture.config, graph, np.asarray(batch.genes), len(batch.sizes))
            options["capacity"] = needs and needs.capacity(needs.genotypes.sum(axis=0))

        def loss(params: Any, graph: CellGraph) -> tuple[Array, tuple[dict[str, Array], Any]]:
            out, changed = model.apply({**variables, "params": params}, graph, batch, **options)
            outputs = named(out, graph, batch, targets, case.meta)
            return outputs["loss"], (outputs, changed)

        wrap = wrap or (lambda f: jax.jit(f, compiler_options=COMPILE_QUICKLY))
        if gradients:
            (_, (outputs, changed)), grads = wrap(jax.value_and_grad(loss, has_aux=True))(
                variables["params"], graph
            )
        else:
            (_, (outputs, changed)), grads = wrap(loss)(variables["params"], graph), {}
        layout = slots(architecture)
        return GoldenRun(
            {name: np.asarray(array) for name, array in (outputs | {"targets": targets}).items()},
            named_tensors({"params": grads}, layout, tied=False),
            named_tensors({**variables, **changed}, layout) if train else {},
        )
