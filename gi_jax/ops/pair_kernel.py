"""Sums of pair effects whose covariance is a product of gene kernels, and linear systems of it.

The pair effects F of n genes are a symmetric matrix with `cov(F_ij, F_kl) = K_ik K_jl + K_il K_jk`, a
symmetric matrix-variate normal. A genotype's label is the sum of F over its pairs of genes, plus noise.
The covariance of M genotypes is never made: with coefficients a of the genotypes in a symmetric matrix S
(entry ij is the sum of a over the genotypes with the pair ij), their covariance times a is the sum over
pairs of `K S K`, two products of n x n matrices.

Several studies have pair effects of their own, `cov(F^s_ij, F^t_kl) = B_st (K_ik K_jl + K_il K_jk)`, with a
covariance B between studies; every product then takes the genes of a study only.
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


class Study(NamedTuple):
    """The genotypes that one study measured."""

    genes: Array  # [n_t] int32, the study's genes among the n of the kernel
    pairs: Pairs  # of its M_t genotypes, in numbers of its own genes, n_t for padding


class Solution(NamedTuple):
    """The coefficients of a linear system, and how well they solve it."""

    coefficients: tuple[Array, ...]  # [M_t] of every study
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


def effects(
    kernel: Array,
    between: Array,
    studies: tuple[Study, ...],
    coefficients: tuple[Array, ...],
) -> list[Array]:
    """`sum_s B_ts K_t. S_s K_.t` `[n_t, n_t]` for every study t, over the study's own genes.

    Args:
      kernel: K `[n, n]`.
      between: B `[T, T]`.
      studies: T of them.
      coefficients: `[M_t]` of each.
    """
    half = [
        _product(kernel[:, s.genes], collect(s.pairs, a, len(s.genes)))
        for s, a in zip(studies, coefficients, strict=True)
    ]
    found = []
    for t, of in enumerate(studies):
        total = jnp.zeros((len(of.genes), len(of.genes)), kernel.dtype)
        for s, other in enumerate(studies):
            total += between[t, s] * _product(half[s][of.genes], kernel[other.genes][:, of.genes])
        found.append(total)
    return found


def covariance_product(
    kernel: Array,
    between: Array,
    studies: tuple[Study, ...],
    coefficients: tuple[Array, ...],
) -> tuple[Array, ...]:
    """The covariance of the genotypes' noiseless labels times coefficients, `[M_t]` of every study."""
    found = effects(kernel, between, studies, coefficients)
    return tuple(pair_sums(matrix, study.pairs) for matrix, study in zip(found, studies, strict=True))


def solve(
    kernel: Array,
    between: Array,
    noise: Array,
    studies: tuple[Study, ...],
    labels: tuple[Array, ...],
    start: tuple[Array, ...],
    *,
    tolerance: float,
    max_steps: int,
) -> Solution:
    """Coefficients a with `(covariance + noise) a = labels`, by preconditioned conjugate gradients.

    The preconditioner is the inverse for studies that have nothing to do with each other and no holes, in
    which every pair is measured once: with `K = U diag(l) U^T` over a study's genes it divides the entries
    of `U^T S U` by `r B_tt l_a l_b + noise`, r being the part of all pairs that is measured. A little of
    the coefficients themselves is added, so that differences between genotypes with the same pairs, and
    genotypes without a pair, have their part. Derivatives by kernel, B, noise and labels are those of the
    exact solution.

    Args:
      kernel: K `[n, n]`, symmetric, no eigenvalue below 0.
      between: B `[T, T]`, likewise.
      noise: variances [T] of the labels of each study around the sums of their pair effects.
      studies: T of them.
      labels: `[M_t]` of each.
      start: likewise, where to begin.
      tolerance: the residual to reach, relative to the labels.
      max_steps: steps after which it ends with whatever residual there is; the caller has to look.
    """
    inverses = [
        _without_holes(jax.lax.stop_gradient(kernel), *jax.lax.stop_gradient((between[t, t], noise[t])), s)
        for t, s in enumerate(studies)
    ]

    def covariance(a: tuple[Array, ...]) -> tuple[Array, ...]:
        shared = covariance_product(kernel, between, studies, a)
        return tuple(x + noise[t] * own for t, (x, own) in enumerate(zip(shared, a, strict=True)))

    def preconditioned(a: tuple[Array, ...]) -> tuple[Array, ...]:
        return tuple(inverse(own) for inverse, own in zip(inverses, a, strict=True))

    a, _ = cg(covariance, labels, start, tol=tolerance, maxiter=max_steps, M=preconditioned)
    left = _norm(jax.tree.map(jnp.subtract, covariance(a), labels))
    return Solution(a, left / jnp.maximum(_norm(labels), jnp.finfo(kernel.dtype).tiny))


def _without_holes(kernel: Array, scale: Array, noise: Array, study: Study):
    """The inverse covariance of one study's genotypes if it had measured every pair once."""
    n = len(study.genes)
    eigenvalues, vectors = jnp.linalg.eigh(kernel[study.genes][:, study.genes])
    eigenvalues = jnp.maximum(eigenvalues, 0)
    measured = scale * jnp.minimum((study.pairs.first < n).sum() / max(n * (n - 1) / 2, 1), 1.0)
    shrunk = measured * jnp.outer(eigenvalues, eigenvalues) + noise

    def inverse(a: Array) -> Array:
        rotated = _product(_product(vectors.T, collect(study.pairs, a, n)), vectors)
        turned = _product(_product(vectors, rotated / shrunk), vectors.T)
        return pair_sums(turned, study.pairs) + a / shrunk[-1, -1]

    return inverse


def _norm(parts: tuple[Array, ...]) -> Array:
    return jnp.sqrt(sum(jnp.vdot(part, part) for part in parts))


def _product(a: Array, b: Array) -> Array:
    """In full precision on every device: accelerators round the factors otherwise."""
    return jnp.matmul(a, b, precision=jax.lax.Precision.HIGHEST)
