"""Which rows of which genotype differ from the wildtype after one message-passing layer.

The input of the first layer is the same for every genotype, so its output differs from the
wildtype's only in the deleted genes and in the receivers of their edges. This module lists those
rows, flat and with a fixed capacity, so that one compiled program serves every batch.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from gi_jax.data.genotypes import GenotypeBatch
from gi_jax.data.networks import CellGraph
from gi_jax.ops.row_entries import first_of_equal, row_entries, scatter_keys
from gi_jax.ops.segment import segment_sum
from gi_jax.ops.trees import take


class Capacity(NamedTuple):
    """How many changed rows one batch may hold: static, so it is part of the compiled program.

    `gi_jax.ops.row_counts` makes it on the host from what batches have. With `singles` > 0 the batch
    shares the rows that only one of a genotype's deletions changes (see `changed_rows`).
    """

    listed: tuple[int, ...]  # G numbers: deleted genes and their receivers
    networks: tuple[int, ...]  # G numbers: rows computed
    union: int  # rows computed, union over networks
    singles: int = 0  # distinct deleted genes
    joint: int = 0  # rows of the union in which two deletions of a genotype meet


class ChangedRows(NamedTuple):
    """A flat list of (gene, genotype) rows, sorted by genotype and gene; padding has genotype B."""

    gene: Array  # [R] int32, in [0, N)
    genotype: Array  # [R] int32, B for padding
    live: Array  # [R] bool, False for padding
    deleted: Array  # [R] bool, the gene is one of the genotype's deleted genes


class NetworkChange(NamedTuple):
    """The changed rows of one network and the lost messages that change them."""

    rows: ChangedRows  # [R_g]
    source: Array  # [entries] int32, deleted sender of each lost message
    row: Array  # [entries] int32, position in `rows` of each lost message, non-decreasing
    lost: Array  # [entries] bool, False for entries that carry no message
    union_row: Array  # [R_g] int32, position of each row in the union over networks


class SharedDeletions(NamedTuple):
    """How a genotype is made of single deletions and of the rows in which two of them meet."""

    deletions: Array  # [D] int32, the distinct deleted genes, N for padding
    single: Array  # [B, S] int32, the single deletion of each deleted gene, D for padding
    joint_genotype: Array  # [J] int32, non-decreasing, the genotype of each joint row, B for padding
    counter_row: Array  # [J, S] int32, its gene's row in each of the genotype's single deletions
    counted: Array  # [J, S] bool, that row exists


class PairRows(NamedTuple):
    """Rows of pairs that are their single deletions' but for networks in which both deletions change them."""

    of_singles: Array  # [sum of R_g, 2] int32, the two rows of the single deletions among the networks' rows
    single_rows: Array  # [R, 2] int32, the two rows of the single deletions in the union
    # In both the number of all rows stands for none.


class BatchChange(NamedTuple):
    """The changed rows of a batch: per network, and their union."""

    networks: tuple[NetworkChange, ...]
    union: ChangedRows  # [R]
    genes: Array  # [V, S] int32, what the genotypes of the rows delete, N for padding
    overflow: Array  # [] bool, the batch has more rows than the capacity: results are void
    shared: SharedDeletions | None = None
    pairs: PairRows | None = None  # the networks lack rows that are those of a single deletion


