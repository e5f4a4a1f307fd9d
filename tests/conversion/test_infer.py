"""What a state dict tells of its architecture, and how a configuration fills in the rest."""

from __future__ import annotations

from functools import reduce
from pathlib import Path

import numpy as np
import pytest

from conversion.infer import infer
from conversion.resolve import WrittenConfig, read_config, resolve
from gi_jax.errors import GiJaxError
from tests.conversion.cases import MODEL_CASES, load

AGGREGATION = "model.gene_encoder_config.graph_aggregation_config"
# torchcell's layout: composed defaults, references, sections and keys for other models.
TORCHCELL = """
defaults: [default, _self_]
heads: {local: 2}
wandb: {project: interactions}
cell_dataset: {graphs: [tflink, physical, regulatory], incidence_graphs: [metabolism_bipartite]}
model:
  hidden_channels: 8
  num_layers: 2
  norm: layer
  activation: gelu
  dropout: 0.1
  checkpoint_path: /somewhere/last.ckpt
  gene_encoder_config:
    encoder_type: gin
    gin_num_layers: 2
    gin_hidden_dim: null
    graph_aggregation_method: pairwise_interaction
    graph_aggregation_config: {pairwise_num_layers: 3, pairwise_hidden_dim: 6, aggregation_norm: layer}
  local_predictor_config: {num_heads: "${heads.local}", num_attention_layers: 1}
"""
PAIRWISE = "lazy_layer_gelu_pairwise3_norm_L2"  # the case that this configuration describes


@pytest.mark.parametrize("name", MODEL_CASES)
def test_keys_and_shapes_tell_the_architecture(name: str) -> None:
    expected, found = load(name).architecture, infer(load(name).state_dict)
    assert found.gene_num == expected.gene_num
    assert set(found.graph_names) == set(expected.graph_names)
    for key, value in found.inferred.items():
        configured = reduce(getattr, key.split(".")[1:], expected.config)
        if key == f"{AGGREGATION}.pairwise_hidden_dim" and configured is None:
            configured = expected.config.hidden_channels // 2
        assert value == configured, key


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "lazy_layer_relu_sum",
            {
                "kind",
                "activation",
                "gene_encoder_config.graph_aggregation_method",
                "local_predictor_config.num_heads",
            },
        ),
        (
            "lazy_layer_gelu_cross_L2",
            {
                "kind",
                "activation",
                "gene_encoder_config.graph_aggregation_config.num_heads",
                "local_predictor_config.num_heads",
            },
        ),
        ("lazy_nine_pairwise_norm", {"activation", "local_predictor_config.num_heads"}),
        ("lazy_global_only", {"activation", "gene_encoder_config.graph_aggregation_method"}),
        (
            "lazy_meansub_gelu_sum",
            {
                "activation",
                "norm",
                "gene_encoder_config.graph_aggregation_method",
                "local_predictor_config.num_heads",
            },
        ),
        ("v1_noconcat_selfloops", {"activation", "gene_encoder_config.add_self_loops"}),
        ("dango_hidden16", {"local_predictor_config.num_heads"}),
        (
            "eager_gatv2_uneven_mean_batch_concat",
            {
                "activation",
                "boundaries",
                "gene_encoder_config.graph_aggregation_method",
                "gene_encoder_config.add_self_loops",
                "local_predictor_config.num_heads",
            },
        ),
        (
            "eager_gatv2_pairwise_batch_tanh_train",
            {
                "activation",
                "boundaries",
                "gene_encoder_config.add_self_loops",
                "local_predictor_config.num_heads",
            },
        ),
    ],
)
def test_what_they_do_not_tell_is_asked_for(name: str, expected: set[str]) -> None:
    state_dict = load(name).state_dict
    missing = {f"model.{key}" for key in expected}
    assert set(infer(state_dict).undecided) == missing
    with pytest.raises(GiJaxError, match="does not tell") as error:
        resolve(state_dict)
    assert all(key in str(error.value) for key in missing)


def test_overrides_answer() -> None:
    answers = [
        "model.kind=gene_interaction_dango",
        "model.activation=relu",
        "model.gene_encoder_config.graph_aggregation_method=sum",
        "model.local_predictor_config.num_heads=2",
    ]
    resolved = resolve(load("lazy_layer_relu_sum").state_dict, None, answers)
    assert resolved.architecture == load("lazy_layer_relu_sum").architecture


