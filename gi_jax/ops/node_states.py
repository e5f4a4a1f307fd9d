"""Node embeddings of the wildtype and of every genotype, in three forms, and their means over rows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Self

import jax
import jax.numpy as jnp
from flax import struct
from jax import Array

from gi_jax.ops.changed_rows import ChangedRows
from gi_jax.ops.genotype_rows import LEFT, for_each, template_of_genotype, with_value
from gi_jax.ops.segment import segment_sum


@struct.dataclass
class RowSelection:
    """Which rows count in a statistic, and how they are grouped (see `gi_jax.ops.norm`)."""

    statistics: str = struct.field(pytree_node=False)  # batch | genotype | node
    valid: Array  # [B] bool, padding genotypes never count
    keep: Array | None = None  # [N, 1 + B], if given only rows with 1 count (dense states)
    axis: str | None = struct.field(pytree_node=False, default=None)  # of the devices that share the batch

    def over_batch(self, x: Array) -> Array:
        """A sum over this device's genotypes as one over those of the whole batch."""
        return x if self.axis is None else jax.lax.psum(x, self.axis)


@struct.dataclass
class NodeStates(ABC):
    """Embeddings of N genes in the wildtype (column 0) and in B genotypes.

    `Dense` has a column per genotype, `SharedColumn` one that all genotypes share with the wildtype, and
    `TemplateWithChanges` few columns and the rows in which genotypes differ from them. What is computed
    row by row, or row by row with a statistic, is computed without knowing the form.
    """

    columns: Array  # [N, C, H]

    @property
    def wildtype(self) -> Array:
        """`[N, H]`."""
        return self.columns[:, 0]

    @property
    def embeddings(self) -> tuple[Array, ...]:
        """The arrays that hold the rows: `columns`, and what a form has besides."""
        return (self.columns,)

    def with_embeddings(self, arrays: Sequence[Array]) -> Self:
        """The same form with other `embeddings`."""
        (columns,) = arrays
        return replace(self, columns=columns)

    def map(self, function: Callable[[Array], Array]) -> Self:
        """Applies a function of single rows (an MLP, an activation) to all embeddings."""
        return self.with_embeddings([function(x) for x in self.embeddings])

    def elementwise(self, function: Callable[..., Array], *statistics: Array) -> Self:
        """Applies `function(x, *statistics)` with statistics `[C', H or 1]` given per column."""
        return replace(self, columns=function(self.columns, *statistics))

    def by_gene(self, function: Callable[[Array, Array], Array], own: Array) -> Self:
        """Applies `function(x, own)` with `own` `[N, 1, H]` given per gene."""
        return replace(self, columns=function(self.columns, own))

    @abstractmethod
    def dense(self, batch_size: int) -> Dense:
        """The same embeddings with one column per genotype: `[N, 1 + B, ...]`."""

    @abstractmethod
    def row_mean(self, select: RowSelection) -> Array:
        """Mean over rows per channel: `[C', H]`, a row for each column that has statistics of its own."""


@struct.dataclass
class Dense(NodeStates):
    """One column per genotype: `C = 1 + B`."""

    def dense(self, batch_size: int) -> Dense:
        return self

    def row_mean(self, select: RowSelection) -> Array:
        x, weight = self.columns, select.valid.astype(self.columns.dtype)[:, None]  # [N, 1 + B, H], [B, 1]
        if select.keep is None:
            count = jnp.full((x.shape[1], 1), x.shape[0], x.dtype)
            total = x.sum(axis=0)  # [1 + B, H]
        else:
            count = select.keep.sum(axis=0)[:, None]  # [1 + B, 1]
            total = (select.keep[..., None] * x).sum(axis=0)
        if select.statistics == "genotype":
            return total / jnp.maximum(count, 1)
        rows = jnp.maximum(select.over_batch((weight * count[1:]).sum()), 1)
        batch = select.over_batch((weight * total[1:]).sum(axis=0)) / rows  # [H]
        return jnp.concatenate([total[:1] / count[:1], jnp.broadcast_to(batch, total[1:].shape)])


@struct.dataclass
class SharedColumn(NodeStates):
    """One column, `C = 1`: every genotype still equals the wildtype."""

    def dense(self, batch_size: int) -> Dense:
        return Dense(_one_per_genotype(self.columns, batch_size))

    def row_mean(self, select: RowSelection) -> Array:
        return self.columns.mean(axis=0)  # [1, H]


