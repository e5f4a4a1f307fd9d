"""Measured genotypes on the host: who was deleted, what was measured, by whom."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property

import numpy as np


@dataclass(frozen=True)
class GenotypeTable:
    """M genotypes in file order, as NumPy arrays.

    Within a row the gene ids increase and the padding id N fills the end, so equal sets are equal
    rows. `score` is NaN where nothing was measured (genotypes to predict).
    """

    genes: np.ndarray  # [M, S] int32, gene ids, then N
    sizes: np.ndarray  # [M] int8, number of deleted genes
    score: np.ndarray  # [M] float64, in the units of its study; the number that the source gives, to the bit
    p_value: np.ndarray  # [M] float32, NaN where none is given
    study: np.ndarray  # [M] int16 (int32 for very many), position in `studies`
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
        keys = row_keys(self.genes, self.num_genes)
        if keys is None:
            return np.unique(self.genes, axis=0, return_inverse=True)[1].reshape(-1)
        if (keys[1:] >= keys[:-1]).all():  # as an import writes them
            return np.cumsum(np.append(False, keys[1:] != keys[:-1])[: len(keys)])
        return np.unique(keys, return_inverse=True)[1]

    @property
    def has_repeats(self) -> bool:
        """Whether two rows of one study delete the same genes."""
        keys = row_keys(self.genes, self.num_genes)
        if keys is None or len(self.studies) * (self.num_genes + 1) ** self.genes.shape[1] >= 2**63:
            keys = self.set_ids
        keys = keys * len(self.studies) + self.study
        if (keys[1:] > keys[:-1]).all():
            return False
        keys.sort()
        return bool((keys[1:] == keys[:-1]).any())

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of gene sets and studies in order: what row numbers of a saved split refer to."""
        parts = (self.genes.astype("<i4"), self.study.astype("<i4"))
        return hashlib.sha256(
            b"".join(part.tobytes() for part in parts)
            + "\n".join(self.studies).encode("utf-8", "surrogateescape")
        ).hexdigest()


def row_keys(genes: np.ndarray, num_genes: int) -> np.ndarray | None:
    """Rows of gene ids as numbers `[M]` int64 in the same order; None if 64 bits cannot hold them."""
    if (num_genes + 1) ** genes.shape[1] >= 2**63:
        return None
    keys = genes[:, 0].astype(np.int64)
    for column in range(1, genes.shape[1]):
        keys *= num_genes + 1
        keys += genes[:, column]
    return keys


def code_type(num_studies: int) -> type[np.signedinteger]:
    """The narrowest type for the positions of so many studies."""
    return np.int16 if num_studies < 2**15 else np.int32


def deleted_genes(*tables: GenotypeTable) -> np.ndarray:
    """Ids of the genes that some genotype of the tables deletes, increasing, int64."""
    return np.unique(np.concatenate([t.genes[t.genes < t.num_genes] for t in tables])).astype(np.int64)


def joined(tables: Sequence[GenotypeTable]) -> GenotypeTable:
    """Tables over one gene list as one, studies of the same name made one."""
    if len(tables) == 1:
        return tables[0]
    studies = tuple(dict.fromkeys(name for table in tables for name in table.studies))
    code = {name: position for position, name in enumerate(studies)}
    num_genes, width = tables[0].num_genes, max(table.genes.shape[1] for table in tables)
    rows = np.cumsum([0, *map(len, tables)])
    genes = np.full((rows[-1], width), num_genes, np.int32)
    study = np.empty(rows[-1], code_type(len(studies)))
    for table, start, stop in zip(tables, rows, rows[1:], strict=False):
        genes[start:stop, : table.genes.shape[1]] = table.genes
        study[start:stop] = np.array([code[name] for name in table.studies], study.dtype)[table.study]
    sizes, score, p_value = (
        np.concatenate([getattr(table, name) for table in tables]) for name in ("sizes", "score", "p_value")
    )
    return GenotypeTable(genes, sizes, score, p_value, study, studies, num_genes)


def padded(genotypes: Sequence[Sequence[int]], num_genes: int) -> tuple[np.ndarray, np.ndarray]:
    """Sets of gene ids as sorted rows `[M, S]` int32 filled with N, and their sizes `[M]` int32."""
    sizes = np.fromiter(map(len, genotypes), np.int32, len(genotypes))
    rows = np.full((len(genotypes), max(int(sizes.max(initial=0)), 1)), num_genes, np.int32)
    rows[np.arange(rows.shape[1]) < sizes[:, None]] = [gene for genotype in genotypes for gene in genotype]
    return np.sort(rows, axis=1), sizes
