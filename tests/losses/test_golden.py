"""The losses against values and gradients recorded from PyTorch, step by step."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from conversion.replay_loss import replay_loss_case

CASES = sorted(path.name for path in (Path(__file__).parents[1] / "golden").glob("loss_*"))
GOLDEN = Path(__file__).parents[1] / "golden"
# Each loss once, those with a buffer with theirs; float64 has every case.
IN_FLOAT32 = [
    "loss_184_icloss_2d",
    "loss_184_mledist_buffer",
    "loss_184_mlewass_buffer",
    "loss_logcosh_large",
    "loss_logcosh_mean",
]


@pytest.mark.parametrize("case", CASES)
def test_float64_reproduces_every_recorded_array(case: str) -> None:
    found, recorded = replay_loss_case(GOLDEN / case), np.load(GOLDEN / case / "outputs.npz")
    assert set(found) == {name for name in recorded.files if not name.startswith("randperm")}
    for name, value in found.items():
        assert value.shape == recorded[name].shape, name
        largest = np.nanmax(np.abs(recorded[name]))
        tolerance = (1e-10 if name.startswith("grad") else 1e-11) * largest
        # Where the exact value is 0, rounding may leave something of the order of 1e-16.
        np.testing.assert_allclose(value, recorded[name], rtol=0, atol=max(tolerance, 1e-15), err_msg=name)


@pytest.mark.parametrize("case", IN_FLOAT32)
def test_float32_stays_within_1e_5_of_the_float64_values(case: str) -> None:
    found, recorded = replay_loss_case(GOLDEN / case, np.float32), np.load(GOLDEN / case / "outputs.npz")
    for name, value in found.items():
        largest = np.nanmax(np.abs(recorded[name]))
        np.testing.assert_allclose(value, recorded[name], rtol=0, atol=1e-5 * largest + 1e-7, err_msg=name)
