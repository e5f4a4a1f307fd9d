"""How much room for changed rows a batch needs, found on the host before anything is compiled."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import sparse

from gi_jax.data.networks import CellGraph
from gi_jax.ops.changed_rows import Capacity


class RowNeeds(NamedTuple):
    """Upper bounds of the rows that a first layer changes, for M genotypes of one table.

    The 2 G + 1 numbers of a genotype: rows listed per network, rows computed per network, rows
    computed in the union over networks. Summed over a batch they say what the batch needs beyond
    `singles`, which is 0 unless single deletions are shared.
    """

    genotypes: np.ndarray  # [M + 1, 2 G + 1] int64, row M (padding) is 0
    singles: np.ndarray  # [2 G + 1] int64, the single deletions of a batch, together
    num_singles: int  # distinct deleted genes of a batch at most

    def largest(self, order: np.ndarray, batch_size: int) -> np.ndarray:
        """The most that any batch needs of an epoch's padded order `[steps * B]` of rows: `[2 G + 1]`."""
        return self.genotypes[order].reshape(-1, batch_size, self.genotypes.shape[1]).sum(axis=1).max(axis=0)

    def expected(self, batch_size: int, epochs: int = 16, margin: float = 1.15) -> np.ndarray:
        """What shuffled batches rarely exceed: `[2 G + 1]`.

        The most that any batch needs in some epochs of random order (always the same ones), and a
        margin: hubs make the needs heavy-tailed, so mean and deviation say too little. No batch needs
        more than its largest genotypes together, which bounds the estimate.
        """
        genotypes, rng = self.genotypes[:-1], np.random.default_rng(0)
        whole = max(len(genotypes) // batch_size, 1) * batch_size
        orders = (np.resize(rng.permutation(len(genotypes)), whole) for _ in range(epochs))
        need = np.max([self.largest(order, batch_size) for order in orders], axis=0)
        largest = np.sort(genotypes, axis=0)[-batch_size:].sum(axis=0)
        return np.minimum(np.ceil(need * margin), largest).astype(np.int64)

    def capacity(self, need: np.ndarray) -> Capacity:
        """Room for batches that need at most `need`, rounded up."""
        return room(need, self.singles, self.num_singles)


def room(need: np.ndarray, singles: np.ndarray, num_singles: int) -> Capacity:
    """Room for `need` and `singles` `[2 G + 1]` together, rounded up.

    Args:
      need: what the genotypes of a batch need, as `RowNeeds` has it.
      singles: what their single deletions need, 0 unless these are shared.
      num_singles: how many of these there are at most.
    """
    g = len(need) // 2
    total = need + singles
    return Capacity(
        listed=tuple(map(_round_up, total[:g])),
        networks=tuple(map(_round_up, total[g:-1])),
        union=_round_up(total[-1]),
        singles=num_singles,
        joint=_round_up(need[-1]) if num_singles else 0,
    )


class Reach(NamedTuple):
    """Which rows every single deletion changes: `[N, N]` 0/1 (repeated edges count as often), row by gene."""

    networks: tuple[sparse.csr_array, ...]  # G
    union: sparse.csr_array  # 0/1
    bounds: np.ndarray  # [N + 1, 2 G + 1] int64, the needs of a genotype of one gene; N (padding) is 0


def reach(graph: CellGraph) -> Reach:
    """What single deletions change, network by network."""
    n, g = graph.num_genes, len(graph.networks)
    networks = tuple(_reach(np.asarray(a.senders_t), np.asarray(a.receivers_t), n) for a in graph.networks)
    union = sum(networks[1:], start=networks[0]) if g else _reach(np.zeros(0, int), np.zeros(0, int), n)
    union.data[:] = 1
    bounds = np.zeros((n + 1, 2 * g + 1), np.int64)
    for i, adjacency in enumerate(graph.networks):
        bounds[:n, i] = bounds[:n, g + i] = np.diff(np.asarray(adjacency.indptr_t)) + 1
    bounds[:n, -1] = np.diff(union.indptr)
    return Reach(networks, union, bounds)


def row_needs(graph: CellGraph, genes: np.ndarray, *, share: bool, batch_size: int) -> RowNeeds:
    """Bounds for every genotype of a table.

    Args:
      genes: `[M, S]` gene ids, then N.
      share: rows of single deletions are computed once per batch (see `changed_rows`).
    """
    n, g = graph.num_genes, len(graph.networks)
    changed = reach(graph)
    bounds = changed.bounds
    needs = sum(bounds[column] for column in genes.T)
    singles, num_singles = np.zeros(2 * g + 1, np.int64), 0
    if share:
        distinct = np.unique(genes[genes < n])
        num_singles = min(len(distinct), batch_size * genes.shape[1])
        singles = np.sort(bounds[distinct], axis=0)[len(distinct) - num_singles :].sum(axis=0)
        needs[:, g:] = _joint_needs(changed, distinct, genes)
    return RowNeeds(np.concatenate([needs, np.zeros((1, 2 * g + 1), np.int64)]), singles, num_singles)


def _reach(senders: np.ndarray, receivers: np.ndarray, n: int) -> sparse.csr_array:
    """`[N, N]` 0/1: deleting the row's gene changes the column's row; edges repeat as larger counts."""
    own = np.arange(n)
    rows, columns = np.concatenate([own, senders]), np.concatenate([own, receivers])
    return sparse.csr_array((np.ones(len(rows), np.int64), (rows, columns)), shape=(n, n))


def _joint_needs(changed: Reach, distinct: np.ndarray, genes: np.ndarray) -> np.ndarray:
    """`[M, G + 1]`: entries of every network, and rows of the union, in which two deletions meet."""
    others = changed.union[distinct].T.tocsc()
    by_network = (*changed.networks, changed.union)
    tables = [(rows[distinct] @ others).toarray() for rows in by_network]  # [D, D] each
    position = np.searchsorted(distinct, genes)
    position[genes > distinct[-1]] = len(distinct)
    tables = [np.pad(table, (0, 1)) for table in tables]  # the padding gene meets nobody
    joint = np.zeros((len(genes), len(tables)), np.int64)
    for s in range(genes.shape[1]):
        for t in range(genes.shape[1]):
            if s != t:
                joint += np.stack([table[position[:, s], position[:, t]] for table in tables], axis=1)
    joint[:, -1] //= 2  # the union counted every pair from both sides
    return joint


def _round_up(need: int) -> int:
    return max(64, -(-int(need) // 64) * 64)
