"""Batches as PyTorch Geometric collates them: the graph copied once per genotype.

This is the data path whose cost the benchmarks report, so it is vectorised over genotypes and edges and
copies nothing beyond what the models read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from torch import Tensor

CellGraph = dict[str, Tensor]  # network name -> [2, E] int64, row 0 source, row 1 destination


def cell_graph_from(graphs: Mapping[str, np.ndarray]) -> CellGraph:
    """The wildtype graph as int64 edge indices, the dtype PyTorch indexes with."""
    return {name: torch.as_tensor(np.asarray(edges)).long().reshape(2, -1) for name, edges in graphs.items()}


@dataclass(frozen=True)
class PerturbationSets:
    """The perturbed genes of a batch: B sets, K genes in all, in the order of the genotypes."""

    indices: Tensor  # [K] gene id in the wildtype graph
    sample: Tensor  # [K] genotype of each perturbed gene
    ptr: Tensor  # [B + 1] set boundaries in `indices`
    max_size: int  # size of the largest set

    @property
    def num_genotypes(self) -> int:
        return self.ptr.numel() - 1

    @classmethod
    def of(cls, genotypes: Sequence[Sequence[int]]) -> PerturbationSets:
        sizes = torch.tensor([len(genes) for genes in genotypes], dtype=torch.long)
        return cls(
            indices=torch.tensor([gene for genes in genotypes for gene in genes], dtype=torch.long),
            sample=torch.repeat_interleave(sizes),
            ptr=torch.cat([sizes.new_zeros(1), sizes.cumsum(0)]),
            max_size=int(sizes.max()),
        )

    def to(self, device: torch.device | str) -> PerturbationSets:
        return replace(
            self, indices=self.indices.to(device), sample=self.sample.to(device), ptr=self.ptr.to(device)
        )


@dataclass(frozen=True)
class ReplicatedBatch:
    """B full copies of the graph: R = B * N rows, sample-major, sample b at rows b*N to (b+1)*N - 1."""

    edge_index: CellGraph  # name -> [2, B * E]
    edge_mask: dict[str, Tensor]  # name -> [B * E] bool, true where no endpoint is perturbed
    kept_rows: Tensor  # [R - K] rows that are pooled: those of genes not perturbed
    kept_sample: Tensor  # [R - K] genotype of each of them
    perturbations: PerturbationSets

    @property
    def num_genotypes(self) -> int:
        return self.perturbations.num_genotypes

    def to(self, device: torch.device | str) -> ReplicatedBatch:
        return _to(self, device)

    @property
    def nbytes(self) -> int:
        """Bytes that moving this batch to a device transfers."""
        return _nbytes(self)


@dataclass(frozen=True)
class SubgraphBatch:
    """B subgraphs of the kept genes: R rows in all, sample-major and in gene order within a sample."""

    edge_index: CellGraph  # name -> [2, kept edges], relabelled to rows
    row_gene: Tensor  # [R] gene id of each row
    row_sample: Tensor  # [R] genotype of each row
    perturbations: PerturbationSets

    @property
    def num_genotypes(self) -> int:
        return self.perturbations.num_genotypes

    def to(self, device: torch.device | str) -> SubgraphBatch:
        return _to(self, device)

    @property
    def nbytes(self) -> int:
        """Bytes that moving this batch to a device transfers."""
        return _nbytes(self)


def batch_from(
    graphs: Mapping[str, np.ndarray | Tensor], genotypes: Sequence[Sequence[int]], gene_num: int
) -> ReplicatedBatch:
    """Replicate the graph for every genotype, with one boolean per replicated edge.

    `graphs` maps network names to `[2, E]` edge indices over `gene_num` genes; `genotypes` holds B lists of
    perturbed gene ids. Edges of sample b are shifted by `b * gene_num`.
    """
    pert_mask = _pert_mask(genotypes, gene_num)  # [B, N]
    num_genotypes = len(genotypes)
    shift = torch.arange(num_genotypes).mul_(gene_num).view(1, -1, 1)  # [1, B, 1]
    edge_index, edge_mask = {}, {}
    for name, edges in cell_graph_from(graphs).items():
        edge_index[name] = (edges.unsqueeze(1) + shift).reshape(2, -1)  # [2, B * E]
        lost = pert_mask.index_select(1, edges[0]) | pert_mask.index_select(1, edges[1])  # [B, E]
        edge_mask[name] = lost.logical_not_().reshape(-1)  # [B * E]
    kept_rows = (~pert_mask).reshape(-1).nonzero().squeeze(1)
    kept_sample = kept_rows.div(gene_num, rounding_mode="floor")
    return ReplicatedBatch(edge_index, edge_mask, kept_rows, kept_sample, PerturbationSets.of(genotypes))


def subgraph_batch_from(
    graphs: Mapping[str, np.ndarray | Tensor], genotypes: Sequence[Sequence[int]], gene_num: int
) -> SubgraphBatch:
    """Keep, for every genotype, the genes that are not perturbed and the edges between them."""
    kept = ~_pert_mask(genotypes, gene_num)  # [B, N]
    row_of = kept.reshape(-1).cumsum(0).sub_(1).view_as(kept)  # [B, N], read at kept genes only
    row_sample, row_gene = kept.nonzero(as_tuple=True)
    edge_index = {}
    for name, edges in cell_graph_from(graphs).items():
        sample, edge = (kept[:, edges[0]] & kept[:, edges[1]]).nonzero(as_tuple=True)
        edge_index[name] = row_of[sample, edges[:, edge]]  # [2, kept edges]
    return SubgraphBatch(edge_index, row_gene, row_sample, PerturbationSets.of(genotypes))


def _pert_mask(genotypes: Sequence[Sequence[int]], gene_num: int) -> Tensor:
    mask = torch.zeros(len(genotypes), gene_num, dtype=torch.bool)  # [B, N]
    for sample, genes in enumerate(genotypes):
        mask[sample, list(genes)] = True
    return mask


def _to(batch, device: torch.device | str):
    def move(value):
        return {k: v.to(device) for k, v in value.items()} if isinstance(value, dict) else value.to(device)

    return replace(batch, **{field.name: move(getattr(batch, field.name)) for field in fields(batch)})


def _nbytes(value: object) -> int:
    if isinstance(value, Tensor):
        return value.numel() * value.element_size()
    if isinstance(value, dict):
        return sum(map(_nbytes, value.values()))
    if isinstance(value, int):
        return 0
    return sum(_nbytes(getattr(value, field.name)) for field in fields(value))
