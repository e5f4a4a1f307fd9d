"""The top of a list, by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gi_jax.data.genotype_table import GenotypeTable
from gi_jax.evaluation.ranking import Ranking, ranking, rankings, strong


def table(scores: list[float], studies: list[str]) -> GenotypeTable:
    names, codes = np.unique(studies, return_inverse=True)
    m = len(scores)
    genes = np.tile(np.array([[0, 1]], np.int32), (m, 1))
    sizes, nan = np.full(m, 2, np.int32), np.full(m, np.nan)
    return GenotypeTable(genes, sizes, np.array(scores), nan, codes.astype(np.int32), tuple(names), 5)


def test_a_list_of_five() -> None:
    # In order of the list: strong, not, strong, not, not: precisions 1 and 2/3 at the strong ones.
    found = ranking(np.array([False, True, False, True, False]), np.array([3.0, 4.0, 1.0, 2.0, 0.0]))
    assert found == (pytest.approx((1 + 2 / 3) / 2), 0.4, pytest.approx(1.0))  # fewer than 100: all of them
    nothing = ranking(np.zeros(3, bool), np.arange(3.0))
    assert all(math.isnan(value) for value in nothing)


def test_only_the_first_hundred_count() -> None:
    is_strong = np.zeros(1000, bool)
    is_strong[:50] = is_strong[500:550] = True
    found = ranking(is_strong, -np.arange(1000.0))
    assert found.top == 0.5 and found.enrichment == pytest.approx(5)


def test_thresholds_are_those_of_the_study() -> None:
    scores = [-2.6, -2.4, 2.0, -0.09, 0.07, 0.081, *range(100)]
    studies = ["collins2007"] * 3 + ["trigenic_tau"] * 3 + ["own"] * 100
    negative, positive = strong(table(scores, studies))
    assert negative[:6].tolist() == [True, False, False, True, False, False]
    assert positive[:6].tolist() == [False, False, True, False, False, True]
    assert negative[6:].sum() == positive[6:].sum() == 5 and negative[6] and positive[-1]


def test_negative_ones_are_sought_at_the_low_end() -> None:
    scores = [-3.0, -1.0, 0.0, 1.0, 3.0]
    found = rankings(table(scores, ["collins2007"] * 5), np.array(scores))
    assert found["negative"].average_precision == found["positive"].average_precision == 1
    wrong = rankings(table(scores, ["collins2007"] * 5), -np.array(scores))
    assert wrong["negative"] == Ranking(pytest.approx(0.2), pytest.approx(0.2), pytest.approx(1.0))
