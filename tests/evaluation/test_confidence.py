"""Intervals by hand, and what they hold."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from gi_jax.data.genotype_table import GenotypeTable, padded
from gi_jax.errors import GiJaxError
from gi_jax.evaluation.coverage import ALL, NEVER, OFTEN, SELDOM, coverage
from gi_jax.experiment.confidence import FILE, Confidence, fit_confidence, read_confidence, write_confidence


def table(genotypes: list[tuple[int, ...]], scores: np.ndarray) -> GenotypeTable:
    genes, sizes = padded(genotypes, 9)
    nan, zero = np.full(len(sizes), np.nan), np.zeros(len(sizes), np.int32)
    return GenotypeTable(genes, sizes, np.asarray(scores, float), nan, zero, ("s",), 9)


def test_the_factor_is_a_rank_of_the_errors() -> None:
    errors = np.arange(1.0, 20.0)  # 19 genotypes: the 18th smallest, ceil(20 * 0.9)
    found = fit_confidence(np.zeros(19), np.full(19, 2.0), -errors)
    assert found == Confidence(9.0, 0.9, 19)
    low, high = found.interval(np.array([1.0]), np.array([0.5]))
    assert (low[0], high[0]) == (-3.5, 5.5)
    assert fit_confidence(np.zeros(8), np.ones(8), np.ones(8)) is None  # of 8 none can leave out a tenth
    assert fit_confidence(np.zeros(19), np.zeros(19), errors) is None


def test_new_measurements_lie_in_intervals_as_often_as_promised() -> None:
    """Deviations that are wrong by a factor, and errors that are not normal."""
    rng = np.random.default_rng(0)
    std = rng.uniform(0.5, 2, 40_000)
    measured = std * rng.standard_t(4, len(std)) * 7
    found = fit_confidence(np.zeros(20_000), std[:20_000], measured[:20_000])
    assert found is not None
    low, high = found.interval(np.zeros(20_000), std[20_000:])
    inside = ((measured[20_000:] >= low) & (measured[20_000:] <= high)).mean()
    assert 0.89 < inside < 0.91


def test_groups_go_by_the_rarest_gene() -> None:
    # Seen: gene 0 three times, 1 and 2 twice, 3 once; the median of these is 2.
    train = table([(0, 1), (0, 2), (0, 3), (1, 2)], np.zeros(4))
    test = table([(0, 1), (1, 2), (0, 3), (2, 8), (3, 7)], np.array([0.0, 5.0, 0.0, 0.0, 9.0]))
    found = coverage(test, np.full(5, -1.0), np.full(5, 1.0), train)
    assert {name: group.genotypes for name, group in found.items()} == {ALL: 5, OFTEN: 2, SELDOM: 1, NEVER: 2}
    assert [group.inside for group in found.values()] == [0.6, 0.5, 1.0, 0.5]
    assert found[ALL].width == 2


def test_it_is_kept_beside_the_weights(tmp_path: Path) -> None:
    assert read_confidence(tmp_path) is None
    write_confidence(Confidence(1.7, 0.9, 12), tmp_path)
    assert read_confidence(tmp_path) == Confidence(1.7, 0.9, 12)
    (tmp_path / FILE).write_text(json.dumps({"factor": -1, "level": 0.9, "genotypes": 3}))
    with pytest.raises(GiJaxError, match="says factor -1.0"):
        read_confidence(tmp_path)
    (tmp_path / FILE).write_text("{")
    with pytest.raises(GiJaxError, match="is no readable confidence of a model"):
        read_confidence(tmp_path)
