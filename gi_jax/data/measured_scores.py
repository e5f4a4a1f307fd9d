"""What was measured of genotypes, found quickly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from gi_jax.data.genotype_table import GenotypeTable, row_keys


class Measurement(NamedTuple):
    """One measured score of a genotype."""

    study: str
    score: float


class Measured:
    """The measured scores of a table, by genotype. Genotypes whose row has no number of 64 bits (five genes
    and more of yeast) are not found.
    """

    def __init__(self, table: GenotypeTable) -> None:
        self.studies, self.width, self.num_genes = table.studies, table.genes.shape[1], table.num_genes
        self.count = len(table)
        keys = row_keys(table.genes, table.num_genes)
        keys = np.zeros(0, np.int64) if keys is None else keys
        order = np.argsort(keys, kind="stable")
        self._keys, self._score, self._study = keys[order], table.score[order], table.study[order]

    def of(self, genes: Sequence[int]) -> list[Measurement]:
        """All measurements of a genotype, given by increasing gene ids."""
        if len(genes) > self.width:
            return []
        key = self._key(np.array([genes]))
        start, end = (int(np.searchsorted(self._keys, key, side)[0]) for side in ("left", "right"))
        return [Measurement(self.studies[self._study[k]], float(self._score[k])) for k in range(start, end)]

    def means_of(self, genes: np.ndarray) -> np.ndarray:
        """The mean score `[m]` of genotypes `[m, S]` of increasing gene ids, NaN where there is none."""
        if genes.shape[1] > self.width or not len(self._keys):
            return np.full(len(genes), np.nan)
        keys = self._key(genes)
        start, end = (np.searchsorted(self._keys, keys, side) for side in ("left", "right"))
        total = np.concatenate([[0.0], np.cumsum(self._score)])
        with np.errstate(invalid="ignore"):
            return (total[end] - total[start]) / (end - start)

    def _key(self, genes: np.ndarray) -> np.ndarray:
        more = self.width - genes.shape[1]
        keys = row_keys(np.pad(genes, ((0, 0), (0, more)), constant_values=self.num_genes), self.num_genes)
        return np.zeros(len(genes), np.int64) - 1 if keys is None else keys
