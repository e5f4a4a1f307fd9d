"""Sums of pair effects whose covariance is a product of gene kernels, and linear systems of it.

The pair effects F of n genes are a symmetric matrix with `cov(F_ij, F_kl) = K_ik K_jl + K_il K_jk`, a
symmetric matrix-variate normal. A genotype's label is the sum of F over its pairs of genes, plus noise.
The covariance of M genotypes is never made: with coefficients a of the genotypes in a symmetric matrix S
(entry ij is the sum of a over the genotypes with the pair ij), their covariance times a is the sum over
pairs of `K S K`, two products of n x n matrices.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.scipy.sparse.linalg import cg


class Pairs(NamedTuple):
    """The pairs of genes of M genotypes, P each; a genotype with fewer has pairs of the padding gene n."""

    first: Array  # [M, P] int32
    second: Array  # [M, P] int32


class Solution(NamedTuple):
    """The coefficients of a linear system, and how well they solve it."""

    coefficients: Array  # [M]
    residual: Array  # [], norm of what is left of the right-hand side, relative to that side's norm


def collect(pairs: Pairs, coefficients: Array, num_genes: int) -> Array:
    """S `[n, n]`: the sum of the coefficients `[M]` of the genotypes with each pair, symmetric."""
    spread = jnp.broadcast_to(coefficients[:, None], pairs.first.shape)
    size = num_genes + 1
    matrix = jnp.zeros((size, size), coefficients.dtype).at[pairs.first, pairs.second].add(spread)
    return (matrix + matrix.T)[:num_genes, :num_genes]


def pair_sums(matrix: Array, pairs: Pairs) -> Array:
    """The sum `[M]` of a symmetric matrix `[n, n]` over the pairs of each genotype."""
    padded = jnp.pad(matrix, (0, 1))
    return padded[pairs.first, pairs.second].sum(axis=1)


def covariance_product(kernel: Array, pairs: Pairs, coefficients: Array) -> Array:
    """The covariance of the genotypes' noiseless labels times coefficients `[M]`."""
    collected = collect(pairs, coefficients, len(kernel))
    return pair_sums(_product(_product(kernel, collected), kernel), pairs)


def solve(
    kernel: Array,
    noise: Array,
    pairs: Pairs,
    labels: Array,
    start: Array,
    *,
    tolerance: float,
    max_steps: int,
) -> Solution:
    """Coefficients a with `(covariance + noise) a = labels`, by preconditioned conjugate gradients.

    The preconditioner is the inverse for a screen without holes, in which every pair is measured once:
    with `K = U diag(l) U^T` it divides the entries of `U^T S U` by `r l_a l_b + noise`, r being the part of
    all pairs that is measured. A little of the coefficients themselves is added, so that differences between
    genotypes with the same pairs, and genotypes without a pair, have their part. Derivatives by kernel, noise
    and labels are those of the exact solution.

    Args:
      kernel: K `[n, n]`, symmetric, no eigenvalue below 0.
      noise: variance [] of a label around the sum of its pair effects.
      labels: `[M]`.
      start: `[M]`, where to begin.
      tolerance: the residual to reach, relative to the labels.
      max_steps: steps after which it ends with whatever residual there is; the caller has to look.
    """
    eigenvalues, vectors = jnp.linalg.eigh(jax.lax.stop_gradient(kernel))
    eigenvalues = jnp.maximum(eigenvalues, 0)
    n = len(kernel)
    measured = jnp.minimum((pairs.first < n).sum() / max(n * (n - 1) / 2, 1), 1.0)
    shrunk = measured * jnp.outer(eigenvalues, eigenvalues) + jax.lax.stop_gradient(noise)

    def covariance(a: Array) -> Array:
        return covariance_product(kernel, pairs, a) + noise * a

    def without_holes(a: Array) -> Array:
        rotated = _product(_product(vectors.T, collect(pairs, a, len(kernel))), vectors)
        return pair_sums(_product(_product(vectors, rotated / shrunk), vectors.T), pairs) + a / shrunk[-1, -1]

    a, _ = cg(covariance, labels, start, tol=tolerance, maxiter=max_steps, M=without_holes)
    left = jnp.linalg.norm(covariance(a) - labels)
    return Solution(a, left / jnp.maximum(jnp.linalg.norm(labels), jnp.finfo(labels.dtype).tiny))


def _product(a: Array, b: Array) -> Array:
    """In full precision on every device: accelerators round the factors otherwise."""
    return jnp.matmul(a, b, precision=jax.lax.Precision.HIGHEST)
