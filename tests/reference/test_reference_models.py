"""What the golden cases do not hold: batching, initialisation, sizes, compilation."""

from __future__ import annotations

import math
import shutil

import numpy as np
import pytest
import torch
from torch import nn

from tests.reference.batch import batch_from, cell_graph_from, subgraph_batch_from
from tests.reference.blocks import norm_layer
from tests.reference.compiled import compile_model
from tests.reference.golden import build_model, random_state_dict, single_thread
from tests.reference.lazy import MaskedGINConv

GRAPHS = {
    "physical": np.array([[0, 1, 2, 2, 2], [1, 2, 0, 2, 0]], np.int32),
    "tflink": np.zeros((2, 0), np.int32),
}
GENOTYPES = [[0], [], [2, 1]]


def lazy_kwargs(**changes) -> dict:
    return {
        "gene_num": 3,
        "hidden_channels": 8,
        "num_layers": 2,
        "dropout": 0.0,
        "graph_names": ["physical", "tflink"],
        "activation": "gelu",
        "gene_encoder_config": {"graph_aggregation_method": "sum", "gin_num_layers": 2},
        "local_predictor_config": {"num_heads": 2, "num_attention_layers": 1},
    } | changes


def test_replicated_batch_shifts_edges_by_sample_and_masks_edges_of_perturbed_genes():
    batch = batch_from(GRAPHS, GENOTYPES, gene_num=3)
    assert batch.edge_index["physical"].tolist() == [
        [0, 1, 2, 2, 2, 3, 4, 5, 5, 5, 6, 7, 8, 8, 8],
        [1, 2, 0, 2, 0, 4, 5, 3, 5, 3, 7, 8, 6, 8, 6],
    ]
    sample_masks = batch.edge_mask["physical"].view(3, 5).int().tolist()
    assert sample_masks == [[0, 1, 0, 1, 0], [1, 1, 1, 1, 1], [0, 0, 0, 0, 0]]
    assert batch.edge_index["tflink"].shape == (2, 0)
    assert batch.kept_rows.tolist() == [1, 2, 3, 4, 5, 6]
    assert batch.kept_sample.tolist() == [0, 0, 1, 1, 1, 2]
    assert batch.perturbations.indices.tolist() == [0, 2, 1]
    assert batch.perturbations.ptr.tolist() == [0, 1, 1, 3]


def test_replicated_batch_counts_its_bytes():
    batch = batch_from(GRAPHS, GENOTYPES, gene_num=3)
    edges, kept, perturbed, boundaries = 3 * 5, 6, 3, 4
    # int64 edge pairs and their boolean; row and sample of kept rows; gene and sample of perturbed ones; ptr.
    assert batch.nbytes == edges * (2 * 8 + 1) + kept * 2 * 8 + perturbed * 2 * 8 + boundaries * 8


def test_subgraph_batch_relabels_kept_genes_and_drops_the_other_edges():
    batch = subgraph_batch_from(GRAPHS, GENOTYPES, gene_num=3)
    assert batch.row_gene.tolist() == [1, 2, 0, 1, 2, 0]
    assert batch.row_sample.tolist() == [0, 0, 1, 1, 1, 2]
    assert batch.edge_index["physical"].tolist() == [[0, 1, 2, 3, 4, 4, 4], [1, 1, 3, 4, 2, 4, 2]]


def test_masked_edges_equal_deleted_edges():
    kwargs = lazy_kwargs()
    model = build_model(kwargs, random_state_dict(kwargs, seed=1))
    kept = {"physical": GRAPHS["physical"][:, [1, 3]], "tflink": GRAPHS["tflink"]}  # without gene 0
    masked = model(cell_graph_from(GRAPHS), batch_from(GRAPHS, [[0]], 3))
    deleted = model(cell_graph_from(GRAPHS), batch_from(kept, [[0]], 3))
    torch.testing.assert_close(masked["z_i"], deleted["z_i"], rtol=1e-14, atol=1e-14)


