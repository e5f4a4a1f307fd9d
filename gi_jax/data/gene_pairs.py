"""The pairs of genes inside genotypes, and the query pair of each."""

from __future__ import annotations

import itertools

import numpy as np


def gene_pairs(genes: np.ndarray, num_genes: int) -> np.ndarray:
    """The unordered pairs within each genotype, as numbers.

    Args:
      genes: `[M, S]` gene ids, increasing, then N.
      num_genes: N.

    Returns:
      `[M, P]` int64 with P = max(S (S - 1) / 2, 1): `i (N + 1) + j` for genes i < j, and -1 in unused
      places. A genotype of one gene i counts as the pair of i and the padding id N.
    """
    genes = np.asarray(genes, np.int64)
    if genes.shape[1] == 1:
        genes = np.pad(genes, ((0, 0), (0, 1)), constant_values=num_genes)
    first, second = np.array(list(itertools.combinations(range(genes.shape[1]), 2))).T
    low, high = genes[:, first], genes[:, second]  # [M, P]
    single = (genes < num_genes).sum(axis=1, keepdims=True) == 1
    used = (low < num_genes) & ((high < num_genes) | single)
    return np.where(used, low * (num_genes + 1) + high, -1)


def columns_of_pairs(genes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First and second gene of every pair of columns: two arrays `[M, S (S - 1) / 2]` from `[M, S]`."""
    first, second = np.triu_indices(genes.shape[1], k=1)
    return genes[:, first], genes[:, second]


def pair_counts(pairs: np.ndarray, among: np.ndarray) -> np.ndarray:
    """How many genotypes of `among` `[M', P]` hold each of `pairs` `[M, P]`; -1 for unused places."""
    known, counts = np.unique(among[among >= 0], return_counts=True)
    place = np.minimum(np.searchsorted(known, pairs), max(len(known) - 1, 0))
    found = counts[place] * (known[place] == pairs) if len(known) else np.zeros_like(pairs)
    return np.where(pairs >= 0, found, -1)


def query_pairs(pairs: np.ndarray, among: np.ndarray) -> np.ndarray:
    """The query pair of each genotype `[M]`: that of its pairs which most genotypes of `among` hold.

    In a trigenic screen a strain with two deletions (the query) is crossed to an array of single
    deletions, so the query pair recurs. Of equally frequent pairs the first by gene ids is taken.
    """
    return np.take_along_axis(pairs, pair_counts(pairs, among).argmax(axis=1)[:, None], axis=1)[:, 0]
