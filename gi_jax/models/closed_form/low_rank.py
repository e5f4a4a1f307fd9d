"""The strong competitor: gene effects plus a low-rank matrix of pair effects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
import scipy.sparse.linalg
from jax import Array
from threadpoolctl import threadpool_limits

from gi_jax.data.gene_pairs import columns_of_pairs
from gi_jax.data.genotype_table import GenotypeTable
from gi_jax.models.closed_form.additive import Additive, fit_additive
from gi_jax.models.closed_form.options import LowRankOptions
from gi_jax.models.closed_form.solved import Solved, check_arrays, check_gene_numbers, check_settings
from gi_jax.models.model import Cell, PredictionSettings

SINGLE_THREAD_GENES = 2000
STRENGTH_RATIO = 0.8
STEPS_PER_STRENGTH = 4


class PairEffects(NamedTuple):
    """A symmetric matrix of low rank, `Z = vectors diag(values) vectors^T`."""

    vectors: np.ndarray  # [n, r]
    values: np.ndarray  # [r]
    strength: float  # of the shrinkage that chose them; 0 if Z is 0

    def matrix(self) -> np.ndarray:
        """Z with a last row and column of zeros: `[n + 1, n + 1]`."""
        return np.pad((self.vectors * self.values) @ self.vectors.T, (0, 1))


@dataclass(frozen=True)
class LowRank(Solved):
    """Predicts `additive + sum of Z_ij over the pairs i < j of deleted genes`, Z symmetric of low rank.

    Z is the residual matrix of a genotype's genes: for a digenic genotype one entry, for a trigenic
    one the sum of three. Genes never seen in training have zero rows.
    """

    additive: Additive
    genes: np.ndarray  # [n] ids of the genes seen in training, increasing
    pairs: PairEffects  # of these

    kind = "low_rank"

    @property
    def num_genes(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride] # is only read
        """N."""
        return self.additive.num_genes

    @property
    def chosen(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride] # is only read
        """The strengths, and the rank that came of them."""
        rank = len(self.pairs.values)
        shrunk = f"rank {rank}, spectral strength {self.pairs.strength:.3g}" if rank else "rank 0"
        return f"{self.additive.chosen}; {shrunk}"

    @cached_property
    def position(self) -> np.ndarray:
        """`[N + 1]`: the row of Z for each gene id, n for unseen genes and padding."""
        return _positions(self.genes, self.num_genes)

    @cached_property
    def pair_effects(self) -> np.ndarray:
        """Z, `[n + 1, n + 1]`, last row and column zero."""
        return self.pairs.matrix()

    def labels(self, genes: np.ndarray) -> np.ndarray:
        """Labels `[M]` for genotypes `[M, S]`."""
        first, second = _pair_positions(genes, self.position)
        return self.additive.labels(genes) + self.pair_effects[first, second].sum(axis=1)

    def program(self, genes: Array) -> Array:
        """Labels `[B]`, to be traced."""
        place = jnp.asarray(self.position)
        left = jnp.pad(jnp.asarray(self.pairs.vectors * self.pairs.values), ((0, 1), (0, 0)))
        right = jnp.pad(jnp.asarray(self.pairs.vectors), ((0, 1), (0, 0)))
        total = self.additive.program(genes)
        for i, j in zip(*np.triu_indices(genes.shape[1], k=1), strict=True):
            total += (left[place[genes[:, i]]] * right[place[genes[:, j]]]).sum(axis=1)
        return total

    def arrays(self) -> dict[str, np.ndarray]:
        """Those of `Additive`; `genes` [n], `pair_vectors` [n, r], `pair_values` [r], `pair_strength` []."""
        return {
            **self.additive.arrays(),
            "genes": self.genes,
            "pair_vectors": self.pairs.vectors,
            "pair_values": self.pairs.values,
            "pair_strength": np.array(self.pairs.strength),
        }


def fit_low_rank(train: GenotypeTable, val: GenotypeTable, options: LowRankOptions | None = None) -> LowRank:
    """Fits `LowRank` to the residuals r of the additive fit, labels being in place of the scores.

    Minimises `1/2 sum_m (r_m - sum_{i<j in m} Z_ij)^2 + strength/2 |Z|_*` (sum of absolute
    eigenvalues) by proximal gradient steps, which for digenic genotypes are those of soft-impute
    (Mazumder, Hastie and Tibshirani 2010). The strength goes down from the one at which Z is 0 to
    1/200 of it, each fit starting from the last, as long as one of the last three lowered the
    squared error on the validation genotypes. The best strength is kept, and with it the rank; Z = 0
    is among the candidates.
    """
    options = options or LowRankOptions()
    num_seen = len(_seen(train))
    # On small matrices, threads that wait for each other on a busy machine cost more than they bring.
    with threadpool_limits(1 if num_seen < SINGLE_THREAD_GENES else None):
        return _fit_path(train, val, fit_additive(train, val, options.strengths), options)


def _fit_path(
    train: GenotypeTable, val: GenotypeTable, additive: Additive, options: LowRankOptions
) -> LowRank:
    """The fits from the strongest shrinkage down, and the best of them."""
    seen = _seen(train)
    position = _positions(seen, train.num_genes)
    residual = train.score - additive.labels(train.genes)
    descent = _Descent(_pair_positions(train.genes, position), residual, len(seen), options.largest_rank)
    val_residual = val.score - additive.labels(val.genes)
    val_pairs = _pair_positions(val.genes, position)

    effects = np.zeros((len(seen) + 1, len(seen) + 1))
    best, best_error, misses = (
        PairEffects(np.zeros((len(seen), 0)), np.zeros(0), 0.0),
        np.mean(val_residual**2),
        0,
    )
    strongest = _largest_eigenvalue(descent.slope(effects))
    for strength in strongest * STRENGTH_RATIO ** np.arange(1, options.num_strengths + 1):
        if misses == options.patience:
            break
        effects, pairs = descent.minimise(effects, float(strength))
        error = np.mean((val_residual - effects[val_pairs].sum(axis=1)) ** 2)
        misses = 0 if error < best_error else misses + 1
        if error < best_error:
            best, best_error = pairs, error
    return LowRank(additive, seen, best)


def restore_low_rank(
    arrays: Mapping[str, Any], options: LowRankOptions, cell: Cell, settings: PredictionSettings
) -> LowRank:
    """`LowRank` from its arrays.

    Raises:
      GiJaxError: they do not fit each other or the cell.
    """
    check_settings("low_rank", settings)
    n = len(cell.genes)
    num_seen, rank = (np.size(arrays.get(name, ())) for name in ("genes", "pair_values"))
    shapes = {"intercept": (), "effects": (n,), "strength": (), "genes": (None,), "pair_strength": ()}
    shapes |= {"pair_vectors": (num_seen, rank), "pair_values": (None,)}
    found = check_arrays("low_rank", arrays, shapes)
    genes = check_gene_numbers("low_rank", found["genes"], n)
    additive = Additive(float(found["intercept"]), found["effects"], float(found["strength"]))
    pairs = PairEffects(found["pair_vectors"], found["pair_values"], float(found["pair_strength"]))
    return LowRank(additive, genes, pairs)


def _seen(train: GenotypeTable) -> np.ndarray:
    """`[n]` int64: the genes that a training genotype deletes, increasing."""
    return np.unique(train.genes[train.genes < train.num_genes]).astype(np.int64)


def _positions(seen: np.ndarray, num_genes: int) -> np.ndarray:
    position = np.full(num_genes + 1, len(seen))
    position[seen] = np.arange(len(seen))
    return position


class _Descent:
    """Proximal gradient steps on the pair effects of one set of training genotypes."""

    def __init__(
        self, pairs: tuple[np.ndarray, np.ndarray], residual: np.ndarray, num_seen: int, largest_rank: int
    ) -> None:
        first, second = pairs
        self.pairs = pairs  # [M, P] twice
        self.residual = residual  # [M]
        self.shape = (num_seen + 1, num_seen + 1)
        self.entries = (first * self.shape[0] + second).reshape(-1)  # [M P]
        real = (first < num_seen) & (second < num_seen)
        self.basis = np.random.default_rng(0).standard_normal((num_seen + 1, min(largest_rank, num_seen + 1)))
        self.curvature = _curvature_bound(self.entries.reshape(first.shape), real)

    def slope(self, effects: np.ndarray) -> np.ndarray:
        """Minus the derivative of the squared error by each pair effect, `[n + 1, n + 1]`, symmetric."""
        error = self.residual - effects[self.pairs].sum(axis=1)
        per_entry = np.repeat(error, self.pairs[0].shape[1])
        slope = np.bincount(self.entries, per_entry, self.shape[0] ** 2).reshape(self.shape)
        slope[-1] = slope[:, -1] = 0.0  # pairs with padding
        return slope + slope.T

    def minimise(self, effects: np.ndarray, strength: float) -> tuple[np.ndarray, PairEffects]:
        """A few steps from `effects` `[n + 1, n + 1]`; returns where they end, in both forms."""
        pairs = None
        for _ in range(STEPS_PER_STRENGTH):
            stepped = effects + self.slope(effects) / self.curvature
            vectors, values = self.shrink_spectrum(stepped, strength / self.curvature)
            pairs = PairEffects(vectors[:-1], values, strength)
            effects = pairs.matrix()
        assert pairs is not None, "there is a step or more"
        return effects, pairs

    def shrink_spectrum(self, matrix: np.ndarray, threshold: float) -> tuple[np.ndarray, np.ndarray]:
        """Moves the leading eigenvalues of a symmetric matrix towards 0 by `threshold`; drops the others.

        The eigenvectors come from one step of subspace iteration from those of the last call, since
        the matrix changes little between calls.

        Returns:
          Eigenvectors `[n + 1, r]` and eigenvalues `[r]`.
        """
        basis = np.linalg.qr(matrix @ self.basis)[0]
        values, rotation = np.linalg.eigh(basis.T @ matrix @ basis)
        self.basis = basis @ rotation
        kept = np.abs(values) > threshold
        return self.basis[:, kept], values[kept] - threshold * np.sign(values[kept])


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
    first, second = columns_of_pairs(genes)
    return position[first], position[second]
