"""The cell that a model is about: its genes and networks, and how to tell that they are still the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp

from gi_jax.config import DataConfig, RunConfig
from gi_jax.config.paths import cache_folder
from gi_jax.data.bundled import bundled_gene_list
from gi_jax.data.formats.feature_files import FeatureSource, GeneFeatures, load_features
from gi_jax.data.formats.network_files import NetworkSource, load_networks
from gi_jax.data.gene_list import GeneList, load_gene_list
from gi_jax.data.load_report import LoadReport, SourceReport
from gi_jax.data.networks import CellGraph
from gi_jax.errors import GiJaxError
from gi_jax.experiment.stored_cell import GENES, read_cell
from gi_jax.ops.backends import with_measured_backends
from gi_jax.ops.spmm import with_backend


def load_genes(config: DataConfig) -> GeneList:
    """The gene list that a configuration names, or the bundled yeast genes."""
    if config.model_folder is not None:
        return load_gene_list(Path(config.model_folder) / GENES)
    return bundled_gene_list() if config.genes is None else load_gene_list(config.genes)


def load_graph(config: RunConfig, genes: GeneList) -> tuple[CellGraph, LoadReport]:
    """The networks of a configuration over a gene list, on the device and with their backend chosen.

    Raises:
      GiJaxError: no network is named, or whatever the loader finds wrong.
    """
    if not config.cell_dataset.graphs and config.model.needs_networks:
        raise GiJaxError(
            "cell_dataset.graphs names no gene network; name at least one, or set model.num_layers to 0"
        )
    names, absent = config.cell_dataset.graphs, config.cell_dataset.absent
    if config.data.model_folder is not None:
        folder = Path(config.data.model_folder)
        graph = read_cell(folder, names, genes.fingerprint, len(genes)).graph
        report = LoadReport(
            tuple(
                SourceReport(f"{name} of {folder}", "edges", network.num_edges, network.num_edges)
                for name, network in zip(graph.names, graph.networks, strict=True)
            )
        )
        return ready(graph, config), report
    own = config.data.networks
    sources = [
        NetworkSource(name, own[name].path, own[name].directed) if name in own else name
        for name in names
        if name not in absent
    ]
    graph, report = load_networks(genes, sources)
    if absent:
        graph = replace(graph, declared=names)
    return ready(graph, config), report


def ready(graph: CellGraph, config: RunConfig) -> CellGraph:
    """Networks on the device, with the backends of a configuration."""
    return jax.device_put(_choose_backends(graph, config))


def load_gene_features(config: RunConfig, genes: GeneList) -> tuple[tuple[GeneFeatures, ...], LoadReport]:
    """The tables of gene features of a configuration over a gene list.

    Raises:
      GiJaxError: whatever the loader finds wrong.
    """
    own = config.data.features
    sources = [
        FeatureSource(name, own[name].path) if name in own else name for name in config.cell_dataset.features
    ]
    return load_features(genes, sources)


def _choose_backends(graph: CellGraph, config: RunConfig) -> CellGraph:
    trainer, model = config.trainer, config.model
    # Several processes compile one program, and each would measure something else.
    if trainer.aggregation_backend != "auto" or jax.process_count() > 1 or model.one_solution:
        return with_backend(graph, trainer.aggregation_backend)
    folder = cache_folder(config)
    return with_measured_backends(
        graph,
        model.message_columns(config.data_module.batch_size),
        jnp.bfloat16 if trainer.precision == "bf16" else jnp.float32,
        None if folder is None else folder / "aggregation_backends.json",
    )
