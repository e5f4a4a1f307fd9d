"""Products and linear systems of pair effects against the covariance matrix written out."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gi_jax.ops.pair_kernel import Pairs, collect, covariance_product, pair_sums, solve

N = 7
# Pairs, triples (three pairs), a genotype measured twice, one gene alone (no pair).
GENOTYPES = [(0, 1), (2, 5), (0, 1), (1, 2, 3), (3, 6), (0, 4, 6), (5,), (4, 5)]


@pytest.fixture(autouse=True)
def float64() -> Iterator[None]:
    with jax.enable_x64(True):
        yield


def pairs() -> Pairs:
    rows = []
    for genes in GENOTYPES:
        own = [(i, j) for k, i in enumerate(genes) for j in genes[k + 1 :]]
        rows.append(own + [(N, N)] * (3 - len(own)))
    return Pairs(*(jnp.asarray(part) for part in np.moveaxis(np.array(rows), 2, 0)))


def kernel() -> np.ndarray:
    root = np.random.default_rng(0).normal(size=(N, N))
    return root @ root.T / N + 0.1


def covariance(k: np.ndarray) -> np.ndarray:
    """Of the genotypes' sums, pair by pair."""
    matrix = np.zeros((len(GENOTYPES),) * 2)
    for a, genes in enumerate(GENOTYPES):
        for b, others in enumerate(GENOTYPES):
            for i, j in [(i, j) for i in genes for j in genes if i < j]:
                for m, n in [(m, n) for m in others for n in others if m < n]:
                    matrix[a, b] += k[i, m] * k[j, n] + k[i, n] * k[j, m]
    return matrix


def test_the_product_is_that_of_the_covariance_matrix() -> None:
    a = np.random.default_rng(1).normal(size=len(GENOTYPES))
    found = covariance_product(jnp.asarray(kernel()), pairs(), jnp.asarray(a))
    np.testing.assert_allclose(found, covariance(kernel()) @ a, rtol=1e-12)
    s = np.asarray(collect(pairs(), jnp.asarray(a), N))
    np.testing.assert_array_equal(s, s.T)
    assert s[0, 1] == a[0] + a[2] and s[2, 3] == a[3] and s[5, 6] == 0
    assert pair_sums(jnp.asarray(s), pairs())[3] == pytest.approx(3 * a[3])


def test_a_constant_in_the_kernel_is_additive_effects_and_a_level() -> None:
    k, a = kernel(), 0.3
    digenic = [0, 1, 4, 7]
    found = covariance(k + a)[np.ix_(digenic, digenic)]
    incidence = np.array([[gene in GENOTYPES[row] for gene in range(N)] for row in digenic], float)
    expected = covariance(k)[np.ix_(digenic, digenic)] + a * incidence @ k @ incidence.T + 2 * a**2
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@partial(jax.jit, static_argnames="max_steps")
def solved(k, noise, labels, max_steps=200):
    return solve(k, noise, pairs(), labels, jnp.zeros_like(labels), tolerance=1e-13, max_steps=max_steps)


def test_the_solution_and_its_derivatives_are_those_of_the_matrix() -> None:
    k, labels = jnp.asarray(kernel()), jnp.asarray(np.random.default_rng(2).normal(size=len(GENOTYPES)))
    solution = solved(k, 0.5, labels)
    exact = np.linalg.solve(covariance(kernel()) + 0.5 * np.eye(len(GENOTYPES)), labels)
    np.testing.assert_allclose(solution.coefficients, exact, rtol=1e-9)
    assert solution.residual < 1e-12

    def total(scale, noise):
        return (solved(scale * k, noise, labels).coefficients ** 3).sum()

    found = jax.grad(total, argnums=(0, 1))(1.0, 0.5)
    step = 1e-5
    expected = [
        (total(1 + step, 0.5) - total(1 - step, 0.5)) / (2 * step),
        (total(1.0, 0.5 + step) - total(1.0, 0.5 - step)) / (2 * step),
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_an_end_before_the_tolerance_shows_in_the_residual() -> None:
    labels = jnp.asarray(np.random.default_rng(2).normal(size=len(GENOTYPES)))
    assert solved(jnp.asarray(kernel()), 0.01, labels, max_steps=1).residual > 1e-3
    assert solved(jnp.asarray(kernel()), 0.01, jnp.zeros_like(labels)).residual == 0
