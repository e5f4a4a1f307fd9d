"""Softmax pooling over genes as masked dense reductions, without a scatter over rows."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from gi_jax.ops.changed_rows import ChangedRows, SharedDeletions
from gi_jax.ops.genotype_rows import LEFT, add_for_each, row_of_gene, rows_of_genotype
from gi_jax.ops.node_states import NodeStates
from gi_jax.ops.segment import segment_sum

GUARD = 1e-16  # PyTorch Geometric's softmax adds it to the denominator
HIGHEST = 30.0  # logarithm of a weight relative to the wildtype's largest one; larger ones are no corrections


class Pooled(NamedTuple):
    """Pooled embeddings of the wildtype and of every genotype."""

    z_w: Array  # [1, H]
    z_i: Array  # [B, H]
    z_p: Array  # [B, H], z_w - z_i


class _Wildtype(NamedTuple):
    top: Array  # [], the largest gate value
    weight: Array  # [N], relative to it
    norm: Array  # [], their sum
    z: Array  # [H]


class _Moved(NamedTuple):
    """Sums over genes, relative to the wildtype's: `z_i - z_w = offset / left`."""

    left: Array  # [B], weights of the kept genes
    offset: Array  # [B, H], weights times values less z_w, in which unchanged genes cancel
    mass: Array  # [B], the weights that `left` is corrected from


class _States(NamedTuple):
    """Gate and values of the wildtype or of templates, and of changed rows if there are any."""

    gate: Array  # [N, C]
    values: Array  # [N, C, H]
    changed_gate: Array | None  # [R]
    changed_values: Array | None  # [R, H]


class _Place(NamedTuple):
    """Which rows are whose."""

    genes: Array  # [B, S], what each genotype deletes
    rows: ChangedRows | None
    shared: SharedDeletions | None

    def of(self, genotype: Array, num_genes: int) -> tuple[Array | None, Array]:
        """Which changed row each gene of a genotype has, and which genes it keeps: `[N]` both.

        From its list of deletions: a matrix of genes by genotypes would be made for this alone.
        """
        kept = (self.genes[genotype] != jnp.arange(num_genes)[:, None]).all(axis=1)
        if self.rows is None:
            return None, kept
        return row_of_gene(self.rows, self.shared, genotype, num_genes), kept


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
    wildtype = _Wildtype(top, weight, norm, total / (norm + GUARD))
    if gate.changed is None and gate.columns.shape[1] == keep.shape[1]:
        offset = _dense_offsets(gate.columns, values.columns, keep, wildtype)
    else:
        states = _States(gate.columns, values.columns, gate.changed, values.changed)
        offset = _corrected_offsets(states, wildtype, _Place(genes, gate.rows, shared))
    z_w = wildtype.z[None]
    return Pooled(z_w, z_w + offset, -offset)


def _dense_offsets(gate: Array, values: Array, keep: Array, wildtype: _Wildtype) -> Array:
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


@jax.custom_vjp
def _corrected_offsets(states: _States, wildtype: _Wildtype, place: _Place) -> Array:
    """`z_i - z_w` `[B, H]` from the wildtype's sums, or a template's, and what genotypes change.

    The derivative is written down because what genotypes pooled from their own rows add to it is added in
    place: a term of its own would be as many zeros as there are rows, mostly for nobody.
    """
    return _anew_where_lost(states, wildtype, place, *_corrected(states, wildtype, place))


def _corrected(states: _States, wildtype: _Wildtype, place: _Place) -> tuple[Array, Array]:
    """The offsets `[B, H]`, 0 where too little of the attention is left, and where that is `[B]`."""
    if place.rows is None:
        moved = _by_deletion(states.values[:, 0], place.genes, wildtype)
    else:
        moved = _by_changed_rows(states, place, wildtype)
    lost = lax.stop_gradient(moved.left < LEFT * moved.mass)[:, None]
    return jnp.where(lost, 0, moved.offset / jnp.where(lost, 1, moved.left[:, None])), lost[:, 0]


