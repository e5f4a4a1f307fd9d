"""What counts as a number in a text."""

from __future__ import annotations

import math

import pytest

from gi_jax.numbers import plain_integer, plain_number


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1.0),
        ("-0.5", -0.5),
        (" +2. ", 2.0),
        (".5", 0.5),
        ("1e-3", 1e-3),
        ("1.5E+2", 150.0),
        ("007", 7.0),
    ],
)
def test_numbers_as_people_write_them(text: str, value: float) -> None:
    assert plain_number(text) == value


@pytest.mark.parametrize(
    "text",
    ["", " ", ".", "1_0", "١", "１", "1:30", "nan", "inf", "-Infinity", "0x10", "1e", "1,5", "1 0", "--1"],
)
def test_anything_else_is_no_number(text: str) -> None:
    assert plain_number(text) is None
    assert plain_integer(text) is None


def test_a_number_too_large_for_a_float_is_infinite_not_missing() -> None:
    assert plain_number("1e999") == math.inf


def test_whole_numbers_have_no_point() -> None:
    assert [plain_integer(text) for text in ("12", " -3", "1.0", "1e3")] == [12, -3, None, None]
    assert plain_integer("9" * 5000) is None
