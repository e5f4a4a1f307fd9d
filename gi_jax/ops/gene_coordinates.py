"""Coordinates of genes whose scalar products are a kernel over genes."""

from __future__ import annotations

import numpy as np

SMALLEST = 1e-6  # of the largest eigenvalue, below which one is rounding


def kernel_coordinates(kernel: np.ndarray, genes: np.ndarray, rank: int) -> np.ndarray:
    """The leading coordinates `[N, r]` of all genes, r = `rank` or as many as there are.

    With the block `K_gg = U diag(l) U^T` of the given genes, l falling, a gene i has the coordinates
    `K_ig U_r diag(l_r)^-1/2`. Of the given genes these are the leading eigenvectors times the roots of
    their eigenvalues, and their scalar products the best approximation of K_gg of rank r; every other gene
    is placed by its kernel with them (Nyström's method, Williams and Seeger 2001). The largest entry of
    every eigenvector is positive, so that equal kernels have equal coordinates.

    Args:
      kernel: `[N, n]`, of all genes with the given ones.
      genes: `[n]`, the rows of `kernel` that the columns are.
      rank: the most coordinates.
    """
    values, vectors = np.linalg.eigh(kernel[genes].astype(np.float64))
    values, vectors = values[::-1][:rank], vectors[:, ::-1][:, :rank]
    kept = values > SMALLEST * max(values.max(initial=0), SMALLEST)
    values, vectors = values[kept], vectors[:, kept]
    vectors *= np.sign(vectors[np.abs(vectors).argmax(axis=0), np.arange(len(values))])
    return (kernel @ (vectors / np.sqrt(values))).astype(np.float32)
