"""Softmax pooling over genes as masked dense reductions, without a scatter over rows."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array, lax

from gi_jax.ops.node_states import NodeStates
from gi_jax.ops.segment import segment_sum

GUARD = 1e-16  # PyTorch Geometric's softmax adds it to the denominator


def pool(gate: NodeStates, values: NodeStates, keep: Array) -> tuple[Array, Array]:
    """`z_c = sum_i keep_ic exp(g_ic - max) v_ic / (sum_i keep_ic exp(g_ic - max) + 1e-16)`.

    In template form a genotype's two sums are the template's minus the old terms of its changed
    rows plus the new terms of those that are not deleted: the cost per genotype is its changed rows.

    Args:
      gate: columns `[N, C]`, changed `[R]`.
      values: columns `[N, C, H]`, changed `[R, H]`.
      keep: `[N, 1 + B]`, 1 for a kept gene.

    Returns:
      z_w `[1, H]` and z_i `[B, H]`.
    """
    if gate.changed is None:
        z = _pool_columns(gate.columns, values.columns, keep)  # [1 + B, H]
        return z[:1], z[1:]
    return _pool_template(gate, values, keep.shape[1] - 1)


def _pool_columns(gate: Array, values: Array, keep: Array) -> Array:
    top = lax.stop_gradient(jnp.max(jnp.where(keep > 0, gate, -jnp.inf), axis=0))  # [C]
    top = jnp.where(jnp.isfinite(top), top, 0)  # a genotype without a kept gene pools to 0
    weight = keep * jnp.exp(jnp.where(keep > 0, gate - top, 0))  # [N, C]
    return (weight[..., None] * values).sum(axis=0) / (weight.sum(axis=0) + GUARD)[:, None]


def _pool_template(gate: NodeStates, values: NodeStates, batch_size: int) -> tuple[Array, Array]:
    rows = gate.rows
    own = jnp.where(rows.live, gate.changed, -jnp.inf)
    # One common maximum: the sums of all genotypes start from the same template terms.
    top = lax.stop_gradient(jnp.maximum(gate.columns.max(), own.max()))
    weight = jnp.exp(gate.columns - top)  # [N, C]
    terms = weight[..., None] * values.columns  # [N, C, H]
    total, norm = terms.sum(axis=0), weight.sum(axis=0)  # [C, H], [C]
    column = gate.column_of_row(weight.shape[1])
    new = jnp.where(rows.live & ~rows.deleted, jnp.exp(jnp.where(rows.live, gate.changed, top) - top), 0)  # [R]
    old = jnp.where(rows.live, weight[rows.gene, column], 0)
    values_old = values.columns[rows.gene, column]  # [R, H]
    shift = new[:, None] * values.changed - old[:, None] * values_old
    both = jnp.concatenate([shift, (new - old)[:, None]], axis=1)  # [R, H + 1]
    both = segment_sum(both, rows.genotype, batch_size, indices_are_sorted=True)  # [B, H + 1]
    template = slice(1, None) if weight.shape[1] == 1 + batch_size else slice(-1, None)
    z = (total[template] + both[:, :-1]) / (norm[template] + both[:, -1] + GUARD)[:, None]
    return total[:1] / (norm[:1] + GUARD)[:, None], z
