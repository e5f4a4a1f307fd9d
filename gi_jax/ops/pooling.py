"""Softmax pooling over genes as masked dense reductions, without a scatter over rows."""

from __future__ import annotations

from functools import singledispatch
from typing import NamedTuple

import jax.numpy as jnp
from jax import Array, lax

from gi_jax.ops.changed_rows import SharedDeletions
from gi_jax.ops.genotype_rows import LEFT
from gi_jax.ops.node_states import Dense, NodeStates, SharedColumn, TemplateWithChanges
from gi_jax.ops.pooled_changes import (
    GUARD,
    HIGHEST,
    Changes,
    Deletions,
    Embeddings,
    PooledWildtype,
    corrected_offsets,
)


class Pooled(NamedTuple):
    """Pooled embeddings of the wildtype and of every genotype."""

    z_w: Array  # [1, H]
    z_i: Array  # [B, H]
    z_p: Array  # [B, H], z_w - z_i


class _Genotypes(NamedTuple):
    """What genotypes delete: listed, as a mask, and as single deletions; arguments of `pool`."""

    genes: Array
    keep: Array
    shared: SharedDeletions | None


def pool(
    gate: NodeStates, values: NodeStates, genes: Array, keep: Array, shared: SharedDeletions | None = None
) -> Pooled:
    """`z_c = sum_i keep_ic exp(g_ic - max) v_ic / (sum_i keep_ic exp(g_ic - max) + 1e-16)`.

    Formed as `z_w` and the offset from it, `z_c - z_w = sum_i (p_ic (v_ic - z_w) - p_i (v_i - z_w))`
    with the wildtype's weights p_i, whose part is 0 in all: a gene that a genotype leaves as it is
    cancels exactly, so that a difference of a millionth of z_w keeps its digits.

    In template form a genotype's two sums are the template's minus the old terms of its changed
    rows plus the new terms of those that are not deleted: the cost per genotype is its changed rows.
    Where that would leave less than `LEFT` of the attention, the genotype is pooled from its own rows.

    Args:
      gate: columns `[N, C]`, changed `[R]`.
      values: columns `[N, C, H]`, changed `[R, H]`.
      genes: `[B, S]`, what each genotype deletes, N for padding.
      keep: `[N, 1 + B]`, 1 for a kept gene.
      shared: how genotypes are made of single deletions, if the changed rows are shared.
    """
    top = lax.stop_gradient(gate.columns[:, 0].max())
    weight = jnp.exp(gate.columns[:, 0] - top)  # [N]
    norm = weight.sum()
    total = (weight[:, None] * values.columns[:, 0]).sum(axis=0)  # [H]
    wildtype = PooledWildtype(top, weight, norm, total / (norm + GUARD))
    offset = _offsets(gate, values, wildtype, _Genotypes(genes, keep, shared))
    z_w = wildtype.z[None]
    return Pooled(z_w, z_w + offset, -offset)


@singledispatch
def _offsets(gate: NodeStates, values: NodeStates, wildtype: PooledWildtype, genotypes: _Genotypes) -> Array:
    """`z_i - z_w` `[B, H]`, by the form of the states."""
    raise TypeError(f"there is no pooling of {type(gate).__name__}")


@_offsets.register(Dense)
def _of_dense(gate: Dense, values: Dense, wildtype: PooledWildtype, genotypes: _Genotypes) -> Array:
    return _dense_offsets(gate.columns, values.columns, genotypes.keep, wildtype)


@_offsets.register(SharedColumn)
def _of_shared(
    gate: SharedColumn, values: SharedColumn, wildtype: PooledWildtype, genotypes: _Genotypes
) -> Array:
    states = Embeddings(gate.embeddings, values.embeddings)
    return corrected_offsets(states, wildtype, Deletions(genotypes.genes))


@_offsets.register(TemplateWithChanges)
def _of_template(
    gate: TemplateWithChanges, values: TemplateWithChanges, wildtype: PooledWildtype, genotypes: _Genotypes
) -> Array:
    states = Embeddings(gate.embeddings, values.embeddings)
    return corrected_offsets(states, wildtype, Changes(genotypes.genes, gate.rows, genotypes.shared))


def _dense_offsets(gate: Array, values: Array, keep: Array, wildtype: PooledWildtype) -> Array:
    """`z_c - z_w` `[B, H]` from one column per genotype, `[N, 1 + B]` and `[N, 1 + B, H]`."""
    kept = keep > 0
    own_top = lax.stop_gradient(jnp.max(jnp.where(kept, gate, -jnp.inf), axis=0))  # [1 + B]
    own_top = jnp.where(jnp.isfinite(own_top), own_top, wildtype.top)  # a genotype without a kept gene
    left = jnp.where(kept, jnp.exp(jnp.minimum(gate - wildtype.top, HIGHEST)), 0).sum(axis=0)
    # Others are weighed relative to their own largest weight, and not gene by gene against the wildtype.
    near = (own_top <= wildtype.top + HIGHEST) & (lax.stop_gradient(left) >= LEFT * wildtype.norm)
    reference = jnp.where(near, wildtype.top, own_top)
    weight = jnp.where(kept, jnp.exp(jnp.where(kept, gate - reference, 0)), 0)  # [N, 1 + B]
    before = jnp.where(near, wildtype.weight[:, None], 0)
    centred = values - wildtype.z  # [N, 1 + B, H]
    offset = (weight[..., None] * centred - before[..., None] * centred[:, :1]).sum(axis=0)  # [1 + B, H]
    return ((offset - GUARD * wildtype.z) / (weight.sum(axis=0) + GUARD)[:, None])[1:]
