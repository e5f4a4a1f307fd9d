"""Which genes the wildtype and every genotype keep."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array

from gi_jax.data.genotypes import GenotypeBatch


def keep_mask(batch: GenotypeBatch, num_genes: int, dtype: jnp.dtype) -> Array:
    """`[N, 1 + B]`: 1 for a kept gene, 0 for a deleted one; column 0 is the wildtype."""
    b, s = batch.genes.shape
    column = jnp.broadcast_to(1 + jnp.arange(b)[:, None], (b, s))
    return jnp.ones((num_genes, 1 + b), dtype).at[batch.genes, column].set(0, mode="drop")
