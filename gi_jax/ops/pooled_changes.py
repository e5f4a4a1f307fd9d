"""Softmax pooling of genotypes that are given by what they change, of the wildtype or of a template."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from gi_jax.ops.changed_rows import ChangedRows, SharedDeletions
from gi_jax.ops.genotype_rows import (
    LEFT,
    add_for_each,
    row_of_gene,
    rows_of_genotype,
    template_of_genotype,
)
from gi_jax.ops.segment import segment_sum

GUARD = 1e-16  # PyTorch Geometric's softmax adds it to the denominator
HIGHEST = 30.0  # logarithm of a weight relative to the wildtype's largest one; larger ones are no corrections


class PooledWildtype(NamedTuple):
    """The wildtype's attention, to which genotypes are corrections."""

    top: Array  # [], the largest gate value
    weight: Array  # [N], relative to it
    norm: Array  # [], their sum
    z: Array  # [H]


class _Moved(NamedTuple):
    """Sums over genes, relative to the wildtype's: `z_i - z_w = offset / left`."""

    left: Array  # [B], weights of the kept genes
    offset: Array  # [B, H], weights times values less z_w, in which unchanged genes cancel
    mass: Array  # [B], the weights that `left` is corrected from


class Embeddings(NamedTuple):
    """`NodeStates.embeddings` of the gate and of the values: columns, and changed rows if there are any."""

    gate: tuple[Array, ...]  # [N, C] and [R]
    values: tuple[Array, ...]  # [N, C, H] and [R, H]


class Deletions(NamedTuple):
    """Genotypes that differ from the one column that they share in what they delete."""

    genes: Array  # [B, S]

    def moved(self, states: Embeddings, wildtype: PooledWildtype) -> _Moved:
        """What the deletions take away."""
        (values,) = states.values
        weight = wildtype.weight[:, None]
        terms = jnp.concatenate([weight, weight * (values[:, 0] - wildtype.z)], axis=1)  # [N, 1 + H]
        lost = terms.at[self.genes].get(mode="fill", fill_value=0).sum(axis=1)  # [B, 1 + H]
        left = wildtype.norm - lost[:, 0]
        return _Moved(left, -lost[:, 1:], jnp.broadcast_to(wildtype.norm, left.shape))

    def own_rows(self, states: Embeddings, genotype: Array) -> tuple[Array, Array]:
        """Gate `[N]` and values `[N, H]` of one genotype."""
        (gate,), (values,) = states
        return template_of_genotype(gate, genotype), template_of_genotype(values, genotype)


class Changes(NamedTuple):
    """Genotypes that differ from a template in changed rows, of which they delete some."""

    genes: Array  # [B, S]
    rows: ChangedRows
    shared: SharedDeletions | None

    def moved(self, states: Embeddings, wildtype: PooledWildtype) -> _Moved:
        """The template's part less the old terms of changed rows, plus the new terms of the kept ones."""
        (gate, changed_gate), (values, changed_values) = states
        rows, shared, batch_size = self.rows, self.shared, self.genes.shape[0]
        weight = jnp.exp(jnp.minimum(gate - wildtype.top, HIGHEST))  # [N, C]
        column = jnp.minimum(1 + rows.genotype, weight.shape[1] - 1)
        pooled = rows.live & ~rows.deleted
        relative = jnp.where(pooled, changed_gate - wildtype.top, 0)
        new = jnp.where(pooled, jnp.exp(jnp.minimum(relative, HIGHEST)), 0)  # [R]
        old = jnp.where(rows.live, weight[rows.gene, column], 0)
        own, template = changed_values - wildtype.z, values[rows.gene, column] - wildtype.z
        mass = jnp.where(relative > HIGHEST, jnp.inf, new)
        terms = new[:, None] * own - old[:, None] * template  # [R, H]
        terms = jnp.concatenate([lax.stop_gradient(mass)[:, None], (new - old)[:, None], terms], axis=1)
        if shared is None:
            moved = segment_sum(terms, rows.genotype, batch_size, indices_are_sorted=True)  # [B, 2 + H]
        else:
            moved = _sum_of_deletions(terms, rows.genotype, batch_size, shared)
        mass, left, offset = moved[:, 0], moved[:, 1], moved[:, 2:]
        if weight.shape[1] == 1:
            return _Moved(left + wildtype.norm, offset, mass + wildtype.norm)
        # Templates of their own have moved from the wildtype already.
        norm = weight[:, 1:].sum(axis=0)  # [1 or B]
        centred = values - wildtype.z  # [N, C, H]
        moves = (weight[..., None] * centred - (weight[:, :1, None] * centred[:, :1])).sum(axis=0)[1:]
        highest = jnp.where(gate[:, 1:].max(axis=0) > wildtype.top + HIGHEST, jnp.inf, norm)
        mass += jnp.maximum(lax.stop_gradient(highest), wildtype.norm)
        return _Moved(left + norm, offset + moves, mass)

    def own_rows(self, states: Embeddings, genotype: Array) -> tuple[Array, Array]:
        """Gate `[N]` and values `[N, H]` of one genotype."""
        (gate, changed_gate), (values, changed_values) = states
        row = row_of_gene(self.rows, self.shared, genotype, gate.shape[0])
        own_gate = rows_of_genotype(gate, changed_gate, row, genotype)
        return own_gate, rows_of_genotype(values, changed_values, row, genotype)


