"""The genotypes of a screen in tiles, whose genotypes share their deletions."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np


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
