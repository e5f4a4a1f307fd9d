"""What changed rows receive in the first layer: the wildtype's messages less those of deleted genes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from gi_jax.data.networks import Adjacency
from gi_jax.ops.changed_rows import BatchChange, lost_messages
from gi_jax.ops.genotype_rows import LEFT, rows_anew


def kept_messages(
    change: BatchChange,
    networks: Sequence[Adjacency],
    x: Array,
    messages: Sequence[Array],
    own: Sequence[Array],
) -> list[Array]:
    """Sums the messages that every changed row still receives: `sum_{j kept} A[i, j] x[j]`, 0 if deleted.

    All messages less the lost ones; where that would leave less than `LEFT` of them (next to the rest
    of the row), the kept ones are added up edge by edge.

    Args:
      change: the changed rows of G networks, and what their genotypes delete.
      networks: G networks, N genes.
      x: `[N, H]`, the layer's input, the same for all genotypes.
      messages: G times `[N, H]`, the sums of all messages.
      own: G times `[R_g, H]`, what the messages of a row are added to.

    Returns:
      G times `[R_g, H]`.
    """
    kept, lost = [], []
    for network, everything, rest in zip(change.networks, messages, own, strict=True):
        before = everything[network.rows.gene]
        after = before - lost_messages(network, x)
        left = jax.lax.stop_gradient(jnp.abs(rest + after)).max(axis=1)
        too_little = left < LEFT * jax.lax.stop_gradient(jnp.abs(before)).max(axis=1)
        kept.append(after)
        lost.append(network.rows.live & ~network.rows.deleted & too_little)
    if any(network.num_edges for network in networks):
        kept = rows_anew(kept, lost, _edge_by_edge(change, networks, jax.lax.stop_gradient(x)))
    return [
        jnp.where(network.rows.deleted[:, None], 0, after)
        for network, after in zip(change.networks, kept, strict=True)
    ]


def _edge_by_edge(change: BatchChange, networks: Sequence[Adjacency], x: Array) -> Callable[[Array], Array]:
    """The kept messages `[K, H]` of rows given by their places in the lists of all networks in a row."""
    networks = jax.tree.map(jnp.asarray, tuple(networks))
    ends = jnp.asarray(np.cumsum([len(network.rows.gene) for network in change.networks]), jnp.int32)
    genes, genotypes = (
        jnp.concatenate([getattr(network.rows, name) for network in change.networks])
        for name in ("gene", "genotype")
    )

    def anew(places: Array) -> Array:
        network = (places[:, None] >= ends).sum(axis=1)
        gene = genes.at[places].get(mode="fill", fill_value=0)
        deleted = change.genes.at[genotypes.at[places].get(mode="clip")].get(mode="clip")  # [K, S]

        def in_own_network(read: Callable[[Adjacency], Array]) -> Array:
            each = (jnp.where(network == g, read(own), 0) for g, own in enumerate(networks) if own.num_edges)
            return reduce(jnp.add, each)

        start = in_own_network(lambda own: own.indptr[gene])
        end = in_own_network(lambda own: own.indptr[gene + 1])

        def add(edge: Array, total: Array) -> Array:
            at = start + edge
            sender = in_own_network(lambda own: own.senders.at[at].get(mode="clip"))
            counts = (at < end) & (deleted != sender[:, None]).all(axis=1)
            return total + jnp.where(counts[:, None], x[sender], 0)

        nothing = jnp.zeros((places.shape[0], x.shape[1]), x.dtype)
        return jax.lax.fori_loop(0, (end - start).max(), add, nothing)

    return anew
