"""Kernels over genes: how alike two genes are by a network or by a table of features.

Each is a positive semidefinite matrix over the N genes of the cell with ones on its diagonal. Only the
columns of the genes asked for are made.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse
import scipy.sparse.linalg

from gi_jax.data.networks import Adjacency

Sparse = Any  # a matrix of SciPy, or a NumPy array: they have the same operations but no common type

LARGEST_Z = 4.0  # standard deviations to which a feature is cut


def shared_neighbours(network: Adjacency, genes: np.ndarray) -> np.ndarray:
    """The cosine of two genes' neighbours `[N, n]`, for the columns `genes` [n].

    A gene is a neighbour of itself; directions and repeated edges are not looked at. A neighbour counts
    the less the more neighbours it has itself, by one over the square root of their number, so that hubs
    do not make all genes alike. A gene without neighbours is like no other.
    """
    return kernel_of(neighbour_profiles(network), genes)


def neighbour_profiles(network: Adjacency) -> Sparse:
    """Rows of length 1, or 0, whose scalar products `shared_neighbours` gives: `[N, N]`."""
    profiles: Sparse = _adjacency(network) + scipy.sparse.identity(network.num_genes, format="csr")
    degree = np.asarray(profiles.sum(axis=0)).reshape(-1)
    return _of_length_one(profiles.multiply(degree**-0.5).tocsr())


def diffusion(network: Adjacency, genes: np.ndarray, time: float = 1.0) -> np.ndarray:
    """`exp(-time L)` `[N, n]`, scaled to ones on the diagonal, for the columns `genes` [n].

    L = 1 - D^-1/2 A D^-1/2 is the normalised Laplacian of the undirected network (Kondor and Lafferty
    2002; Smola and Kondor 2003). A gene without neighbours is like no other.
    """
    half = diffusion_profiles(network, time)
    return (half @ half[genes].T).astype(np.float32)


def diffusion_profiles(network: Adjacency, time: float = 1.0) -> np.ndarray:
    """Rows of length 1 whose scalar products `diffusion` gives: `[N, N]`."""
    adjacency = _adjacency(network)
    degree = np.maximum(np.asarray(adjacency.sum(axis=0)).reshape(-1), 1)
    root = scipy.sparse.diags(degree**-0.5)
    spread = (root @ adjacency @ root * (time / 2)).tocsr()
    half = np.exp(-time / 2) * scipy.sparse.linalg.expm_multiply(spread, np.eye(network.num_genes))
    return half / np.linalg.norm(half, axis=1, keepdims=True)  # exp(-L) = half half^T


def like_features(values: np.ndarray, genes: np.ndarray) -> np.ndarray:
    """The cosine of two genes' features `[N, n]`, for the columns `genes` [n].

    Args:
      values: `[N, C]`, NaN where unknown. A table of zeros and ones is one of memberships: a set counts by
        `log(N / genes in it)`, so that small ones count most. Any other column is standardised over the
        genes that have a value and cut at 4 standard deviations; an unknown value is the column's mean.
        A gene without any value, or set, is like no other.
    """
    return kernel_of(feature_profiles(values), genes)


def feature_profiles(values: np.ndarray) -> Sparse:
    """Rows of length 1, or 0, whose scalar products `like_features` gives: `[N, C]`."""
    return _of_length_one(scaled_columns(values))


def scaled_columns(values: np.ndarray) -> np.ndarray:
    """Features `[N, C]` as `like_features` compares them, 0 where unknown."""
    known = np.isfinite(values)
    if (known & np.isin(values, (0, 1))).sum() == known.sum():
        count = np.nansum(values, axis=0)
        weight = np.log(len(values) / np.maximum(count, 1))
        return (np.nan_to_num(values) * weight).astype(np.float32)
    total = np.maximum(known.sum(axis=0), 1)
    mean = np.nansum(values, axis=0) / total
    deviation = np.sqrt(np.nansum((values - mean) ** 2, axis=0) / total)
    scaled = (values - mean) / np.where(deviation > 0, deviation, 1)
    return np.nan_to_num(np.clip(scaled, -LARGEST_Z, LARGEST_Z)).astype(np.float32)


def _of_length_one(profiles: Sparse) -> Sparse:
    square = profiles.multiply(profiles) if scipy.sparse.issparse(profiles) else profiles**2
    norm = np.sqrt(np.asarray(square.sum(axis=1))).reshape(-1)
    return scipy.sparse.diags(1 / np.where(norm > 0, norm, 1)) @ profiles


def kernel_of(profiles: Sparse, genes: np.ndarray) -> np.ndarray:
    """Scalar products `[N, n]` of rows of length 1 with those of `genes`; 1 of a gene with itself."""
    product = profiles @ profiles[genes].T
    kernel = product.toarray() if scipy.sparse.issparse(product) else product
    kernel = np.asarray(kernel, np.float32)
    kernel[genes, np.arange(len(genes))] = 1.0
    return kernel


def _adjacency(network: Adjacency) -> Sparse:
    """`[N, N]`, 1 where an edge runs one way or the other between two genes."""
    receivers, senders = (np.asarray(ends) for ends in (network.receivers, network.senders))
    other = receivers != senders
    edges = (receivers[other], senders[other])
    shape = (network.num_genes, network.num_genes)
    one_way = scipy.sparse.csr_matrix((np.ones(other.sum(), np.float32), edges), shape)
    both: Sparse = one_way + one_way.T
    both.data[:] = 1.0
    return both
