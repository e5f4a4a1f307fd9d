"""How many changed rows a tile of a screen has."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from gi_jax.data.networks import CellGraph
from gi_jax.models.tiles import Listed, Tile
from gi_jax.ops.capacity import batch_counts, genotype_counts, reach
from gi_jax.ops.row_counts import BatchCounts, RowCounts


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

    def __call__(self, tile: Tile | Listed) -> BatchCounts:
        """The counts of its genotypes, and of their single deletions."""
        if isinstance(tile, Listed):
            own = genotype_counts(self.reach, tile.genes, share=self.share)
            return batch_counts(self.reach, own, tile.genes, share=self.share)
        bounds, size, r = self.reach.bounds, tile.size, len(tile.rows)
        # In how many of the tile's genotypes a gene of each part is.
        parts = [(tile.fixed, size)]
        if tile.columns is None:
            parts.append((tile.rows, r - 1))
        else:
            parts += [(tile.rows, len(tile.columns)), (tile.columns, r)]
        none = RowCounts.zeros(len(self.reach.networks))
        own = sum((bounds[genes].sum() * count for genes, count in parts), start=none)
        if not self.share:
            return BatchCounts(own, none)
        genes, joint = np.concatenate([genes for genes, _ in parts]), self._joint(tile)
        own = RowCounts(own.listed, joint[:-1], joint[-1])
        return BatchCounts(own, bounds[genes].sum(), int((genes < self.num_genes).sum()))

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
        own, themselves = self._sums(genes.tobytes()), self.reach.bounds[genes].sum()
        return own @ own[-1] - np.append(themselves.computed, themselves.union)

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