def test_lazy_initialisation_is_kaiming_fan_out_with_neutral_norms():
    torch.manual_seed(0)
    model = build_model(lazy_kwargs(gene_num=400, hidden_channels=64, norm="graph"), dtype=torch.float32)
    linears = [module for module in model.modules() if isinstance(module, nn.Linear)]
    for linear in (module for module in linears if module.weight.numel() >= 4096):
        assert linear.weight.std().item() == pytest.approx(math.sqrt(2 / linear.out_features), rel=0.05)
    assert all(not linear.bias.any() for linear in linears)
    assert model.gene_embedding.weight.std().item() == pytest.approx(0.02, rel=0.05)
    for name, parameter in model.named_parameters():
        if ".norm." in name or name.startswith(("preprocessor.mlp.1.", "preprocessor.mlp.5.")):
            assert parameter.unique().item() == (0.0 if name.endswith("bias") else 1.0), name
        elif name.endswith("eps"):
            assert parameter.item() == 0.0
        elif "beta_params" in name:
            assert parameter.item() == pytest.approx(0.01)


NINE_NETWORKS = [f"network_{index}" for index in range(9)]
# With 6,607 genes; the counts are those of the original models.
SHIPPED_PAIRWISE = {
    "num_layers": 3,
    "gene_encoder_config": {
        "graph_aggregation_method": "pairwise_interaction",
        "gin_num_layers": 4,
        "graph_aggregation_config": {
            "aggregation_norm": "layer",
            "pairwise_num_layers": 2,
            "pairwise_hidden_dim": 32,
        },
    },
    "local_predictor_config": {"num_heads": 8, "num_attention_layers": 2, "combination_method": "concat"},
}
SUM_TWO_LAYERS = {"local_predictor_config": {"num_heads": 4, "num_attention_layers": 2}}


@pytest.mark.parametrize(("changes", "count"), [(SHIPPED_PAIRWISE, 1_781_187), (SUM_TWO_LAYERS, 631_705)])
def test_full_size_parameter_counts(changes, count):
    with torch.device("meta"):
        model = build_model(
            lazy_kwargs(gene_num=6607, hidden_channels=64, graph_names=NINE_NETWORKS, **changes),
            dtype=torch.float32,
        )
    assert sum(parameter.numel() for parameter in model.parameters()) == count


@pytest.mark.parametrize("method", ["sum", "cross_attention", "pairwise_interaction"])
def test_lazy_model_is_one_graph_to_torch_compile(method):
    kwargs = lazy_kwargs(num_layers=1, gene_encoder_config={"graph_aggregation_method": method})
    model = build_model(kwargs, random_state_dict(kwargs, seed=2))
    arguments = cell_graph_from(GRAPHS), batch_from(GRAPHS, GENOTYPES, 3)
    compiled = torch.compile(model, backend="eager", fullgraph=True)  # fullgraph: a graph break raises
    torch.testing.assert_close(compiled(*arguments), model(*arguments))


class NormThenConv(nn.Module):
    """The end of one layer and the start of the next, which is where the CPU compiler loses a gradient."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = norm_layer("layer", 16)
        self.conv = MaskedGINConv(nn.Linear(16, 16))

    def forward(self, x: torch.Tensor, edge_index: torch.Tensor) -> torch.Tensor:
        return self.conv(nn.functional.gelu(self.norm(x)), edge_index)


@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile on the CPU needs a C++ compiler")
def test_compiled_gradients_equal_eager_ones_on_the_cpu():
    torch.manual_seed(0)
    model, x = NormThenConv(), torch.randn(60, 16, requires_grad=True)
    weight, edge_index = torch.randn(60, 16), torch.randint(60, (2, 300))
    # A cached kernel would hide what the compiler does today; one process compiles faster than a pool starts.
    with single_thread(), torch._inductor.config.patch(force_disable_caches=True, compile_threads=1):
        compiled = compile_model(model)
        (gradient,) = torch.autograd.grad((compiled(x, edge_index) * weight).sum(), x)
    (expected,) = torch.autograd.grad((model(x, edge_index) * weight).sum(), x)
    torch.testing.assert_close(gradient, expected, rtol=1e-5, atol=1e-5)
