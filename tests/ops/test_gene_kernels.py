"""Kernels over genes against their definitions, on a network that can be drawn by hand."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg

from gi_jax.data.networks import compressed_rows
from gi_jax.ops.gene_kernels import diffusion, like_features, shared_neighbours

N = 6
# 0 - 1 - 2 - 0, 2 - 3, both ways or one, an edge twice and a self loop; 4 and 5 have no neighbour.
NETWORK = compressed_rows(np.array([0, 1, 1, 2, 0, 3, 3, 1]), np.array([1, 0, 2, 1, 2, 2, 2, 1]), N)
NEIGHBOURS = [{0, 1, 2}, {0, 1, 2}, {0, 1, 2, 3}, {2, 3}, {4}, {5}]
ALL = np.arange(N)


def test_shared_neighbours_weigh_hubs_less() -> None:
    profiles = np.zeros((N, N))
    for gene, near in enumerate(NEIGHBOURS):
        profiles[gene, list(near)] = [len(NEIGHBOURS[k]) ** -0.5 for k in near]
    profiles /= np.linalg.norm(profiles, axis=1, keepdims=True)
    kernel = shared_neighbours(NETWORK, ALL)
    np.testing.assert_allclose(kernel, profiles @ profiles.T, atol=1e-6)
    assert kernel[4, 5] == 0
    np.testing.assert_array_equal(kernel[:, [3, 1]], shared_neighbours(NETWORK, np.array([3, 1])))


def test_diffusion_is_the_exponential_of_the_laplacian() -> None:
    adjacency = np.array(
        [[j in near and j != i for j in range(N)] for i, near in enumerate(NEIGHBOURS)], float
    )
    degree = np.maximum(adjacency.sum(axis=0), 1)
    laplacian = np.eye(N) - adjacency / np.sqrt(np.outer(degree, degree))
    exact = scipy.linalg.expm(-0.7 * laplacian)
    exact /= np.sqrt(np.outer(np.diag(exact), np.diag(exact)))
    np.testing.assert_allclose(diffusion(NETWORK, ALL, 0.7), exact, atol=1e-6)


def test_features_are_standardised_and_unknown_ones_say_nothing() -> None:
    values = np.array([[1.0, 2.0], [3.0, np.nan], [5.0, 4.0], [np.nan, np.nan], [100.0, 3.0], [3.0, 3.0]])
    z = (values - np.nanmean(values, axis=0)) / np.nanstd(values, axis=0)
    z = np.nan_to_num(z)
    expected = z @ z.T / np.maximum(np.outer(*[np.linalg.norm(z, axis=1)] * 2), 1e-300)
    np.fill_diagonal(expected, 1)
    np.testing.assert_allclose(like_features(values, ALL), expected, atol=1e-6)
    assert not like_features(values, ALL)[3, :3].any()


def test_a_feature_counts_four_deviations_at_most() -> None:
    values = np.column_stack([np.append(np.zeros(99), 1000.0), np.tile([-1.0, 1.0], 50)])
    z = (values - values.mean(axis=0)) / values.std(axis=0)
    assert z[99, 0] > 9
    z[99, 0] = 4
    expected = z[98] @ z[99] / np.linalg.norm(z[98]) / np.linalg.norm(z[99])
    assert like_features(values, np.array([99]))[98, 0] == pytest.approx(expected, rel=1e-5)


def test_small_sets_count_most() -> None:
    sets = np.array([[1, 1, 0], [1, 0, 1], [1, 1, 0], [1, 0, 0], [1, 0, 0], [1, 0, 1]], float)
    weighed = sets * np.log(N / sets.sum(axis=0))
    found = like_features(sets, ALL)
    assert found[0, 2] == pytest.approx(1) and found[0, 1] == 0  # a set of all genes tells nothing
    assert weighed[3].sum() == 0 and found[3, 3] == 1 and found[3, 4] == 0


@pytest.mark.parametrize("kernel", [shared_neighbours, diffusion])
def test_no_eigenvalue_is_below_zero_and_the_diagonal_is_one(kernel) -> None:
    rng = np.random.default_rng(0)
    network = compressed_rows(rng.integers(0, 40, 90), rng.integers(0, 40, 90), 40)
    matrix = kernel(network, np.arange(40))
    np.testing.assert_allclose(np.diag(matrix), 1, atol=1e-6)
    assert np.linalg.eigvalsh(matrix.astype(float)).min() > -1e-5
