"""Eager: what it refuses, and how it deals local scores out; tests/parity has recorded values."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from conversion.architecture import architecture_from_kwargs
from conversion.golden import GoldenCase, Weights, run_case
from conversion.to_flax import to_flax
from gi_jax.config import GeneEncoderConfig, GraphAggregationConfig, LocalPredictorConfig, ModelConfig
from gi_jax.data.genotypes import genotype_batch
from gi_jax.errors import GiJaxError
from gi_jax.models.neural.eager import dealt_as_the_original
from gi_jax.ops.set_attention import OneSet, one_set_attention, pair_attention, set_pairs

GOLDEN = Path(__file__).parents[1] / "golden"
KWARGS = {"gene_num": 6, "hidden_channels": 8, "num_layers": 1, "graph_names": ["b", "a"]}


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ((2, 1, 1), (1, 2, 3)),  # nobody is empty: everyone has its own
        ((2, 0, 1), (1, 2, 3)),  # an empty one in the middle has a score of its own
        ((1, 1, 0), (1, 2, 0)),
        ((2, 1, 0), (2, 0, 0)),  # scores 0 and 1 both go to the first genotype, whose genes come first
        ((3, 2, 1, 0, 0), (3, 0, 0, 0, 0)),
        ((1, 2, 3, 0), (1, 3, 0, 0)),
        ((0, 2, 0), (0, 2, 0)),
    ],
)
def test_local_scores_are_dealt_as_the_original_deals_them(
    sizes: tuple[int, ...], expected: tuple[int, ...]
) -> None:
    batch = genotype_batch([list(range(size)) for size in sizes], 6, batch_size=len(sizes) + 2)
    scores = jnp.arange(1.0, len(batch.sizes) + 1)[:, None]
    dealt = dealt_as_the_original(scores, jax.tree.map(jnp.asarray, batch))
    np.testing.assert_array_equal(np.asarray(dealt)[: len(sizes), 0], expected)


def test_attention_of_one_set_is_that_of_a_set_without_its_padding() -> None:
    members = jnp.array([True, False, True, True, False])
    query, key, value = (jax.random.normal(k, (5, 2, 3)) for k in jax.random.split(jax.random.key(1), 3))
    own = [x[members] for x in (query, key, value)]
    expected = pair_attention(*own, set_pairs(jnp.array([3]), 3), 2.0)
    found = one_set_attention(query, key, value, OneSet(members), 2.0)
    np.testing.assert_allclose(found[members], expected, rtol=1e-5, atol=1e-6)
    alone = one_set_attention(query, key, value, OneSet(jnp.array([False, True, False, False, False])), 2.0)
    np.testing.assert_array_equal(alone[1], 0)


@pytest.mark.parametrize("alone", [False, True])
def test_without_boundaries_the_lazy_model_has_no_local_part(alone: bool) -> None:
    case = GoldenCase.load(GOLDEN / "lazy_layer_relu_sum")
    if alone:  # but of a batch that is one genotype
        case = replace(
            case, meta=case.meta | {"genotypes": case.meta["genotypes"][-1:]}, targets=case.targets[-1:]
        )
    given = case.architecture
    absent = replace(given, config=replace(given.config, boundaries="absent"))
    run = run_case(case, gradients=False, weights=Weights(absent, to_flax(case.state_dict, absent)))
    found = run.outputs["local_interaction"]
    assert found.any() == alone and found.shape == (len(case.targets), 1)


def test_arguments_that_the_original_does_not_read_are_not_read() -> None:
    encoder = {
        "bias": True,
        "share_weights": True,
        "anything": 1,
        "graph_aggregation_config": {"activation": "gelu"},
    }
    local = {"use_local_predictor": False, "more": 2}
    built = architecture_from_kwargs(
        "eager", KWARGS | {"gene_encoder_config": encoder, "local_predictor_config": local}
    )
    plain = architecture_from_kwargs("eager", KWARGS | {"gene_encoder_config": None})
    assert built == plain
    config = plain.config
    assert plain.graph_names == ("a", "b")
    assert (config.dropout, config.norm, config.activation) == (0.1, "layer", "relu")
    assert (config.gene_encoder_config.encoder_type, config.gene_encoder_config.graph_aggregation_method) == (
        "gatv2",
        "cross_attention",
    )


def test_arguments_that_the_original_refuses() -> None:
    with pytest.raises(GiJaxError, match="graph_aggregation_config is null"):
        architecture_from_kwargs(
            "eager", KWARGS | {"gene_encoder_config": {"graph_aggregation_config": None}}
        )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"norm": "graph", "norm_statistics": "batch"},
            "model.norm of eager is 'graph', expected one of layer",
        ),
        ({"activation": "silu"}, "model.activation of eager is 'silu'"),
        ({"local_predictor_config": LocalPredictorConfig(use_local_predictor=False)}, "always has a local"),
        ({"local_predictor_config": LocalPredictorConfig(combination_method="local")}, "of eager is 'local'"),
        (
            {
                "gene_encoder_config": GeneEncoderConfig(
                    graph_aggregation_config=GraphAggregationConfig(aggregation_norm="layer")
                )
            },
            "has no norm behind an aggregation",
        ),
        ({"kind": "dango", "boundaries": "absent"}, "model.boundaries of dango is 'absent'"),
    ],
)
def test_options_it_does_not_have(options: dict, message: str) -> None:
    with pytest.raises(GiJaxError, match=message):
        ModelConfig(**{"kind": "eager"} | options)
