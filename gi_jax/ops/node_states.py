"""Node embeddings of the wildtype and of every genotype, dense or as a template plus changed rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from gi_jax.ops.changed_rows import ChangedRows


class NodeStates(NamedTuple):
    """Embeddings of N genes in the wildtype (column 0) and in B genotypes, in one of two forms.

    Dense: `C = 1 + B`, one column per genotype, no changed rows.
    Template: every genotype equals a column except in its changed rows. `C = 1`: the wildtype is
    the template; `C = 2`: column 1 is (its norm statistics differ from the wildtype's);
    `C = 1 + B`: one template per genotype.
    """

    columns: Array  # [N, C, H]
    changed: Array | None = None  # [R, H]
    rows: ChangedRows | None = None  # [R]

    def map(self, function: Callable[[Array], Array]) -> NodeStates:
        """Applies a function of single rows (an MLP, an activation) to all embeddings."""
        changed = None if self.changed is None else function(self.changed)
        return NodeStates(function(self.columns), changed, self.rows)

    def elementwise(self, function: Callable[..., Array], *statistics: Array) -> NodeStates:
        """Applies `function(x, *statistics)` with statistics `[C', H or 1]` given per column."""
        if self.changed is None:
            return NodeStates(function(self.columns, *statistics))
        own = (s[self.column_of_row(s.shape[0])] for s in statistics)  # [R, H or 1]
        return NodeStates(function(self.columns, *statistics), function(self.changed, *own), self.rows)

    def column_of_row(self, num_columns: int) -> Array:
        """`[R]`: which of 1, 2 or 1 + B columns belongs to the genotype of each changed row."""
        return jnp.minimum(1 + self.rows.genotype, num_columns - 1)

    def template_rows(self) -> Array:
        """`[R, H]`: what the changed rows would be had nothing changed."""
        return self.columns[self.rows.gene, self.column_of_row(self.columns.shape[1])]

    def difference(self) -> Array:
        """`[R, H]`: changed rows minus their template, 0 for padding rows."""
        return jnp.where(self.rows.live[:, None], self.changed - self.template_rows(), 0)

    @property
    def wildtype(self) -> Array:
        """`[N, H]`."""
        return self.columns[:, 0]

    def dense(self, batch_size: int) -> NodeStates:
        """Writes the changed rows into one column per genotype: `[N, 1 + B, ...]`."""
        n, c, *rest = self.columns.shape
        if self.changed is None and c == 1 + batch_size:
            return self
        if c == 1 + batch_size:
            columns = self.columns
        else:
            template = jnp.broadcast_to(self.columns[:, -1:], (n, batch_size, *rest))
            columns = jnp.concatenate([self.columns[:, :1], template], axis=1)  # [N, 1 + B, H]
        if self.changed is not None:
            columns = columns.at[self.rows.gene, 1 + self.rows.genotype].set(
                self.changed, mode="drop", unique_indices=False
            )
        return NodeStates(columns)