@jax.custom_vjp
def corrected_offsets(states: Embeddings, wildtype: PooledWildtype, changes: Deletions | Changes) -> Array:
    """`z_i - z_w` `[B, H]` from the wildtype's sums, or a template's, and what genotypes change.

    The derivative is written down because what genotypes pooled from their own rows add to it is added in
    place: a term of its own would be as many zeros as there are rows, mostly for nobody.
    """
    return _anew_where_lost(states, wildtype, changes, *_corrected(states, wildtype, changes))


def _corrected(
    states: Embeddings, wildtype: PooledWildtype, changes: Deletions | Changes
) -> tuple[Array, Array]:
    """The offsets `[B, H]`, 0 where too little of the attention is left, and where that is `[B]`."""
    moved = changes.moved(states, wildtype)
    lost = lax.stop_gradient(moved.left < LEFT * moved.mass)[:, None]
    return jnp.where(lost, 0, moved.offset / jnp.where(lost, 1, moved.left[:, None])), lost[:, 0]


def _anew_where_lost(
    states: Embeddings, wildtype: PooledWildtype, changes: Deletions | Changes, offset: Array, lost: Array
) -> Array:
    def put(genotype: Array, total: Array) -> Array:
        kept = _kept(changes.genes, genotype, states)
        return total.at[genotype].set(_offset(*changes.own_rows(states, genotype), wildtype.z, kept))

    return add_for_each(lost, put, offset)


def _forward(
    states: Embeddings, wildtype: PooledWildtype, changes: Deletions | Changes
) -> tuple[Array, tuple]:
    offset, pull, lost = jax.vjp(
        lambda states, wildtype: _corrected(states, wildtype, changes), states, wildtype, has_aux=True
    )
    return _anew_where_lost(states, wildtype, changes, offset, lost), (pull, lost, states, wildtype, changes)


def _backward(
    saved: tuple[Callable, Array, Embeddings, PooledWildtype, Deletions | Changes], cotangent: Array
) -> tuple[Embeddings, PooledWildtype, None]:
    pull, lost, states, wildtype, changes = saved
    dstates, dwildtype = pull(cotangent)

    def add(genotype: Array, total: tuple[Embeddings, Array]) -> tuple[Embeddings, Array]:
        kept = _kept(changes.genes, genotype, states)
        _, pull_one = jax.vjp(
            lambda states, z_w: _offset(*changes.own_rows(states, genotype), z_w, kept), states, wildtype.z
        )
        return jax.tree.map(jnp.add, total, pull_one(cotangent[genotype]))

    dstates, dz_w = add_for_each(lost, add, (dstates, dwildtype.z))
    return dstates, dwildtype._replace(z=dz_w), None


corrected_offsets.defvjp(_forward, _backward)


def _sum_of_deletions(terms: Array, owner: Array, batch_size: int, shared: SharedDeletions) -> Array:
    """`[B, 2 + H]`: single deletions, plus joint rows, minus what the single ones said about those.

    The first column is a mass, to which all of them add.
    """
    d = shared.deletions.shape[0]
    virtual = segment_sum(terms, owner, d + batch_size, indices_are_sorted=True)  # [D + B, 2 + H]
    singles = virtual.at[shared.single].get(mode="fill", fill_value=0)  # [B, S, 2 + H]
    singles = jnp.where((shared.single < d)[..., None], singles, 0).sum(axis=1)
    said = jnp.where(shared.counted[..., None], terms[shared.counter_row], 0).sum(axis=1)  # [J, 2 + H]
    said = segment_sum(said, shared.joint_genotype, batch_size, indices_are_sorted=True)
    # What the single deletions said of joint rows is part of what they said: twice their mass bounds both.
    mass = 2 * singles[:, :1] + virtual[d:, :1]
    return jnp.concatenate([mass, (singles + virtual[d:] - said)[:, 1:]], axis=1)


def _kept(genes: Array, genotype: Array, states: Embeddings) -> Array:
    """`[N]`: which genes a genotype keeps.

    From its list of deletions: a matrix of genes by genotypes would be made for this alone.
    """
    return (genes[genotype] != jnp.arange(states.gate[0].shape[0])[:, None]).all(axis=1)


def _offset(gate: Array, values: Array, z_w: Array, kept: Array) -> Array:
    """`z - z_w` `[H]` of one genotype."""
    top = lax.stop_gradient(jnp.max(gate, where=kept, initial=-jnp.inf))
    top = jnp.where(jnp.isfinite(top), top, 0)  # a genotype without a kept gene pools to 0
    weight = jnp.where(kept, jnp.exp(jnp.where(kept, gate - top, 0)), 0)
    return ((weight[:, None] * (values - z_w)).sum(axis=0) - GUARD * z_w) / (weight.sum() + GUARD)
