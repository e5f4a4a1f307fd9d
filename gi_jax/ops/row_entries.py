"""The deleted genes and the receivers of their edges, network by network, as sorted flat entries.

Each network has a region of its own in every array, of a fixed size, so that one compiled program
serves every batch. An entry that says "this row loses that message" has the key of its row,
`genotype * N + gene`; a row has as many entries as deletions that change it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from gi_jax.data.networks import CellGraph


class RowEntries(NamedTuple):
    """Deleted genes and receivers, sorted by row within the region of their network, of the sizes R_g."""

    keys: Array  # [sum of R_g] distinct genotype * N + gene, then V * N up to the region's end
    source: Array  # [sum of R_g] deleted sender of each lost message
    row: Array  # [sum of R_g] position of each entry's row, counted from the region's start
    lost: Array  # [sum of R_g] bool, False for entries that carry no message
    overflow: Array  # [] bool, a region is too small


class _Listed(NamedTuple):
    """Deleted genes, each followed by its receivers, in the order of the genotypes: unsorted entries."""

    owner: Array  # genotype
    gene: Array  # the row that changes
    source: Array  # the deleted gene that changes it
    used: Array  # bool, False for padding
    lost: Array  # bool, the row loses a message: it is a receiver, not the deleted gene itself


def row_entries(
    graph: CellGraph, genes: Array, listed: Sequence[int], sizes: Sequence[int], singles: int
) -> RowEntries:
    """Lists the entries of V genotypes.

    Args:
      graph: the networks, N genes.
      genes: `[V, S]` deleted genes, N for padding.
      listed: how many deleted genes and receivers fit, by network.
      sizes: R_g, how many of these are kept, by network; as `listed` if there are no singles.
      singles: how many genotypes come first whose entries are all kept; of the others only those are
        kept where two deletions meet. With 0, all are kept.
    """
    entries, overflow = _list_receivers(graph, genes, listed)
    if singles:
        entries, too_many = _keep_meeting(graph, genes, entries, listed, sizes, singles)
        overflow |= too_many
    return _sorted_entries(entries, sizes, genes.shape[0], graph.num_genes, overflow)


def _list_receivers(graph: CellGraph, genes: Array, listed: Sequence[int]) -> tuple[_Listed, Array]:
    """Every deleted gene and its receivers; and whether a network has more of them than fit."""
    v, s = genes.shape
    n, size = graph.num_genes, int(np.sum(listed))
    flat = jnp.append(genes.reshape(-1), n)  # the last one stands for the unused rest of a region
    start, count, overflow = _runs(graph, flat, listed)
    deletion = jnp.repeat(jnp.arange(count.size, dtype=jnp.int32), count, total_repeat_length=size)
    within = jnp.arange(size, dtype=jnp.int32) - (jnp.cumsum(count, dtype=jnp.int32) - count)[deletion]
    own = deletion % (v * s + 1)
    used = own < v * s
    lost = used & (within > 0)
    source = flat[own]
    receivers = jnp.concatenate([a.receivers_t for a in graph.networks] + [jnp.zeros(1, jnp.int32)])
    gene = jnp.where(lost, receivers.at[start[deletion] + within - 1].get(mode="clip"), source)
    return _Listed(own // s, gene, source, used, lost), overflow


def _runs(graph: CellGraph, flat: Array, listed: Sequence[int]) -> tuple[Array, Array, Array]:
    """Where the receivers of each deletion start, and how many entries it has: `[G (V S + 1)]` each.

    The last deletion of a network, N, fills its region. Also whether a region is too small.
    """
    indptr = jnp.stack([a.indptr_t for a in graph.networks])  # [G, N + 1]
    start = indptr.at[:, flat].get(mode="clip")
    degree = indptr.at[:, flat + 1].get(mode="clip") - start  # [G, V S + 1], 0 for the padding gene
    count = jnp.where(flat < graph.num_genes, degree + 1, 0)  # the deleted gene itself, then its receivers
    rest = jnp.asarray(np.array(listed), jnp.int32) - count.sum(axis=1, dtype=jnp.int32)
    count = count.at[:, -1].set(jnp.maximum(rest, 0)).reshape(-1)
    first_edge = np.cumsum([0] + [a.num_edges for a in graph.networks[:-1]])
    start = (start + jnp.asarray(first_edge, jnp.int32)[:, None]).reshape(-1)
    return start, count, (rest < 0).any()


def _keep_meeting(
    graph: CellGraph,
    genes: Array,
    entries: _Listed,
    listed: Sequence[int],
    sizes: Sequence[int],
    singles: int,
) -> tuple[_Listed, Array]:
    """The entries of single deletions and those where two deletions meet, moved to regions of `sizes`.

    Returns: also whether a network has more of them than fit.
    """
    owner, gene, source, used, lost = entries
    used &= (owner < singles) | _two_deletions_meet(
        graph.affected, genes.at[owner].get(mode="clip"), source, gene
    )
    region, region_start = _regions(listed)
    position = _count_in_region(used, region, region_start) - 1
    limit = jnp.asarray(sizes, jnp.int32)[region]
    total, new_start = sum(sizes), _regions(sizes)[1]
    target = jnp.where(used & (position < limit), new_start[region] + position, total)
    chosen = jnp.full(total, used.size, jnp.int32)
    chosen = chosen.at[target].set(jnp.arange(used.size, dtype=jnp.int32), mode="drop")
    overflow = (used & (position >= limit)).any()
    used, lost = (a.at[chosen].get(mode="fill", fill_value=False) for a in (used, lost))
    owner, gene, source = (a.at[chosen].get(mode="fill", fill_value=0) for a in (owner, gene, source))
    return _Listed(owner, gene, source, used, lost), overflow


def _sorted_entries(
    entries: _Listed, sizes: Sequence[int], num_genotypes: int, n: int, overflow: Array
) -> RowEntries:
    """Sorts the entries of each network by row, and numbers its distinct rows."""
    nothing = num_genotypes * n
    network, start = _regions(sizes)
    key = jnp.where(entries.used, entries.owner * n + entries.gene, nothing).astype(jnp.int32)
    _, key, order = jax.lax.sort((network, key, jnp.arange(key.size, dtype=jnp.int32)), num_keys=2)
    # Two regions may end and begin with the same row: the first entry of a region is new in any case.
    first = first_of_equal(key, nothing).at[start].set(key[start] < nothing)
    row = _count_in_region(first, network, start) - 1
    keys = scatter_keys(key, start[network] + row, key.size, nothing)
    source = jnp.where(entries.lost, entries.source, 0)[order]
    return RowEntries(keys, source, jnp.maximum(row, 0).astype(jnp.int32), entries.lost[order], overflow)


def _regions(sizes: Sequence[int]) -> tuple[Array, Array]:
    """The region of every entry of consecutive regions of the given sizes, and their starts `[G]`."""
    # From an iota at run time: a constant of this length would be folded for seconds at compile time.
    ends = np.cumsum(sizes)
    entry = jnp.arange(int(ends[-1]), dtype=jnp.int32)
    # The last end is never reached, but without it a single network would compare with no number at all,
    # and a constant of no entries ends JAX 0.11 in its compiler when a batch is dealt among devices.
    region = (entry[:, None] >= jnp.asarray(ends, jnp.int32)).sum(axis=1, dtype=jnp.int32)
    return region, jnp.asarray(ends - np.asarray(sizes), jnp.int32)


def _count_in_region(flags: Array, region: Array, start: Array) -> Array:
    """Running count of set flags, from 0 in every region."""
    count = jnp.cumsum(flags, dtype=jnp.int32)
    before = jnp.where(start > 0, count[start - 1], 0)  # [G]
    return count - before[region]


def _two_deletions_meet(affected: Array, genes: Array, source: Array, gene: Array) -> Array:
    """Whether another deletion of the genotype changes the row too, in any network: `[entries]`."""
    n = affected.shape[0]
    word = affected.at[genes, gene[:, None] // 32].get(mode="fill", fill_value=0)  # [entries, S]
    changes = (word >> (gene % 32).astype(jnp.uint32)[:, None]) & 1
    return ((changes > 0) & (genes != source[:, None]) & (genes < n)).any(axis=1)


def first_of_equal(sorted_keys: Array, nothing: int) -> Array:
    """Flags the first of equal keys below `nothing`."""
    previous = jnp.concatenate([jnp.full(1, -1, sorted_keys.dtype), sorted_keys[:-1]])
    return (sorted_keys != previous) & (sorted_keys < nothing)


def scatter_keys(keys: Array, position: Array, size: int, nothing: int) -> Array:
    """Each key at its position, `[size]`; the key `nothing` goes nowhere and fills the rest."""
    position = jnp.where(keys < nothing, position, size)
    return jnp.full(size, nothing, jnp.int32).at[position].set(keys, mode="drop")
