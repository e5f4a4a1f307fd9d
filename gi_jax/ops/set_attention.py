"""Attention within small sets, on the flat list of ordered pairs: segment softmax and segment sum."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from gi_jax.ops.segment import segment_softmax, segment_sum


class SetPairs(NamedTuple):
    """Ordered pairs of distinct members of B sets padded to S; padding pairs have receiver B * S."""

    receiver: Array  # [P] int32, flat member position b * S + s
    sender: Array  # [P] int32
    num_members: int  # B * S
    set_size: int  # S


def set_pairs(sizes: Array, set_size: int) -> SetPairs:
    """All pairs (s, t), s != t, of every set; P = B * S * (S - 1), or 1 padding pair per set for S = 1."""
    b = sizes.shape[0]
    s, t = np.nonzero(~np.eye(set_size, dtype=bool)) if set_size > 1 else (np.zeros(1, int), np.zeros(1, int))
    start = jnp.arange(b, dtype=jnp.int32)[:, None] * set_size  # [B, 1]
    exists = (jnp.maximum(s, t)[None] < sizes[:, None]) & (set_size > 1)  # [B, S (S - 1)]
    receiver = jnp.where(exists, start + s.astype(np.int32), b * set_size)
    return SetPairs(receiver.reshape(-1), (start + t.astype(np.int32)).reshape(-1), b * set_size, set_size)


class OneSet(NamedTuple):
    """All members of a batch as a single set."""

    members: Array  # [K] bool, False for padding


Drop = Callable[[Array], Array]  # dropout of attention weights


def _keep_all(weights: Array) -> Array:
    return weights


def pair_attention(
    query: Array, key: Array, value: Array, pairs: SetPairs, scale: float, drop: Drop = _keep_all
) -> Array:
    """Every member attends to the other members of its set, never to itself.

    `out_s = sum_{t != s} softmax_t(q_s . k_t / scale) v_t`, per head. In sets of two at most the one
    weight is 1, whatever query and key are, and neither they nor their gradients are computed.

    Args:
      query, key, value: `[B * S, A, H / A]`.
      drop: applied to the weights.

    Returns:
      `[B * S, A, H / A]`; a member alone in its set gets 0.
    """
    k = pairs.num_members
    if pairs.set_size == 2:
        other = value.reshape(-1, 2, *value.shape[1:])[:, ::-1].reshape(value.shape)
        weight = drop(jnp.ones(value.shape[:2], value.dtype))[..., None]
        return jnp.where((pairs.receiver < k)[:, None, None], weight * other, 0)
    receiver = jnp.minimum(pairs.receiver, k - 1)
    logits = (query[receiver] * key[pairs.sender]).sum(axis=-1) / scale  # [P, A]
    weights = segment_softmax(logits, pairs.receiver, k + 1, indices_are_sorted=False)  # [P, A]
    messages = drop(weights)[..., None] * value[pairs.sender]  # [P, A, H / A]
    return segment_sum(messages, pairs.receiver, k + 1)[:k]


def one_set_attention(
    query: Array, key: Array, value: Array, members: OneSet, scale: float, drop: Drop = _keep_all
) -> Array:
    """`pair_attention` of a single set with padding anywhere; a member alone gets 0.

    Args:
      query, key, value: `[K, A, H / A]`.
    """
    k = len(members.members)
    allowed = members.members[None] & ~jnp.eye(k, dtype=bool)  # [K, K]
    logits = jnp.where(allowed, jnp.einsum("iad,jad->aij", query, key) / scale, -jnp.inf)
    # A row without anybody to attend to has no softmax; its weights are made 0 before they are formed.
    empty = ~allowed.any(axis=1, keepdims=True)
    weights = jnp.where(allowed, jax.nn.softmax(jnp.where(empty, 0, logits), axis=-1), 0)  # [A, K, K]
    return jnp.einsum("aij,jad->iad", drop(weights), value)


def set_mean(values: Array, sizes: Array, set_size: int) -> Array:
    """Mean over the members of each set, `[B * S, ...]` -> `[B, ...]`; an empty set gives 0."""
    b = sizes.shape[0]
    member = (jnp.arange(set_size)[None] < sizes[:, None]).reshape(b, set_size, *[1] * (values.ndim - 1))
    total = jnp.where(member, values.reshape(b, set_size, *values.shape[1:]), 0).sum(axis=1)
    return total / jnp.maximum(sizes, 1).reshape(b, *[1] * (values.ndim - 1)).astype(values.dtype)
