"""Numbers as a page shows them."""

from __future__ import annotations

import math

import pytest
from matplotlib.cbook import is_math_text

from gi_jax.report.blocks import Section, aligned, number, picture, scaled
from gi_jax.report.panels import as_drawn, new_figure


def test_numbers_have_a_minus_sign_and_a_dash_where_there_is_none() -> None:
    assert [number(-0.12345), number(2, 1), number(-0.01, 1), number(math.nan)] == [
        "−0.123",
        "2.0",
        "0.0",
        "–",
    ]
    assert [scaled(-12345.678), scaled(0.00012345), scaled(math.nan)] == ["−1.235e+04", "0.0001234", "–"]


def test_aligned_numbers_share_their_decimals() -> None:
    assert aligned([1.71724, -0.001325, 0.97735, math.nan]) == ["1.717", "−0.001", "0.977", "–"]
    assert aligned([21.92, -0.2158]) == ["21.92", "−0.22"]
    assert aligned([12345.6, 1.0]) == ["12346", "1"]
    assert aligned([0.0, 0.0]) == ["0.000", "0.000"]


def test_an_anchor_is_the_title_in_small_letters() -> None:
    assert Section("Networks in the model", ()).anchor == "networks-in-the-model"


@pytest.mark.parametrize(
    "name", ["a$b$", "$\\alpha$", "$\\frac$", "\\foo", "a\\$b", "v[old]", "M\udcfcller", "a\nb"]
)
def test_users_texts_are_drawn_letter_by_letter(name: str) -> None:
    figure = new_figure(2, 2)
    axes = figure.subplots()
    axes.barh([as_drawn(name)], [1.0])
    (label,) = axes.get_yticklabels()
    assert not is_math_text(label.get_text())
    assert picture(figure, "").uri  # which would fail on a formula that is none
    shown = label.get_text().replace(r"\$", "$")
    assert shown == name.replace("\n", "\\n").replace("\udcfc", "\\udcfc")
