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
from gi_jax.data.networks import Adjacency, CellGraph
from gi_jax.ops.segment import segment_sum


class Capacity(NamedTuple):
    """How many changed rows one batch may hold: static, so it is part of the compiled program."""

    networks: tuple[int, ...]  # G numbers
    union: int


class ChangedRows(NamedTuple):
    """A flat list of (gene, genotype) rows, sorted by genotype and gene; padding has genotype B."""

    gene: Array  # [R] int32, in [0, N)
    genotype: Array  # [R] int32, B for padding
    live: Array  # [R] bool, False for padding
    deleted: Array  # [R] bool, the gene is one of the genotype's deleted genes


class NetworkChange(NamedTuple):
    """The changed rows of one network and the lost messages that change them."""

    rows: ChangedRows  # [R_g]
    source: Array  # [R_g] int32, deleted sender of each lost message
    row: Array  # [R_g] int32, position in `rows` of each lost message, non-decreasing
    lost: Array  # [R_g] bool, False for entries that carry no message
    union_row: Array  # [R_g] int32, position of each row in the union over networks


class BatchChange(NamedTuple):
    """The changed rows of a batch: per network, and their union."""

    networks: tuple[NetworkChange, ...]
    union: ChangedRows  # [R]
    overflow: Array  # [] bool, the batch has more rows than the capacity: results are void


