"""What changed rows receive in the first layer: the wildtype's messages less those of deleted genes."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array

from gi_jax.data.networks import Adjacency
from gi_jax.ops.changed_rows import NetworkChange, lost_messages
from gi_jax.ops.genotype_rows import LEFT, rows_anew


def kept_messages(
    change: NetworkChange, adjacency: Adjacency, genes: Array, x: Array, messages: Array, own: Array
) -> Array:
    """Sums the messages that every changed row still receives: `sum_{j kept} A[i, j] x[j]`, 0 if deleted.

    All messages less the lost ones; where that would leave less than `LEFT` of them, beside what the
    row has of its own, the kept ones are added up edge by edge.

    Args:
      adjacency: the network, N genes.
      genes: `[V, S]`, what the genotypes of the rows delete.
      x: `[N, H]`, the layer's input, the same for all genotypes.
      messages: `[N, H]`, the sums of all messages.
      own: `[R_g, H]`, what the messages of a row are added to.

    Returns:
      `[R_g, H]`.
    """
    rows = change.rows
    all_of_them = messages[rows.gene]
    kept = all_of_them - lost_messages(change, x)
    left = jax.lax.stop_gradient(jnp.abs(own + kept)).max(axis=1)
    before = jax.lax.stop_gradient(jnp.abs(all_of_them)).max(axis=1)
    lost = rows.live & ~rows.deleted & (left < LEFT * before)

    def anew(places: Array) -> Array:
        gene = rows.gene.at[places].get(mode="fill", fill_value=0)
        deleted = genes.at[rows.genotype.at[places].get(mode="fill", fill_value=0)].get(mode="clip")  # [K, S]
        start, end = indptr[gene], indptr[gene + 1]

        def add(edge: Array, total: Array) -> Array:
            sender = senders.at[start + edge].get(mode="clip")
            counts = (start + edge < end) & (deleted != sender[:, None]).all(axis=1)
            return total + jnp.where(counts[:, None], x[sender], 0)

        return jax.lax.fori_loop(
            0, (end - start).max(), add, jnp.zeros((places.shape[0], x.shape[1]), x.dtype)
        )

    if adjacency.num_edges:
        indptr, senders = jnp.asarray(adjacency.indptr), jnp.asarray(adjacency.senders)
        x = jax.lax.stop_gradient(x)
        kept = rows_anew(kept, lost, anew)
    return jnp.where(rows.deleted[:, None], 0, kept)
