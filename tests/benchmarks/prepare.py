"""Makes the world of a workload: networks, genotypes, model and its weights in both forms."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np
from flax.traverse_util import flatten_dict

from conversion.architecture import Architecture
from conversion.to_torch import to_torch
from gi_jax.config import ModelConfig, load_config
from gi_jax.config.schema import build, plain
from gi_jax.data import bundled_gene_list, bundled_networks, load_genotypes, load_networks
from tests.benchmarks.workload import Workload, World, synthetic_edges, synthetic_genotypes

CONFIGS = Path(__file__).parents[2] / "configs"
SUM: dict[str, Any] = {
    "norm_statistics": "batch",  # the only one the original has
    "gene_encoder_config": {"graph_aggregation_method": "sum", "gin_num_layers": 2},
    "local_predictor_config": {"num_heads": 4, "num_attention_layers": 2, "combination_method": "gating"},
}
MODELS: dict[str, dict[str, Any]] = {
    "sum": SUM,
    "one_layer": SUM | {"norm_statistics": "node", "num_layers": 1},
}


def model_config(workload: Workload) -> ModelConfig:
    """The model of a case: that of a configuration file for `pairwise` and the profiles."""
    if workload.case in MODELS:
        config = build(ModelConfig, MODELS[workload.case], "model", ModelConfig, [])
    else:
        config = load_config(CONFIGS / f"{workload.case}.yaml").config.model
    changes: dict[str, Any] = {"hidden_channels": workload.channels, "num_layers": workload.layers}
    if workload.case == "pairwise":
        changes["norm_statistics"] = "batch"
    if not workload.local:
        changes["local_predictor_config"] = replace(config.local_predictor_config, use_local_predictor=False)
    return replace(config, **{key: value for key, value in changes.items() if value is not None})


def make_world(workload: Workload) -> World:
    """The world of a workload, the same in every process."""
    if workload.case == "one_layer":
        edges, genes, labels, num_genes = _bundled()
    else:
        num_genes = workload.num_genes
        edges = synthetic_edges(num_genes, workload.edges)
        genes, labels = synthetic_genotypes(num_genes)
    names = tuple(sorted(edges))[: workload.num_networks]
    edges = {name: edges[name] for name in names}
    architecture = Architecture(model_config(workload), num_genes, names)
    return assemble(architecture, jax.jit(architecture.initialise)(), edges, genes, labels)


def assemble(
    architecture: Architecture,
    variables: dict[str, Any],
    edges: dict[str, np.ndarray],
    genes: np.ndarray,
    labels: np.ndarray,
) -> World:
    """A world with these weights, in the forms of both frameworks."""
    flax = {"/".join(path): np.asarray(leaf) for path, leaf in flatten_dict(variables["params"]).items()}
    torch, model = to_torch(variables, architecture), plain(architecture.config)
    return World(edges, genes, labels, architecture.gene_num, model, flax, torch)


def _bundled() -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray, int]:
    gene_list = bundled_gene_list()
    graph, _ = load_networks(gene_list, tuple(bundled_networks()))
    table, _ = load_genotypes(gene_list, ["collins2007"])
    order = np.random.default_rng(1).permutation(len(table))
    edges = {
        name: np.stack([network.senders_t, network.receivers_t])
        for name, network in zip(graph.names, graph.networks, strict=True)
    }
    return edges, table.genes[order], table.score[order].astype(np.float32), len(gene_list)
