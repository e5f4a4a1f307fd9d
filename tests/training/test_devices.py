"""A batch dealt among devices gives what one device gives."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
import pytest

from gi_jax.config import RunConfig, TrainerConfig, parse_config
from gi_jax.errors import GiJaxError
from gi_jax.training.devices import device_mesh
from tests.training.eight_devices import CASES, NORMS

Ends = dict[str, dict[str, np.ndarray]]  # one | several -> path in the tree -> array
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def ends(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Ends]:
    """What every case ended with, on one device and on several, in float64."""
    file = tmp_path_factory.mktemp("devices") / "ends.npz"
    flags = f"{os.environ['XLA_FLAGS']} --xla_force_host_platform_device_count=8"
    process = subprocess.run(
        [sys.executable, "-m", "tests.training.eight_devices", str(file)],
        capture_output=True,
        text=True,
        timeout=540,
        cwd=ROOT,
        env={**os.environ, "XLA_FLAGS": flags},
    )
    assert process.returncode == 0, process.stderr
    found: dict[str, Ends] = {}
    with np.load(file) as arrays:
        for key, array in arrays.items():
            name, rest = key.split("/", 1)
            devices = "one" if rest.startswith("one") else "several"
            found.setdefault(name, {"one": {}, "several": {}})[devices][rest.removeprefix(devices)] = array
    return found


def assert_equal_to_rounding(ends: Ends, tolerance: float) -> None:
    assert set(ends["one"]) == set(ends["several"])
    for where, expected in ends["one"].items():
        found = ends["several"][where]
        if expected.dtype == np.float64:
            np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance, err_msg=where)
        else:
            np.testing.assert_array_equal(found, expected, err_msg=where)


@pytest.mark.parametrize("case", CASES)
def test_training_is_that_of_one_device(case: str, ends: dict[str, Ends]) -> None:
    assert_equal_to_rounding(ends[case], 1e-12)  # weights, moments, buffers, sums, reports of three steps
    assert (ends[case]["one"]["['state'].failure.position"] == -1).all()


def test_the_cases_exercise_what_they_are_about(ends: dict[str, Ends]) -> None:
    batch = ends["two layers, batch norm with its moments, and a buffered loss"]["several"]
    moved = [array for where, array in batch.items() if ".batch_stats" in where]
    assert moved and all(np.ptp(array) > 0 for array in moved)  # they began as zeros and as ones
    counts = [array for where, array in batch.items() if where.endswith(".count") and "loss_state" in where]
    assert [int(count) for count in counts] == [12, 12]  # both buffers are full after 20 genotypes
    gradients = [array for where, array in batch.items() if where.endswith("gradient_norm")]
    assert min(gradients) > 1e-3


@pytest.mark.parametrize("kind", NORMS)
def test_norm_statistics_run_over_the_genotypes_of_all_devices(kind: str, ends: dict[str, Ends]) -> None:
    own = {
        devices: {where: a for where, a in arrays.items() if where.startswith(f"['{kind} ")}
        for devices, arrays in ends["norms"].items()
    }
    assert len(own["one"]) == (15 if kind == "batch" else 6)
    assert_equal_to_rounding(own, 1e-13)


def test_a_value_that_is_not_finite_on_one_device_stops_all(ends: dict[str, Ends]) -> None:
    assert_equal_to_rounding(ends["not finite"], 1e-12)
    assert ends["not finite"]["several"]["['state'].failure.position"] == 0
    concerned = ends["not finite"]["several"]["['state'].failure.genotypes"]
    assert 0 < concerned.sum() < len(concerned)


def test_every_device_drops_out_entries_of_its_own(ends: dict[str, Ends]) -> None:
    # Eight times the same genotype: predictions differ by their masks alone.
    predictions = ends["dropout"]["several"][""].reshape(4, 2)  # [devices, genotypes]
    assert len({tuple(row) for row in predictions}) > 1


def test_more_devices_than_there_are_is_one_sentence() -> None:
    config = RunConfig(trainer=TrainerConfig(devices=3))
    with pytest.raises(GiJaxError, match="trainer.devices is 3, but JAX finds 1 .*use trainer.devices=all"):
        device_mesh(config)


def test_a_batch_that_does_not_divide_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    device = jax.local_devices()[0]
    monkeypatch.setattr("jax.local_devices", lambda process_index: [device] * 3)
    config = parse_config("trainer: {devices: auto}\ndata_module: {batch_size: 16}").config
    with pytest.raises(GiJaxError, match="batch_size is 16, which 3 devices cannot share.*use 15 or 18"):
        device_mesh(config)
    small = replace(config, data_module=replace(config.data_module, batch_size=2))
    with pytest.raises(GiJaxError, match="use 3, or another trainer.devices"):
        device_mesh(small)


@pytest.mark.parametrize("devices", ["all", "auto", -1])
def test_all_devices_by_the_names_that_lightning_has_for_it(devices: object) -> None:
    assert TrainerConfig(devices=devices).devices == "all"
    with pytest.raises(GiJaxError, match="trainer.devices is 0, expected a number of devices, or all"):
        TrainerConfig(devices=0)
