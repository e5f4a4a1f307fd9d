"""How many changed rows the batches of a table have, found on the host before anything is compiled."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import sparse

from gi_jax.data.networks import CellGraph
from gi_jax.ops.changed_rows import Capacity
from gi_jax.ops.row_counts import BatchCounts, RowCounts

SAMPLE = 1 << 16  # deletions drawn to find what random batches have
FEWEST_DRAWN = 16  # random batches at least
MOST_DRAWN = 1 << 22  # genotypes drawn to find what shuffled batches of a large table have
LARGEST_DRAWN_SET = 3  # genes of a random genotype; few genotypes have more


class RowNeeds(NamedTuple):
    """Upper bounds of the rows that a first layer changes, for M genotypes of one table.

    Summed over a batch they say what the batch has beyond `singles`, which is 0 unless single
    deletions are shared.
    """

    genotypes: RowCounts  # [M + 1], row M (padding) is 0
    singles: RowCounts  # [], the single deletions of any batch, together
    num_singles: int  # distinct deleted genes of a batch at most

    def largest(self, order: np.ndarray, batch_size: int) -> RowCounts:
        """The most that any batch has of an epoch's padded order `[steps * B]` of rows."""
        return self.genotypes[order].batches(batch_size).max()

    def expected(self, batch_size: int, epochs: int = 16, margin: float = 1.15) -> RowCounts:
        """What shuffled batches rarely exceed.

        The most that any batch has in some epochs of random order (always the same ones), and a
        margin: hubs make the counts heavy-tailed, so mean and deviation say too little. No batch has
        more than the largest genotypes together, which bounds the estimate.
        """
        genotypes, rng = self.genotypes[:-1], np.random.default_rng(0)
        num_genotypes = len(genotypes.union)
        whole = max(num_genotypes // batch_size, 1) * batch_size
        most = genotypes.each(lambda a: _largest(a, batch_size).sum(axis=0))
        found = RowCounts.zeros(genotypes.listed.shape[1])
        if epochs * whole > MOST_DRAWN:  # as many batches as a table of that size would have in its epochs
            epochs, whole = 1, max(MOST_DRAWN // batch_size, FEWEST_DRAWN) * batch_size
        for _ in range(epochs):
            drawn = rng.permutation(num_genotypes) if epochs > 1 else rng.integers(0, num_genotypes, whole)
            order = np.resize(drawn, whole)
            found = found.maximum(self.largest(order, batch_size))
        return found.each(lambda a, b: np.minimum(np.ceil(a * margin), b).astype(np.int64), most)

    def capacity(self, own: RowCounts) -> Capacity:
        """Capacity for batches whose genotypes have at most `own`, rounded up."""
        return BatchCounts(own, self.singles, self.num_singles).capacity()


def _largest(counts: np.ndarray, number: int) -> np.ndarray:
    """The so many largest of each column `[M, ...]`, in any order."""
    return counts if len(counts) <= number else np.partition(counts, -number, axis=0)[-number:]


class Reach(NamedTuple):
    """Which rows every single deletion changes: `[N, N]` 0/1 (repeated edges count as often), row by gene."""

    networks: tuple[sparse.csr_array, ...]  # G
    union: sparse.csr_array  # 0/1
    bounds: RowCounts  # [N + 1], the counts of a genotype of one gene; N (padding) is 0

    @property
    def num_genes(self) -> int:
        """N."""
        return len(self.bounds.union) - 1


def reach(graph: CellGraph) -> Reach:
    """What single deletions change, network by network."""
    n = graph.num_genes
    networks = tuple(_reach(np.asarray(a.senders_t), np.asarray(a.receivers_t), n) for a in graph.networks)
    nothing = np.zeros(0, int)
    union = sum(networks[1:], start=networks[0]) if networks else _reach(nothing, nothing, n)
    union.data[:] = 1
    listed = np.zeros((n + 1, len(networks)), np.int64)
    for i, adjacency in enumerate(graph.networks):
        listed[:n, i] = np.diff(np.asarray(adjacency.indptr_t)) + 1
    return Reach(networks, union, RowCounts(listed, listed, np.append(np.diff(union.indptr), 0)))


def row_needs(graph: CellGraph, genes: np.ndarray, *, share: bool, batch_size: int) -> RowNeeds:
    """Bounds for every genotype of a table.

    Args:
      genes: `[M, S]` gene ids, then N.
      share: rows of single deletions are computed once per batch (see `changed_rows`).
    """
    changed = reach(graph)
    genotypes = genotype_counts(changed, genes, share=share)
    genotypes = genotypes.each(lambda a: np.concatenate([a, np.zeros_like(a[:1])]))
    if not share:
        return RowNeeds(genotypes, RowCounts.zeros(len(graph.networks)), 0)
    distinct = np.unique(genes[genes < graph.num_genes])
    num_singles = min(len(distinct), batch_size * genes.shape[1])
    of_each = changed.bounds[distinct]
    singles = of_each.each(lambda a: np.sort(a, axis=0)[len(distinct) - num_singles :].sum(axis=0))
    return RowNeeds(genotypes, singles, num_singles)


def genotype_counts(changed: Reach, genes: np.ndarray, *, share: bool) -> RowCounts:
    """Bounds for every genotype `[M, S]` by itself: `[M]`; arguments as `row_needs`."""
    none = RowCounts.zeros(len(changed.networks), len(genes))
    counts = sum((changed.bounds[column] for column in genes.T), start=none)
    return RowCounts(counts.listed, *_joint_counts(changed, genes)) if share else counts


def batch_counts(changed: Reach, genotypes: RowCounts, genes: np.ndarray, *, share: bool) -> BatchCounts:
    """What one batch `[B, S]` has together, exactly.

    Args:
      genotypes: `[B]`, as `genotype_counts` gives them.
      genes, share: as for `row_needs`.
    """
    own = genotypes.sum()
    if not share:
        return BatchCounts(own, RowCounts.zeros(len(changed.networks)))
    distinct = np.unique(genes[genes < changed.num_genes])
    return BatchCounts(own, changed.bounds[distinct].sum(), len(distinct))


def random_batch_counts(
    changed: Reach, batch_size: int, set_size: int, *, share: bool, margin: float = 1.25
) -> BatchCounts:
    """What batches of random genotypes rarely exceed: it follows from the networks and B alone.

    The most of some random batches (always the same ones), and a margin. Of the rows of random
    deletions few meet; a quarter for every other gene of a genotype leaves room for related genes.
    """
    rng, n = np.random.default_rng(0), changed.num_genes
    deletions = batch_size * min(set_size, LARGEST_DRAWN_SET)
    drawn = rng.integers(0, n, (max(SAMPLE // deletions, FEWEST_DRAWN), deletions))
    found = changed.bounds[drawn].sum(axis=1).max()
    found = found.each(lambda a: np.ceil(a * margin).astype(np.int64))
    if not share:
        return BatchCounts(found, RowCounts.zeros(len(changed.networks)))
    meeting = found.each(lambda a: -(-a * (set_size - 1) // 4))  # rounded up: twice 0 would be no more
    own = RowCounts(found.listed, meeting.computed, meeting.union)
    return BatchCounts(own, found, min(batch_size * set_size, n))


def _reach(senders: np.ndarray, receivers: np.ndarray, n: int) -> sparse.csr_array:
    """`[N, N]` 0/1: deleting the row's gene changes the column's row; edges repeat as larger counts."""
    own = np.arange(n)
    rows, columns = np.concatenate([own, senders]), np.concatenate([own, receivers])
    return sparse.csr_array((np.ones(len(rows), np.int64), (rows, columns)), shape=(n, n))


def _joint_counts(changed: Reach, genes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Entries of every network `[M, G]`, and rows of the union `[M]`, in which two deletions meet."""
    distinct = np.unique(genes[genes < changed.num_genes])
    others = changed.union[distinct].T.tocsc()
    position = np.searchsorted(distinct, genes)  # the padding gene comes last, and meets nobody
    pairs = [(s, t) for s in range(genes.shape[1]) for t in range(genes.shape[1]) if s != t]
    joint = []
    for rows in (*changed.networks, changed.union):  # one table at a time: all of them fill the memory
        table = np.pad((rows[distinct] @ others).toarray(), (0, 1))  # [D + 1, D + 1]
        met = (table[position[:, s], position[:, t]] for s, t in pairs)
        joint.append(sum(met, start=np.zeros(len(genes), np.int64)))
    union = joint.pop() // 2  # it counted every pair from both sides
    return np.stack(joint, axis=1) if joint else np.zeros((len(genes), 0), np.int64), union
