"""The changed rows of pairs of genes, listed on the host from what each gene changes.

Of R genes crossed to C others, the rows in which two deletions meet follow gene by gene of the cell: where r
of the one and c of the other change a gene, it has r c joint rows. So the receivers of a gene's edges are
found once for all tiles of a screen, and the work is that of the rows that there are, where
`gi_jax.ops.row_entries` looks at all receivers of both genes of every pair.

In a network of its own a row is computed anew only where both deletions change it there. Elsewhere in that
network it is the row of one of its single deletions, see `gi_jax.ops.network_union`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import jax
import numpy as np

from gi_jax.data.arrays import on_host
from gi_jax.data.networks import CellGraph
from gi_jax.ops.changed_rows import BatchChange, ChangedRows, NetworkChange, PairRows, SharedDeletions
from gi_jax.ops.gene_changes import ChangesOfGenes, GeneChanges, gene_changes


class PairCounts(NamedTuple):
    """How many rows the pairs of a tile have, or room for as many."""

    rows: tuple[int, ...]  # [G] computed in every network
    entries: tuple[int, ...]  # [G] lost messages
    union: int
    joint: int  # of the union, those in which two deletions meet
    singles: int  # D

    @property
    def computed(self) -> int:
        """Rows computed, over all networks."""
        return sum(self.rows)

    def maximum(self, other: PairCounts) -> PairCounts:
        """Room for either."""
        return jax.tree.map(max, self, other)

    def rounded(self) -> PairCounts:
        """Room that serves other tiles too."""
        return jax.tree.map(lambda count: max(64, -(-count // 64) * 64), self)


class _Tile(NamedTuple):
    """A tile of pairs, and the numbers of its genotypes: D single deletions, then its pairs."""

    rows: np.ndarray  # [R] gene ids
    columns: np.ndarray  # [C] gene ids, the same ones for all pairs of `rows`
    number: np.ndarray  # [R, C] of the pair of a row and a column, -1 for none
    singles: np.ndarray  # [<= D] gene ids, increasing
    genes: np.ndarray  # [D + B, 2] int32 what each genotype deletes, N for padding
    single: np.ndarray  # [B, 2] int32 the single deletions of each pair, D for padding


class PairLister:
    """Lists the changed rows of tiles of pairs.

    Args:
      graph: G networks, N genes.
    """

    def __init__(self, graph: CellGraph) -> None:
        n = self.num_genes = graph.num_genes
        own = np.arange(n)
        edges = [(np.asarray(a.senders_t), np.asarray(a.receivers_t)) for a in graph.networks]
        self._networks = [gene_changes(n, own, *both) for both in edges]
        everything = [np.concatenate(ends) for ends in zip(*edges, strict=True)] if edges else [own[:0]] * 2
        self._union = gene_changes(n, own, *everything)
        self._sums = lru_cache(maxsize=128)(self._sums_of)

    def counts(self, rows: np.ndarray, columns: np.ndarray | None) -> PairCounts:
        """What a tile of pairs has, exactly, without a look at its pairs.

        Args:
          rows: `[R]` gene ids.
          columns: `[C]` other gene ids; None for all pairs of `rows`.
        """
        a, lost_a = self._sums(rows.astype(np.int64).tobytes())
        if columns is None:
            # Of all ordered pairs those of a gene with itself are none; there every row meets itself.
            itself = a.sum(axis=1)
            meeting, alone = (_products(a, a) - itself) / 2, itself
            lost = _products(lost_a, a)
        else:
            b, lost_b = self._sums(columns.astype(np.int64).tobytes())
            meeting, alone = _products(a, b), a.sum(axis=1) + b.sum(axis=1)
            lost = _products(lost_a, b) + _products(a, lost_b) + lost_a.sum(axis=1) + lost_b.sum(axis=1)
        computed = np.rint(alone + meeting).astype(int).tolist()
        return PairCounts(
            tuple(computed[:-1]),
            tuple(np.rint(lost[:-1]).astype(int).tolist()),
            computed[-1],
            int(np.rint(meeting[-1])),
            len(rows) + (0 if columns is None else len(columns)),
        )

    def _sums_of(self, genes: bytes) -> tuple[np.ndarray, np.ndarray]:
        """`[G + 1, N]`, by network and in any: how many of some genes change each row, and how many messages
        it loses to them.
        """
        ids = np.frombuffer(genes, np.int64)
        found = [table.of(ids).sums(self.num_genes) for table in (*self._networks, self._union)]
        changed, lost = (np.stack(parts).astype(np.float64) for parts in zip(*found, strict=True))
        return changed, lost

    def __call__(
        self, rows: np.ndarray, columns: np.ndarray | None, room: PairCounts, batch_size: int
    ) -> BatchChange:
        """The rows of the pairs of a tile, in the order of `gi_jax.models.tiles.Tile.genotypes`.

        Args:
          rows, columns: as for `counts`.
          room: at least what `counts` says.
          batch_size: B, at least the number of pairs.
        """
        n, d, nowhere = self.num_genes, room.singles, room.union
        tile = _tile(rows, columns, d, batch_size, n)
        alone = self._union.of(tile.singles)
        single_keys = alone.owner * n + alone.row
        place = np.empty(len(tile.singles) * n, np.int32)  # of a single deletion's row in the union
        place[single_keys] = np.arange(len(single_keys))
        joint_keys = _meeting(self._union.of(tile.rows), self._union.of(tile.columns), tile, n)
        keys = np.concatenate([single_keys, joint_keys])
        union = _changed_rows(keys, nowhere, tile.genes, n)

        pair, gene = joint_keys // n - d, joint_keys % n
        of_joint = place[tile.single[pair] * n + gene[:, None]]  # [joint rows, 2]
        joint = np.full(room.joint, batch_size, np.int32)
        joint[: len(pair)] = pair
        counter, counted = np.zeros((room.joint, 2), np.int32), np.zeros((room.joint, 2), bool)
        counter[: len(pair)], counted[: len(pair)] = of_joint, True
        single_rows = np.full((room.union, 2), nowhere, np.int32)
        single_rows[len(single_keys) : len(keys)] = of_joint
        shared = map(on_host, (tile.genes[:d, 0].copy(), tile.single, joint, counter, counted))

        networks, singles = [], []
        start, end = 0, sum(room.rows)
        for table, size, num_entries in zip(self._networks, room.rows, room.entries, strict=True):
            change, of_singles = self._of_network(table, tile, (size, num_entries), keys, place)
            networks.append(change)
            singles.append(np.where(of_singles < size, of_singles + start, end).astype(np.int32))
            start += size
        return BatchChange(
            tuple(networks),
            union,
            on_host(tile.genes),
            on_host(np.zeros((), bool)),
            SharedDeletions(*shared),
            PairRows(on_host(np.concatenate(singles)), on_host(single_rows)),
        )

    def _of_network(
        self, table: GeneChanges, tile: _Tile, room: tuple[int, int], union: np.ndarray, place: np.ndarray
    ) -> tuple[NetworkChange, np.ndarray]:
        """The rows of one network, and for each of them those of its single deletions, R_g for none."""
        n, (size, num_entries) = self.num_genes, room
        d = len(tile.genes) - len(tile.single)
        alone = table.of(tile.singles)
        single_keys = alone.owner * n + alone.row
        keys = _meeting(table.of(tile.rows), table.of(tile.columns), tile, n)
        pair, gene = keys // n - d, keys % n
        own = np.empty(len(place), np.int32)
        own[single_keys] = np.arange(len(single_keys))
        of_pair = own[tile.single[pair] * n + gene[:, None]]  # [joint rows, 2]
        of_singles = np.full((size, 2), size, np.int32)
        of_singles[len(single_keys) : len(single_keys) + len(keys)] = of_pair

        union_row = np.zeros(size, np.int32)
        union_row[: len(single_keys)] = place[single_keys]
        union_row[len(single_keys) : len(single_keys) + len(keys)] = np.searchsorted(union, keys)

        # Lost messages in the order of the rows: of a joint row those of its one deletion, then of the other.
        count = np.concatenate([alone.lost, alone.lost[of_pair].ravel()])
        source = np.concatenate([tile.singles[alone.owner], tile.singles[tile.single[pair]].ravel()])
        row = np.concatenate(
            [np.arange(len(single_keys)), len(single_keys) + np.repeat(np.arange(len(keys)), 2)]
        )
        source, row = np.repeat(source, count), np.repeat(row, count)
        last = max(len(single_keys) + len(keys) - 1, 0)
        change = NetworkChange(
            _changed_rows(np.concatenate([single_keys, keys]), size, tile.genes, n),
            on_host(_filled(source, num_entries, 0)),
            on_host(_filled(row, num_entries, last)),
            on_host(np.arange(num_entries) < len(source)),
            on_host(union_row),
        )
        return change, of_singles


def _products(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The scalar products of the rows of two matrices."""
    return np.einsum("gn,gn->g", a, b)


