"""What several networks make of a shared template, as states over the union of their changed rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import jax
import jax.numpy as jnp
from jax import Array

from gi_jax.ops.changed_rows import ChangedRows, NetworkChange
from gi_jax.ops.genotype_rows import LEFT, rows_anew
from gi_jax.ops.node_states import TemplateWithChanges
from gi_jax.ops.segment import segment_sum


def sum_of_networks(
    outputs: Sequence[TemplateWithChanges], changes: Sequence[NetworkChange], union: ChangedRows
) -> TemplateWithChanges:
    """The sum over networks: columns `[N, C, H]`, changed rows `[R, H]`.

    Every network adds the difference of its changed rows to the sum of the templates. A row of which
    that leaves less than `LEFT` is added up from the networks' own rows.

    Args:
      outputs: G times columns `[N, C, H]`, changed `[R_g, H]`.
      changes: G networks.
      union: `[R]`.
    """
    columns = jnp.asarray(sum(output.columns for output in outputs))
    difference = jnp.concatenate([output.difference() for output in outputs])  # [sum of R_g, H]
    replaced = jnp.concatenate([_largest(output.template_rows(), output.rows.live) for output in outputs])
    terms = jnp.concatenate([difference, replaced[:, None]], axis=1)
    row = jnp.concatenate([change.union_row for change in changes])
    shift = segment_sum(terms, row, union.gene.shape[0])  # [R, H + 1]
    shift, replaced = shift[:, :-1], shift[:, -1]
    template = TemplateWithChanges(columns, shift, union).template_rows()
    total = template + shift
    before = jnp.maximum(_largest(template, union.live), replaced)
    lost = union.live & (_largest(total, union.live) < LEFT * before)
    held = [jax.lax.stop_gradient(output.embeddings) for output in outputs]

    def anew(places: Array) -> Array:
        gene, genotype = (a.at[places].get(mode="fill", fill_value=0) for a in (union.gene, union.genotype))
        parts = []
        for (columns, changed), place in zip(held, _rows_of_union(changes, union, places), strict=True):
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


def _rows_of_union(changes: Sequence[NetworkChange], union: ChangedRows, places: Array) -> list[Array]:
    """Each network's row at the places of the union, `[K]`; the number of its rows where it has none."""
    size = union.gene.shape[0]
    rows = [jnp.arange(len(change.source), dtype=jnp.int32) for change in changes]
    at = [
        jnp.where(change.rows.live, g * size + change.union_row, len(changes) * size)
        for g, change in enumerate(changes)
    ]
    nowhere = jnp.full(len(changes) * size, jnp.iinfo(jnp.int32).max)
    found = (
        nowhere.at[jnp.concatenate(at)].set(jnp.concatenate(rows), mode="drop").reshape(len(changes), size)
    )
    return list(found.at[:, places].get(mode="clip"))


def _largest(x: Array, live: Array) -> Array:
    """`[R]`: the largest absolute value of every row, 0 for padding."""
    return jnp.where(live, jnp.abs(jax.lax.stop_gradient(x)).max(axis=1), 0)
