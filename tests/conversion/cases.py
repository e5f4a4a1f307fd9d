"""The recorded models, loaded once."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from conversion.golden import GoldenCase, read_meta

GOLDEN = Path(__file__).parents[1] / "golden"
MODEL_CASES = sorted(
    path.parent.name for path in GOLDEN.glob("*/case.json") if read_meta(path.parent)["model"] != "loss"
)


@cache
def load(name: str) -> GoldenCase:
    return GoldenCase.load(GOLDEN / name)


def assert_bit_equal(actual: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    assert set(actual) == set(expected)
    for key, array in expected.items():
        assert actual[key].dtype == array.dtype, key
        assert actual[key].shape == array.shape, key
        assert actual[key].tobytes() == array.tobytes(), key
