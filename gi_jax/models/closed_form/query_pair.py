"""The competitor in trigenic screens: what the query strain did on average."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gi_jax.data.gene_pairs import gene_pairs, query_pairs
from gi_jax.data.genotype_table import GenotypeTable
from gi_jax.models.closed_form.options import QueryPairOptions
from gi_jax.models.closed_form.solved import Solved, check_arrays, check_settings
from gi_jax.models.model import Cell, PredictionSettings


@dataclass(frozen=True)
class QueryPairMean(Solved):
    """Predicts the shrunken mean label of a genotype's query pair, the overall mean where that pair is new.

    The query pair is that of the genotype's pairs which most training genotypes hold.
    """

    mean: float
    num_genes: int
    train_pairs: np.ndarray  # [M, P], for the frequencies
    known: np.ndarray  # [K] query pairs of the training genotypes, increasing
    means: np.ndarray  # [K]
    shrinkage: float

    kind = "query_pair"

    @property
    def chosen(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride] # is only read
        """The shrinkage."""
        return f"shrinkage {self.shrinkage:g}"

    def labels(self, genes: np.ndarray) -> np.ndarray:
        """Labels `[M]` for genotypes `[M, S]`."""
        query = query_pairs(gene_pairs(genes, self.num_genes), self.train_pairs)
        place = np.minimum(np.searchsorted(self.known, query), len(self.known) - 1)
        return np.where(self.known[place] == query, self.means[place], self.mean)

    def arrays(self) -> dict[str, np.ndarray]:
        """`mean` [], `train_pairs` [M, P], `known` [K], `means` [K], `shrinkage` []."""
        return {
            "mean": np.array(self.mean),
            "train_pairs": self.train_pairs,
            "known": self.known,
            "means": self.means,
            "shrinkage": np.array(self.shrinkage),
        }


def fit_query_pair_mean(
    train: GenotypeTable, val: GenotypeTable, shrinkages: Sequence[float] = QueryPairOptions.shrinkages
) -> QueryPairMean:
    """Fits `QueryPairMean`: `mean + sum of (y - mean) / (n + k)` over a pair's n training genotypes.

    The labels y are in place of the scores. The shrinkage k is the one with the least squared error on
    the validation genotypes.
    """
    mean = float(train.score.mean())
    pairs = gene_pairs(train.genes, train.num_genes)
    known, group = np.unique(query_pairs(pairs, pairs), return_inverse=True)
    counts, sums = np.bincount(group), np.bincount(group, train.score - mean)
    fits = []
    for k in shrinkages:
        means = mean + sums / (counts + k)
        fit = QueryPairMean(mean, train.num_genes, pairs, known, means, float(k))
        fits.append((np.mean((fit.labels(val.genes) - val.score) ** 2), fit))
    return min(fits, key=lambda error_and_fit: error_and_fit[0])[1]


def restore_query_pair_mean(
    arrays: Mapping[str, Any], options: QueryPairOptions, cell: Cell, settings: PredictionSettings
) -> QueryPairMean:
    """`QueryPairMean` from its arrays."""
    check_settings("query_pair", settings)
    known = np.shape(arrays.get("known", ()))[:1] or (None,)
    shapes = {"mean": (), "train_pairs": (None, None), "known": (None,), "means": known, "shrinkage": ()}
    found = check_arrays("query_pair", arrays, shapes)
    return QueryPairMean(
        float(found["mean"]),
        len(cell.genes),
        found["train_pairs"],
        found["known"],
        found["means"],
        float(found["shrinkage"]),
    )
