"""The baseline for trigenic screens: what the query strain did on average."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gi_jax.data.gene_pairs import gene_pairs, query_pairs
from gi_jax.data.genotype_table import GenotypeTable

SHRINKAGES = (0.0, 1.0, 3.0, 10.0, 30.0, 100.0)


@dataclass(frozen=True)
class QueryPairMean:
    """Predicts the shrunken mean label of a genotype's query pair, the overall mean where that pair is new.

    The query pair is that of the genotype's pairs which most training genotypes hold.
    """

    mean: float
    num_genes: int
    train_pairs: np.ndarray  # [M, P], for the frequencies
    known: np.ndarray  # [K] query pairs of the training genotypes, increasing
    means: np.ndarray  # [K]
    chosen: str

    def predict(self, genes: np.ndarray) -> np.ndarray:
        """Labels `[B]` for genotypes `[B, S]`."""
        query = query_pairs(gene_pairs(genes, self.num_genes), self.train_pairs)
        place = np.minimum(np.searchsorted(self.known, query), len(self.known) - 1)
        return np.where(self.known[place] == query, self.means[place], self.mean)


def fit_query_pair_mean(train: GenotypeTable, val: GenotypeTable) -> QueryPairMean:
    """Fits `QueryPairMean`: `mean + sum of (y - mean) / (n + k)` over a pair's n training genotypes.

    The shrinkage k is the one with the least squared error on the validation genotypes.
    """
    mean = float(train.score.mean())
    pairs = gene_pairs(train.genes, train.num_genes)
    known, group = np.unique(query_pairs(pairs, pairs), return_inverse=True)
    counts, sums = np.bincount(group), np.bincount(group, train.score - mean)
    fits = []
    for k in SHRINKAGES:
        means = mean + sums / (counts + k)
        fit = QueryPairMean(mean, train.num_genes, pairs, known, means, f"shrinkage {k:g}")
        fits.append((np.mean((fit.predict(val.genes) - val.score) ** 2), fit))
    return min(fits, key=lambda error_and_fit: error_and_fit[0])[1]
