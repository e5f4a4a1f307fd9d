"""Products and linear systems of pair effects against the covariance matrix written out."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gi_jax.ops.pair_kernel import Pairs, Study, collect, covariance_product, pair_sums, solve
from gi_jax.ops.pair_kernel_direct import Factorised, is_cheaper

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


def study() -> tuple[Study, ...]:
    """One that measured all of them."""
    return (Study(jnp.arange(N), pairs()),)


ALONE = jnp.ones((1, 1))  # no covariance with another study


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
    (found,) = covariance_product(jnp.asarray(kernel()), ALONE, study(), (jnp.asarray(a),))
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
    solution = solve(
        k,
        ALONE,
        jnp.stack([noise]),
        study(),
        (labels,),
        (jnp.zeros_like(labels),),
        tolerance=1e-13,
        max_steps=max_steps,
    )
    return solution.coefficients[0], solution.residual


def test_the_solution_and_its_derivatives_are_those_of_the_matrix() -> None:
    k, labels = jnp.asarray(kernel()), jnp.asarray(np.random.default_rng(2).normal(size=len(GENOTYPES)))
    coefficients, residual = solved(k, 0.5, labels)
    exact = np.linalg.solve(covariance(kernel()) + 0.5 * np.eye(len(GENOTYPES)), labels)
    np.testing.assert_allclose(coefficients, exact, rtol=1e-9)
    assert residual < 1e-12

    def total(scale, noise):
        return (solved(scale * k, noise, labels)[0] ** 3).sum()

    found = jax.grad(total, argnums=(0, 1))(1.0, 0.5)
    step = 1e-5
    expected = [
        (total(1 + step, 0.5) - total(1 - step, 0.5)) / (2 * step),
        (total(1.0, 0.5 + step) - total(1.0, 0.5 - step)) / (2 * step),
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_an_end_before_the_tolerance_shows_in_the_residual() -> None:
    labels = jnp.asarray(np.random.default_rng(2).normal(size=len(GENOTYPES)))
    assert solved(jnp.asarray(kernel()), 0.01, labels, max_steps=1)[1] > 1e-3
    assert solved(jnp.asarray(kernel()), 0.01, jnp.zeros_like(labels))[1] == 0


def two_studies() -> tuple[Study, Study]:
    """The second measured the first five genotypes' pairs of four genes again: genes 1, 2, 3 and 5."""
    first, second = np.array([(0, 1), (1, 3), (0, 2)]).T
    own = Study(jnp.array([1, 2, 3, 5]), Pairs(jnp.asarray(first)[:, None], jnp.asarray(second)[:, None]))
    return study()[0], own


def test_studies_share_what_their_covariance_says() -> None:
    genotypes = [*GENOTYPES, (1, 2), (2, 5), (1, 3)]
    of_study = np.array([0] * len(GENOTYPES) + [1] * 3)
    between = np.array([[1.0, 0.4], [0.4, 0.7]])
    noise = np.array([0.5, 0.2])
    k = kernel()
    matrix = np.zeros((len(genotypes),) * 2)
    for a, genes in enumerate(genotypes):
        for b, others in enumerate(genotypes):
            for i, j in [(i, j) for i in genes for j in genes if i < j]:
                for m, n in [(m, n) for m in others for n in others if m < n]:
                    matrix[a, b] += k[i, m] * k[j, n] + k[i, n] * k[j, m]
    matrix *= between[of_study][:, of_study]
    rng = np.random.default_rng(4)
    parts = tuple(jnp.asarray(rng.normal(size=count)) for count in (len(GENOTYPES), 3))
    product = covariance_product(jnp.asarray(k), jnp.asarray(between), two_studies(), parts)
    np.testing.assert_allclose(np.concatenate(product), matrix @ np.concatenate(parts), rtol=1e-12)
    solution = solve(
        jnp.asarray(k),
        jnp.asarray(between),
        jnp.asarray(noise),
        two_studies(),
        parts,
        tuple(map(jnp.zeros_like, parts)),
        tolerance=1e-13,
        max_steps=200,
    )
    exact = np.linalg.solve(matrix + np.diag(noise[of_study]), np.concatenate(parts))
    np.testing.assert_allclose(np.concatenate(solution.coefficients), exact, rtol=1e-8)


def test_the_factorised_covariance_gives_the_same_solution() -> None:
    between = jnp.asarray([[1.0, 0.4], [0.4, 0.7]])
    noise = jnp.asarray([0.5, 0.9])
    own = jnp.asarray([0, 2, 3, 6])
    of_own = Pairs(jnp.asarray([[0], [1], [2]]), jnp.asarray([[1], [3], [3]]))
    studies = (*study(), Study(own, of_own))
    rng = np.random.default_rng(5)
    labels = tuple(jnp.asarray(rng.normal(size=len(s.pairs.first))) for s in studies)
    start = jax.tree.map(jnp.zeros_like, labels)
    wanted = solve(
        jnp.asarray(kernel()), between, noise, studies, labels, start, tolerance=1e-12, max_steps=500
    )
    direct = Factorised(kernel(), np.asarray(between), np.asarray(noise), studies)
    found = direct.solve([np.asarray(part) for part in labels])
    for one, other in zip(found.coefficients, wanted.coefficients, strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-5, atol=2e-5)
    assert float(found.residual) < 1e-6


def test_few_genotypes_of_many_genes_are_factorised() -> None:
    assert is_cheaper(10_626, 1838)  # trigenic_tau
    assert not is_cheaper(13_043, 259)  # costanzo2016_subset
    assert not is_cheaper(118_676, 4383)  # costanzo2010_significant
