"""Every recorded case of the original models and losses, value by value."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from conversion.golden import GoldenCase, Weights, read_meta, run_case
from conversion.to_flax import to_flax
from conversion.verify import OUTPUT_TOLERANCE, ArrayResult, first_difference, verify_case
from gi_jax.data.genotypes import genotype_batch

GOLDEN = Path(__file__).parents[1] / "golden"
CASES = sorted(path.parent.name for path in GOLDEN.glob("*/case.json"))
META = {name: read_meta(GOLDEN / name) for name in CASES}
# Of the losses one shows that they can be verified; tests/losses/test_golden.py has them all.
MODELS = [name for name in CASES if META[name]["model"] != "loss" or name == "loss_184_icloss_2d"]
LAZY = [name for name in CASES if META[name]["model"] == "lazy"]
# Compiling the backward pass of many networks takes long, and is that of a few, repeated.
MANY = [name for name in LAZY if len(META[name]["graph_names"]) >= 5]
# Each norm, combination, activation and system once, with padding between, missing and many networks.
IN_FLOAT32 = [
    "lazy_batch_gelu_sum_L2",
    "lazy_batch_tanh_pairwise_train",
    "lazy_empty_middle_permuted",
    "lazy_graph_tanh_mean_L2",
    "lazy_instance_sigmoid_sum",
    "lazy_layer_relu_cross_L3",
    "lazy_meansub_gelu_sum",
    "lazy_missing_graph_mean",
    "lazy_pair_leaky_mean_L2",
    "lazy_shipped_config_small",
    "v1_batch_relu_h2_L2",
    "eager_gatv2_pairwise_batch_tanh_train",
    "v1_noconcat_selfloops",
]


def assert_passes(results: list[ArrayResult]) -> None:
    bad = first_difference(results)
    assert bad is None, (
        f"the first array that differs, in the order of computation, is {bad.kind} {bad.name}: off by "
        f"{bad.error:.2e} where {bad.allowed:.2e} is allowed, largest recorded entry {bad.scale:.2e}"
    )


def differentiates_plainly(name: str) -> bool:
    """Whether a case's gradients are taken through the plain path.

    All other gradients are taken through the first layer's shortcut, behind which the layers are the same.
    """
    meta = META[name]
    return name not in LAZY or name in MANY or meta["kwargs"]["num_layers"] == 1 or meta["mode"] == "train"


def test_all_kinds_are_here() -> None:
    assert {meta["model"] for meta in META.values()} == {"lazy", "eager", "eager_v1", "dango", "loss"}


@pytest.mark.parametrize("name", MODELS)
def test_values_and_gradients_in_float64(name: str) -> None:
    gradients = differentiates_plainly(name)
    results = verify_case(GOLDEN / name, gradients=gradients)
    assert_passes(results)
    expected = {"output", "gradient"} if gradients else {"output"}
    assert {result.kind for result in results} == expected | (
        {"state"} if META[name].get("mode") == "train" else set()
    )


@pytest.mark.parametrize("name", LAZY)
def test_first_layer_shortcut_in_float64(name: str) -> None:
    assert_passes(verify_case(GOLDEN / name, first_layer_shortcut=True, gradients=name not in MANY))


@pytest.mark.parametrize("name", IN_FLOAT32)  # losses: tests/losses/test_golden.py
def test_values_in_float32(name: str) -> None:
    assert_passes(verify_case(GOLDEN / name, np.float32, gradients=False))


@pytest.mark.parametrize("name", ["lazy_layer_train", "v1_batch_silu_h1_train", "dango_missing_network"])
def test_gradients_in_float32(name: str) -> None:
    assert_passes(verify_case(GOLDEN / name, np.float32))


@pytest.mark.parametrize("name", ["lazy_layer_relu_pairwise", "lazy_layer_gelu_cross_L2"])
def test_networks_in_another_order_than_the_original_s(name: str) -> None:
    case = GoldenCase.load(GOLDEN / name)
    architecture = replace(case.architecture, graph_names=case.architecture.graph_names[::-1])
    weights = Weights(architecture, to_flax(case.state_dict, architecture))
    results = verify_case(GOLDEN / name, weights=weights)
    # Attention weights are indexed by network.
    assert_passes([result for result in results if "aggregation_weights" not in result.name])


class CompiledAndNot(chex.TestCase):
    """The same values whether a model is compiled or runs operation by operation."""

    @chex.variants(with_jit=True, without_jit=True)
    def test_outputs(self) -> None:
        folder = GOLDEN / "lazy_layer_relu_sum"
        recorded = dict(np.load(folder / "outputs.npz"))
        run = run_case(GoldenCase.load(folder), gradients=False, wrap=self.variant)
        scale = {name: max(np.abs(array).max(initial=0), 1e-300) for name, array in recorded.items()}
        chex.assert_trees_all_close(
            {name: run.outputs[name] / scale[name] for name in recorded},
            {name: recorded[name] / scale[name] for name in recorded},
            rtol=0,
            atol=OUTPUT_TOLERANCE,
        )


def test_one_trace_serves_all_batches_of_a_shape() -> None:
    case = GoldenCase.load(GOLDEN / "lazy_layer_relu_sum")
    model = case.architecture.model
    variables = jax.tree.map(jnp.asarray, to_flax(case.state_dict, case.architecture))
    chex.clear_trace_counter()

    @jax.jit
    @chex.assert_max_traces(n=1)
    def predict(variables, graph, batch):
        return model.apply(variables, graph, batch).gene_interaction

    batches = [
        genotype_batch(genotypes, 7, set_size=3, batch_size=3)
        for genotypes in ([[1], [0, 3], [0, 2, 4]], [[], [6]], [[5, 4, 3], [], [2]])
    ]
    first, *_ = [predict(variables, case.graph, batch) for batch in batches]
    recorded = np.load(GOLDEN / "lazy_layer_relu_sum" / "outputs.npz")["gene_interaction"]
    np.testing.assert_allclose(first, recorded, rtol=1e-5)
