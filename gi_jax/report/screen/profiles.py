"""Predicted profiles of genes: their scores with every other gene, compared and clustered."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.cluster.hierarchy import leaves_list, linkage

from gi_jax.data.genotype_table import GenotypeTable
from gi_jax.predict.predictor import Predictor
from gi_jax.report.screen.candidates import Candidates

TOP_GENES, PARTNERS = 100, 1500  # at most: rows and columns of the profiles
_ROWS = 2**16  # genotypes predicted at a time


class Profiles(NamedTuple):
    """Predicted scores of G genes with P partners, and which genes are alike."""

    genes: np.ndarray  # [G] ids
    partners: np.ndarray  # [P] ids
    scores: np.ndarray  # [G, P], in the units of the training scores; NaN for a gene with itself
    correlation: np.ndarray  # [G, G], 0 where a profile does not vary
    gene_tree: np.ndarray  # [G - 1, 4], see `scipy.cluster.hierarchy.linkage`
    partner_tree: np.ndarray  # [P - 1, 4]

    @property
    def gene_order(self) -> np.ndarray:
        """Positions of the genes in the order of their tree."""
        return leaves_list(self.gene_tree)

    @property
    def partner_order(self) -> np.ndarray:
        """Positions of the partners in the order of their tree."""
        return leaves_list(self.partner_tree)


def predicted_profiles(
    predictor: Predictor, candidates: Candidates, genes: np.ndarray, study: str | None = None
) -> Profiles | None:
    """Predicts the genes with every gene of the pool, and clusters both.

    A profile of g over h is of the genotypes {g, h}; where all genotypes of the screen share genes and have
    two more, of {shared genes, g, h}. Pools of more than 1,500 genes are thinned evenly, the top genes kept.
    Genes are alike as far as their profiles correlate (Pearson, over the partners other than themselves);
    trees join the most alike first, by average linkage of 1 - correlation.

    Args:
      genes: `[G]` distinct ids of the pool.
      study: on whose scale to predict.

    Returns:
      None for fewer than three genes or partners, of which nothing can be clustered.
    """
    partners = _thinned(candidates.pool, genes)
    if len(genes) < 3 or len(partners) < 3:
        return None
    shared = candidates.fixed if candidates.free == 2 else candidates.fixed[:0]
    scores = np.empty((len(genes), len(partners)))
    step = max(_ROWS // len(partners), 1)
    for start in range(0, len(genes), step):
        part = slice(start, start + step)
        scores[part] = _scores(predictor, genes[part], partners, shared, study)
    correlation = masked_correlation(scores)
    gene_tree, partner_tree = (
        _tree(correlation, ordered=True),
        _tree(masked_correlation(scores.T), ordered=False),
    )
    return Profiles(genes, partners, scores, correlation, gene_tree, partner_tree)


def masked_correlation(values: np.ndarray) -> np.ndarray:
    """Pearson correlations `[G, G]` of rows `[G, P]`, over the places where both have a number; 0 where one
    does not vary there.
    """
    known = np.isfinite(values).astype(np.float64)
    x = np.nan_to_num(values - np.nanmean(values), nan=0.0)
    count, total, square = known @ known.T, x @ known.T, (x * x) @ known.T
    with np.errstate(invalid="ignore", divide="ignore"):
        covariance = x @ x.T - total * total.T / count
        variance = np.maximum(square - total**2 / count, 0.0)
        r = covariance / np.sqrt(variance * variance.T)
    varies = variance > 1e-12 * np.maximum(square, 1e-300)
    r = np.where(varies & varies.T & np.isfinite(r), np.clip(r, -1.0, 1.0), 0.0)
    np.fill_diagonal(r, 1.0)
    return r


def _thinned(pool: np.ndarray, genes: np.ndarray) -> np.ndarray:
    if len(pool) <= PARTNERS:
        return pool
    others = np.setdiff1d(pool, genes)
    drawn = others[np.linspace(0, len(others) - 1, PARTNERS - len(genes)).astype(np.int64)]
    return np.union1d(genes, drawn)


def _scores(
    predictor: Predictor, genes: np.ndarray, partners: np.ndarray, shared: np.ndarray, study: str | None
) -> np.ndarray:
    first, second = (part.reshape(-1) for part in np.meshgrid(genes, partners, indexing="ij"))
    others = first != second  # a gene with itself is no genotype
    rows = np.column_stack([np.broadcast_to(shared, (len(first), len(shared))), first, second])[others]
    num, size = rows.shape
    table = GenotypeTable(
        np.sort(rows.astype(np.int32), axis=1),
        np.full(num, size, np.int8),
        np.full(num, np.nan),
        np.full(num, np.nan, np.float32),
        np.zeros(num, np.int16),
        (study or "query",),
        len(predictor.bundle.genes),
    )
    scores = np.full(len(first), np.nan)
    scores[others] = predictor.predict_table(table)
    return scores.reshape(len(genes), len(partners))


def _tree(correlation: np.ndarray, *, ordered: bool) -> np.ndarray:
    upper = np.triu_indices(len(correlation), 1)
    distance = np.maximum(1.0 - correlation[upper], 0.0)
    return linkage(distance, method="average", optimal_ordering=ordered)
