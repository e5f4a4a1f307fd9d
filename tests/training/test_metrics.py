"""Metrics, against values computed by hand."""

from __future__ import annotations

import math

import jax.numpy as jnp
import numpy as np

from gi_jax.evaluation.metrics import regression_metrics
from gi_jax.training.epoch_sums import centred, epoch_summary
from gi_jax.training.state import EpochSums


def test_values_of_four_pairs() -> None:
    metrics = regression_metrics(np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, 3.0, 2.0, 8.0]))
    # Errors 0, -1, 1, -4; deviations from the means (2.5, 3.5): covariance 10, squares 5 and 29.
    assert metrics.mse == 18 / 4
    assert metrics.mae == 6 / 4
    assert metrics.rmse == math.sqrt(4.5)
    np.testing.assert_allclose(metrics.pearson, 10 / math.sqrt(5 * 29), rtol=1e-12)
    np.testing.assert_allclose(metrics.spearman, 0.8, rtol=1e-12)  # ranks 1 2 3 4 and 1 3 2 4


def test_constant_predictions_have_no_correlation() -> None:
    metrics = regression_metrics(np.ones(3), np.array([0.0, 1.0, 2.0]))
    assert math.isnan(metrics.pearson)
    assert math.isnan(metrics.spearman)


def plain_sums(*values: object) -> EpochSums:
    """Sums of predictions, labels, squares and products, as checkpoints of earlier versions hold them."""
    return EpochSums(*map(jnp.float32, values))


def test_running_moments_give_the_correlation_of_the_whole_epoch() -> None:
    rng = np.random.default_rng(0)
    p, y = rng.normal(size=(2, 50)) + 3
    dp, dy = p - p.mean(), y - y.mean()
    moments = EpochSums(*map(jnp.float32, (50, 0.5, p.mean(), y.mean(), dp @ dp, dy @ dy, dp @ dy)))
    earlier = centred(plain_sums(50, 25.0, p.sum(), y.sum(), p @ p, y @ y, p @ y))
    for sums in (moments, earlier):
        loss, pearson = epoch_summary(sums)
        assert loss == 0.5
        np.testing.assert_allclose(pearson, np.corrcoef(p, y)[0, 1], atol=1e-4)
    assert math.isnan(epoch_summary(EpochSums(*[0.0] * 7))[0])
    assert math.isnan(epoch_summary(centred(plain_sums(*[0.0] * 7)))[0])


def test_an_ensemble_sums_up_to_the_mean_over_its_members() -> None:
    # Predictions 1 2 3 and 3 2 1 of labels 1 2 3: correlations 1 and -1; and 1 2 3 once more.
    members = [(3, 6.0, 6, 6, 14, 14, product) for product in (14, 10, 14)]
    sums = centred(plain_sums(*zip(*members, strict=True)))
    np.testing.assert_allclose(epoch_summary(sums), (2.0, 1 / 3), rtol=1e-6)
