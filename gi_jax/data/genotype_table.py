"""Measured genotypes on the host: who was deleted, what was measured, by whom."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property

import numpy as np

from gi_jax.errors import GiJaxError


@dataclass(frozen=True)
class GenotypeTable:
    """M genotypes in file order, as NumPy arrays.

    Within a row the gene ids increase and the padding id N fills the end, so equal sets are equal
    rows. `score` is NaN where nothing was measured (genotypes to predict).
    """

    genes: np.ndarray  # [M, S] int32, gene ids, then N
    sizes: np.ndarray  # [M] int32, number of deleted genes
    score: np.ndarray  # [M] float64, in the units of its study
    p_value: np.ndarray  # [M] float64, NaN where none is given
    study: np.ndarray  # [M] int32, position in `studies`
    studies: tuple[str, ...]
    num_genes: int  # N

    def __len__(self) -> int:
        return len(self.sizes)

    def take(self, rows: np.ndarray) -> GenotypeTable:
        """The genotypes at `rows`, an index or boolean array `[M']`; studies keep their codes."""
        held = {f.name: getattr(self, f.name) for f in fields(self)}
        return replace(self, **{name: x[rows] for name, x in held.items() if isinstance(x, np.ndarray)})

    @cached_property
    def set_ids(self) -> np.ndarray:
        """A number per genotype `[M]` int64: equal exactly for equal sets of genes, whatever the study."""
        return np.unique(self.genes, axis=0, return_inverse=True)[1].reshape(-1)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of gene sets and studies in order: what row numbers of a saved split refer to."""
        parts = (self.genes.astype("<i4"), self.study.astype("<i4"))
        return hashlib.sha256(
            b"".join(part.tobytes() for part in parts)
            + "\n".join(self.studies).encode("utf-8", "surrogateescape")
        ).hexdigest()


def joined(first: GenotypeTable, second: GenotypeTable) -> GenotypeTable:
    """The genotypes of the first table, then those of the second, over the same genes.

    Raises:
      GiJaxError: both have a study of one name.
    """
    if shared := [study for study in second.studies if study in first.studies]:
        raise GiJaxError(
            f"the study '{shared[0]}' is among the genotypes to split and among those to add to training; "
            "name it in one place"
        )
    width = max(first.genes.shape[1], second.genes.shape[1])
    genes = [
        np.pad(t.genes, ((0, 0), (0, width - t.genes.shape[1])), constant_values=t.num_genes)
        for t in (first, second)
    ]
    return GenotypeTable(
        np.concatenate(genes),
        np.concatenate([first.sizes, second.sizes]),
        np.concatenate([first.score, second.score]),
        np.concatenate([first.p_value, second.p_value]),
        np.concatenate([first.study, second.study + np.int32(len(first.studies))]),
        first.studies + second.studies,
        first.num_genes,
    )


def padded(genotypes: Sequence[Sequence[int]], num_genes: int) -> tuple[np.ndarray, np.ndarray]:
    """Sets of gene ids as sorted rows `[M, S]` int32 filled with N, and their sizes `[M]` int32."""
    sizes = np.fromiter(map(len, genotypes), np.int32, len(genotypes))
    rows = np.full((len(genotypes), max(int(sizes.max(initial=0)), 1)), num_genes, np.int32)
    rows[np.arange(rows.shape[1]) < sizes[:, None]] = [gene for genotype in genotypes for gene in genotype]
    return np.sort(rows, axis=1), sizes
