"""Bootstrap intervals of a correlation."""

from __future__ import annotations

import math

import numpy as np

from gi_jax.report.interval import pearson_intervals


def test_the_interval_of_normal_samples_is_fishers() -> None:
    rng, rho, m = np.random.default_rng(3), 0.6, 4000
    y = rng.normal(size=m)
    p = rho * y + math.sqrt(1 - rho**2) * rng.normal(size=m)
    low, high = pearson_intervals(y, {"model": p})["model"]
    # Fisher's z: atanh(r) has standard error 1 / sqrt(m - 3); 500 resamples leave a few percent of the width.
    r = np.corrcoef(y, p)[0, 1]
    expected = np.tanh(np.arctanh(r) + np.array([-1.96, 1.96]) / math.sqrt(m - 3))
    np.testing.assert_allclose([low, high], expected, atol=0.15 * (expected[1] - expected[0]))


def test_perfect_constant_and_shifted_predictions() -> None:
    y = np.array([1.0, 2.0, 4.0, 8.0, 16.0])
    found = pearson_intervals(y, {"same": y, "constant": np.full(5, 0.1), "opposite": 1e6 - y})
    np.testing.assert_allclose(found["same"], (1, 1), rtol=1e-9)
    np.testing.assert_allclose(found["opposite"], (-1, -1), rtol=1e-6)
    assert all(math.isnan(end) for end in found["constant"])
