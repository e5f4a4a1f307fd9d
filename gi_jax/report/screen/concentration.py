"""On which genes the list of a screen falls, and on which more often than by chance."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.stats import false_discovery_control, hypergeom

from gi_jax.report.screen.candidates import Candidates
from gi_jax.report.screen.enrichment import HitList
from gi_jax.report.screen.outcome import ScreenOutcome

SURE = 0.05  # the share of false ones that is put up with among hit genes and among enriched sets


class Concentration(NamedTuple):
    """One end of a list, gene by gene of the pool, P genes."""

    genes: np.ndarray  # [P] ids
    hits: np.ndarray  # [P] listed genotypes with the gene
    expected: np.ndarray  # [P], in a list drawn at random from the candidates
    q: np.ndarray  # [P]
    listed: int  # genotypes of this end

    @property
    def stand_out(self) -> np.ndarray:
        """The ids of genes with more hits than by chance (q of 0.05 at most), most hits first."""
        order = np.argsort(-self.hits, kind="stable")
        return self.genes[order][self.q[order] <= SURE]


def concentration(rows: np.ndarray, candidates: Candidates) -> Concentration:
    """Counts the genes of n listed genotypes.

    A gene that c of the C candidates have is expected `n c / C` times. `q` is `P(X >= hits)` for X
    hypergeometric (n of C drawn, c of them with the gene) after Benjamini and Hochberg over the genes of the
    pool.

    Args:
      rows: `[n, S]` gene ids, then N; those with other genes are left out.
    """
    pool, of_gene = candidates.pool, candidates.of_gene[candidates.pool]
    inside = np.isin(rows, [*pool, *candidates.fixed, candidates.num_genes]).all(axis=1)
    rows = rows[inside]
    hits = np.bincount(rows.reshape(-1), minlength=candidates.num_genes + 1)[pool]
    p = hypergeom.sf(hits - 1, candidates.num, of_gene, len(rows))
    q = false_discovery_control(np.clip(p, 0.0, 1.0), method="bh")
    return Concentration(pool, hits, len(rows) * of_gene / max(candidates.num, 1), q, len(rows))


def concentrations(outcome: ScreenOutcome) -> dict[str, Concentration]:
    """Those of every end of a list."""
    return {end: concentration(outcome.rows[own], outcome.candidates) for end, own in outcome.ends.items()}


def top_genes(found: dict[str, Concentration], most: int) -> np.ndarray:
    """The ids of the genes with most hits at both ends together; increasing where hits are equal."""
    if not found:
        return np.zeros(0, np.int64)
    first = next(iter(found.values()))
    hits = np.sum([one.hits for one in found.values()], axis=0)
    order = np.argsort(-hits, kind="stable")[:most]
    return first.genes[order][hits[order] > 0]


QUERIES, PARTNERS = 15, 5  # how many genes have their partners tested, and how many partners that takes


def hit_lists(outcome: ScreenOutcome, found: dict[str, Concentration]) -> dict[str, list[HitList]]:
    """The genes that stand out at each end, beside all genes of the pool: what is tested first.

    Where a genotype has one free gene, each gene can be listed once only and all listed ones count.
    """
    lists = {}
    for end, own in found.items():
        chosen = own.stand_out if outcome.candidates.free > 1 else own.genes[own.hits > 0]
        background = own.genes[outcome.candidates.of_gene[own.genes] > 0]
        lists[end] = [HitList("", np.intersect1d(chosen, background), background)]
    return lists


def partner_lists(outcome: ScreenOutcome, found: dict[str, Concentration]) -> dict[str, list[HitList]]:
    """For the genes with most hits at each end, their partners there, beside all that could have been."""
    lists: dict[str, list[HitList]] = {end: [] for end in found}
    if outcome.candidates.free < 2:
        return lists
    for end, own in found.items():
        rows = outcome.rows[outcome.ends[end]]
        for gene in own.genes[np.argsort(-own.hits, kind="stable")[:QUERIES]]:
            background = outcome.candidates.partners(int(gene))
            partners = np.intersect1d(rows[(rows == gene).any(axis=1)], background)
            if len(partners) >= PARTNERS:
                lists[end].append(HitList(outcome.genes.ids[gene], partners, background))
    return lists
