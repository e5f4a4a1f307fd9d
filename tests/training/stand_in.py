"""A model of the same call shape as the real ones, small enough to compute by hand."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from gi_jax.data.genotypes import GenotypeBatch
from gi_jax.data.networks import CellGraph
from gi_jax.models.neural import STAGES


class Output(NamedTuple):
    gene_interaction: Array
    z_p: Array
    finite: Array


class AdditiveModel(nn.Module):
    """`prediction = w . sum over deleted genes of e_g`, after dropout."""

    gene_num: int
    dropout: float = 0.0

    @nn.compact
    def __call__(
        self,
        graph: CellGraph,
        batch: GenotypeBatch,
        *,
        capacity: object = None,
        train: bool = False,
        axis: str | None = None,
    ) -> Output:
        embedding = self.param("gene_embedding", nn.initializers.normal(1.0), (self.gene_num, 3))
        deleted = jnp.asarray(embedding).at[batch.genes].get(mode="fill", fill_value=0)  # [B, S, 3]
        z_p = nn.Dropout(self.dropout, deterministic=not train)(deleted.sum(axis=1))
        prediction = nn.Dense(1, name="readout")(z_p)
        finite = jnp.ones(len(STAGES), bool)
        finite = finite.at[STAGES.index("z_p")].set(jnp.isfinite(z_p).all())
        return Output(prediction, z_p, finite)
