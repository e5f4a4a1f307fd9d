"""How the predictions of a screen are distributed, counted as they come."""

from __future__ import annotations

import math

import numpy as np

BINS = 4096  # half of them on each side of 0
NARROWEST = -40  # the binary exponent of the first bins' width


class ScoreHistogram:
    """Counts scores in bins of one width, in constant memory, without knowing their range beforehand.

    Bins begin at whole multiples of their width, a power of two. A score beyond the last bin doubles the
    width as often as it takes, which adds neighbouring bins up. So the result depends on the scores alone,
    not on their order, and the histograms of parts add up to that of the whole.
    """

    def __init__(self) -> None:
        self.exponent = NARROWEST  # the width of a bin is 2 ** exponent
        self.counts = np.zeros(BINS, np.int64)  # bin i begins at (i - BINS / 2) * width

    def add(self, scores: np.ndarray) -> None:
        """Counts finite scores `[M]`."""
        if not len(scores):
            return
        self._widen(max(_exponent_for(float(scores.min())), _exponent_for(float(scores.max()))))
        place = np.floor(np.ldexp(scores, -self.exponent)).astype(np.int64) + BINS // 2
        self.counts += np.bincount(place, minlength=BINS)

    def merge(self, other: ScoreHistogram) -> None:
        """Adds the counts of other scores."""
        self._widen(other.exponent)
        again = ScoreHistogram()
        again.exponent, again.counts = other.exponent, other.counts
        again._widen(self.exponent)
        self.counts = self.counts + again.counts

    def bins(self) -> tuple[np.ndarray, np.ndarray]:
        """Edges `[B + 1]` float64, in the units of the scores, and counts `[B]` int64, from the first to
        the last bin that is not empty; one empty bin where nothing was counted.
        """
        used = np.flatnonzero(self.counts)
        first, last = (used[0], used[-1]) if len(used) else (BINS // 2, BINS // 2)
        edges = np.ldexp(np.arange(first, last + 2, dtype=np.float64) - BINS // 2, self.exponent)
        return edges, self.counts[first : last + 1].copy()

    def _widen(self, exponent: int) -> None:
        while self.exponent < exponent:
            middle = self.counts.reshape(-1, 2).sum(axis=1)
            self.counts = np.pad(middle, BINS // 4)
            self.exponent += 1


def _exponent_for(score: float) -> int:
    """The least exponent of a width at which the bins reach a score."""
    half = BINS.bit_length() - 2  # BINS / 2 as a power of two
    fraction, exponent = math.frexp(score)  # |score| < 2 ** exponent
    if fraction == 0.0:
        return NARROWEST
    # Of negative scores -2 ** k is the beginning of a bin, and still inside.
    return max(NARROWEST, exponent - half - (fraction == -0.5))
