"""A model folder's own values as a case of the golden format: a fixture against later changes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

import gi_jax
from conversion.architecture import Architecture
from conversion.golden import GoldenCase, run_case
from conversion.to_torch import to_torch
from gi_jax.config import ModelConfig
from gi_jax.config.schema import plain
from gi_jax.data.formats.genotype_files import genotypes_from_names
from gi_jax.errors import GiJaxError
from gi_jax.experiment.bundle import ModelBundle, load_bundle
from gi_jax.experiment.cell import load_graph
from gi_jax.files import check_new_folder, new_folder

MODELS = {"gene_interaction_dango": "lazy", "eager": "eager", "eager_v1": "eager_v1", "dango": "dango"}
# Settings of this project's own, which no constructor of torchcell has.
OWN = ("norm_statistics", "pooled_difference", "last_layers")
DANGO_LOSS = {
    "lambda_values": {},
    "schedulers": [["PreThenPost", 10]],
    "epochs": [0, 20],
    "backward": ["PreThenPost", 20],
}


def record(model: Path, folder: Path, genotypes: Sequence[str], *, gradients: bool) -> int:
    """Writes a case of these genotypes, as one batch in evaluation mode; returns how many arrays it has.

    Args:
      model: a model folder or a run folder.
      folder: new or empty.
      genotypes: each the deleted genes, by comma.
      gradients: of the loss against random targets, too.

    Raises:
      GiJaxError: no neural model, an ensemble, an unknown gene, or the folder is not empty.
    """
    check_new_folder(folder)
    bundle = load_bundle(model)
    config = bundle.config.model
    if not isinstance(config, ModelConfig) or bundle.config.ensemble > 1:
        raise GiJaxError(
            f"{model}: a case is recorded of one neural model; this is a {config.kind} or an ensemble"
        )
    if not genotypes:
        raise GiJaxError("no genotypes are named; give some, such as YAL001C,YBL002W")
    table = genotypes_from_names(bundle.genes, genotypes)
    rows = [[int(gene) for gene in row if gene < table.num_genes] for row in table.genes]
    case = _case(bundle, rows)
    run, single = (run_case(case, dtype, gradients=gradients) for dtype in (np.float64, np.float32))
    with new_folder(folder) as new:
        errors = {
            name: float(np.abs(single.outputs[name] - run.outputs[name]).max(initial=0))
            for name in run.outputs
        }
        of_grads = max(
            (float(np.abs(single.grads[n] - run.grads[n]).max(initial=0)) for n in run.grads), default=0.0
        )
        about = {"float32_max_abs_error": errors, "float32_grad_max_abs_error": of_grads}
        (new / "case.json").write_text(json.dumps(case.meta | about, indent=1) + "\n", encoding="utf-8")
        save_file(
            {key: np.ascontiguousarray(x) for key, x in case.state_dict.items()}, new / "params.safetensors"
        )
        _save(new / "graphs.npz", case.graphs)
        _save(new / "outputs.npz", run.outputs)
        _save(new / "outputs_f32.npz", single.outputs)
        if gradients:
            save_file(
                {key: np.ascontiguousarray(x) for key, x in run.grads.items()}, new / "grads.safetensors"
            )
    return len(run.outputs) + len(run.grads)


def _case(bundle: ModelBundle, rows: list[list[int]]) -> GoldenCase:
    config = bundle.config.neural
    graph = load_graph(bundle.config, bundle.genes)[0] if bundle.graph is None else bundle.graph
    architecture = Architecture(config, len(bundle.genes), graph.model_names)
    shape = len(rows) if config.kind == "dango" else (len(rows), 1)
    targets = np.random.default_rng(0).normal(size=shape)
    names = list(graph.model_names)
    meta: dict[str, Any] = {
        "name": "recorded",
        "model": MODELS[config.kind],
        "kind": MODELS[config.kind],
        "description": "values of a model folder, recorded from this project itself",
        "kwargs": _kwargs(config, len(bundle.genes), names),
        "options": {name: getattr(config, name) for name in OWN},
        "gene_num": len(bundle.genes),
        "graph_names": names if config.kind in ("eager_v1", "dango") else sorted(names),
        "graphs_present": {name: graph[name].num_edges for name in graph.names},
        "genotypes": rows,
        "boundaries": config.boundaries == "given",
        "mode": "eval",
        "dtype": "float64",
        "loss": DANGO_LOSS if config.kind == "dango" else {"type": "logcosh", "reduction": "mean"},
        "versions": {"gi_jax": gi_jax.__version__},
    }
    graphs = {
        name: np.stack([np.asarray(graph[name].senders), np.asarray(graph[name].receivers)])
        for name in graph.names
    }
    return GoldenCase(meta, to_torch(bundle.variables, architecture), graphs, targets)


def _kwargs(config: ModelConfig, gene_num: int, names: list[str]) -> dict[str, Any]:
    """The constructor arguments of the original behind a configuration."""
    if config.kind == "dango":
        heads = config.local_predictor_config.num_heads
        return {"gene_num": gene_num, "edge_types": names, "hidden_channels": config.hidden_channels,
                "num_heads": heads}  # fmt: skip
    given = {"gene_num": gene_num, "graph_names": sorted(names)}
    for name in ("hidden_channels", "num_layers", "dropout", "norm", "activation"):
        given[name] = getattr(config, name)
    given |= {
        name: plain(getattr(config, name)) for name in ("gene_encoder_config", "local_predictor_config")
    }
    if config.kind == "eager_v1":
        del given["graph_names"]
    return given


def _save(path: Path, arrays: dict[str, Any]) -> None:
    np.savez_compressed(path, **arrays)
