"""How recorded and own values are compared."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from conversion.golden import GoldenRun
from conversion.verify import compare, first_difference, largest_difference, verify_case
from gi_jax.errors import GiJaxError

OUTPUTS = {
    "gene_interaction": np.array([[1.0], [2.0]]),
    "z_i": np.array([[4.0, -2.0]]),
    "h_w_1": np.array([[8.0]]),
    "z_w_nodes": np.array([[8.0]]),
}
GRADS = {"gate.weight": np.array([2.0]), "gate.bias": np.array([1e-17])}
STATE = {"norm.running_mean": np.array([0.5]), "norm.num_batches_tracked": np.array(3)}


def failures(run: GoldenRun, dtype: type = np.float64) -> list[str]:
    return [
        result.name for result in compare(run, GoldenRun(OUTPUTS, GRADS, STATE), dtype) if not result.passed
    ]


def test_equal_values_pass() -> None:
    assert failures(GoldenRun(OUTPUTS, GRADS, STATE)) == []


def test_tolerances_are_relative_to_the_largest_entry() -> None:
    def moved(relative: float) -> GoldenRun:
        return GoldenRun({name: x + relative * np.abs(x).max() for name, x in OUTPUTS.items()}, GRADS, STATE)

    assert failures(moved(0.9e-11)) == []
    assert len(failures(moved(1.1e-11))) == 4
    assert failures(moved(0.9e-5), np.float32) == []
    assert len(failures(moved(1.1e-5), np.float32)) == 4


def test_the_first_difference_is_the_first_in_the_order_of_computation() -> None:
    wrong = {name: array + 1 for name, array in OUTPUTS.items()}
    results = compare(GoldenRun(wrong, GRADS, STATE), GoldenRun(OUTPUTS, GRADS, STATE), np.float64)
    assert first_difference(results).name == "h_w_1"
    assert [r.name for r in results if r.kind == "output"] == [
        "h_w_1",
        "z_w_nodes",
        "z_i",
        "gene_interaction",
    ]


def test_vanishing_values_are_compared_as_rounding_noise() -> None:
    recorded = GoldenRun(OUTPUTS | {"z_p": np.array([[2e-16]])}, GRADS, STATE)
    for z_p, passed in ((0.0, True), (1e-12, False)):
        run = GoldenRun(OUTPUTS | {"z_p": np.array([[z_p]])}, GRADS, STATE)
        assert (first_difference(compare(run, recorded, np.float64)) is None) == passed


def test_vanishing_gradients_are_compared_as_rounding_noise() -> None:
    assert failures(GoldenRun(OUTPUTS, GRADS | {"gate.bias": np.array([-2e-15])}, STATE)) == []
    assert failures(GoldenRun(OUTPUTS, GRADS | {"gate.bias": np.array([1e-12])}, STATE)) == ["gate.bias"]


def test_a_parameter_without_recorded_gradient_must_have_none() -> None:
    assert failures(GoldenRun(OUTPUTS, GRADS | {"unused": np.zeros(2)}, STATE)) == []
    assert failures(GoldenRun(OUTPUTS, GRADS | {"unused": np.array([0.0, 1e-18])}, STATE)) == ["unused"]


def test_missing_and_misshapen_arrays_fail() -> None:
    run = GoldenRun({k: v for k, v in OUTPUTS.items() if k != "z_i"}, {"gate.weight": np.zeros((1, 1))}, {})
    assert failures(run) == ["z_i", "gate.weight", "gate.bias", "norm.running_mean"]


def test_values_that_are_not_finite_must_be_the_same_ones() -> None:
    x = np.array([1.0, np.nan, np.inf])
    assert largest_difference(x, x) == 0.0
    assert largest_difference(x, np.array([1.0, 0.0, np.inf])) == np.inf
    assert largest_difference(x, np.array([1.0, np.nan, -np.inf])) == np.inf
    assert largest_difference(np.array([np.nan]), np.array([1.0])) == np.inf


@pytest.mark.parametrize(
    ("case", "file"),
    [
        ("lazy_gin1_none", "outputs.npz"),
        ("lazy_gin1_none", "graphs.npz"),
        ("lazy_gin1_none", "params.safetensors"),
        ("lazy_gin1_none", "grads.safetensors"),
        ("loss_logcosh_mean", "inputs.npz"),
        ("loss_logcosh_mean", "outputs.npz"),
    ],
)
def test_a_recorded_file_that_is_cut_or_missing_is_one_sentence(case: str, file: str, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(Path(__file__).parents[1] / "golden" / case, tmp_path / case))
    whole = (folder / file).read_bytes()
    (folder / file).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(GiJaxError, match=f"{file}: cannot be read"):
        verify_case(folder)
    (folder / file).unlink()
    with pytest.raises(GiJaxError, match=f"{file}: cannot be read"):
        verify_case(folder)
