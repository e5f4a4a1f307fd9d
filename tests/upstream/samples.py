"""Samples and batches of torchcell, made by its own graph processors and collaters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch_geometric.loader.dataloader import Collater

FOLLOWED = ("x", "x_pert")  # what its data modules follow, which is not what deals genes to samples
BOUNDARIES = ("perturbation_indices",)


class GeneInteraction:
    """The phenotype, as far as a graph processor looks at it."""

    model_fields = {  # noqa: RUF012 - as pydantic has it
        "label_name": SimpleNamespace(default="gene_interaction"),
        "label_statistic_name": SimpleNamespace(default=None),
    }


def cell_graph_of(genes: Sequence[str], networks: Mapping[str, np.ndarray]) -> Any:
    """A cell graph with literal edges `{name: [2, E]}`."""
    graph = import_module("torchcell.data.hetero_data").HeteroData()
    graph["gene"].num_nodes = len(genes)
    graph["gene"].node_ids = list(genes)
    graph["gene"].x = torch.zeros((len(genes), 1))
    for name, edges in networks.items():
        graph["gene", name, "gene"].edge_index = torch.as_tensor(np.asarray(edges, np.int64))
    return graph


class Samples:
    """Genotypes as samples of a cell graph, for the lazy class or for the other two."""

    def __init__(self, cell_graph: Any, *, lazy: bool, original: Any = None) -> None:
        processors = import_module("torchcell.data.graph_processor")
        self.cell_graph, self.lazy = cell_graph, lazy
        self.processor = (
            processors.LazySubgraphRepresentation() if lazy else processors.SubgraphRepresentation()
        )

    def sample(self, genes: Sequence[str], score: float = 0.0) -> Any:
        """One genotype."""
        perturbations = [SimpleNamespace(systematic_gene_name=gene) for gene in genes]
        experiment = SimpleNamespace(
            genotype=SimpleNamespace(perturbations=perturbations),
            phenotype=SimpleNamespace(gene_interaction=score),
        )
        return self.processor.process(self.cell_graph, [GeneInteraction], [{"experiment": experiment}])

    def batch(self, samples: Sequence[Any], follow: Sequence[str]) -> Any:
        """Several of them, collated."""
        if self.lazy:
            collate = import_module("torchcell.datamodules.lazy_collate").lazy_collate_hetero
            return collate(list(samples), follow)
        return Collater(list(samples), follow_batch=list(follow))(list(samples))
