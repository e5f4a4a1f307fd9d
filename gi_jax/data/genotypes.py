"""Genotypes as padded arrays of gene ids: the only thing that changes from batch to batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jax import Array

from gi_jax.data.arrays import on_host
from gi_jax.errors import GiJaxError


class GenotypeBatch(NamedTuple):
    """B sets of deleted genes, padded to one shape so that a run compiles once.

    A set may be empty. Padding *genotypes* (`valid` False) fill the last batch of an epoch and
    count in no statistic; padding *genes* have id N.
    """

    genes: Array  # [B, S] int32, gene ids in the order given, then N
    sizes: Array  # [B] int32, number of deleted genes
    valid: Array  # [B] bool, False for a padding genotype


def genotype_batch(
    genotypes: Sequence[Sequence[int]],
    num_genes: int,
    *,
    set_size: int | None = None,
    batch_size: int | None = None,
) -> GenotypeBatch:
    """Pads lists of gene ids to a `GenotypeBatch` (host side, NumPy).

    Args:
      genotypes: one list of distinct gene ids per genotype.
      set_size: S; the longest list (at least 1) if not given.
      batch_size: B; padded up to it with empty invalid genotypes.

    Raises:
      GiJaxError: an id outside `[0, num_genes)`, a gene twice in a genotype, a genotype longer than S.
    """
    longest = max((len(g) for g in genotypes), default=0)
    set_size = max(longest, 1) if set_size is None else set_size
    batch_size = len(genotypes) if batch_size is None else batch_size
    if longest > set_size:
        raise GiJaxError(f"a genotype of {longest} genes does not fit the set size {set_size}")
    if len(genotypes) > batch_size:
        raise GiJaxError(f"{len(genotypes)} genotypes do not fit a batch of {batch_size}")
    genes = np.full((len(genotypes), set_size), num_genes, np.int32)
    for row, genotype in enumerate(genotypes):
        if len(set(genotype)) != len(genotype):
            raise GiJaxError(f"genotype {row} names a gene twice: {list(genotype)}")
        if any(not 0 <= g < num_genes for g in genotype):
            raise GiJaxError(f"genotype {row} has a gene id outside 0 to {num_genes - 1}: {list(genotype)}")
        genes[row, : len(genotype)] = genotype
    return padded_batch(genes, num_genes, batch_size)


def padded_batch(genes: np.ndarray, num_genes: int, batch_size: int) -> GenotypeBatch:
    """Fills genotypes up to B with padding genotypes (host side, NumPy).

    Args:
      genes: `[M, S]` gene ids, then N; M at most B.
      num_genes: N.
      batch_size: B.
    """
    filled = np.full((batch_size, genes.shape[1]), num_genes, np.int32)
    filled[: len(genes)] = genes
    sizes = (filled < num_genes).sum(axis=1, dtype=np.int32)
    valid = np.arange(batch_size) < len(genes)
    return GenotypeBatch(on_host(filled), on_host(sizes), on_host(valid))
