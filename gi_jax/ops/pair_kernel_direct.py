"""The linear systems of `gi_jax.ops.pair_kernel` by the covariance of all genotypes itself.

A step of conjugate gradients is products of n x n matrices, whatever M is; where genotypes are few and genes
many, as in trigenic screens, the M x M covariance and its Cholesky factor cost less than a few such steps.
"""

from __future__ import annotations

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
import scipy.linalg
from jax import Array

from gi_jax.ops.pair_kernel import Solution, Study

MOST = 12_000  # genotypes: 0.6 GB a matrix, of which there are two
FEWEST_GENES = 1000  # below, conjugate gradients take seconds
STEPS = 60  # of theirs, that a solution usually takes, of six products each
ROWS_AT_ONCE = 512


def is_cheaper(num_genotypes: int, num_genes: int) -> bool:
    """Whether the covariance of all genotypes is made and factorised with fewer operations."""
    by_steps = STEPS * 12 * num_genes**3
    return num_genes > FEWEST_GENES and num_genotypes <= MOST and num_genotypes**3 / 3 < by_steps


class Factorised:
    """`covariance + noise` of the genotypes of T studies, as its Cholesky factor.

    The covariance of two genotypes of studies s and t is `B_st` times the sum of `K_ik K_jl + K_il K_jk` over
    the pairs ij of the one and kl of the other.

    Args:
      kernel: K `[n, n]`.
      between: B `[T, T]`.
      noise: `[T]`.
      studies: T of them.
    """

    def __init__(
        self, kernel: np.ndarray, between: np.ndarray, noise: np.ndarray, studies: Sequence[Study]
    ) -> None:
        self.lengths = [len(study.pairs.first) for study in studies]
        code = np.repeat(np.arange(len(studies)), self.lengths)
        width = max(study.pairs.first.shape[1] for study in studies)
        first, second = (
            np.concatenate([_in_all_genes(s, getattr(s.pairs, end), len(kernel), width) for s in studies])
            for end in ("first", "second")
        )
        padded = np.pad(np.asarray(kernel, np.float32), (0, 1))
        self.matrix = np.empty((len(code), len(code)), np.float32)
        for start in range(0, len(code), ROWS_AT_ONCE):
            rows = slice(start, start + ROWS_AT_ONCE)
            shared = np.zeros((len(code[rows]), len(code)), np.float32)
            for i, j in zip(first[rows].T, second[rows].T, strict=True):
                of_i, of_j = padded[i], padded[j]
                for k, m in zip(first.T, second.T, strict=True):
                    shared += of_i[:, k] * of_j[:, m] + of_i[:, m] * of_j[:, k]
            self.matrix[rows] = shared * np.asarray(between, np.float32)[code[rows]][:, code]
        self.matrix[np.diag_indices(len(code))] += np.asarray(noise, np.float32)[code]
        self.factor = scipy.linalg.cho_factor(self.matrix, lower=True, check_finite=False)

    def solve(self, labels: Sequence[np.ndarray]) -> Solution:
        """The coefficients for labels `[M_t]` of every study."""
        wanted = np.concatenate([np.asarray(part, np.float32) for part in labels])
        found = scipy.linalg.cho_solve(self.factor, wanted, check_finite=False)
        left = np.linalg.norm(self.matrix @ found - wanted)
        parts = np.split(found, np.cumsum(self.lengths)[:-1])
        residual = left / max(float(np.linalg.norm(wanted)), float(np.finfo(np.float32).tiny))
        return Solution(tuple(map(jnp.asarray, parts)), jnp.float32(residual))


def _in_all_genes(study: Study, places: Array, num_genes: int, width: int) -> np.ndarray:
    """Places `[M, P]` among a study's genes as places `[M, width]` among all n, n for padding."""
    found = np.append(np.asarray(study.genes), num_genes)[np.asarray(places)]
    return np.pad(found, ((0, 0), (0, width - found.shape[1])), constant_values=num_genes)
