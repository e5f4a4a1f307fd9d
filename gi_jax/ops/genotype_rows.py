"""Sums that a correction would leave without digits, formed anew.

A genotype in template form equals a template except in its changed rows, so that its sums are the
template's plus what changed. Where a genotype changes or deletes nearly all that a sum is made of,
that difference is made of rounding errors. A bound finds these genotypes (or single rows, where a
row is what was corrected), and a loop over them, mostly of no step, adds up what is there, without
a subtraction.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from gi_jax.ops.changed_rows import ChangedRows, SharedDeletions

# Of what a sum is corrected from, the share that must be left: rounding errors are then at most some such
# shares of those of a sum formed anew.
LEFT = 1 / 8
BLOCK = 64  # rows that are formed anew at a time


def find_rows(rows: ChangedRows, genotype: Array, gene: Array, num_genes: int) -> Array:
    """Where rows stand in a list: the place of each (genotype, gene), R for one that is not listed."""
    keys, wanted = rows.genotype * num_genes + rows.gene, genotype * num_genes + gene
    place = jnp.minimum(jnp.searchsorted(keys, wanted), keys.shape[0] - 1).astype(jnp.int32)
    return jnp.where((keys[place] == wanted) & rows.live[place], place, keys.shape[0])


def row_of_gene(rows: ChangedRows, shared: SharedDeletions | None, genotype: Array, num_genes: int) -> Array:
    """Which changed row each gene of a genotype has: `[N]` int32, R for a gene that equals the template.

    Args:
      genotype: [] int32, counted without the single deletions if the rows are shared.
    """
    gene, nowhere = jnp.arange(num_genes, dtype=jnp.int32), rows.gene.shape[0]
    if shared is None:
        return find_rows(rows, genotype, gene, num_genes)
    count = shared.deletions.shape[0]
    joint = find_rows(rows, count + genotype, gene, num_genes)
    # A gene that two single deletions change has a joint row, so that of the others at most one is found.
    deletion = shared.single[genotype][:, None]  # [S, 1]
    single = find_rows(rows, jnp.minimum(deletion, count - 1), gene, num_genes)  # [S, N]
    single = jnp.where(deletion < count, single, nowhere).min(axis=0)
    return jnp.where(joint < nowhere, joint, single)


def template_of_genotype(columns: Array, genotype: Array) -> Array:
    """`[N, ...]`: the column, of `[N, C, ...]`, from which a genotype differs: its own, or the last one."""
    return columns[:, jnp.minimum(1 + genotype, columns.shape[1] - 1)]


def rows_of_genotype(columns: Array, changed: Array, row: Array, genotype: Array) -> Array:
    """`[N, ...]`: the template, of `[N, C, ...]`, with the changed rows, of `[R, ...]`, in their places."""
    own = template_of_genotype(columns, genotype)
    there = (row < changed.shape[0]).reshape(-1, *[1] * (own.ndim - 1))
    return jnp.where(there, changed.at[row].get(mode="clip"), own)


def for_each(wanted: Array, make: Callable[[Array], Array], like: Array) -> Array:
    """`make(b)` for the genotypes b that are wanted, `[B]` bool, in row b of an array `[B, ...]`; else 0.

    Not differentiable. Under `jax.vmap` there are as many steps as the member with the most has.

    Args:
      like: `[B, ...]`, of the shape and dtype of the result.
    """
    return add_for_each(wanted, lambda b, total: total.at[b].set(make(b)), jnp.zeros_like(like))


def add_for_each(wanted: Array, add: Callable[[Array, Any], Any], total: Any) -> Any:
    """`total = add(b, total)` for every genotype b that is wanted, `[B]` bool."""

    def step(carry: tuple[Array, Any]) -> tuple[Array, Any]:
        left, total = carry
        genotype = jnp.argmax(left)  # the first one
        return left & (jnp.arange(left.shape[0]) != genotype), add(genotype, total)

    return jax.lax.while_loop(_any_left, step, (wanted, total))[1]


def _any_left(carry: tuple[Array, Any]) -> Array:
    return carry[0].any()


@jax.custom_vjp
def with_value(x: Array, value: Array) -> Array:
    """The value, with the derivative of `x`: of a linear function, which does not cancel."""
    return value


with_value.defvjp(lambda x, value: (value, None), lambda _, cotangent: (cotangent, None))


def rows_anew(
    arrays: Sequence[Array], wanted: Sequence[Array], make: Callable[[Array], Array]
) -> list[Array]:
    """Arrays `[R_g, H]` with rows formed anew in place of the wanted ones, `[R_g]` bool; derivatives stay.

    One loop for all arrays, which is compiled once, goes through the wanted rows in blocks of K.

    Args:
      make: rows `[K, H]` from their places in all arrays one after the other, `[K]`, the sum of R_g for
        padding. Not differentiated.
    """
    ends = np.cumsum([len(x) for x in arrays])

    def next_block(carry: tuple[Array, list[Array]]) -> tuple[Array, list[Array]]:
        left, done = carry
        places = jnp.nonzero(left, size=BLOCK, fill_value=len(left))[0].astype(jnp.int32)
        rows = make(places)

        def put(x: Array, start: int) -> Array:
            own = jnp.where(places < start, len(x), places - start)  # a negative place counts from the end
            return x.at[own].set(rows.astype(x.dtype), mode="drop")

        return left.at[places].set(False, mode="drop"), [
            put(x, int(end) - len(x)) for x, end in zip(done, ends, strict=True)
        ]

    held = [jax.lax.stop_gradient(x) for x in arrays]
    _, values = jax.lax.while_loop(_any_left, next_block, (jnp.concatenate(wanted), held))
    return [with_value(x, value) for x, value in zip(arrays, values, strict=True)]
