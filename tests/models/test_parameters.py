"""Parameter counts, by component, of models that are never built."""

from __future__ import annotations

from typing import Any

import jax
import pytest

from conversion.architecture import Architecture, architecture_from_kwargs
from gi_jax.models.neural import num_parameters

# torchcell's large pairwise runs: 9 networks over 6,607 genes.
SHIPPED: dict[str, Any] = {
    "gene_num": 6607,
    "hidden_channels": 64,
    "num_layers": 3,
    "graph_names": [f"network_{i}" for i in range(9)],
    "norm": "layer",
    "activation": "gelu",
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
FIVE_GENES: dict[str, Any] = {
    "gene_num": 5,
    "hidden_channels": 8,
    "num_layers": 1,
    "graph_names": ["physical", "regulatory"],
    "local_predictor_config": {"num_heads": 2, "num_attention_layers": 1},
}


def count(architecture: Architecture) -> dict[str, int]:
    return num_parameters(jax.eval_shape(architecture.initialise)["params"])


def test_shipped_pairwise_configuration() -> None:
    # The original reports 1,781,187 with its local predictor.
    assert count(architecture_from_kwargs("lazy", SHIPPED))["total"] == 1_781_187


# 5 x 8 embeddings; 2 linears 8 -> 8 and a norm; 2 networks with 2 linears, eps and norm each; static
# linear, 4 attention projections, beta and score; gate 8 -> 4 -> 1 and transform; 8 -> 8 -> 1; 2 -> 8 -> 2.
COMPONENTS = {
    "gene_embedding": 40,
    "preprocessor": 160,
    "convs": 322,
    "gene_interaction_predictor": 370,
    "global_aggregator": 113,
    "global_interaction_predictor": 81,
    "gate_mlp": 42,
}


@pytest.mark.parametrize(
    ("local", "missing", "total"),
    [
        ({}, (), 1128),
        ({"combination_method": "concat"}, ("gate_mlp",), 1086),
        ({"use_local_predictor": False}, ("gate_mlp", "gene_interaction_predictor"), 716),
    ],
)
def test_components_exist_only_where_the_configuration_has_them(
    local: dict[str, Any], missing: tuple[str, ...], total: int
) -> None:
    settings = FIVE_GENES["local_predictor_config"] | local
    counts = count(architecture_from_kwargs("lazy", FIVE_GENES | {"local_predictor_config": settings}))
    assert counts == {k: v for k, v in COMPONENTS.items() if k not in missing} | {"total": total}
