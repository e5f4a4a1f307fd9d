"""HeteroData, as torchcell builds it, to the containers of this project."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch_geometric.data import Batch, HeteroData

from conversion.pyg import cell_graph_from, genotype_batch_from
from gi_jax.errors import GiJaxError

GENES = ["YAL001C", "YAL002W", "YAL003W"]


def cell() -> HeteroData:
    data = HeteroData()
    data["gene"].node_ids = GENES
    data["gene"].num_nodes = 3
    data["gene"].x = torch.zeros(3, 0)
    data["gene", "tflink", "gene"].edge_index = torch.zeros(2, 0, dtype=torch.long)
    data["gene", "physical", "gene"].edge_index = torch.tensor([[0, 1, 1], [1, 2, 2]])
    data["gene", "physical", "gene"].num_edges = 3
    data["reaction"].num_nodes = 2
    data["gene", "gpr", "reaction"].hyperedge_index = torch.zeros(2, 1, dtype=torch.long)
    return data


def sample(genotype: list[int]) -> HeteroData:
    data = HeteroData()
    data["gene"].num_nodes = 3
    data["gene"].perturbation_indices = torch.tensor(genotype, dtype=torch.long)
    data["gene"].pert_mask = torch.isin(torch.arange(3), data["gene"].perturbation_indices)
    data["gene", "physical", "gene"].edge_index = cell()["gene", "physical", "gene"].edge_index
    data["gene", "physical", "gene"].mask = torch.ones(3, dtype=torch.bool)
    return data


def test_cell_graph() -> None:
    graph, genes, ignored = cell_graph_from(cell())
    assert genes == tuple(GENES)
    assert graph.names == ("physical", "tflink")
    assert graph["physical"].senders.tolist() == [0, 1, 1]
    assert graph["physical"].receivers.tolist() == [1, 2, 2]  # a repeated edge stays repeated
    assert graph["tflink"].num_edges == 0
    assert set(ignored) == {
        "gene.x",
        "gene-physical.num_edges",
        "edges gene-gpr-reaction",
        "nodes reaction",
    }


def test_cell_graph_without_names_counts_its_nodes() -> None:
    data = cell()
    del data["gene"].node_ids
    graph, genes, _ = cell_graph_from(data)
    assert (graph.num_genes, genes) == (3, ())


@pytest.mark.parametrize("last", [[1], []])
def test_batch(last: list[int]) -> None:
    data = Batch.from_data_list(
        [sample([2, 0]), sample([]), sample(last)], follow_batch=["perturbation_indices"]
    )
    batch, ignored = genotype_batch_from(data, 3)
    assert batch.genes.tolist() == [[2, 0], [3, 3], [*last, 3, 3][:2]]
    assert batch.sizes.tolist() == [2, 0, len(last)]
    assert {"gene.ptr", "gene.batch", "edges gene-physical-gene"} <= set(ignored)
    del data["gene"].perturbation_indices_ptr  # who belongs to which sample says the same
    again, _ = genotype_batch_from(data, 3)
    np.testing.assert_array_equal(again.genes, batch.genes)


def test_single_sample() -> None:
    batch, _ = genotype_batch_from(sample([1]), 3, set_size=2)
    assert batch.genes.tolist() == [[1, 3]]


def test_a_batch_without_boundaries_is_refused() -> None:
    data = Batch.from_data_list([sample([2, 0]), sample([1])])
    with pytest.raises(GiJaxError, match=r"2 samples but no gene\.perturbation_indices_ptr"):
        genotype_batch_from(data, 3)


def test_a_mask_that_contradicts_the_indices_is_refused() -> None:
    data = sample([1])
    data["gene"].pert_mask = torch.tensor([True, False, False])
    with pytest.raises(GiJaxError, match="pert_mask of sample 0 marks other genes"):
        genotype_batch_from(data, 3)
    with pytest.raises(GiJaxError, match="has 3 entries, expected 1 samples of 4 genes"):
        genotype_batch_from(data, 4)


def test_graphs_without_genes_are_refused() -> None:
    data = HeteroData()
    data["reaction"].num_nodes = 1
    with pytest.raises(GiJaxError, match="node types reaction, expected 'gene'"):
        cell_graph_from(data)
    with pytest.raises(GiJaxError, match=r"no gene\.perturbation_indices"):
        genotype_batch_from(data, 3)