@struct.dataclass
class TemplateWithChanges(NodeStates):
    """Every genotype equals a column, its template, except in its changed rows.

    `C = 1`: the wildtype is the template; `C = 2`: column 1 is (its norm statistics differ from the
    wildtype's); `C = 1 + B`: one template per genotype.
    """

    changed: Array  # [R, H]
    rows: ChangedRows  # [R]

    @property
    def embeddings(self) -> tuple[Array, ...]:
        return self.columns, self.changed

    def with_embeddings(self, arrays: Sequence[Array]) -> Self:
        columns, changed = arrays
        return replace(self, columns=columns, changed=changed)

    def elementwise(self, function: Callable[..., Array], *statistics: Array) -> Self:
        own = (s[self.column_of_row(s.shape[0])] for s in statistics)  # [R, H or 1]
        return self.with_embeddings([function(self.columns, *statistics), function(self.changed, *own)])

    def by_gene(self, function: Callable[[Array, Array], Array], own: Array) -> Self:
        return self.with_embeddings(
            [function(self.columns, own), function(self.changed, own[self.rows.gene, 0])]
        )

    def column_of_row(self, num_columns: int) -> Array:
        """`[R]`: which of 1, 2 or 1 + B columns belongs to the genotype of each changed row."""
        return jnp.minimum(1 + self.rows.genotype, num_columns - 1)

    def template_rows(self) -> Array:
        """`[R, H]`: what the changed rows would be had nothing changed."""
        return self.columns[self.rows.gene, self.column_of_row(self.columns.shape[1])]

    def difference(self) -> Array:
        """`[R, H]`: changed rows minus their template, 0 for padding rows."""
        return jnp.where(self.rows.live[:, None], self.changed - self.template_rows(), 0)

    def dense(self, batch_size: int) -> Dense:
        columns = self.columns
        if columns.shape[1] != 1 + batch_size:
            columns = _one_per_genotype(columns, batch_size)
        at = columns.at[self.rows.gene, 1 + self.rows.genotype]
        return Dense(at.set(self.changed, mode="drop", unique_indices=False))

    def row_mean(self, select: RowSelection) -> Array:
        mean, valid = self.columns.mean(axis=0), select.valid  # [C, H], [B]
        genotypes = self._corrected_means(mean, valid.shape[0])  # [B, H]
        if select.statistics == "genotype":
            return jnp.concatenate([mean[:1], genotypes])
        weight = valid.astype(mean.dtype)[:, None]
        count = jnp.maximum(select.over_batch(weight.sum()), 1)
        return jnp.stack([mean[0], select.over_batch((weight * genotypes).sum(axis=0)) / count])

    def _corrected_means(self, mean: Array, batch_size: int) -> Array:
        """The mean over the rows of every genotype, `[B, H]`, from the means of the columns `[C, H]`."""
        n, rows = self.columns.shape[0], self.rows
        own = slice(1, None) if mean.shape[0] == 1 + batch_size else slice(-1, None)
        replaced = jnp.where(rows.live[:, None], jnp.abs(self.template_rows()), 0)  # [R, H]
        moves = jnp.concatenate([self.difference(), jax.lax.stop_gradient(replaced)], axis=1)
        moves = segment_sum(moves, rows.genotype, batch_size, indices_are_sorted=True) / n  # [B, 2 H]
        shift, replaced = jnp.split(moves, 2, axis=1)
        size = jnp.abs(self.columns).mean(axis=0)[own]  # [1 or B, H]
        lost = (replaced > (1 - LEFT) * size).any(axis=1)  # [B]

        columns, changed = jax.lax.stop_gradient(self.embeddings)

        def anew(genotype: Array) -> Array:
            gene = jnp.where(rows.genotype == genotype, rows.gene, n)
            return template_of_genotype(columns, genotype).at[gene].set(changed, mode="drop").mean(axis=0)

        corrected = mean[own] + shift
        return with_value(corrected, jnp.where(lost[:, None], for_each(lost, anew, shift), corrected))


def _one_per_genotype(columns: Array, batch_size: int) -> Array:
    """`[N, 1 + B, ...]`: the wildtype, and the template, which is the last column, for every genotype."""
    n, _, *rest = columns.shape
    template = jnp.broadcast_to(columns[:, -1:], (n, batch_size, *rest))
    return jnp.concatenate([columns[:, :1], template], axis=1)