def test_torchcell_configuration_answers(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(TORCHCELL)
    resolved = resolve(load(PAIRWISE).state_dict, read_config(tmp_path / "config.yaml"))
    model = resolved.config.model
    assert (model.activation, model.dropout, model.local_predictor_config.num_heads) == ("gelu", 0.1, 2)
    assert model.norm_statistics == "batch"  # as the original ships
    assert model.checkpoint_path is None
    assert resolved.config.cell_dataset.graphs == ("physical", "regulatory", "tflink")
    assert {"defaults", "wandb", "cell_dataset.incidence_graphs"} <= set(resolved.unused)


def test_torchcell_defaults_fill_the_gaps_of_a_configuration() -> None:
    state_dict = load("lazy_layer_relu_cross_L3").state_dict
    written = WrittenConfig("model: {num_layers: 3}", "run.yaml")
    model = resolve(state_dict, written, ["model.kind=gene_interaction_dango"]).config.model
    assert model.activation == "relu"
    assert model.gene_encoder_config.graph_aggregation_config.num_heads == 4


def test_every_contradiction_is_listed() -> None:
    text = TORCHCELL.replace("pairwise_hidden_dim: 6", "pairwise_hidden_dim: null")
    text = text.replace("num_layers: 2", "num_layers: 4").replace("[tflink, ", "[sga, ")
    with pytest.raises(GiJaxError) as error:
        resolve(load(PAIRWISE).state_dict, WrittenConfig(text, "run.yaml"))
    head, *lines = str(error.value).split("\n  ")
    assert head == "run.yaml and the state dict disagree; nothing was written:"
    assert lines == [
        "model.num_layers: the state dict has 2, stated is 4",
        "model.gene_encoder_config.gin_num_layers: the state dict has 2, stated is 4",
        f"{AGGREGATION}.pairwise_hidden_dim: the state dict has 6, stated is null",
        "cell_dataset.graphs: the state dict has physical, regulatory, tflink, "
        "stated is physical, regulatory, sga",
    ]


def test_a_width_of_null_stands_for_the_derived_one() -> None:
    case = load("lazy_batch_tanh_pairwise_train")  # recorded with pairwise_hidden_dim null, so H // 2
    resolved = resolve(case.state_dict, case.written)
    assert resolved.config.model.gene_encoder_config.graph_aggregation_config.pairwise_hidden_dim == 4


def test_another_model_is_refused() -> None:
    with pytest.raises(GiJaxError, match="none of the systems lazy, eager, eager_v1, dango"):
        infer({"encoder.weight": load(PAIRWISE).state_dict["gene_embedding.weight"]})


def test_the_lazy_and_the_eager_class_are_never_taken_for_one_another() -> None:
    """Their keys are the same for GIN, norm `layer` and a plain aggregation; a configuration does not
    tell.
    """
    state_dict, written = load("lazy_layer_relu_cross_L3").state_dict, WrittenConfig("{}", "run.yaml")
    with pytest.raises(GiJaxError, match="run.yaml tells model.kind; add each") as error:
        resolve(state_dict, written)
    assert "model.kind=eager for that of hetero_cell_bipartite_dango_gi" in str(error.value)
    for kind in ("gene_interaction_dango", "eager"):
        answers = [f"model.kind={kind}", "model.boundaries=given"]
        assert resolve(state_dict, written, answers).config.model.kind == kind
    certain = load("eager_gatv2_pairwise_batch_tanh_train")
    with pytest.raises(GiJaxError, match="model.kind: the state dict has eager, stated is gene_interaction"):
        resolve(certain.state_dict, written, ["model.kind=gene_interaction_dango"])


def test_a_local_predictor_that_was_never_trained_is_asked_about() -> None:
    state_dict = dict(load(PAIRWISE).state_dict)
    assert "model.boundaries" not in infer(state_dict).undecided
    for key in state_dict:
        if key.startswith("gene_interaction_predictor.") and key.endswith(".bias"):
            state_dict[key] = np.zeros_like(state_dict[key])
    assert "model.boundaries" in infer(state_dict).undecided
    with pytest.raises(
        GiJaxError, match="model.boundaries=absent, as with the data modules of torchcell 1.8.4"
    ):
        resolve(state_dict, WrittenConfig(TORCHCELL, "run.yaml"))