def changed_rows(graph: CellGraph, batch: GenotypeBatch, capacity: Capacity) -> BatchChange:
    """Lists the rows of a batch that a first layer changes, per network and in union.

    A row next to two deleted genes is listed once. Everything is integer work inside the compiled
    program: the host sends nothing but gene ids.

    With `capacity.singles` = D > 0, D single-gene genotypes come before the batch's own ones: the
    rows of each distinct deletion, once for the whole batch. Of the genotypes' own rows only those
    are listed in which two deletions meet. Where rows do not interact (`node` statistics) a sum
    over a genotype's changed rows is the sum over its single deletions, plus its joint rows, minus
    what the single deletions said about these (`SharedDeletions`).

    Args:
      graph: the networks, N genes.
      batch: `[B, S]` deleted genes; (D + B) * N must fit 32 bits.
      capacity: the sizes.
    """
    graph, batch = jax.tree.map(jnp.asarray, (graph, batch))
    n, d = graph.num_genes, capacity.singles
    genes = jnp.where(batch.valid[:, None], batch.genes, n)  # [B, S]
    own, distinct = genes, None
    if d:
        distinct = jnp.unique(genes, size=d + 1, fill_value=n)  # padding gene included, sorted last
        singles = jnp.full((d, genes.shape[1]), n, genes.dtype).at[:, 0].set(distinct[:d])
        genes = jnp.concatenate([singles, genes])  # [D + B, S]
    entries = row_entries(graph, genes, capacity.listed, capacity.networks, d)
    union_keys, union_row, total = _distinct(entries.keys, capacity.union, genes.shape[0] * n)
    rows, union = _rows(entries.keys, genes, n), _rows(union_keys, genes, n)
    overflow, shared = entries.overflow | (total > capacity.union), None
    if distinct is not None:
        shared, num_joint = _shared_deletions(union_keys, total, own, distinct[:d], capacity, n)
        overflow |= (distinct[d] < n) | (num_joint > capacity.joint)
    flat = NetworkChange(rows, entries.source, entries.row, entries.lost, union_row)
    networks = tuple(
        take(flat, slice(end - size, end))
        for end, size in zip(np.cumsum(capacity.networks), capacity.networks, strict=True)
    )
    return BatchChange(networks, union, genes, overflow, shared)


def _distinct(keys: Array, size: int, nothing: int) -> tuple[Array, Array, Array]:
    """Distinct keys, sorted, `[size]`; the position of every given key among them; their number."""
    ordered, order = jax.lax.sort((keys, jnp.arange(keys.shape[0], dtype=jnp.int32)), num_keys=1)
    position = jnp.cumsum(first_of_equal(ordered, nothing), dtype=jnp.int32) - 1
    where = jnp.zeros_like(keys).at[order].set(position)
    return scatter_keys(ordered, position, size, nothing), where, position[-1] + 1


def _rows(keys: Array, genes: Array, n: int) -> ChangedRows:
    genotype, gene = keys // n, keys % n  # the key `nothing` has the genotype after the last
    deleted = genes.at[genotype].get(mode="fill", fill_value=-1)  # [R, S]
    live = genotype < genes.shape[0]
    return ChangedRows(gene, genotype, live, live & (deleted == gene[:, None]).any(axis=-1))


def _shared_deletions(
    keys: Array, total: Array, own: Array, distinct: Array, capacity: Capacity, n: int
) -> tuple[SharedDeletions, Array]:
    d, nothing = capacity.singles, (capacity.singles + own.shape[0]) * n
    single = jnp.searchsorted(distinct, own).astype(jnp.int32)  # [B, S], D for the padding gene
    first_joint = jnp.searchsorted(keys, d * n).astype(jnp.int32)
    row = first_joint + jnp.arange(capacity.joint, dtype=jnp.int32)  # [J]
    key = keys.at[row].get(mode="fill", fill_value=nothing)
    genotype = key // n - d  # B for padding
    wanted = single.at[genotype].get(mode="fill", fill_value=d) * n + (key % n)[:, None]  # [J, S]
    counter = jnp.minimum(jnp.searchsorted(keys, wanted), keys.shape[0] - 1).astype(jnp.int32)
    counted = (keys[counter] == wanted) & (wanted < d * n)
    return SharedDeletions(distinct, single, genotype, counter, counted), total - first_joint


def lost_messages(change: NetworkChange, x: Array) -> Array:
    """Sums what every changed row no longer receives: `sum_{p deleted} A[i, p] x[p]`.

    Args:
      x: `[N, H]`, the layer's input, the same for all genotypes.

    Returns:
      `[R_g, H]`.
    """
    messages = jnp.where(change.lost[:, None], x[change.source], 0)  # [entries, H]
    return segment_sum(messages, change.row, change.rows.gene.shape[0], indices_are_sorted=True)
