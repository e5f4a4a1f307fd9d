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
            first = np.repeat(self.rows, len(self.columns))
            second = np.tile(self.columns, len(self.rows))
        genes = np.empty((len(first), len(self.fixed) + 2), np.int32)
        if not len(self.fixed):
            np.minimum(first, second, out=genes[:, 0], casting="unsafe")
            np.maximum(first, second, out=genes[:, 1], casting="unsafe")
            return genes
        genes[:, :-2], genes[:, -2], genes[:, -1] = self.fixed, first, second
        genes.sort(axis=1)
        return genes

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


class Listed(NamedTuple):
    """Genotypes one by one, with what `Tile` has."""

    genes: np.ndarray  # [M, S] int32, increasing gene ids, then N

    @property
    def size(self) -> int:
        """How many genotypes it has."""
        return len(self.genes)

    def genotypes(self) -> np.ndarray:
        """`[size, S]` int32."""
        return self.genes

    def parts(self) -> tuple[Listed, ...]:
        """Both halves; itself if it has one genotype only."""
        half = len(self.genes) // 2
        return tuple(Listed(genes) for genes in (self.genes[:half], self.genes[half:]) if len(genes))


def rectangle(fixed: np.ndarray, rows: np.ndarray, columns: np.ndarray, side: int) -> Iterator[Tile]:
    """Every row with every column, which have no gene in common, in tiles of side² at most."""
    for i in range(0, len(rows), side):
        for j in range(0, len(columns), side):
            yield Tile(fixed, rows[i : i + side], columns[j : j + side])


def triangle(fixed: np.ndarray, pool: np.ndarray, side: int, start: int = 0) -> Iterator[Tile]:
    """Every pair of the pool from position `start` on, in tiles of side² at most."""
    # The same blocks for every start, but for the first.
    edges = [start, *range((start // side + 1) * side, len(pool), side), len(pool)]
    blocks = [pool[low:high] for low, high in itertools.pairwise(edges)]
    for i, rows in enumerate(blocks):
        own = [Tile(fixed, rows, None)] if len(rows) > 1 else []
        yield from (*own, *(Tile(fixed, rows, columns) for columns in blocks[i + 1 :]))


def line(fixed: np.ndarray, pool: np.ndarray, side: int, num_genes: int) -> Iterator[Tile]:
    """Every gene of the pool by itself, in tiles of side² at most; N is the padding id."""
    nobody = np.array([num_genes])
    starts = range(0, len(pool), side * side)
    yield from (Tile(fixed, pool[i : i + side * side], nobody) for i in starts)
