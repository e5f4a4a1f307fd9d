"""Pair effects with the covariance of a product of gene kernels: what is fitted, and what it predicts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from gi_jax.data.gene_pairs import columns_of_pairs
from gi_jax.models.closed_form.solved import Solved, check_arrays, check_gene_numbers, check_settings
from gi_jax.models.model import Abilities, Cell, PredictionSettings

ROWS_AT_ONCE = 4096  # genotypes whose rows of kernels are gathered at once
MATRIX_PAYS = 50_000  # pairs, above which the matrix of all pair effects is made
SMALLEST_SHARE = 0.01  # of the prior variance of a genotype, that stays whatever was measured


@dataclass(frozen=True)
class PairKernel(Solved):
    """Predicts `intercept + sum of F_ij over the pairs i < j of deleted genes`, F a posterior mean.

    F is a Gaussian process with `cov(F_ij, F_kl) = K_ik K_jl + K_il K_jk`, a symmetric matrix-variate
    normal, and labels have independent noise. K is a kernel over genes, so that a gene that was never
    deleted has the effects of genes like it. A constant in K gives genes effects of their own: with
    `K + a` for K the covariance has the terms `a (K_ik + K_il + K_jk + K_jl)`, those of additive gene
    effects with covariance `a K`, and a common level.

    The mean is `F = K_cell S K_cell^T`, with K_cell the kernel of all genes with the fitted ones and S the
    coefficients of the training genotypes (see `gi_jax.ops.pair_kernel`). A genotype of one gene has no
    pairs and gets the intercept; one of three has the sum of three pair effects.

    The variance of a genotype's label is `variance_scale (noise + prior - explained)`. The mean depends on K
    and the noise up to a common factor only; the scale is the one with which the errors of the validation
    genotypes have their predicted variances on average. `explained` is `k (C + noise)^-1 k`, with k the
    covariances with the training genotypes and C theirs: the mean of `(k (C + noise)^-1 y)^2` over draws y
    from the prior. It is estimated from Q draws, without bias, with relative standard error sqrt(2 / Q).
    """

    genes: np.ndarray  # [n] ids of the genes of training and validation genotypes, increasing
    kernel: np.ndarray  # [N, n] float32, K_cell
    own: np.ndarray  # [N] float32, K_ii
    constant: float  # in K
    coefficients: np.ndarray  # [n, n] float32, S
    draws: np.ndarray  # [Q, n, n] float16, S of labels drawn from the prior, in units of `draw_scale`
    draw_scale: float
    noise: float  # variance, in units of `variance_scale`
    variance_scale: float
    intercept: float
    residual: float  # of the linear system, relative
    chosen: str = ""

    kind = "pair_kernel"

    @property
    def abilities(self) -> Abilities:  # pyright: ignore[reportIncompatibleVariableOverride] # is only read
        """Standard deviations only with draws from the prior."""
        return Abilities(False, True, has_paths=False, has_deviations=bool(len(self.draws)))

    @property
    def num_genes(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride] # is only read
        """N."""
        return len(self.own)

    def arrays(self) -> dict[str, Any]:
        """All fields but `chosen`."""
        return {
            "genes": self.genes.astype(np.int32),
            "kernel": self.kernel,
            "own": self.own,
            "coefficients": self.coefficients,
            "draws": self.draws,
            **{name: np.float64(getattr(self, name)) for name in _NUMBERS},
        }

    @cached_property
    def right(self) -> np.ndarray:
        """`[N + 1, n]` K_cell, last row zero; in float64, as sums of large terms of either sign follow."""
        return np.pad(self.kernel.astype(np.float64), ((0, 1), (0, 0)))

    @cached_property
    def left(self) -> np.ndarray:
        """`[N + 1, n]` K_cell S."""
        return self.right @ self.coefficients

    @cached_property
    def effects(self) -> np.ndarray:
        """F `[N + 1, N + 1]`, last row and column zero."""
        return self.left @ self.right.T

    @cached_property
    def explained(self) -> np.ndarray:
        """`[N + 1, N + 1]`: the variance of each pair effect that the training genotypes explain."""
        total = jnp.zeros((self.num_genes, self.num_genes), jnp.float32)
        for draw in self.draws:
            total = _add_square(total, self.kernel, draw.astype(np.float32))
        return np.pad(np.asarray(total) * (self.draw_scale**2 / max(len(self.draws), 1)), (0, 1))

    def labels(self, genes: np.ndarray) -> np.ndarray:
        """Labels `[M]` for genotypes `[M, S]`."""
        first, second = columns_of_pairs(genes)
        if "effects" in vars(self) or first.size > MATRIX_PAYS:
            return self.intercept + self.effects[first, second].sum(axis=1)
        sums = np.zeros(len(genes))
        for rows in _slices(len(genes)):
            for i, j in zip(first[rows].T, second[rows].T, strict=True):
                sums[rows] += np.einsum("mn,mn->m", self.left[i], self.right[j])
        return self.intercept + sums

    def std(self, genes: np.ndarray) -> np.ndarray | None:
        """Standard deviations `[M]` of the labels that a measurement of genotypes `[M, S]` would give."""
        if not len(self.draws):
            return None
        prior = self._prior_variance(genes)
        first, second = columns_of_pairs(genes)
        if first.shape[1] == 1 and ("explained" in vars(self) or first.size > MATRIX_PAYS):
            explained = self.explained[first[:, 0], second[:, 0]]
        else:
            explained = np.zeros(len(genes))
            for draw in self.draws.astype(np.float32):
                left = np.pad(np.asarray(_multiply(self.kernel, draw)), ((0, 1), (0, 0)))
                for rows in _slices(len(genes)):
                    sums = sum(
                        np.einsum("mn,mn->m", left[i], self.right[j])
                        for i, j in zip(first[rows].T, second[rows].T, strict=True)
                    )
                    explained[rows] += np.square(sums)
            explained *= self.draw_scale**2 / len(self.draws)
        left = np.maximum(prior - explained, SMALLEST_SHARE * prior)
        return np.sqrt(self.variance_scale * (self.noise + left))

    @cached_property
    def _position(self) -> np.ndarray:
        """`[N + 1]`: the column of `kernel` for each gene id, n for other genes and padding."""
        position = np.full(self.num_genes + 1, len(self.genes))
        position[self.genes] = np.arange(len(self.genes))
        return position

    def _between(self, i: np.ndarray, j: np.ndarray) -> np.ndarray:
        """K of genes i and j, 0 for padding; of two genes that are not fitted, what all genes share."""
        n, padding = len(self.genes), self.num_genes
        column, other = self._position[j], self._position[i]
        of_j, of_i = self.right[i, np.minimum(column, n - 1)], self.right[j, np.minimum(other, n - 1)]
        found = np.where(column < n, of_j, np.where(other < n, of_i, self.constant))
        found = np.where(i == j, np.append(self.own, 0)[i], found)
        return np.where((i == padding) | (j == padding), 0.0, found)

    def _prior_variance(self, genes: np.ndarray) -> np.ndarray:
        """Variances `[M]` of the sum of pair effects before anything is measured."""
        first, second = columns_of_pairs(genes)
        total = np.zeros(len(genes))
        for i, j in zip(first.T, second.T, strict=True):
            for k, m in zip(first.T, second.T, strict=True):
                total += self._between(i, k) * self._between(j, m) + self._between(i, m) * self._between(j, k)
        return total


_NUMBERS = ("constant", "draw_scale", "noise", "variance_scale", "intercept", "residual")


def restore_pair_kernel(
    arrays: Mapping[str, Any], options: object, cell: Cell, settings: PredictionSettings
) -> PairKernel:
    """The model from its `arrays`.

    Raises:
      GiJaxError: they are none of such a model, are of other genes, or a setting does not apply.
    """
    check_settings("pair_kernel", settings)
    total = len(cell.genes)
    n = np.shape(arrays["genes"])[0] if np.ndim(arrays.get("genes", 0)) == 1 else None
    shapes = {
        "genes": (n,),
        "kernel": (total, n),
        "own": (total,),
        "coefficients": (n, n),
        "draws": (None, n, n),
        **dict.fromkeys(_NUMBERS, ()),
    }
    found = check_arrays("pair_kernel", arrays, shapes)
    genes = check_gene_numbers("pair_kernel", found["genes"], total)
    held: dict[str, Any] = {name: float(found[name]) for name in _NUMBERS}
    return PairKernel(**{**found, **held, "genes": genes})


@jax.jit
def _multiply(a: Array, b: Array) -> Array:
    return jnp.matmul(a, b, precision=jax.lax.Precision.HIGHEST)


@jax.jit
def _effects(kernel: Array, coefficients: Array) -> Array:
    return _multiply(_multiply(kernel, coefficients), kernel.T)


@jax.jit
def _add_square(total: Array, kernel: Array, coefficients: Array) -> Array:
    return total + _effects(kernel, coefficients) ** 2


def _slices(count: int) -> Iterator[slice]:
    return (slice(start, start + ROWS_AT_ONCE) for start in range(0, count, ROWS_AT_ONCE))