def _anew_where_lost(
    states: _States, wildtype: _Wildtype, place: _Place, offset: Array, lost: Array
) -> Array:
    num_genes = states.gate.shape[0]

    def turn(genotype: Array, total: Array) -> Array:
        row, kept = place.of(genotype, num_genes)
        return total.at[genotype].set(_offset(*_own_rows(states, genotype, row), wildtype.z, kept))

    return add_for_each(lost, turn, offset)


def _forward(states: _States, wildtype: _Wildtype, place: _Place) -> tuple[Array, tuple]:
    offset, pull, lost = jax.vjp(lambda *x: _corrected(*x, place), states, wildtype, has_aux=True)
    return _anew_where_lost(states, wildtype, place, offset, lost), (pull, lost, states, wildtype, place)


def _backward(saved: tuple, cotangent: Array) -> tuple[_States, _Wildtype, None]:
    pull, lost, states, wildtype, place = saved
    dstates, dwildtype = pull(cotangent)
    num_genes = states.gate.shape[0]

    def turn(genotype: Array, total: tuple[_States, Array]) -> tuple[_States, Array]:
        row, kept = place.of(genotype, num_genes)
        _, pull_one = jax.vjp(
            lambda states, z_w: _offset(*_own_rows(states, genotype, row), z_w, kept), states, wildtype.z
        )
        return jax.tree.map(jnp.add, total, pull_one(cotangent[genotype]))

    dstates, dz_w = add_for_each(lost, turn, (dstates, dwildtype.z))
    return dstates, dwildtype._replace(z=dz_w), None


_corrected_offsets.defvjp(_forward, _backward)


def _by_deletion(values: Array, genes: Array, wildtype: _Wildtype) -> _Moved:
    """One column `[N, H]` that all genotypes share: they differ in what they delete."""
    weight = wildtype.weight[:, None]
    terms = jnp.concatenate([weight, weight * (values - wildtype.z)], axis=1)  # [N, 1 + H]
    lost = terms.at[genes].get(mode="fill", fill_value=0).sum(axis=1)  # [B, 1 + H]
    left = wildtype.norm - lost[:, 0]
    return _Moved(left, -lost[:, 1:], jnp.broadcast_to(wildtype.norm, left.shape))


def _by_changed_rows(states: _States, place: _Place, wildtype: _Wildtype) -> _Moved:
    rows, shared, batch_size = place.rows, place.shared, place.genes.shape[0]
    weight = jnp.exp(jnp.minimum(states.gate - wildtype.top, HIGHEST))  # [N, C]
    column = jnp.minimum(1 + rows.genotype, weight.shape[1] - 1)
    pooled = rows.live & ~rows.deleted
    relative = jnp.where(pooled, states.changed_gate - wildtype.top, 0)
    new = jnp.where(pooled, jnp.exp(jnp.minimum(relative, HIGHEST)), 0)  # [R]
    old = jnp.where(rows.live, weight[rows.gene, column], 0)
    own, template = states.changed_values - wildtype.z, states.values[rows.gene, column] - wildtype.z
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
    centred = states.values - wildtype.z  # [N, C, H]
    moves = (weight[..., None] * centred - (weight[:, :1, None] * centred[:, :1])).sum(axis=0)[1:]
    highest = jnp.where(states.gate[:, 1:].max(axis=0) > wildtype.top + HIGHEST, jnp.inf, norm)
    return _Moved(left + norm, offset + moves, mass + jnp.maximum(lax.stop_gradient(highest), wildtype.norm))


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


def _own_rows(states: _States, genotype: Array, row: Array | None) -> tuple[Array, Array]:
    """`[N]` and `[N, H]`."""
    gate = rows_of_genotype(states.gate, states.changed_gate, row, genotype)
    return gate, rows_of_genotype(states.values, states.changed_values, row, genotype)


def _offset(gate: Array, values: Array, z_w: Array, kept: Array) -> Array:
    """`z - z_w` `[H]` of one genotype."""
    top = lax.stop_gradient(jnp.max(gate, where=kept, initial=-jnp.inf))
    top = jnp.where(jnp.isfinite(top), top, 0)  # a genotype without a kept gene pools to 0
    weight = jnp.where(kept, jnp.exp(jnp.where(kept, gate - top, 0)), 0)
    return ((weight[:, None] * (values - z_w)).sum(axis=0) - GUARD * z_w) / (weight.sum() + GUARD)
