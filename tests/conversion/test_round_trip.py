"""State dict -> Flax -> state dict, bit by bit, for every recorded model."""

from __future__ import annotations

from dataclasses import replace

import jax
import numpy as np
import pytest

from conversion.architecture import architecture_from_kwargs
from conversion.golden import GoldenCase
from conversion.infer import infer
from conversion.to_flax import step_counters, to_flax
from conversion.to_torch import to_torch
from conversion.torch_keys import edge_key
from gi_jax.errors import GiJaxError
from tests.conversion.cases import MODEL_CASES, assert_bit_equal, load


@pytest.mark.parametrize("name", MODEL_CASES)
def test_round_trip_is_bit_equal(name: str) -> None:
    case = load(name)
    variables = to_flax(case.state_dict, case.architecture)
    steps = step_counters(case.state_dict, case.architecture)
    assert_bit_equal(to_torch(variables, case.architecture, steps), case.state_dict)


@pytest.mark.parametrize("name", ["lazy_layer_gelu_cross_L2", "lazy_layer_gelu_pairwise3_norm_L2"])
def test_round_trip_with_networks_in_another_order(name: str) -> None:
    case = load(name)
    shuffled = replace(case.architecture, graph_names=case.architecture.graph_names[::-1])
    variables = to_flax(case.state_dict, shuffled)
    assert_bit_equal(to_torch(variables, shuffled), case.state_dict)


def test_graph_attention_in_the_main_model_has_keys_too() -> None:
    """The original refuses to run it, but has its parameters."""
    architecture = architecture_from_kwargs(
        "lazy",
        {
            "gene_num": 5,
            "hidden_channels": 6,
            "num_layers": 2,
            "graph_names": ["physical", "tflink"],
            "gene_encoder_config": {"encoder_type": "gatv2", "heads": 2, "concat": False},
            "local_predictor_config": {"num_heads": 2},
        },
    )
    rng = np.random.default_rng(0)
    shapes = jax.eval_shape(architecture.initialise)
    variables = jax.tree.map(lambda leaf: rng.normal(size=leaf.shape), shapes)
    state_dict = to_torch(variables, architecture)
    assert state_dict["convs.1.convs.('gene', 'tflink', 'gene').conv.att"].shape == (1, 2, 3)
    assert state_dict["convs.0.convs.('gene', 'physical', 'gene').proj.weight"].shape == (6, 3)
    inferred = infer(state_dict).inferred
    assert inferred["model.gene_encoder_config.encoder_type"] == "gatv2"
    assert (inferred["model.gene_encoder_config.heads"], inferred["model.gene_encoder_config.concat"]) == (
        2,
        False,
    )
    jax.tree.map(np.testing.assert_array_equal, to_flax(state_dict, architecture), variables)


def test_both_forms_of_an_edge_type_are_read_and_written() -> None:
    case = load("lazy_layer_relu_sum")
    rename = {edge_key(n, "literal"): edge_key(n, "mangled") for n in case.architecture.graph_names}

    def mangle(key: str) -> str:
        for literal, mangled in rename.items():
            key = key.replace(literal, mangled)
        return key

    mangled = {mangle(key): value for key, value in case.state_dict.items()}
    assert "convs.0.convs.<gene___physical___gene>.conv.eps" in mangled
    architecture = GoldenCase(case.meta, mangled, case.graphs, case.targets).architecture
    assert architecture.edge_form == "mangled"
    variables = to_flax(mangled, architecture)
    assert_bit_equal(to_torch(variables, architecture), mangled)
    assert_bit_equal(to_torch(variables, case.architecture), case.state_dict)


def test_one_report_lists_every_key_that_does_not_fit() -> None:
    case = load("lazy_layer_relu_sum")
    broken = dict(case.state_dict)
    del broken["gate_mlp.3.bias"]
    del broken["gate_mlp.0.weight"]
    broken["gene_embedding.weight"] = broken["gene_embedding.weight"][:, :4]
    broken["preprocessor.mlp.5.weight"] = broken["preprocessor.mlp.5.weight"] + 1
    broken["reaction_embedding.weight"] = np.zeros((3, 8))
    with pytest.raises(GiJaxError) as error:
        to_flax(broken, case.architecture)
    head, *lines = str(error.value).split("\n")
    assert head == "the state dict does not fit the model (5 keys); nothing was written:"
    assert sorted(line.strip() for line in lines) == [
        "misshapen   gene_embedding.weight is [7, 4], expected [7, 8]",
        "missing     gate_mlp.0.weight [8, 2]",
        "missing     gate_mlp.3.bias [2]",
        "unequal     preprocessor.mlp.5.weight differs from preprocessor.mlp.1.weight, with which it is tied",
        "unexpected  reaction_embedding.weight [3, 8]",
    ]


def test_a_transposed_weight_is_never_reshaped_to_fit() -> None:
    case = load("lazy_gin3_hidden12")
    key = "convs.0.convs.('gene', 'physical', 'gene').conv.nn.0.weight"
    broken = case.state_dict | {key: case.state_dict[key].T}
    with pytest.raises(GiJaxError, match=r"misshapen .*nn\.0\.weight is \[8, 12\], expected \[12, 8\]"):
        to_flax(broken, case.architecture)


def test_variables_that_do_not_fit_are_listed_too() -> None:
    case = load("lazy_layer_relu_sum")
    variables = to_flax(case.state_dict, case.architecture)
    variables["params"]["gate_mlp"].pop("linear_0")
    variables["params"]["extra"] = np.zeros(2)
    with pytest.raises(GiJaxError) as error:
        to_torch(variables, case.architecture)
    for line in ("missing     params/gate_mlp/linear_0/kernel [2, 8]", "unexpected  params/extra [2]"):
        assert line in str(error.value)


def test_every_entry_has_a_place_of_its_own() -> None:
    """Distinct numbers everywhere: none is lost, none is written twice."""
    case = load("lazy_nine_pairwise_norm")
    variables = to_flax(case.state_dict, case.architecture)
    leaves, tree = jax.tree.flatten(variables)
    start, distinct = 0, []
    for leaf in leaves:
        distinct.append(np.arange(start, start + leaf.size, dtype=np.float64).reshape(leaf.shape))
        start += leaf.size
    state_dict = to_torch(jax.tree.unflatten(tree, distinct), case.architecture)
    tied = {key for keys in case.meta["tied_keys"] for key in keys[1:]}
    numbers = np.concatenate([x.ravel() for key, x in state_dict.items() if key not in tied])
    assert sorted(numbers.tolist()) == list(range(start))