def row_bounds(graph: CellGraph) -> np.ndarray:
    """Upper bounds of the rows that deleting one gene changes (host side).

    Returns:
      `[N + 1, G + 1]` int64: one column per network (out-degree + 1), then the exact size of their
      union; row N (the padding gene) is 0. Summed over the deleted genes of a batch it bounds the
      rows that the batch needs.
    """
    n = graph.num_genes
    bounds = np.zeros((n + 1, len(graph.networks) + 1), np.int64)
    pairs = [np.stack([np.arange(n), np.arange(n)], axis=1)]
    for g, adjacency in enumerate(graph.networks):
        bounds[:n, g] = np.diff(np.asarray(adjacency.indptr_t)) + 1
        pairs.append(np.stack([np.asarray(adjacency.senders_t), np.asarray(adjacency.receivers_t)], axis=1))
    distinct = np.unique(np.concatenate(pairs) @ np.array([n, 1]))
    bounds[:n, -1] = np.bincount(distinct // n, minlength=n)
    return bounds


def capacity_for(need: np.ndarray) -> Capacity:
    """Rounds the needs of a batch, `[G + 1]` as summed from `row_bounds`, up to a `Capacity`."""
    rounded = [max(64, -(-int(n) // 64) * 64) for n in need]
    return Capacity(networks=tuple(rounded[:-1]), union=rounded[-1])


def changed_rows(graph: CellGraph, batch: GenotypeBatch, capacity: Capacity) -> BatchChange:
    """Lists the rows of a batch that a first layer changes, per network and in union.

    A row next to two deleted genes is listed once. Everything is integer work inside the compiled
    program: the host sends nothing but gene ids.

    Args:
      graph: the networks, N genes.
      batch: `[B, S]` deleted genes; B * N must fit 32 bits.
      capacity: the sizes R_g and R; ask `row_bounds` for what a batch needs.
    """
    graph, batch = jax.tree.map(jnp.asarray, (graph, batch))
    b, s = batch.genes.shape
    n = graph.num_genes
    nothing = b * n
    genes = jnp.where(batch.valid[:, None], batch.genes, n).reshape(-1)  # [B * S]
    owner = jnp.repeat(jnp.arange(b, dtype=jnp.int32), s)  # [B * S]
    found = [
        _network_entries(a, genes, owner, n, nothing, size)
        for a, size in zip(graph.networks, capacity.networks, strict=True)
    ]
    keys = jnp.concatenate([f.keys for f in found])
    union_keys, union_row, total = _distinct(keys, capacity.union, nothing)
    overflow = total > capacity.union
    networks, start = [], 0
    for f in found:
        size = f.keys.shape[0]
        rows = _rows(f.keys, batch, n)
        networks.append(NetworkChange(rows, f.source, f.row, f.lost, union_row[start : start + size]))
        overflow |= f.overflow
        start += size
    return BatchChange(tuple(networks), _rows(union_keys, batch, n), overflow)


class _Entries(NamedTuple):
    keys: Array  # [R_g] distinct genotype * N + gene, sorted, then B * N
    source: Array
    row: Array
    lost: Array
    overflow: Array


def _network_entries(
    adjacency: Adjacency, genes: Array, owner: Array, n: int, nothing: int, size: int
) -> _Entries:
    start = adjacency.indptr_t.at[genes].get(mode="clip")
    degree = adjacency.indptr_t.at[genes + 1].get(mode="clip") - start  # 0 for the padding gene
    count = jnp.where(genes < n, degree + 1, 0)  # the deleted gene itself, then its receivers
    end = jnp.cumsum(count)
    entry = jnp.arange(size, dtype=jnp.int32)
    deletion = jnp.repeat(jnp.arange(genes.shape[0], dtype=jnp.int32), count, total_repeat_length=size)
    within = entry - (end - count)[deletion]
    used = entry < end[-1]
    lost = used & (within > 0)
    if adjacency.num_edges:
        receiver = adjacency.receivers_t.at[start[deletion] + within - 1].get(mode="clip")
    else:
        receiver = jnp.zeros_like(entry)
    gene = jnp.where(within > 0, receiver, genes[deletion])
    key = jnp.where(used, owner[deletion] * n + gene, nothing).astype(jnp.int32)
    key, order = jax.lax.sort((key, entry), num_keys=1)
    row = jnp.cumsum(_first(key, nothing), dtype=jnp.int32) - 1
    keys = _scatter_keys(key, row, size, nothing)
    source = jnp.where(lost, genes[deletion], 0)[order]
    return _Entries(keys, source, jnp.maximum(row, 0), lost[order], end[-1] > size)


def _first(sorted_keys: Array, nothing: int) -> Array:
    previous = jnp.concatenate([jnp.full(1, -1, sorted_keys.dtype), sorted_keys[:-1]])
    return (sorted_keys != previous) & (sorted_keys < nothing)


def _scatter_keys(keys: Array, position: Array, size: int, nothing: int) -> Array:
    """Each key at its position, `[size]`; the key `nothing` goes nowhere and fills the rest."""
    position = jnp.where(keys < nothing, position, size)
    return jnp.full(size, nothing, jnp.int32).at[position].set(keys, mode="drop")


def _distinct(keys: Array, size: int, nothing: int) -> tuple[Array, Array, Array]:
    """Distinct keys, sorted, `[size]`; the position of every given key among them; their number."""
    ordered, order = jax.lax.sort((keys, jnp.arange(keys.shape[0], dtype=jnp.int32)), num_keys=1)
    position = jnp.cumsum(_first(ordered, nothing), dtype=jnp.int32) - 1
    distinct = _scatter_keys(ordered, position, size, nothing)
    where = jnp.zeros_like(keys).at[order].set(position)
    return distinct, where, position[-1] + 1


def _rows(keys: Array, batch: GenotypeBatch, n: int) -> ChangedRows:
    b = batch.genes.shape[0]
    genotype = keys // n  # B for the key `nothing`
    gene = keys % n
    own = batch.genes.at[genotype].get(mode="fill", fill_value=-1)  # [R, S]
    live = genotype < b
    return ChangedRows(gene, genotype, live, live & (own == gene[:, None]).any(axis=-1))


def lost_messages(change: NetworkChange, x: Array) -> Array:
    """Sums what every changed row no longer receives: `sum_{p deleted} A[i, p] x[p]`.

    Args:
      x: `[N, H]`, the layer's input, the same for all genotypes.

    Returns:
      `[R_g, H]`.
    """
    messages = jnp.where(change.lost[:, None], x[change.source], 0)  # [R_g, H]
    return segment_sum(messages, change.row, change.row.shape[0], indices_are_sorted=True)
