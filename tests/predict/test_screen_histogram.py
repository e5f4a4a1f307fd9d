"""All predictions of a screen are counted, in bins that widen as they must."""

from __future__ import annotations

import numpy as np

from gi_jax import Screen
from gi_jax.config import RunConfig
from gi_jax.predict.screening.histogram import BINS, ScoreHistogram
from tests.untrained import IDENTITY, untrained


def counted(*parts: np.ndarray) -> ScoreHistogram:
    histogram = ScoreHistogram()
    for part in parts:
        histogram.add(part)
    return histogram


def test_the_counts_are_those_of_numpy_in_any_order() -> None:
    scores = np.concatenate([np.random.default_rng(0).normal(size=1000), [0.0, -4.0, 3.9999, 1e-30, -1e-30]])
    edges, counts = counted(scores).bins()
    np.testing.assert_array_equal(np.diff(edges), 4 / (BINS // 2))
    assert edges[0] == -4.0  # the power of two is the beginning of the first bin and needs no wider ones
    # The last bin of NumPy holds its upper edge too, where no score is.
    np.testing.assert_array_equal(np.histogram(scores, edges)[0], counts)
    for parts in (np.split(scores, 5), np.split(scores[::-1], 5), (scores[:0], np.sort(scores))):
        again = counted(*parts)
        np.testing.assert_array_equal(again.bins()[0], edges)
        np.testing.assert_array_equal(again.bins()[1], counts)


def test_a_power_of_two_above_zero_needs_wider_bins() -> None:
    assert counted(np.array([4.0])).exponent == counted(np.array([-4.0])).exponent + 1
    assert counted(np.array([4.0])).bins()[0][0] == 4.0


def test_histograms_of_parts_add_up() -> None:
    rng = np.random.default_rng(1)
    small, large = rng.normal(size=500) * 1e-3, rng.normal(size=500) * 50
    whole = counted(small, large)
    for first, second in ((small, large), (large, small)):
        merged = counted(first)
        merged.merge(counted(second))
        assert merged.exponent == whole.exponent
        np.testing.assert_array_equal(merged.counts, whole.counts)


def test_zero_needs_no_width_of_its_own() -> None:
    assert counted(np.zeros(3)).exponent == counted().exponent


def test_nothing_counted_is_one_empty_bin() -> None:
    edges, counts = ScoreHistogram().bins()
    assert len(edges) == 2 and counts.tolist() == [0]


def test_a_screen_counts_what_it_does_not_keep(small_config: RunConfig) -> None:
    predictor = untrained(small_config, IDENTITY)
    everything, few = Screen(predictor, top=1000), Screen(predictor, top=3, above=1e9)
    for screen in (everything, few):
        list(screen.run())
    assert len(few.found().score) == 0
    edges, counts = few.histogram()
    np.testing.assert_array_equal(edges, everything.histogram()[0])
    np.testing.assert_array_equal(np.histogram(everything.found().score, edges)[0], counts)
    assert counts.sum() == 435
