"""Softmax pooling over genes as masked dense reductions, without a scatter over rows."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array, lax

from gi_jax.ops.changed_rows import SharedDeletions
from gi_jax.ops.node_states import NodeStates
from gi_jax.ops.segment import segment_sum

GUARD = 1e-16  # PyTorch Geometric's softmax adds it to the denominator


def pool(
    gate: NodeStates, values: NodeStates, keep: Array, shared: SharedDeletions | None = None
) -> tuple[Array, Array]:
    """`z_c = sum_i keep_ic exp(g_ic - max) v_ic / (sum_i keep_ic exp(g_ic - max) + 1e-16)`.

    In template form a genotype's two sums are the template's minus the old terms of its changed
    rows plus the new terms of those that are not deleted: the cost per genotype is its changed rows.

    Args:
      gate: columns `[N, C]`, changed `[R]`.
      values: columns `[N, C, H]`, changed `[R, H]`.
      keep: `[N, 1 + B]`, 1 for a kept gene.
      shared: how genotypes are made of single deletions, if the changed rows are shared.

    Returns:
      z_w `[1, H]` and z_i `[B, H]`.
    """
    if gate.changed is None:
        z = _pool_columns(gate.columns, values.columns, keep)  # [1 + B, H]
        return z[:1], z[1:]
    return _pool_template(gate, values, keep.shape[1] - 1, shared)


def _pool_columns(gate: Array, values: Array, keep: Array) -> Array:
    if gate.shape[1] == 1:  # one column that all genotypes share: they differ in what they delete
        top = lax.stop_gradient(gate.max())
        weight = keep * jnp.exp(gate - top)  # [N, 1 + B]
        return (weight.T @ values[:, 0]) / (weight.sum(axis=0) + GUARD)[:, None]
    top = lax.stop_gradient(jnp.max(jnp.where(keep > 0, gate, -jnp.inf), axis=0))  # [C]
    top = jnp.where(jnp.isfinite(top), top, 0)  # a genotype without a kept gene pools to 0
    weight = keep * jnp.exp(jnp.where(keep > 0, gate - top, 0))  # [N, C]
    return (weight[..., None] * values).sum(axis=0) / (weight.sum(axis=0) + GUARD)[:, None]


def _pool_template(
    gate: NodeStates, values: NodeStates, batch_size: int, shared: SharedDeletions | None
) -> tuple[Array, Array]:
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
    template = slice(1, None) if weight.shape[1] == 1 + batch_size else slice(-1, None)
    z = (total[template] + shift[:, :-1]) / (norm[template] + shift[:, -1] + GUARD)[:, None]
    return total[:1] / (norm[:1] + GUARD)[:, None], z


def _shared_shift(terms: Array, owner: Array, batch_size: int, shared: SharedDeletions) -> Array:
    """`[B, H + 1]`: single deletions, plus joint rows, minus what the single ones said about those."""
    d = shared.deletions.shape[0]
    virtual = segment_sum(terms, owner, d + batch_size, indices_are_sorted=True)  # [D + B, H + 1]
    singles = virtual.at[shared.single].get(mode="fill", fill_value=0)  # [B, S, H + 1]
    singles = jnp.where((shared.single < d)[..., None], singles, 0).sum(axis=1)
    said = jnp.where(shared.counted[..., None], terms[shared.counter_row], 0).sum(axis=1)  # [J, H + 1]
    said = segment_sum(said, shared.joint_genotype, batch_size, indices_are_sorted=True)
    return singles + virtual[d:] - said
