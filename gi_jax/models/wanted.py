"""Which genotypes a screen is to predict, in tiles: all of some genes, queries by arrays, or a list."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Protocol

import numpy as np

from gi_jax.models.tiles import Listed, Tile, line, rectangle, triangle

Order = Callable[[np.ndarray], np.ndarray]  # gene ids in the order in which a model likes to take them
LISTED_AT_ONCE = 4096  # genotypes of a tile that share nothing


class Wanted(Protocol):
    """The genotypes of a screen."""

    num_genotypes: int
    size: int  # genes of a genotype, at most

    def tiles(self, side: int, num_genes: int, order: Order = ...) -> Iterator[Tile | Listed]:
        """Every genotype once, in tiles of side² at most; the same tiles in every call.

        Args:
          side: genes along an edge of a tile.
          num_genes: N, the padding id.
          order: in which to take genes.
        """
        ...


def as_it_is(genes: np.ndarray) -> np.ndarray:
    """The order that is given."""
    return genes


class Combinations:
    """The fixed genes with every `free` others of a pool.

    Args:
      pool: distinct gene ids, none of them fixed.
      free: 1 or more.
      fixed: gene ids that every genotype has.
    """

    def __init__(self, pool: np.ndarray, free: int, fixed: np.ndarray) -> None:
        self.pool, self.free, self.fixed = pool, free, fixed
        self.num_genotypes = math.comb(len(pool), free)
        self.size = len(fixed) + free

    def tiles(self, side: int, num_genes: int, order: Order = as_it_is) -> Iterator[Tile]:
        """See `Wanted`."""
        pool = order(self.pool)
        if self.free == 1:
            yield from line(self.fixed, pool, side, num_genes)
            return
        for chosen in itertools.combinations(range(len(pool)), self.free - 2):
            held = np.concatenate([self.fixed, pool[list(chosen)]])
            yield from triangle(held, pool, side, chosen[-1] + 1 if chosen else 0)


class Crosses:
    """Every query strain crossed to every array strain; a genotype that two crosses make comes once.

    Args:
      queries: `[Q, F]` distinct sets of gene ids.
      arrays: `[A]` distinct gene ids. An array gene that a query lacks already is no cross.
    """

    def __init__(self, queries: np.ndarray, arrays: np.ndarray) -> None:
        self.queries, self.arrays = np.sort(queries, axis=1), arrays
        self.size = queries.shape[1] + 1
        self._partners = [] if queries.shape[1] == 1 else list(self._new_partners())
        if queries.shape[1] == 1:
            q, a = len(queries), len(arrays)
            both = len(np.intersect1d(queries[:, 0], arrays))
            self.num_genotypes = q * a - both - both * (both - 1) // 2
        else:
            self.num_genotypes = sum(map(len, self._partners))

    def tiles(self, side: int, num_genes: int, order: Order = as_it_is) -> Iterator[Tile]:
        """See `Wanted`."""
        if self.queries.shape[1] > 1:
            for query, partners in zip(self.queries, self._partners, strict=True):
                yield from line(query, order(partners), side, num_genes)
            return
        nothing, queries = self.queries[0, :0], self.queries[:, 0]
        both = np.intersect1d(queries, self.arrays)
        only_queries, only_arrays = np.setdiff1d(queries, both), np.setdiff1d(self.arrays, both)
        yield from triangle(nothing, order(both), side)
        yield from rectangle(nothing, order(both), order(only_arrays), side)
        yield from rectangle(nothing, order(only_queries), order(self.arrays), side)

    def _new_partners(self) -> Iterator[np.ndarray]:
        """Of each query the array genes with which it makes a genotype that no query before it makes."""
        in_arrays = set(self.arrays.tolist())
        # Two queries make the same genotype when they differ in one gene and each is crossed to the other's.
        others: dict[tuple[int, ...], list[int]] = {}
        for query in self.queries.tolist():
            known = set(query)
            for place, gene in enumerate(query):
                rest = (*query[:place], *query[place + 1 :])
                before = others.setdefault(rest, [])
                if gene in in_arrays:
                    known.update(before)
                before.append(gene)
            yield self.arrays[~np.isin(self.arrays, list(known))]


class ListedGenotypes:
    """Genotypes one by one.

    Args:
      genes: `[M, S]` int32 distinct genotypes, increasing gene ids, then N.
    """

    def __init__(self, genes: np.ndarray) -> None:
        self.genes, self.num_genotypes, self.size = genes, len(genes), genes.shape[1]

    def tiles(self, side: int, num_genes: int, order: Order = as_it_is) -> Iterator[Listed]:
        """See `Wanted`; in the order of the list."""
        size = min(side * side, LISTED_AT_ONCE)
        yield from (Listed(self.genes[start : start + size]) for start in range(0, len(self.genes), size))
