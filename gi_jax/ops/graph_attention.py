"""Attention over the edges of the shared graph, for the wildtype and every genotype."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array, lax

from gi_jax.data.networks import Adjacency
from gi_jax.ops.segment import segment_max, segment_sum

NEGATIVE_SLOPE = 0.2
EDGE_VALUES = (
    2**26
)  # numbers per edge array that may exist at once, but for one genotype's: 256 MiB in float32


def graph_attention(
    adjacency: Adjacency,
    sender: Array,
    receiver: Array,
    attention: Array,
    keep: Array,
    *,
    self_loops: bool,
) -> Array:
    """GATv2's attention over kept edges: a softmax over the incoming edges of each gene, per head.

    `out_i = sum_j w_ij s_j` over the kept edges j -> i, `w_ij = softmax_j(a . leaky_relu(s_j + r_i))`.
    An edge is kept when both endpoints are, so a masked edge has no part in the softmax, and a gene
    without a kept edge gets 0. A repeated edge counts each time.

    Only `s` and `r` exist per genotype; values per edge are made for as many genotypes at once as
    `EDGE_VALUES` allows, and made again in the backward pass.

    Args:
      adjacency: one network, N genes.
      sender, receiver: `[N, C, A, D]`, what a gene sends and what it compares messages with.
      attention: `[1, A, D]`.
      keep: `[N, C]`, 1 for a kept gene, 0 for a deleted one.
      self_loops: the network's own self loops are left out, then every gene, deleted or not, gets one.

    Returns:
      `[N, C, A, D]`.

    Source: Brody, Alon and Yahav 2022; details as PyTorch Geometric's GATv2Conv.
    """
    _, columns, heads, width = sender.shape
    at_once = EDGE_VALUES // max(adjacency.num_edges * heads * width, 1)

    @jax.checkpoint
    def attend(one: tuple[Array, Array, Array]) -> Array:
        return _attend(adjacency, *one, attention, self_loops)

    by_column = tuple(jnp.moveaxis(x, 1, 0) for x in (sender, receiver, keep))
    out = lax.map(attend, by_column, batch_size=min(max(at_once, 1), columns))  # [C, N, A, D]
    return jnp.moveaxis(out, 0, 1)


def _attend(
    adjacency: Adjacency, sender: Array, receiver: Array, keep: Array, attention: Array, self_loops: bool
) -> Array:
    """One column: sender, receiver `[N, A, D]`, keep `[N]`."""
    n = sender.shape[0]
    j, i = adjacency.senders, adjacency.receivers
    kept = (keep[j] > 0) & (keep[i] > 0)  # [E]
    if self_loops:
        kept &= j != i
    messages = sender[j]  # [E, A, D]
    logits = jnp.where(kept[:, None], _logits(messages + receiver[i], attention), -jnp.inf)  # [E, A]
    top = segment_max(lax.stop_gradient(logits), i, n, indices_are_sorted=True)  # [N, A]
    own = _logits(sender + receiver, attention) if self_loops else None  # [N, A]
    if own is not None:
        top = jnp.maximum(top, lax.stop_gradient(own))
    top = jnp.where(jnp.isfinite(top), top, 0)  # a gene without a kept edge
    weight = jnp.exp(logits - top[i])  # [E, A], 0 for a masked edge
    if adjacency.weights is not None:
        weight *= adjacency.weights[:, None]
    total = segment_sum(weight, i, n, indices_are_sorted=True)  # [N, A]
    out = segment_sum(weight[..., None] * messages, i, n, indices_are_sorted=True)  # [N, A, D]
    if own is not None:
        of_loop = jnp.exp(own - top)
        total += of_loop
        out += of_loop[..., None] * sender
    return out / jnp.where(total > 0, total, 1)[..., None]


def _logits(x: Array, attention: Array) -> Array:
    return (jax.nn.leaky_relu(x, NEGATIVE_SLOPE) * attention).sum(axis=-1)
