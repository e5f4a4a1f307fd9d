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

    name: str  # of the list
    collection: str
    term: str
    found: np.ndarray  # gene ids in the list and in the set
    hits: int  # k of the list that are of the set: genes, or genotypes
    listed: int  # n in the list
    in_background: int  # K of the background that are of the set
    background: int  # B
    p: float
    q: float

    @property
    def expected(self) -> float:
        """`n K / B`, those of the set in a list drawn at random."""
        return self.listed * self.in_background / self.background

    @property
    def fold(self) -> float:
        """How many times the expected number was found."""
        return self.hits / self.expected


def enrich(lists: Sequence[HitList], collections: Sequence[GeneCollection]) -> list[Enrichment]:
    """Tests every list for every set, one-sided.

    `p = P(X >= k)` for X hypergeometric: k of n genes of a list lie in a set that has K of the B genes of its
    background (Fisher's exact test for more than by chance). `q` is p after Benjamini and Hochberg (1995),
    over all lists and sets given together. Only sets with at least 3 and at most half of the genes of a
    list's background are tested.

    Returns:
      Lists and sets with a gene in common, see `in_order`.
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
            counts = len(found), len(listed), int(test.sizes[row]), len(hits.background)
            chances = float(test.p[row]), float(q[start + row])
            result.append(Enrichment(hits.name, own.name, own.terms[term], found, *counts, *chances))
        start += len(test.p)
    return in_order(result)


def in_order(found: Sequence[Enrichment]) -> list[Enrichment]:
    """The smallest p first, then by the largest count and by name."""
    return sorted(found, key=lambda one: (one.p, -one.hits, one.term))


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
        before = (np.isin(one.found, other.found).mean() for other in kept if other.name == one.name)
        if all(share < ECHO for share in before):
            kept.append(one)
    return kept
