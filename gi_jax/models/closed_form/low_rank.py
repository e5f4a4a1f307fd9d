"""The strong baseline: gene effects plus a low-rank matrix of pair effects."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse.linalg
from threadpoolctl import threadpool_limits

from gi_jax.data.genotype_table import GenotypeTable
from gi_jax.models.closed_form.additive import Additive, fit_additive

LARGEST_RANK = 200
SINGLE_THREAD_GENES = 2000
STRENGTH_RATIO = 0.8
NUM_STRENGTHS = 24
PATIENCE = 3
STEPS_PER_STRENGTH = 4


@dataclass(frozen=True)
class LowRank:
    """Predicts `additive + sum of Z_ij over the pairs i < j of deleted genes`, Z symmetric of low rank.

    Z is the residual matrix of a genotype's genes: for a digenic genotype one entry, for a trigenic
    one the sum of three. Genes never seen in training have zero rows.
    """

    additive: Additive
    position: np.ndarray  # [N + 1] row of Z for each gene id, n for unseen genes and padding
    pair_effects: np.ndarray  # Z, [n + 1, n + 1], last row and column zero
    chosen: str

    def predict(self, genes: np.ndarray) -> np.ndarray:
        """Labels `[B]` for genotypes `[B, S]`."""
        first, second = _pair_positions(genes, self.position)
        return self.additive.predict(genes) + self.pair_effects[first, second].sum(axis=1)


def fit_low_rank(train: GenotypeTable, val: GenotypeTable) -> LowRank:
    """Fits `LowRank` to the residuals r of the additive fit.

    Minimises `1/2 sum_m (r_m - sum_{i<j in m} Z_ij)^2 + strength/2 |Z|_*` (sum of absolute
    eigenvalues) by proximal gradient steps, which for digenic genotypes are those of soft-impute
    (Mazumder, Hastie and Tibshirani 2010). The strength goes down from the one at which Z is 0 to
    1/200 of it, each fit starting from the last, as long as one of the last three lowered the
    squared error on the validation genotypes. The best strength is kept, and with it the rank; Z = 0
    is among the candidates.
    """
    num_seen = len(np.unique(train.genes[train.genes < train.num_genes]))
    # On small matrices, threads that wait for each other on a busy machine cost more than they bring.
    with threadpool_limits(1 if num_seen < SINGLE_THREAD_GENES else None):
        return _fit_path(train, val, fit_additive(train, val))


def _fit_path(train: GenotypeTable, val: GenotypeTable, additive: Additive) -> LowRank:
    """The fits from the strongest shrinkage down, and the best of them."""
    seen = np.unique(train.genes[train.genes < train.num_genes])
    position = np.full(train.num_genes + 1, len(seen))
    position[seen] = np.arange(len(seen))
    residual = train.score - additive.predict(train.genes)
    descent = _Descent(_pair_positions(train.genes, position), residual, len(seen))
    val_residual = val.score - additive.predict(val.genes)
    val_pairs = _pair_positions(val.genes, position)

    effects = np.zeros((len(seen) + 1, len(seen) + 1))
    strongest = _largest_eigenvalue(descent.slope(effects))
    best, best_error, chosen, misses = effects, np.mean(val_residual**2), "rank 0", 0
    for strength in strongest * STRENGTH_RATIO ** np.arange(1, NUM_STRENGTHS + 1):
        if misses == PATIENCE:
            break
        effects, rank = descent.minimise(effects, strength)
        error = np.mean((val_residual - effects[val_pairs].sum(axis=1)) ** 2)
        misses = 0 if error < best_error else misses + 1
        if error < best_error:
            best, best_error, chosen = effects, error, f"rank {rank}, spectral strength {strength:.3g}"
    return LowRank(additive, position, best, f"{additive.chosen}; {chosen}")


class _Descent:
    """Proximal gradient steps on the pair effects of one set of training genotypes."""

    def __init__(self, pairs: tuple[np.ndarray, np.ndarray], residual: np.ndarray, num_seen: int) -> None:
        first, second = pairs
        self.pairs = pairs  # [M, P] twice
        self.residual = residual  # [M]
        self.shape = (num_seen + 1, num_seen + 1)
        self.entries = (first * self.shape[0] + second).reshape(-1)  # [M P]
        real = (first < num_seen) & (second < num_seen)
        self.basis = np.random.default_rng(0).standard_normal((num_seen + 1, min(LARGEST_RANK, num_seen + 1)))
        self.curvature = _curvature_bound(self.entries.reshape(first.shape), real)

    def slope(self, effects: np.ndarray) -> np.ndarray:
        """Minus the derivative of the squared error by each pair effect, `[n + 1, n + 1]`, symmetric."""
        error = self.residual - effects[self.pairs].sum(axis=1)
        per_entry = np.repeat(error, self.pairs[0].shape[1])
        slope = np.bincount(self.entries, per_entry, self.shape[0] ** 2).reshape(self.shape)
        slope[-1] = slope[:, -1] = 0.0  # pairs with padding
        return slope + slope.T

    def minimise(self, effects: np.ndarray, strength: float) -> tuple[np.ndarray, int]:
        """A few steps from `effects`; returns the effects and their rank."""
        for _ in range(STEPS_PER_STRENGTH):
            stepped = effects + self.slope(effects) / self.curvature
            effects, rank = self.shrink_spectrum(stepped, strength / self.curvature)
        return effects, rank

    def shrink_spectrum(self, matrix: np.ndarray, threshold: float) -> tuple[np.ndarray, int]:
        """Moves the leading eigenvalues of a symmetric matrix towards 0 by `threshold`; drops the others.

        The eigenvectors come from one step of subspace iteration from those of the last call, since
        the matrix changes little between calls. Returns also the rank left.
        """
        basis = np.linalg.qr(matrix @ self.basis)[0]
        values, rotation = np.linalg.eigh(basis.T @ matrix @ basis)
        self.basis = basis @ rotation
        kept = np.abs(values) > threshold
        values, vectors = values[kept] - threshold * np.sign(values[kept]), self.basis[:, kept]
        return (vectors * values) @ vectors.T, int(kept.sum())


def _largest_eigenvalue(matrix: np.ndarray) -> float:
    """The largest absolute eigenvalue of a symmetric matrix."""
    if not matrix.any():
        return 0.0
    return float(np.abs(scipy.sparse.linalg.eigsh(matrix, 1, v0=np.ones(len(matrix)))[0][0]))


def _curvature_bound(entries: np.ndarray, real: np.ndarray) -> float:
    """An upper bound of the squared error's second derivative by the pair effects.

    The largest number of pairs in a genotype times the largest number of genotypes with a pair: 1,
    and exact, if every genotype is one pair measured once.
    """
    _, genotypes_per_pair = np.unique(entries[real], return_counts=True)
    return float(max(real.sum(axis=1).max(initial=0) * genotypes_per_pair.max(initial=0), 1))


def _pair_positions(genes: np.ndarray, position: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of the pair effects `[B, P]` of genotypes `[B, S]`."""
    first, second = np.triu_indices(genes.shape[1], k=1)
    return position[genes[:, first]], position[genes[:, second]]
