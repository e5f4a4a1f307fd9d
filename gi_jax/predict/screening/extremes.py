"""The most extreme scores of a screen, whatever the order in which they come."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Found(NamedTuple):
    """Genotypes with their predicted scores, in the units of the training scores, lowest first.

    Genotypes of equal scores come in the order of their gene ids.
    """

    genes: np.ndarray  # [R, S] int32, gene ids, then N
    score: np.ndarray  # [R] float64, an ensemble's mean
    std: np.ndarray | None  # [R] float64, over the members of an ensemble or the model's own

    def take(self, rows: np.ndarray) -> Found:
        """The genotypes at some positions, or where a mask says so."""
        return Found(self.genes[rows], self.score[rows], None if self.std is None else self.std[rows])


def joined(parts: list[Found], size: int) -> Found:
    """Several as one, in their order; `size` genes a genotype if there are none."""
    if not parts:
        return Found(np.zeros((0, size), np.int32), np.zeros(0), None)
    stds = [part.std for part in parts if part.std is not None]
    return Found(
        np.concatenate([part.genes for part in parts]),
        np.concatenate([part.score for part in parts]),
        np.concatenate(stds) if stds else None,
    )


class Extremes:
    """Keeps the `top` lowest and the `top` highest of all scores that it is shown.

    Of equal scores at an end those are kept whose genes come first (lowest scores) or last (highest scores),
    so that what is kept does not depend on the order in which scores come, or on how they are dealt out.

    Args:
      top: how many of either.
      size: genes of a genotype.
    """

    def __init__(self, top: int, size: int) -> None:
        self.top, self.size = top, size
        self._parts: list[Found] = []
        self._held = 0
        self._low, self._high = np.inf, -np.inf  # scores between them are among the extremes no more

    def candidates(self, score: np.ndarray) -> np.ndarray:
        """Which of the scores `[M]` may be among the extremes."""
        return (score <= self._low) | (score >= self._high)

    def add(self, found: Found) -> None:
        """Shows it more genotypes."""
        wanted = self.candidates(found.score)
        if not wanted.any():
            return
        self._parts.append(found if wanted.all() else found.take(wanted))
        self._held += int(wanted.sum())
        if self._held > 8 * self.top:
            self._forget()

    def found(self) -> Found:
        """The extremes of what it was shown, lowest first."""
        self._forget()
        return joined(self._parts, self.size)

    def _forget(self) -> None:
        found = joined(self._parts, self.size)
        order = np.lexsort((*found.genes.T[::-1], found.score))
        if len(order) > 2 * self.top:
            order = np.concatenate([order[: self.top], order[-self.top :]])
            self._low, self._high = found.score[order[self.top - 1]], found.score[order[self.top]]
        self._parts, self._held = ([found.take(order)], len(order)) if len(order) else ([], 0)
