"""Measured scores by genotype."""

from __future__ import annotations

import numpy as np

from gi_jax.data.genotype_table import GenotypeTable, padded
from gi_jax.data.measured_scores import Measured

N = 20
ROWS = [(3, 7), (1, 2, 5), (3, 7), (4,), (0, 9)]
SCORES = np.array([1.0, -2.0, 3.0, 0.5, 4.0])


def table() -> GenotypeTable:
    genes, sizes = padded(ROWS, N)
    study = np.array([0, 0, 1, 1, 0], np.int32)
    return GenotypeTable(genes, sizes, SCORES, np.full(5, np.nan), study, ("a", "b"), N)


def test_every_measurement_of_a_genotype_is_found() -> None:
    known = Measured(table())
    assert known.of([3, 7]) == [("a", 1.0), ("b", 3.0)]
    assert known.of([1, 2, 5]) == [("a", -2.0)] and known.of([4]) == [("b", 0.5)]
    assert known.of([3]) == [] and known.of([1, 2]) == [] and known.of([1, 2, 5, 6]) == []


def test_means_of_many_genotypes() -> None:
    known = Measured(table())
    found = known.means_of(np.array([[0, 9], [3, 7], [3, 8]]))
    np.testing.assert_array_equal(found, [4.0, 2.0, np.nan])
    assert np.isnan(known.means_of(np.array([[1, 2, 5, 6]]))).all()
    assert np.isnan(Measured(table().take(np.zeros(0, int))).means_of(np.array([[3, 7]]))).all()


def test_rows_without_numbers_of_64_bits_are_not_found() -> None:
    genes, sizes = padded([(1, 2)], 6000)
    wide = np.pad(genes, ((0, 0), (0, 4)), constant_values=6000)
    one = GenotypeTable(wide, sizes, SCORES[:1], np.full(1, np.nan), np.zeros(1, np.int32), ("a",), 6000)
    assert Measured(one).of([1, 2]) == [] and np.isnan(Measured(one).means_of(np.array([[1, 2]]))).all()
