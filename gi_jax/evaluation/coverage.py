"""Whether intervals hold what they promise, for genes that training saw often, seldom and never."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gi_jax.data.genotype_table import GenotypeTable

ALL, OFTEN, SELDOM, NEVER = "all", "genes seen often", "a gene seen seldom", "a gene never seen"


class Coverage(NamedTuple):
    """The share of measurements in their intervals."""

    genotypes: int
    inside: float
    width: float  # mean, in the units of the scores


def coverage(
    table: GenotypeTable, low: np.ndarray, high: np.ndarray, train: GenotypeTable
) -> dict[str, Coverage]:
    """Of M measured genotypes, all of them and in groups by how often training saw their rarest gene.

    Seldom is less often than half of the genes of the training genotypes. Groups without genotypes are left
    out.

    Args:
      low, high: ends `[M]` of the intervals.
      train: the training genotypes.
    """
    seen = np.bincount(train.genes.reshape(-1), minlength=train.num_genes + 1)
    seen[-1] = len(train) + 1  # padding is no rare gene
    median = np.median(seen[:-1][seen[:-1] > 0])
    rarest = seen[table.genes].min(axis=1)
    groups = {
        ALL: np.ones(len(table), bool),
        OFTEN: rarest >= median,
        SELDOM: (rarest > 0) & (rarest < median),
        NEVER: rarest == 0,
    }
    inside = (table.score >= low) & (table.score <= high)
    return {
        name: Coverage(int(rows.sum()), float(inside[rows].mean()), float((high - low)[rows].mean()))
        for name, rows in groups.items()
        if rows.any()
    }
