"""The genotypes of a screen in tiles, whose genotypes share their deletions, and the room a tile needs."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from gi_jax.data.networks import CellGraph
from gi_jax.ops.capacity import reach


class Tile(NamedTuple):
    """The genotypes of the fixed genes, one gene of `rows` and one of `columns`.

    Without columns every pair of `rows` is taken once. A column may be the padding id N.
    """

    fixed: np.ndarray  # [F] gene ids
    rows: np.ndarray  # [R] gene ids
    columns: np.ndarray | None  # [C] gene ids

    @property
    def size(self) -> int:
        """How many genotypes it has."""
        r = len(self.rows)
        return r * (r - 1) // 2 if self.columns is None else r * len(self.columns)

    def genotypes(self) -> np.ndarray:
        """`[size, F + 2]` int32, gene ids increasing."""
        if self.columns is None:
            first, second = (self.rows[i] for i in np.triu_indices(len(self.rows), 1))
        else:
            first, second = (part.reshape(-1) for part in np.meshgrid(self.rows, self.columns, indexing="ij"))
        fixed = np.broadcast_to(self.fixed, (len(first), len(self.fixed)))
        return np.sort(np.column_stack([fixed, first, second]).astype(np.int32), axis=1)

    def parts(self) -> tuple[Tile, ...]:
        """The same genotypes in smaller tiles; itself if it has one only."""
        half = len(self.rows) // 2
        if self.columns is None:
            low, high = self.rows[:half], self.rows[half:]
            tiles = (Tile(self.fixed, low, None), Tile(self.fixed, low, high), Tile(self.fixed, high, None))
            return tuple(tile for tile in tiles if tile.size)
        if len(self.columns) > len(self.rows):
            return Tile(self.fixed, self.columns, self.rows).parts()
        halves = (self.rows[:half], self.rows[half:])
        return tuple(Tile(self.fixed, rows, self.columns) for rows in halves if len(rows))


def tiles(pool: np.ndarray, free: int, fixed: np.ndarray, side: int, num_genes: int) -> Iterator[Tile]:
    """Every genotype of the fixed genes and `free` others of the pool, once, in tiles of side² at most.

    Args:
      pool: distinct gene ids, none of them fixed.
      free: 1 or more.
      num_genes: N, the padding id.
    """
    if free == 1:
        nobody = np.array([num_genes])
        starts = range(0, len(pool), side * side)
        yield from (Tile(fixed, pool[i : i + side * side], nobody) for i in starts)
        return
    for chosen in itertools.combinations(range(len(pool)), free - 2):
        held = np.concatenate([fixed, pool[list(chosen)]])
        start = chosen[-1] + 1 if chosen else 0
        # The same blocks for all of them, but for the first.
        edges = [start, *range((start // side + 1) * side, len(pool), side), len(pool)]
        blocks = [pool[low:high] for low, high in itertools.pairwise(edges)]
        for i, rows in enumerate(blocks):
            own = [Tile(held, rows, None)] if len(rows) > 1 else []
            yield from (*own, *(Tile(held, rows, columns) for columns in blocks[i + 1 :]))


class TileNeeds:
    """Upper bounds of the rows that a first layer changes in all genotypes of a tile.

    In how many rows of a network two deletions meet, summed over all pairs of two sets of genes, is
    the scalar product of two sums over those sets, so no pair is looked at.

    Args:
      graph: the networks.
      share: rows of single deletions are computed once per tile (see `gi_jax.ops.changed_rows`).
    """

    def __init__(self, graph: CellGraph, *, share: bool) -> None:
        self.reach, self.share, self.num_genes = reach(graph), share, graph.num_genes
        self._sums = lru_cache(maxsize=256)(self._sums_of)

    def __call__(self, tile: Tile) -> tuple[np.ndarray, np.ndarray, int]:
        """Needs of the genotypes and of their single deletions, `[2 G + 1]` each, and how many these are."""
        bounds, size, r = self.reach.bounds, tile.size, len(tile.rows)
        # In how many of the tile's genotypes a gene of each part is.
        parts = [(tile.fixed, size)]
        if tile.columns is None:
            parts.append((tile.rows, r - 1))
        else:
            parts += [(tile.rows, len(tile.columns)), (tile.columns, r)]
        need = sum(count * bounds[genes].sum(axis=0) for genes, count in parts)
        if not self.share:
            return need, np.zeros_like(need), 0
        genes = np.concatenate([genes for genes, _ in parts])
        need[len(need) // 2 :] = self._joint(tile)
        return need, bounds[genes].sum(axis=0), int((genes < self.num_genes).sum())

    def _joint(self, tile: Tile) -> np.ndarray:
        """`[G + 1]`: entries of every network, and rows of the union, in which two deletions meet."""
        size, r = tile.size, len(tile.rows)
        among = size * self._within(tile.fixed)
        if tile.columns is None:
            among += self._within(tile.rows) + (r - 1) * self._between(tile.fixed, tile.rows)
        else:
            c = len(tile.columns)
            among += self._between(tile.rows, tile.columns)
            among += c * self._between(tile.fixed, tile.rows) + r * self._between(tile.fixed, tile.columns)
        among[-1] /= 2  # the union counted every pair from both sides
        return np.ceil(among).astype(np.int64)

    def _within(self, genes: np.ndarray) -> np.ndarray:
        """Over the ordered pairs of distinct genes of a set."""
        own, g = self._sums(genes.tobytes()), len(self.reach.networks)
        return own @ own[-1] - self.reach.bounds[genes, g:].sum(axis=0)

    def _between(self, some: np.ndarray, others: np.ndarray) -> np.ndarray:
        """Over the ordered pairs of a gene of one and a gene of the other set, both ways."""
        a, b = self._sums(some.tobytes()), self._sums(others.tobytes())
        return a @ b[-1] + b @ a[-1]

    def _sums_of(self, genes: bytes) -> np.ndarray:
        """`[G + 1, N]`: how many deletions of a set of gene ids change each row, by network and in any."""
        ids = np.frombuffer(genes, np.int64)
        ids = ids[ids < self.num_genes]
        return np.stack([rows[ids].sum(axis=0) for rows in (*self.reach.networks, self.reach.union)]).astype(
            np.float64
        )
