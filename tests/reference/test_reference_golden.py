"""The PyTorch reference reproduces every recorded model case."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.reference.golden import GoldenCase, build_model, random_state_dict, run_case_torch

GOLDEN = Path(__file__).parents[1] / "golden"
CASES = sorted(
    path.parent.name
    for path in GOLDEN.glob("*/case.json")
    if json.loads(path.read_text())["model"] in ("lazy", "eager_v1", "dango")
)
# In the order of computation, so that the first array reported is where a difference begins.
STAGES = (
    "initial_embeddings",
    "h_w_",
    "network_embeddings",
    "reconstructions",
    "integrated_embeddings",
    "layer_aggregation_weights_wildtype_",
    "z_w_nodes",
    "layer_aggregation_weights_",
    "z_i_nodes",
    "z_w",
    "z_i",
    "z_p",
    "global_interaction",
    "pert_gene_embs",
    "local_",
    "gate_weights",
    "gene_interaction",
    "interaction_scores",
    "targets",
    "loss",
)


@cache
def load(name: str) -> GoldenCase:
    return GoldenCase.load(GOLDEN / name)


@cache
def run(name: str):
    return load(name).run()


def stage(name: str) -> int:
    return next(index for index, prefix in enumerate(STAGES) if name.startswith(prefix))


def assert_close(actual: dict, expected: dict, rtol: float, atol: dict[str, float] | None = None) -> None:
    """Every array within `rtol` of its largest entry plus its `atol`; both sides hold the same names."""
    assert set(actual) == set(expected)
    for name, array in expected.items():
        assert actual[name].shape == array.shape, name
        bound = rtol * np.abs(array).max(initial=0.0) + (atol or {}).get(name, 0.0)
        error = np.abs(actual[name] - array).max(initial=0.0)
        assert error <= bound, f"{name}: error {error:.3g}, allowed {bound:.3g}"


def in_order(outputs: dict) -> dict:
    return dict(sorted(outputs.items(), key=lambda item: stage(item[0])))


def test_there_are_model_cases_of_all_three_systems():
    assert {load(name).meta["model"] for name in CASES} == {"lazy", "eager_v1", "dango"}


@pytest.mark.parametrize("name", CASES)
def test_outputs_and_intermediates_in_float64(name):
    assert_close(run(name)[0], in_order(load(name).outputs), rtol=1e-11)


@pytest.mark.parametrize("name", CASES)
def test_gradients_in_float64(name):
    case, (_, grads, _) = load(name), run(name)
    # Gradients that vanish in exact arithmetic hold rounding noise of the size of the others.
    noise = 1e-14 * max(np.abs(grad).max() for grad in case.grads.values())
    assert_close(grads, case.grads, rtol=1e-10, atol=dict.fromkeys(grads, noise))


@pytest.mark.parametrize("name", CASES)
def test_parameters_without_gradient(name):
    case, (_, grads, _) = load(name), run(name)
    parameters = {key for key, _ in build_model(case.meta["kwargs"]).named_parameters()}
    assert parameters - set(grads) == set(case.meta["missing_grads"])


@pytest.mark.parametrize("name", [name for name in CASES if load(name).meta["mode"] == "train"])
def test_state_after_a_training_pass(name):
    post_state = run(name)[2]
    assert_close(post_state, load(name).post_state, rtol=1e-11)


@pytest.mark.parametrize("name", CASES)
def test_outputs_in_float32(name):
    case = load(name)
    outputs, _, _ = case.run(torch.float32)
    # The recorded error is one float32 run's; a different order of summation may round another way.
    recorded = {key: 2 * error for key, error in case.meta["float32_max_abs_error"].items()}
    assert_close(outputs, in_order(case.outputs), rtol=1e-5, atol=recorded)


@pytest.mark.parametrize(
    "name", ["lazy_batch_tanh_pairwise_train", "v1_batch_silu_h1_train", "dango_hidden16"]
)
def test_random_state_dict_has_the_keys_of_the_fixture_and_runs(name):
    case = load(name)
    state_dict = random_state_dict(case.meta["kwargs"], seed=0)
    assert {key: value.shape for key, value in state_dict.items()} == {
        key: value.shape for key, value in case.state_dict.items()
    }
    for tied in case.meta["tied_keys"]:
        assert all(torch.equal(state_dict[tied[0]], state_dict[key]) for key in tied)
    kwargs, genotypes, targets = case.meta["kwargs"], case.meta["genotypes"], case.outputs["targets"]
    outputs, grads, post_state = run_case_torch(kwargs, state_dict, case.graphs, genotypes, targets, "train")
    assert set(outputs) >= {key for key in case.outputs if not key.startswith("loss.")}
    assert set(grads) == set(case.grads)
    assert all(np.isfinite(array).all() for array in outputs.values())
    assert post_state.keys() == case.state_dict.keys()
