"""Coordinates of genes against the kernels that they stand for."""

from __future__ import annotations

import numpy as np

from gi_jax.ops.gene_coordinates import kernel_coordinates

N = 12
GENES = np.array([0, 2, 3, 7, 8, 11])


def kernel() -> np.ndarray:
    factors = np.random.default_rng(0).normal(size=(N, 9))
    return (factors @ factors.T).astype(np.float32)


def test_products_of_coordinates_are_the_kernel_with_the_given_genes() -> None:
    full = kernel()
    found = kernel_coordinates(full[:, GENES], GENES, rank=20)
    assert found.shape == (N, len(GENES))
    np.testing.assert_allclose(found @ found[GENES].T, full[:, GENES], rtol=1e-4, atol=1e-4)


def test_fewer_coordinates_are_the_best_approximation() -> None:
    block = kernel()[np.ix_(GENES, GENES)]
    found = kernel_coordinates(kernel()[:, GENES], GENES, rank=2)[GENES]
    u, size, v = np.linalg.svd(block.astype(np.float64))
    np.testing.assert_allclose(found @ found.T, (u[:, :2] * size[:2]) @ v[:2], rtol=1e-4, atol=1e-4)


def test_directions_that_are_rounding_are_left_out() -> None:
    alike = np.ones((N, len(GENES)), np.float32)  # all genes are one
    np.testing.assert_allclose(kernel_coordinates(alike, GENES, rank=4), np.ones((N, 1)), rtol=1e-5)
