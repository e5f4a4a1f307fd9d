"""Softmax pooling over genes as masked dense reductions, without a scatter over rows."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array, lax

from gi_jax.ops.changed_rows import SharedDeletions
from gi_jax.ops.node_states import NodeStates
from gi_jax.ops.segment import segment_sum

GUARD = 1e-16  # PyTorch Geometric's softmax adds it to the denominator


class Pooled(NamedTuple):
    """Pooled embeddings of the wildtype and of every genotype."""

    z_w: Array  # [1, H]
    z_i: Array  # [B, H]
    z_p: Array  # [B, H], z_w - z_i


def pool(
    gate: NodeStates, values: NodeStates, genes: Array, keep: Array, shared: SharedDeletions | None = None
) -> Pooled:
    """`z_c = sum_i keep_ic exp(g_ic - max) v_ic / (sum_i keep_ic exp(g_ic - max) + 1e-16)`.

    In template form a genotype's two sums are the template's minus the old terms of its changed
    rows plus the new terms of those that are not deleted: the cost per genotype is its changed rows.

    Args:
      gate: columns `[N, C]`, changed `[R]`.
      values: columns `[N, C, H]`, changed `[R, H]`.
      genes: `[B, S]`, what each genotype deletes, N for padding.
      keep: `[N, 1 + B]`, 1 for a kept gene.
      shared: how genotypes are made of single deletions, if the changed rows are shared.
    """
    if gate.changed is None and gate.columns.shape[1] == 1:
        return _pool_shared_column(gate.columns, values.columns[:, 0], genes)
    if gate.changed is None:
        z = _pool_columns(gate.columns, values.columns, keep)  # [1 + B, H]
        return Pooled(z[:1], z[1:], z[:1] - z[1:])
    return _pool_template(gate, values, keep.shape[1] - 1, shared)


def _pool_shared_column(gate: Array, values: Array, genes: Array) -> Pooled:
    """One column `[N, 1]`, `[N, H]` that all genotypes share: they differ in what they delete."""
    weight = jnp.exp(gate - lax.stop_gradient(gate.max()))  # [N, 1]
    terms = jnp.concatenate([weight * values, weight], axis=1)  # [N, H + 1]
    total = terms.sum(axis=0, keepdims=True)
    shift = -terms.at[genes].get(mode="fill", fill_value=0).sum(axis=1)  # [B, H + 1]
    return _from_wildtype(total[:, :-1], total[:, -1:], shift[:, :-1], shift[:, -1:])


def _from_wildtype(total: Array, norm: Array, s: Array, t: Array) -> Pooled:
    """From the wildtype's sums `[1, H]`, `[1, 1]` and what genotypes add to them, `[B, H]`, `[B, 1]`."""
    z_w, left = total / (norm + GUARD), norm + t + GUARD
    return Pooled(z_w, (total + s) / left, (z_w * t - s) / left)


def _pool_columns(gate: Array, values: Array, keep: Array) -> Array:
    top = lax.stop_gradient(jnp.max(jnp.where(keep > 0, gate, -jnp.inf), axis=0))  # [C]
    top = jnp.where(jnp.isfinite(top), top, 0)  # a genotype without a kept gene pools to 0
    weight = keep * jnp.exp(jnp.where(keep > 0, gate - top, 0))  # [N, C]
    return (weight[..., None] * values).sum(axis=0) / (weight.sum(axis=0) + GUARD)[:, None]


def _pool_template(
    gate: NodeStates, values: NodeStates, batch_size: int, shared: SharedDeletions | None
) -> Pooled:
    rows = gate.rows
    own = jnp.where(rows.live, gate.changed, -jnp.inf)
    # One common maximum: the sums of all genotypes start from the same template terms.
    top = lax.stop_gradient(jnp.maximum(gate.columns.max(), own.max()))
    weight = jnp.exp(gate.columns - top)  # [N, C]
    total = (weight[..., None] * values.columns).sum(axis=0)  # [C, H]
    norm = weight.sum(axis=0)  # [C]
    column = gate.column_of_row(weight.shape[1])
    pooled = rows.live & ~rows.deleted
    new = jnp.where(pooled, jnp.exp(jnp.where(pooled, gate.changed, top) - top), 0)  # [R]
    old = jnp.where(rows.live, weight[rows.gene, column], 0)
    terms = new[:, None] * values.changed - old[:, None] * values.columns[rows.gene, column]  # [R, H]
    terms = jnp.concatenate([terms, (new - old)[:, None]], axis=1)  # [R, H + 1]
    if shared is None:
        shift = segment_sum(terms, rows.genotype, batch_size, indices_are_sorted=True)  # [B, H + 1]
    else:
        shift = _shared_shift(terms, rows.genotype, batch_size, shared)
    s, t = shift[:, :-1], shift[:, -1:]
    if weight.shape[1] == 1:
        return _from_wildtype(total, norm[:, None], s, t)
    template = slice(1, None) if weight.shape[1] == 1 + batch_size else slice(-1, None)
    z_w = total[:1] / (norm[:1] + GUARD)[:, None]
    z_i = (total[template] + s) / (norm[template, None] + t + GUARD)
    return Pooled(z_w, z_i, z_w - z_i)


def _shared_shift(terms: Array, owner: Array, batch_size: int, shared: SharedDeletions) -> Array:
    """`[B, H + 1]`: single deletions, plus joint rows, minus what the single ones said about those."""
    d = shared.deletions.shape[0]
    virtual = segment_sum(terms, owner, d + batch_size, indices_are_sorted=True)  # [D + B, H + 1]
    singles = virtual.at[shared.single].get(mode="fill", fill_value=0)  # [B, S, H + 1]
    singles = jnp.where((shared.single < d)[..., None], singles, 0).sum(axis=1)
    said = jnp.where(shared.counted[..., None], terms[shared.counter_row], 0).sum(axis=1)  # [J, H + 1]
    said = segment_sum(said, shared.joint_genotype, batch_size, indices_are_sorted=True)
    return singles + virtual[d:] - said
