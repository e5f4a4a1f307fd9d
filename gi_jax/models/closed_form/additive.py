"""The two simplest models: one number for all, and one number per deleted gene."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
import scipy.sparse as sp
from jax import Array
from scipy.sparse.linalg import LinearOperator, cg

from gi_jax.data.genotype_table import GenotypeTable
from gi_jax.models.closed_form.options import AdditiveOptions, MeanOptions
from gi_jax.models.closed_form.solved import Solved, check_arrays, check_settings
from gi_jax.models.model import Cell, PredictionSettings


@dataclass(frozen=True)
class Mean(Solved):
    """Predicts the mean training label for every genotype."""

    mean: float
    num_genes: int
    chosen: str = "nothing to choose"

    kind = "mean"

    def labels(self, genes: np.ndarray) -> np.ndarray:
        """Labels `[M]` for genotypes `[M, S]`."""
        return np.full(len(genes), self.mean)

    def program(self, genes: Array) -> Array:
        """Labels `[B]`, to be traced."""
        return jnp.full(genes.shape[:1], self.mean)

    def arrays(self) -> dict[str, np.ndarray]:
        """`mean` []."""
        return {"mean": np.array(self.mean)}


@dataclass(frozen=True)
class Additive(Solved):
    """Predicts `intercept + sum of a_i over the deleted genes i`; genes not seen in training have a_i = 0."""

    intercept: float
    effects: np.ndarray  # [N]
    strength: float

    kind = "additive"

    @property
    def num_genes(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride] # is only read
        """N."""
        return len(self.effects)

    @property
    def chosen(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride] # is only read
        """The strength."""
        return f"ridge strength {self.strength:g}"

    def labels(self, genes: np.ndarray) -> np.ndarray:
        """Labels `[M]` for genotypes `[M, S]`."""
        return self.intercept + np.append(self.effects, 0.0)[genes].sum(axis=1)

    def program(self, genes: Array) -> Array:
        """Labels `[B]`, to be traced."""
        return self.intercept + jnp.append(jnp.asarray(self.effects), 0.0)[genes].sum(axis=1)

    def arrays(self) -> dict[str, np.ndarray]:
        """`intercept` [], `effects` [N], `strength` []."""
        return {
            "intercept": np.array(self.intercept),
            "effects": self.effects,
            "strength": np.array(self.strength),
        }


def fit_mean(train: GenotypeTable, val: GenotypeTable) -> Mean:
    """Fits `Mean` to the labels in place of the scores; the validation genotypes are not used."""
    return Mean(float(train.score.mean()), train.num_genes)


def restore_mean(
    arrays: Mapping[str, Any], options: MeanOptions, cell: Cell, settings: PredictionSettings
) -> Mean:
    """`Mean` from its arrays."""
    check_settings("mean", settings)
    return Mean(float(check_arrays("mean", arrays, {"mean": ()})["mean"]), len(cell.genes))


def fit_additive(
    train: GenotypeTable, val: GenotypeTable, strengths: Sequence[float] = AdditiveOptions.strengths
) -> Additive:
    """Fits `Additive` by ridge regression on gene indicators, to the labels in place of the scores.

    Minimises `sum (y - intercept - X a)^2 + strength |a|^2` over the training genotypes, for the
    strength with the least squared error on the validation genotypes.
    """
    indicators = _gene_indicators(train)
    frequency = indicators.mean(axis=0)  # [N]
    mean = train.score.mean()
    gram, moment = (indicators.T @ indicators).tocsr(), indicators.T @ (train.score - mean)
    effects, fits = np.zeros(train.num_genes), []
    for strength in sorted(strengths, reverse=True):

        def normal_matrix(a: np.ndarray, strength: float = strength) -> np.ndarray:
            # Centering the indicators eliminates the intercept, which ridge regression does not shrink.
            return gram @ a - len(train) * frequency * (frequency @ a) + strength * a

        # SciPy's constructor makes an operator of another class, with other arguments.
        operator = LinearOperator(gram.shape, matvec=normal_matrix, dtype=float)  # pyright: ignore[reportCallIssue]
        effects, _ = cg(operator, moment, x0=effects, rtol=1e-8)
        fit = Additive(float(mean - frequency @ effects), effects, strength)
        fits.append((np.mean((fit.labels(val.genes) - val.score) ** 2), fit))
    return min(fits, key=lambda error_and_fit: error_and_fit[0])[1]


def restore_additive(
    arrays: Mapping[str, Any], options: AdditiveOptions, cell: Cell, settings: PredictionSettings
) -> Additive:
    """`Additive` from its arrays."""
    check_settings("additive", settings)
    shapes = {"intercept": (), "effects": (len(cell.genes),), "strength": ()}
    found = check_arrays("additive", arrays, shapes)
    return Additive(float(found["intercept"]), found["effects"], float(found["strength"]))


def _gene_indicators(table: GenotypeTable) -> sp.csr_array:
    """The matrix `[M, N]` with 1 where a genotype lacks a gene."""
    used = table.genes < table.num_genes
    row_ends = np.concatenate([[0], np.cumsum(table.sizes)])
    return sp.csr_array(
        (np.ones(used.sum()), table.genes[used], row_ends), shape=(len(table), table.num_genes)
    )
