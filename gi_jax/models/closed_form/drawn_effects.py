"""Pair effects of draws from the prior, of which the variance of a genotype's predicted label is made."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from functools import cache

import numpy as np
from threadpoolctl import ThreadpoolController

from gi_jax.data.gene_pairs import columns_of_pairs

ROWS_AT_ONCE = 4096  # genotypes whose rows of kernels are gathered at once
BLOCK_PAYS = 4  # entries of a block of effects for each that is looked up, at which it is still made
FEW_ROWS = 64
_LIMITING = threading.Lock()  # the limit is that of the process, and is taken back as it was found
BLOCK = 1 << 19  # entries of a block, which is made for all draws


class DrawnEffects:
    """The effects `F_q = K_cell S_q K_cell^T` of Q draws, of which no matrix of all genes is kept.

    Args:
      coefficients: Q matrices S_q `[n, n]`.
      rows: `[N + 1, n]` K_cell, last row zero.
    """

    def __init__(self, coefficients: Sequence[np.ndarray], rows: np.ndarray) -> None:
        self.rows = rows.astype(np.float32)
        self.left = np.empty((len(coefficients), *rows.shape), np.float32)  # [Q, N + 1, n] K_cell S_q
        for q, matrix in enumerate(coefficients):
            self.left[q] = self.rows @ matrix.astype(np.float32)

    def mean_square(self, genes: np.ndarray) -> np.ndarray:
        """Means over draws of the squared sums of pair effects, `[M]`, for genotypes `[M, S]`."""
        first, second = columns_of_pairs(genes)
        total = np.zeros(len(genes))
        block = self._block(genes, first, second)
        for left in map(np.asarray, self.left):
            if block is None:
                sums = row_products(left, self.rows, first, second)
            else:
                shared, others, of_first, of_second = block
                sums = (left[shared] @ self.rows[others].T)[of_first, of_second].sum(axis=1, dtype=np.float64)
            total += np.square(sums)
        return total / len(self.left)

    def _block(
        self, genes: np.ndarray, first: np.ndarray, second: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray] | None:
        """Genes such that every pair is of one that several genotypes share and another, and where each pair
        stands in the block of these; None where such a block would be larger than it is worth.
        """
        others, count = np.unique(genes, return_counts=True)
        shared = others[(count > 1) & (others < len(self.rows) - 1)]
        if len(shared) * len(others) > min(BLOCK_PAYS * max(first.size, 1), BLOCK):
            return None
        place = np.full(len(self.rows), -1)
        place[shared] = np.arange(len(shared))
        turned = place[first] < 0
        one, other = np.where(turned, second, first), np.where(turned, first, second)
        # A pair with the padding gene is 0 on either side.
        padding = len(self.rows) - 1
        lost = (place[one] < 0) & (one < padding) & (other < padding)
        if lost.any():
            return None
        shared = np.append(shared, padding)
        return shared, others, place[one], np.searchsorted(others, other)


def mean_square_by_rows(collected: Iterable[np.ndarray], rows: np.ndarray, genes: np.ndarray) -> np.ndarray:
    """What `DrawnEffects.mean_square` gives, for a few genotypes: of K_cell only their rows are multiplied.

    They are the rows of one gene of each pair, the one which more pairs have, so that a gene beside all
    others costs one row.

    Args:
      collected: Q matrices S_q `[n, n]`, float32.
      rows: `[N + 1, n]` K_cell, last row zero.
      genes: `[M, S]`.
    """
    first, second = columns_of_pairs(genes)
    count = np.bincount(np.concatenate([first, second], axis=None), minlength=len(rows))
    swap = count[second] > count[first]
    first, second = np.where(swap, second, first), np.where(swap, first, second)
    needed, place = np.unique(first, return_inverse=True)
    place = place.reshape(first.shape)
    of_first = rows[needed].astype(np.float32)
    # For products of a few rows, threads that wait for each other cost more than they bring.
    with _LIMITING, _threads().limit(limits=1 if len(needed) < FEW_ROWS else None):
        squares = [row_products(of_first @ matrix, rows, place, second) ** 2 for matrix in collected]
    return np.mean(squares, axis=0)


@cache
def _threads() -> ThreadpoolController:
    """Looks for the libraries with threads once, which takes longer than a small product."""
    return ThreadpoolController()


def row_products(left: np.ndarray, right: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The sums `[M]` over pairs `[M, P]` of scalar products of a row of each matrix `[N + 1, n]`."""
    sums = np.zeros(len(first))
    for rows in _slices(len(first)):
        for i, j in zip(first[rows].T, second[rows].T, strict=True):
            sums[rows] += np.einsum("mn,mn->m", left[i], right[j])
    return sums


def _slices(count: int) -> Iterator[slice]:
    return (slice(start, start + ROWS_AT_ONCE) for start in range(0, count, ROWS_AT_ONCE))
