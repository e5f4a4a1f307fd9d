"""Sets of genes that interact with each other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import false_discovery_control, hypergeom

from gi_jax.data.gene_collections import GeneCollection
from gi_jax.report.screen.candidates import Candidates, pairs_within
from gi_jax.report.screen.enrichment import SMALLEST, Enrichment, in_order


def enrich_pairs(
    rows: np.ndarray, candidates: Candidates, collections: Sequence[GeneCollection]
) -> list[Enrichment]:
    """Tests for every set whether a list joins genes of it more often than by chance, one-sided.

    `p = P(X >= k)` for X hypergeometric: k of n listed genotypes have both of their free genes in a set, as
    K of all C candidates have. `q` is p after Benjamini and Hochberg (1995). Only sets with at least three
    candidates are tested, and at most half of them.

    Args:
      rows: `[n, S]` gene ids of listed genotypes, then N.

    Returns:
      Sets with a listed genotype, see `in_order`; none where genotypes have other than two free genes.
    """
    free = _free_pairs(rows, candidates)
    if candidates.free != 2 or not len(free):
        return []
    result: list[Enrichment] = []
    for own in collections:
        within = own.members[:, free[:, 0]] & own.members[:, free[:, 1]]  # [T, n]
        count, of_all = within.sum(axis=1), pairs_within(candidates, own.members)
        tested = np.flatnonzero((of_all >= SMALLEST) & (of_all <= candidates.num // 2))
        p = np.clip(hypergeom.sf(count[tested] - 1, candidates.num, of_all[tested], len(free)), 0.0, 1.0)
        for row, chance in zip(tested.tolist(), p.tolist(), strict=True):
            genes = np.unique(free[within[row]])
            counts = int(count[row]), len(free), int(of_all[row]), candidates.num
            result.append(Enrichment("", own.name, own.terms[row], genes, *counts, chance, 1.0))
    if not result:
        return []
    q = false_discovery_control([one.p for one in result], method="bh")
    adjusted = (one._replace(q=float(value)) for one, value in zip(result, q, strict=True))
    return in_order([one for one in adjusted if one.hits])


def _free_pairs(rows: np.ndarray, candidates: Candidates) -> np.ndarray:
    """The two free genes `[n, 2]` of the genotypes that are of the pool."""
    free = np.isin(rows, candidates.pool)
    known = free | np.isin(rows, [*candidates.fixed, candidates.num_genes])
    own = (free.sum(axis=1) == 2) & known.all(axis=1)
    return rows[own][free[own]].reshape(-1, 2)
