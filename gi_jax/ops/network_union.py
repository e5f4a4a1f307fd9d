"""What several networks make of a shared template, as states over the union of their changed rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import jax
import jax.numpy as jnp
from jax import Array

from gi_jax.ops.changed_rows import ChangedRows, NetworkChange, PairRows
from gi_jax.ops.genotype_rows import LEFT, rows_anew
from gi_jax.ops.node_states import TemplateWithChanges
from gi_jax.ops.segment import segment_sum


def sum_of_networks(
    outputs: Sequence[TemplateWithChanges],
    changes: Sequence[NetworkChange],
    union: ChangedRows,
    pairs: PairRows | None = None,
) -> TemplateWithChanges:
    """The sum over networks: columns `[N, C, H]`, changed rows `[R, H]`.

    Every network adds the difference of its changed rows to the sum of the templates. A row of which
    that leaves less than `LEFT` is added up from the networks' own rows.

    With `pairs` the difference of a row of a pair is that of both its single deletions, and in networks where
    both change it what their common row differs by beyond that.

    Args:
      outputs: G times columns `[N, C, H]`, changed `[R_g, H]`.
      changes: G networks.
      union: `[R]`.
      pairs: how rows of pairs are made of those of single deletions, if the networks lack them.
    """
    columns = jnp.asarray(sum(output.columns for output in outputs))
    difference = jnp.concatenate([output.difference() for output in outputs])  # [sum of R_g, H]
    replaced = jnp.concatenate([_largest(output.template_rows(), output.rows.live) for output in outputs])
    terms = jnp.concatenate([difference, replaced[:, None]], axis=1)
    row = jnp.concatenate([change.union_row for change in changes])
    if pairs is not None:
        terms = terms - terms.at[pairs.of_singles].get(mode="fill", fill_value=0).sum(axis=1)
    shift = segment_sum(terms, row, union.gene.shape[0])  # [R, H + 1]
    if pairs is not None:
        shift = shift + shift.at[pairs.single_rows].get(mode="fill", fill_value=0).sum(axis=1)
    shift, replaced = shift[:, :-1], shift[:, -1]
    template = TemplateWithChanges(columns, shift, union).template_rows()
    total = template + shift
    before = jnp.maximum(_largest(template, union.live), replaced)
    lost = union.live & (_largest(total, union.live) < LEFT * before)
    held = [jax.lax.stop_gradient(output.embeddings) for output in outputs]

    def anew(places: Array) -> Array:
        gene, genotype = (a.at[places].get(mode="fill", fill_value=0) for a in (union.gene, union.genotype))
        parts = []
        own = _rows_of_union(changes, union, places, None if pairs is None else pairs.single_rows)
        for (columns, changed), place in zip(held, own, strict=True):
            template = columns[gene, jnp.minimum(1 + genotype, columns.shape[1] - 1)]
            there = (place < changed.shape[0])[:, None]
            parts.append(jnp.where(there, changed.at[place].get(mode="clip"), template))
        return jnp.asarray(sum(parts))

    (total,) = rows_anew([total], [lost], anew)
    return TemplateWithChanges(columns, total, union)


def stack_of_networks(
    outputs: Sequence[TemplateWithChanges], changes: Sequence[NetworkChange], union: ChangedRows
) -> TemplateWithChanges:
    """All networks along a leading axis: columns `[G, N, C, H]`, changed rows `[G, R, H]`."""
    columns = jnp.stack([output.columns for output in outputs])
    changed = []
    for output, change in zip(outputs, changes, strict=True):
        template = replace(output, rows=union).template_rows()  # [R, H]
        row = jnp.where(output.rows.live, change.union_row, union.gene.shape[0])
        changed.append(template.at[row].set(output.changed, mode="drop"))
    return TemplateWithChanges(columns, jnp.stack(changed), union)


def _rows_of_union(
    changes: Sequence[NetworkChange], union: ChangedRows, places: Array, single_rows: Array | None
) -> list[Array]:
    """Each network's row at the places of the union, `[K]`; a number beyond its rows where it has none."""
    size = union.gene.shape[0]
    rows = [jnp.arange(len(change.rows.gene), dtype=jnp.int32) for change in changes]
    at = [
        jnp.where(change.rows.live, g * size + change.union_row, len(changes) * size)
        for g, change in enumerate(changes)
    ]
    nowhere = jnp.full(len(changes) * size, jnp.iinfo(jnp.int32).max)
    found = (
        nowhere.at[jnp.concatenate(at)].set(jnp.concatenate(rows), mode="drop").reshape(len(changes), size)
    )
    if single_rows is None:
        return list(found.at[:, places].get(mode="clip"))
    of_pair = found.at[:, places].get(mode="clip")
    of_singles = single_rows.at[places].get(mode="clip")  # [K, 2]
    other = found.at[:, of_singles].get(mode="fill", fill_value=jnp.iinfo(jnp.int32).max).min(axis=2)
    return list(jnp.where(of_pair < jnp.iinfo(jnp.int32).max, of_pair, other))


def _largest(x: Array, live: Array) -> Array:
    """`[R]`: the largest absolute value of every row, 0 for padding."""
    return jnp.where(live, jnp.abs(jax.lax.stop_gradient(x)).max(axis=1), 0)
