"""Which sets of genes a list of genes is rich in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.stats import false_discovery_control, hypergeom

from gi_jax.data.gene_collections import GeneCollection

SMALLEST = 3  # genes of the background that a set must have; smaller ones can hardly be told from chance
ECHO = 0.8  # the share of its genes that another set has shown before, from which a set says nothing new


class HitList(NamedTuple):
    """A list of genes, and the genes that it was drawn from."""

    name: str
    genes: np.ndarray  # [n] distinct gene ids, all of them in the background
    background: np.ndarray  # [B] distinct gene ids that could have been in the list


class Enrichment(NamedTuple):
    """What one list has to do with one set."""

    hits: HitList
    collection: str
    term: str
    found: np.ndarray  # [k] gene ids in the list and in the set
    in_background: int  # K, genes of the background in the set
    p: float
    q: float

    @property
    def expected(self) -> float:
        """`n K / B`, the genes of the set in a list drawn at random."""
        return len(self.hits.genes) * self.in_background / len(self.hits.background)

    @property
    def fold(self) -> float:
        """How many times the expected number of genes was found."""
        return len(self.found) / self.expected


def enrich(lists: Sequence[HitList], collections: Sequence[GeneCollection]) -> list[Enrichment]:
    """Tests every list for every set, one-sided.

    `p = P(X >= k)` for X hypergeometric: k of n genes of a list lie in a set that has K of the B genes of its
    background (Fisher's exact test for more than by chance). `q` is p after Benjamini and Hochberg (1995),
    over all lists and sets given together. Only sets with at least 3 and at most half of the genes of a
    list's background are tested.

    Returns:
      Lists and sets with a gene in common, the smallest p first, then by the most genes and by name.
    """
    tested = [
        (hits, own, test) for hits in lists for own in collections if (test := _test(hits, own)) is not None
    ]
    if not tested:
        return []
    q = false_discovery_control(np.concatenate([test.p for _, _, test in tested]), method="bh")
    result, start = [], 0
    for hits, own, test in tested:
        listed = np.sort(hits.genes)
        for row in np.flatnonzero(test.overlap):
            term = test.terms[row]
            found = listed[own.members[term, listed]]
            numbers = int(test.sizes[row]), float(test.p[row]), float(q[start + row])
            result.append(Enrichment(hits, own.name, own.terms[term], found, *numbers))
        start += len(test.p)
    return sorted(result, key=lambda one: (one.p, -len(one.found), one.term))


class _Test(NamedTuple):
    terms: np.ndarray  # positions of the sets tested
    overlap: np.ndarray  # k of each
    sizes: np.ndarray  # K of each
    p: np.ndarray


def _test(hits: HitList, collection: GeneCollection) -> _Test | None:
    """All sets that are worth a test for one list; None if there are none."""
    if not len(hits.genes):
        return None
    sizes = collection.members[:, hits.background].sum(axis=1)
    terms = np.flatnonzero((sizes >= SMALLEST) & (sizes <= len(hits.background) // 2))
    if not len(terms):
        return None
    overlap, sizes = collection.members[np.ix_(terms, hits.genes)].sum(axis=1), sizes[terms]
    p = hypergeom.sf(overlap - 1, len(hits.background), sizes, len(hits.genes))
    return _Test(terms, overlap, sizes, np.clip(p, 0.0, 1.0))


def without_echoes(enriched: Sequence[Enrichment]) -> list[Enrichment]:
    """Leaves out sets that say again what one before says: of the same list, with most of their genes in
    common (four fifths of those found).
    """
    kept: list[Enrichment] = []
    for one in enriched:
        before = (np.isin(one.found, other.found).mean() for other in kept if other.hits is one.hits)
        if all(share < ECHO for share in before):
            kept.append(one)
    return kept
