"""The two simplest baselines: one number for all, and one number per deleted gene."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import LinearOperator, cg

from gi_jax.data.genotype_table import GenotypeTable

STRENGTHS = (1000.0, 300.0, 100.0, 30.0, 10.0, 3.0, 1.0)


@dataclass(frozen=True)
class Mean:
    """Predicts the mean training label for every genotype."""

    mean: float
    chosen: str = "nothing to choose"

    def predict(self, genes: np.ndarray) -> np.ndarray:
        """Labels `[B]` for genotypes `[B, S]`."""
        return np.full(len(genes), self.mean)


@dataclass(frozen=True)
class Additive:
    """Predicts `intercept + sum of a_i over the deleted genes i`; genes not seen in training have a_i = 0."""

    intercept: float
    effects: np.ndarray  # [N]
    chosen: str

    def predict(self, genes: np.ndarray) -> np.ndarray:
        """Labels `[B]` for genotypes `[B, S]`."""
        return self.intercept + np.append(self.effects, 0.0)[genes].sum(axis=1)


def fit_mean(train: GenotypeTable, val: GenotypeTable) -> Mean:
    """Fits `Mean`; the validation genotypes are not used."""
    return Mean(float(train.score.mean()))


def fit_additive(train: GenotypeTable, val: GenotypeTable) -> Additive:
    """Fits `Additive` by ridge regression on gene indicators.

    Minimises `sum (y - intercept - X a)^2 + strength |a|^2` over the training genotypes, for the
    strength with the least squared error on the validation genotypes.
    """
    indicators = _gene_indicators(train)
    frequency = indicators.mean(axis=0)  # [N]
    mean = train.score.mean()
    gram, moment = (indicators.T @ indicators).tocsr(), indicators.T @ (train.score - mean)
    effects, fits = np.zeros(train.num_genes), []
    for strength in STRENGTHS:

        def normal_matrix(a: np.ndarray, strength: float = strength) -> np.ndarray:
            # Centering the indicators eliminates the intercept, which ridge regression does not shrink.
            return gram @ a - len(train) * frequency * (frequency @ a) + strength * a

        operator = LinearOperator(gram.shape, matvec=normal_matrix, dtype=float)
        effects, _ = cg(operator, moment, x0=effects, rtol=1e-8)
        fit = Additive(float(mean - frequency @ effects), effects, f"ridge strength {strength:g}")
        fits.append((np.mean((fit.predict(val.genes) - val.score) ** 2), fit))
    return min(fits, key=lambda error_and_fit: error_and_fit[0])[1]


def _gene_indicators(table: GenotypeTable) -> sp.csr_array:
    """The matrix `[M, N]` with 1 where a genotype lacks a gene."""
    used = table.genes < table.num_genes
    row_ends = np.concatenate([[0], np.cumsum(table.sizes)])
    return sp.csr_array(
        (np.ones(used.sum()), table.genes[used], row_ends), shape=(len(table), table.num_genes)
    )