def _tile(rows: np.ndarray, columns: np.ndarray | None, room: int, batch_size: int, n: int) -> _Tile:
    others = rows if columns is None else columns
    if columns is None:
        number = np.full((len(rows), len(rows)), -1)
        first, second = np.triu_indices(len(rows), 1)
        number[first, second] = np.arange(len(first))
    else:
        number = np.arange(len(rows) * len(columns)).reshape(len(rows), len(columns))
        first, second = (part.ravel() for part in np.indices(number.shape))
    singles = np.sort(rows if columns is None else np.concatenate([rows, columns]))
    one, other = np.searchsorted(singles, rows)[first], np.searchsorted(singles, others)[second]
    single = np.full((batch_size, 2), room, np.int32)
    single[: len(first)] = np.stack([np.minimum(one, other), np.maximum(one, other)], axis=1)
    genes = np.full((room + batch_size, 2), n, np.int32)
    genes[: len(singles), 0] = singles
    genes[room : room + len(first)] = singles[single[: len(first)]]
    return _Tile(rows, others, number, singles, genes, single)


def _meeting(some: ChangesOfGenes, others: ChangesOfGenes, tile: _Tile, n: int) -> np.ndarray:
    """Increasing keys `genotype * N + gene` of the rows that both deletions of a pair change."""
    order = np.argsort(others.row, kind="stable")
    columns, count = others.owner[order], np.bincount(others.row, minlength=n)
    start = np.cumsum(count) - count
    times = count[some.row]
    entry = np.repeat(np.arange(len(times)), times)
    at = np.arange(len(entry)) + np.repeat(start[some.row] - (np.cumsum(times) - times), times)
    pair = tile.number[some.owner[entry], columns[at]]
    keys = (pair + (len(tile.genes) - len(tile.single))) * n + some.row[entry]
    return np.sort(keys[pair >= 0] if tile.rows is tile.columns else keys)


def _changed_rows(keys: np.ndarray, size: int, genes: np.ndarray, n: int) -> ChangedRows:
    """`ChangedRows` of increasing keys, filled up to a size with rows of no genotype."""
    genotype, gene = keys // n, keys % n
    deleted = (genes[genotype] == gene[:, None]).any(axis=1)
    return ChangedRows(
        on_host(_filled(gene, size, 0)),
        on_host(_filled(genotype, size, len(genes))),
        on_host(np.arange(size) < len(keys)),
        on_host(np.concatenate([deleted, np.zeros(size - len(keys), bool)])),
    )


def _filled(values: np.ndarray, size: int, rest: int) -> np.ndarray:
    filled = np.full(size, rest, np.int32)
    filled[: len(values)] = values
    return filled
