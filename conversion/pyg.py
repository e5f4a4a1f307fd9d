"""torchcell's graph objects -> the containers of this project."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from gi_jax.data.genotypes import GenotypeBatch, genotype_batch
from gi_jax.data.networks import CellGraph, cell_graph
from gi_jax.errors import GiJaxError

GENE = "gene"


class ConvertedGraph(NamedTuple):
    """A cell graph, the names of its genes, and what was left behind."""

    graph: CellGraph
    genes: tuple[str, ...]  # empty if the object carries none
    ignored: tuple[str, ...]  # node types, edge types and attributes without a place here


class ConvertedBatch(NamedTuple):
    """A batch of genotypes and what was left behind."""

    batch: GenotypeBatch
    ignored: tuple[str, ...]


def cell_graph_from(data: Any) -> ConvertedGraph:
    """The gene networks of a torchcell cell graph.

    Args:
      data: a PyTorch Geometric `HeteroData` with node type `gene` and edge types
        `("gene", NETWORK, "gene")`; edges run from row 0 of `edge_index` to row 1.

    Raises:
      GiJaxError: no genes, or an edge that names none of them.
    """
    if GENE not in data.node_types:
        raise GiJaxError(
            f"the graph has node types {', '.join(data.node_types) or 'none'}, expected '{GENE}'"
        )
    node_ids = data[GENE].get("node_ids", None)
    genes = tuple(str(gene) for gene in node_ids) if node_ids is not None else ()
    num_genes = len(genes) or int(data[GENE].num_nodes)
    edges, ignored = {}, []
    for source, name, target in data.edge_types:
        store = data[source, name, target]
        if (source, target) == (GENE, GENE):
            edges[name] = _numpy(store["edge_index"])
            ignored += [f"{GENE}-{name}.{key}" for key in store.keys() if key != "edge_index"]  # noqa: SIM118
        else:
            ignored.append(f"edges {source}-{name}-{target}")
    ignored += [f"nodes {kind}" for kind in data.node_types if kind != GENE]
    used = ("node_ids", "num_nodes")
    ignored += [f"{GENE}.{key}" for key in data[GENE].keys() if key not in used]  # noqa: SIM118
    ordered = {name: edges[name] for name in sorted(edges)}
    return ConvertedGraph(cell_graph(ordered, num_genes), genes, tuple(ignored))


def genotype_batch_from(data: Any, num_genes: int, set_size: int | None = None) -> ConvertedBatch:
    """The deleted genes of every sample of a torchcell batch, or of a single sample.

    Only `perturbation_indices` and their boundaries are needed; the replicated nodes and edges, with
    their masks, are what this project does without. Where the batch has `pert_mask`, it must agree.

    Args:
      data: `HeteroData` or a `Batch` of them, whose `gene` store has `perturbation_indices` (ids in
        the wildtype graph) and, for a batch, `perturbation_indices_ptr` or `perturbation_indices_batch`.
      num_genes: N of the cell graph.
      set_size: S, see `genotype_batch`.

    Raises:
      GiJaxError: no perturbation indices, a batch without boundaries, or a mask that says otherwise.
    """
    store = data[GENE] if GENE in data.node_types else {}
    if "perturbation_indices" not in store:
        raise GiJaxError(f"the batch has no {GENE}.perturbation_indices; they say which genes are deleted")
    indices = _numpy(store["perturbation_indices"]).reshape(-1)
    bounds = _boundaries(data, store, indices)
    genotypes = [indices[a:b].tolist() for a, b in pairwise(bounds)]
    if "pert_mask" in store:
        _check_mask(_numpy(store["pert_mask"]).astype(bool), genotypes, num_genes)
    used = {"perturbation_indices", "perturbation_indices_ptr", "perturbation_indices_batch", "pert_mask"}
    ignored = [f"{GENE}.{key}" for key in store.keys() if key not in used]  # noqa: SIM118
    ignored += [f"nodes {kind}" for kind in data.node_types if kind != GENE]
    ignored += [f"edges {'-'.join(kind)}" for kind in data.edge_types]
    return ConvertedBatch(genotype_batch(genotypes, num_genes, set_size=set_size), tuple(ignored))


def _boundaries(data: Any, store: Mapping[str, Any], indices: np.ndarray) -> np.ndarray:
    if "perturbation_indices_ptr" in store:
        return _numpy(store["perturbation_indices_ptr"]).reshape(-1)
    if "perturbation_indices_batch" in store:
        sizes = np.bincount(_numpy(store["perturbation_indices_batch"]), minlength=data.num_graphs)
        return np.concatenate([[0], np.cumsum(sizes)])
    # Without boundaries the original scored every local interaction 0 and said nothing.
    if getattr(data, "num_graphs", 1) > 1:
        raise GiJaxError(
            f"the batch has {data.num_graphs} samples but no {GENE}.perturbation_indices_ptr, so its genes "
            "cannot be dealt to them; batch with follow_batch=['perturbation_indices']"
        )
    return np.array([0, len(indices)])


def _check_mask(mask: np.ndarray, genotypes: list[list[int]], num_genes: int) -> None:
    expected = np.zeros((len(genotypes), num_genes), bool)
    for row, genotype in zip(expected, genotypes, strict=True):
        row[genotype] = True
    if mask.size != expected.size:
        raise GiJaxError(
            f"{GENE}.pert_mask has {mask.size} entries, expected {len(genotypes)} samples of "
            f"{num_genes} genes"
        )
    if (wrong := np.flatnonzero((mask.reshape(expected.shape) != expected).any(axis=1))).size:
        raise GiJaxError(
            f"{GENE}.pert_mask of sample {wrong[0]} marks other genes than its perturbation_indices"
        )


def _numpy(tensor: Any) -> np.ndarray:
    return tensor.detach().cpu().numpy() if hasattr(tensor, "detach") else np.asarray(tensor)
