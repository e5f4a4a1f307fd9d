"""Does the spread of an ensemble tell its error: numbers computed by hand, and two known worlds."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from gi_jax.evaluation.calibration import calibrate, write_calibration

# Sorted by spread: errors 1, -1 | 3 | -4, in bins of two, one and one.
SPREAD = np.array([0.4, 0.1, 0.2, 0.3])
MEASURED = np.array([5.0, 5.0, 5.0, 5.0])
PREDICTION = MEASURED + np.array([-4.0, 1.0, -1.0, 3.0])


def test_bins_are_of_rising_spread() -> None:
    found = calibrate(PREDICTION, SPREAD, MEASURED, bins=3)
    np.testing.assert_allclose(found.spread, [0.15, 0.3, 0.4])
    np.testing.assert_allclose(found.rmse, [1, 3, 4])
    assert found.genotypes.tolist() == [2, 1, 1]
    # Ranks of the spread 4 1 2 3, of the absolute error 4 1.5 1.5 3: covariance 4.5, squares 5 and 4.5.
    np.testing.assert_allclose(found.spearman, 4.5 / math.sqrt(5 * 4.5))
    assert str(found) == (
        "calibration: Spearman of spread and absolute error 0.949; spread 0.15: RMSE 1, spread 0.4: RMSE 4"
    )


def test_an_exact_spread_equals_the_error_and_a_useless_one_does_not_rank_it() -> None:
    rng = np.random.default_rng(0)
    spread = rng.uniform(0.5, 2.0, 20_000)
    measured = spread * rng.normal(size=spread.size)
    exact = calibrate(np.zeros_like(spread), spread, measured)
    # Ten bins of 2,000: a root mean square has a standard error of 1 / sqrt(4000) = 1.6 %, here at most 3.
    np.testing.assert_allclose(exact.rmse, exact.spread, rtol=0.05)
    assert exact.genotypes.tolist() == [2000] * 10
    assert exact.spearman > 0.3
    useless = calibrate(np.zeros_like(spread), rng.permutation(spread), measured)
    assert abs(useless.spearman) < 0.03  # four standard errors of 1 / sqrt(20,000)


def test_few_genotypes_and_a_spread_that_does_not_vary() -> None:
    assert calibrate(PREDICTION, SPREAD, MEASURED).genotypes.tolist() == [1, 1, 1, 1]
    same = calibrate(PREDICTION, np.zeros(4), MEASURED)
    assert math.isnan(same.spearman)
    assert "absolute error -;" in str(same)


def test_the_file_has_one_row_per_bin(tmp_path: Path) -> None:
    write_calibration(calibrate(PREDICTION, SPREAD, MEASURED, bins=3), tmp_path)
    assert (tmp_path / "calibration.tsv").read_text() == (
        "spread\trmse\tgenotypes\n0.15\t1\t2\n0.3\t3\t1\n0.4\t4\t1\n"
    )
