"""What the pair-kernel process predicts for one study: means and deviations of sums of pair effects."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

import jax
import jax.numpy as jnp
import numpy as np
import scipy.sparse.linalg
from jax import Array

from gi_jax.data.gene_pairs import columns_of_pairs
from gi_jax.models.closed_form.drawn_effects import DrawnEffects, mean_square_by_rows, row_products
from gi_jax.models.closed_form.kernel_parts import KernelParts
from gi_jax.models.closed_form.solved import Solved, SolvedScreen
from gi_jax.models.model import Abilities, Planned, Prediction
from gi_jax.models.wanted import Wanted

MATRIX_PAYS = 50_000  # pairs, above which the matrix of all pair effects is made
MOST_KEPT = 2**26  # entries of the collected draws that are kept for the next call: 256 MiB
SMALLEST_SHARE = 0.01  # of the prior variance of a genotype, that stays whatever was measured


class GeneKernel:
    """A kernel of all N genes with the n that were fitted.

    Args:
      genes: `[n]` ids of the fitted genes, increasing.
      kernel: `[N, n]` float32, K_cell.
      own: `[N]` float32, K_ii.
      constant: what all genes share in K.
      parts: what K is made of, where it is known.
    """

    def __init__(
        self,
        genes: np.ndarray,
        kernel: np.ndarray,
        own: np.ndarray,
        constant: float,
        parts: KernelParts | None = None,
    ) -> None:
        self.genes, self.kernel, self.own, self.constant = genes, kernel, own, constant
        self.parts = parts
        self.num_genes = len(own)

    @cached_property
    def rows(self) -> np.ndarray:
        """`[N + 1, n]` K_cell, last row zero; in float64, as sums of large terms of either sign follow."""
        return np.pad(self.kernel.astype(np.float64), ((0, 1), (0, 0)))

    @cached_property
    def _column(self) -> np.ndarray:
        """`[N + 1]`: the column of `kernel` for each gene id, n for other genes and padding."""
        column = np.full(self.num_genes + 1, len(self.genes))
        column[self.genes] = np.arange(len(self.genes))
        return column

    def between(self, i: np.ndarray, j: np.ndarray) -> np.ndarray:
        """K of genes i and j, 0 for padding; of two genes that are not fitted, what all genes share."""
        n, padding = len(self.genes), self.num_genes
        column, other = self._column[j], self._column[i]
        of_j, of_i = self.rows[i, np.minimum(column, n - 1)], self.rows[j, np.minimum(other, n - 1)]
        found = np.where(column < n, of_j, np.where(other < n, of_i, self.constant))
        found = np.where(i == j, np.append(self.own, 0)[i], found)
        return np.where((i == padding) | (j == padding), 0.0, found)

    def variance(self, genes: np.ndarray) -> np.ndarray:
        """Variances `[M]` of the sums of pair effects of genotypes `[M, S]` before anything is measured."""
        first, second = columns_of_pairs(genes)
        total = np.zeros(len(genes))
        for i, j in zip(first.T, second.T, strict=True):
            for k, m in zip(first.T, second.T, strict=True):
                total += self.between(i, k) * self.between(j, m) + self.between(i, m) * self.between(j, k)
        return total


class OfDraws(Solved):
    """A model whose variances come from draws of its prior, and which tells unseen genes apart."""

    draws: np.ndarray  # [Q, M]
    explained_roots: np.ndarray  # [N], or [0]
    kind = "pair_kernel"

    @property
    def abilities(self) -> Abilities:  # pyright: ignore[reportIncompatibleVariableOverride] # is only read
        """Standard deviations only with draws, or with what is kept of them."""
        known = bool(len(self.draws) or len(self.explained_roots))
        return Abilities(False, True, has_paths=False, has_deviations=known)


@dataclass(frozen=True)
class PairPosterior(OfDraws):
    """The posterior of one study: `F = K_cell S K_cell^T`, and variances by draws; see `PairKernel`."""

    genes: GeneKernel
    measured: np.ndarray  # [M, S] int32 genotypes that were fitted, in columns of the kernel, n for padding
    coefficients: np.ndarray  # [M], those of other studies weighed by their covariance with this one
    draws: np.ndarray  # [Q, M] likewise, of labels drawn from the prior
    scale: float  # variance of pair effects before anything is measured, in units of K
    noise: float  # variance, in units of `variance_scale`
    variance_scale: float
    intercept: float
    explained_roots: np.ndarray  # [N] u: `u_i u_j` is explained of the variance of F_ij; [0] to ask the draws
    chosen: str = ""

    @property
    def num_genes(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride] # is only read
        """N."""
        return self.genes.num_genes

    def _collect(self, coefficients: np.ndarray) -> np.ndarray:
        """S `[n, n]`, see `gi_jax.ops.pair_kernel`."""
        size = len(self.genes.genes) + 1
        first, second = columns_of_pairs(self.measured)
        weights = np.broadcast_to(coefficients[:, None], first.shape).ravel()
        matrix = np.bincount((first * size + second).ravel(), weights, size**2).reshape(size, size)
        return (matrix + matrix.T)[:-1, :-1]

    @cached_property
    def left(self) -> np.ndarray:
        """`[N + 1, n]` K_cell S."""
        return self.genes.rows @ self._collect(self.coefficients)

    @cached_property
    def effects(self) -> np.ndarray:
        """F `[N + 1, N + 1]`, last row and column zero."""
        return self.left @ self.genes.rows.T

    @cached_property
    def explained(self) -> np.ndarray:
        """`[N + 1, N + 1]`: the variance of each pair effect that the training genotypes explain."""
        total = jnp.zeros((self.num_genes, self.num_genes), jnp.float32)
        for draw in self.draws:
            total = _add_square(total, self.genes.kernel, self._collect(draw).astype(np.float32))
        return np.pad(np.asarray(total) / max(len(self.draws), 1), (0, 1))

    @cached_property
    def _collected_draws(self) -> list[np.ndarray] | None:
        """`[n, n]` float32 of every draw; None where that is more than a process should keep."""
        if len(self.draws) * len(self.genes.genes) ** 2 > MOST_KEPT:
            return None
        return [self._collect(draw).astype(np.float32) for draw in self.draws]

    def _by_rows(self, genes: np.ndarray) -> np.ndarray:
        kept = self._collected_draws
        collected = kept or (self._collect(draw).astype(np.float32) for draw in self.draws)
        return mean_square_by_rows(collected, self.genes.rows, genes)

    def rank_one(self) -> np.ndarray:
        """U `[N]` float32 with `u_i u_j` nearest to the explained variance of all F_ij, from the draws.

        One number a gene in place of a coefficient for each draw and genotype: how well a gene is measured.
        """
        start = np.ones(self.num_genes)
        value, vector = scipy.sparse.linalg.eigsh(self.explained[:-1, :-1].astype(np.float64), k=1, v0=start)
        return (np.sqrt(value[0]) * np.abs(vector[:, 0])).astype(np.float32)

    def _explained_by_roots(self, prior: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """The explained part of prior variances `[M]` of sums over pairs `[M, P]`.

        Of the variance of a sum of several pairs the same share is explained as of its pairs one by one.
        """
        roots = np.append(self.explained_roots.astype(np.float64), 0.0)
        of_pairs = (roots[first] * roots[second]).sum(axis=1)
        if first.shape[1] == 1:
            return of_pairs
        pairs = np.stack([first.ravel(), second.ravel()], axis=1)
        alone = (self.scale * self.genes.variance(pairs)).reshape(first.shape).sum(axis=1)
        return prior * of_pairs / np.maximum(alone, np.finfo(np.float64).tiny)

    def labels(self, genes: np.ndarray) -> np.ndarray:
        """Labels `[M]` for genotypes `[M, S]`."""
        return self._labels(genes, "effects" in vars(self) or _matrix_pays(*genes.shape))

    def _labels(self, genes: np.ndarray, by_matrix: bool) -> np.ndarray:
        first, second = columns_of_pairs(genes)
        if by_matrix:
            return self.intercept + self.effects[first, second].sum(axis=1)
        return self.intercept + row_products(self.left, self.genes.rows, first, second)

    def program(self, genes: Array) -> Array:
        """Labels `[B]`, to be traced."""
        left, right = jnp.asarray(self.left), jnp.asarray(self.genes.rows)
        total = jnp.full(genes.shape[:1], self.intercept)
        for i, j in zip(*np.triu_indices(genes.shape[1], k=1), strict=True):
            total += (left[genes[:, i]] * right[genes[:, j]]).sum(axis=1)
        return total

    def std(self, genes: np.ndarray) -> np.ndarray | None:
        """Standard deviations `[M]` of the labels that a measurement of genotypes `[M, S]` would give."""
        return self._std(genes, "explained" in vars(self) or _matrix_pays(*genes.shape), self._by_rows)

    def _std(
        self, genes: np.ndarray, by_matrix: bool, mean_square: Callable[[np.ndarray], np.ndarray]
    ) -> np.ndarray | None:
        if not self.abilities.has_deviations:
            return None
        prior = self.scale * self.genes.variance(genes)
        first, second = columns_of_pairs(genes)
        if len(self.explained_roots):
            explained = self._explained_by_roots(prior, first, second)
        elif first.shape[1] == 1 and by_matrix:
            explained = self.explained[first[:, 0], second[:, 0]]
        else:
            explained = mean_square(genes)
        left = np.maximum(prior - explained, SMALLEST_SHARE * prior)
        return np.sqrt(self.variance_scale * (self.noise + left))

    @cached_property
    def _drawn(self) -> DrawnEffects:
        return DrawnEffects([self._collect(draw) for draw in self.draws], self.genes.rows)

    def screen(self, wanted: Wanted) -> Iterable[Planned]:
        """Every genotype of a screen, tile by tile.

        Whether matrices of all pairs are made depends on the screen alone, so that a tile has the same
        predictions in whatever part of it.
        """
        by_matrix = _matrix_pays(wanted.num_genotypes, wanted.size)

        def predict(genes: np.ndarray) -> Prediction:
            std = self._std(genes, by_matrix, lambda genes: self._drawn.mean_square(genes))
            return Prediction(self._labels(genes, by_matrix)[None], std)

        return SolvedScreen(predict, wanted, self.num_genes)


def _matrix_pays(num_genotypes: int, size: int) -> bool:
    return num_genotypes * (size * (size - 1) // 2) > MATRIX_PAYS


@jax.jit
def _multiply(a: Array, b: Array) -> Array:
    return jnp.matmul(a, b, precision=jax.lax.Precision.HIGHEST)


@jax.jit
def _add_square(total: Array, kernel: Array, coefficients: Array) -> Array:
    return total + _multiply(_multiply(kernel, coefficients), kernel.T) ** 2
