"""Among which genotypes the list of a screen was found: the background of every test."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from scipy.sparse import csr_array

from gi_jax.data.genotype_table import GenotypeTable, row_keys
from gi_jax.errors import GiJaxError
from gi_jax.models.wanted import Combinations, Crosses, Wanted
from gi_jax.predict.screening.request import keys_of

MOST = 50_000_000  # genotypes that are written down one by one, in up to a gigabyte of memory
_SIDE = 1024


class Candidates(Protocol):
    """The genotypes that could have been in the list of a screen."""

    @property
    def pool(self) -> np.ndarray:
        """The genes `[P]` in which they differ, increasing ids."""
        ...

    @property
    def fixed(self) -> np.ndarray:
        """The genes that all of them have."""
        ...

    @property
    def free(self) -> int:
        """How many genes of the pool a genotype has, at most."""
        ...

    @property
    def num_genes(self) -> int:
        """N."""
        ...

    @property
    def num(self) -> int:
        """How many genotypes they are."""
        ...

    @property
    def of_gene(self) -> np.ndarray:
        """How many of them have each gene `[N]`; 0 for a gene outside the pool, the fixed ones too."""
        ...

    @property
    def queries(self) -> frozenset[tuple[int, ...]]:
        """The query strains, where the screen crossed some; increasing gene ids."""
        ...

    def partners(self, gene: int) -> np.ndarray:
        """The genes of the pool that could have been beside one of it; increasing ids."""
        ...

    @property
    def pairs(self) -> tuple[bool, np.ndarray]:
        """The pairs `[L, 2]` of their free genes; or, after True, the pairs of the pool that they lack."""
        ...

    def among(self, genes: np.ndarray) -> Candidates:
        """Those of them that have no gene of the pool but these."""
        ...


@dataclass(frozen=True)
class Combined:
    """The fixed genes with every `free` of a pool, but for some genotypes.

    Args:
      pool: `[P]` distinct gene ids, increasing, none of them fixed.
      num_genes: N.
      without: genotypes that the screen passed over, such as those that were measured; of any sizes and
        genes.
    """

    pool: np.ndarray
    free: int
    fixed: np.ndarray
    num_genes: int
    without: GenotypeTable | None = None
    queries: frozenset[tuple[int, ...]] = frozenset()

    @property
    def num(self) -> int:
        """See `Candidates`."""
        return math.comb(len(self.pool), self.free) - len(self._without)

    @property
    def of_gene(self) -> np.ndarray:
        """See `Candidates`."""
        counts = np.zeros(self.num_genes, np.int64)
        counts[self.pool] = math.comb(len(self.pool) - 1, self.free - 1)
        return counts - np.bincount(self._without.reshape(-1), minlength=self.num_genes)

    def partners(self, gene: int) -> np.ndarray:
        """See `Candidates`."""
        others = np.setdiff1d(self.pool, [gene])
        if self.free != 2:
            return others
        return np.setdiff1d(others, self._without[(self._without == gene).any(axis=1)])

    @property
    def pairs(self) -> tuple[bool, np.ndarray]:
        """See `Candidates`."""
        return True, self._without if self.free == 2 else np.zeros((0, 2), np.int64)

    def among(self, genes: np.ndarray) -> Combined:
        """See `Candidates`."""
        return replace(self, pool=np.intersect1d(self.pool, genes))

    @cached_property
    def _without(self) -> np.ndarray:
        """The free genes `[L, free]` of the genotypes left out."""
        size = len(self.fixed) + self.free
        if self.without is None or self.without.genes.shape[1] < size:
            return np.zeros((0, self.free), np.int64)
        rows = np.unique(self.without.genes[self.without.sizes == size][:, :size], axis=0)
        role = np.zeros(self.num_genes, np.int64)
        role[self.fixed], role[self.pool] = 1, 2
        kinds = role[rows]
        own = ((kinds == 1).sum(axis=1) == len(self.fixed)) & ((kinds == 2).sum(axis=1) == self.free)
        rows, kinds = rows[own], kinds[own]
        return rows[kinds == 2].reshape(-1, self.free).astype(np.int64)


@dataclass(frozen=True)
class Listed:
    """Genotypes one by one, such as crosses of queries to arrays.

    Args:
      rows: `[M, S]` distinct genotypes, increasing gene ids, then N.
      num_genes: N.
    """

    rows: np.ndarray
    num_genes: int
    queries: frozenset[tuple[int, ...]] = frozenset()

    @property
    def num(self) -> int:
        """See `Candidates`."""
        return len(self.rows)

    @cached_property
    def _counts(self) -> np.ndarray:
        return np.bincount(self.rows.reshape(-1), minlength=self.num_genes + 1)[: self.num_genes]

    @property
    def fixed(self) -> np.ndarray:
        """See `Candidates`."""
        return np.flatnonzero(self._counts == len(self.rows)) if len(self.rows) > 1 else np.zeros(0, np.int64)

    @property
    def pool(self) -> np.ndarray:
        """See `Candidates`."""
        return np.setdiff1d(np.flatnonzero(self._counts), self.fixed)

    @property
    def free(self) -> int:
        """See `Candidates`."""
        return self.rows.shape[1] - len(self.fixed)

    @property
    def of_gene(self) -> np.ndarray:
        """See `Candidates`."""
        counts = self._counts.copy()
        counts[self.fixed] = 0
        return counts

    def partners(self, gene: int) -> np.ndarray:
        """See `Candidates`."""
        beside = np.unique(self.rows[(self.rows == gene).any(axis=1)])
        return np.setdiff1d(np.intersect1d(beside, self.pool), [gene])

    @property
    def pairs(self) -> tuple[bool, np.ndarray]:
        """See `Candidates`."""
        free = np.isin(self.rows, self.pool)
        own = free.sum(axis=1) == 2
        return False, self.rows[own][free[own]].reshape(-1, 2)

    def among(self, genes: np.ndarray) -> Listed:
        """See `Candidates`."""
        allowed = np.isin(self.rows, [*genes, *self.fixed, self.num_genes]).all(axis=1)
        return replace(self, rows=self.rows[allowed])


def pairs_within(candidates: Candidates, members: np.ndarray) -> np.ndarray:
    """How many of the candidates have both free genes in each of T sets, `[T]`.

    Args:
      members: `[T, N]` bool.
    """
    lacking, pairs = candidates.pairs
    n = candidates.num_genes
    joined: Any = csr_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(n, n))
    sets: Any = csr_array(members, dtype=np.float64)
    counts = np.asarray((sets @ joined).multiply(sets).sum(axis=1)).reshape(-1).round().astype(np.int64)
    if not lacking:
        return counts
    size = members[:, candidates.pool].sum(axis=1)
    return size * (size - 1) // 2 - counts


def check_candidates(wanted: Wanted) -> None:
    """Raises a `GiJaxError` if a list of crosses is too long to be counted for a page."""
    if not isinstance(wanted, Combinations) and wanted.num_genotypes > MOST:
        raise GiJaxError(
            f"the screen has {wanted.num_genotypes:,} crosses or listed genotypes, and a page can count "
            f"{MOST:,} at most; leave out --report, or screen fewer"
        )


def candidates_of(wanted: Wanted, num_genes: int, without: GenotypeTable | None = None) -> Candidates:
    """The genotypes of a screen but for those that it leaves out.

    Raises:
      GiJaxError: they are too many to be counted, see `check_candidates`.
    """
    check_candidates(wanted)
    if isinstance(wanted, Combinations):
        fixed = np.sort(wanted.fixed).astype(np.int64)
        return Combined(np.sort(wanted.pool), wanted.free, fixed, num_genes, without)
    rows = np.concatenate([tile.genotypes()[:, : wanted.size] for tile in wanted.tiles(_SIDE, num_genes)])
    queries = frozenset(map(tuple, wanted.queries.tolist())) if isinstance(wanted, Crosses) else frozenset()
    if without is not None:
        known, keys = keys_of(without, wanted.size), row_keys(rows, num_genes)
        assert keys is not None, "sizes without numbers were refused"
        rows = rows[~np.isin(keys, known)]
    return Listed(rows, num_genes, queries)
