"""The forward pass over a whole table of genotypes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import Array

from gi_jax.data.genotype_table import GenotypeTable
from gi_jax.data.genotypes import GenotypeBatch
from gi_jax.data.networks import CellGraph
from gi_jax.models.neural.room import choose_capacity, padded_order
from gi_jax.models.neural.row_needs import changed_row_needs
from gi_jax.ops.changed_rows import Capacity


@partial(jax.jit, static_argnames=("model", "capacity", "stacked"))
def forward_batch(
    variables: Mapping[str, Any],
    graph: CellGraph,
    batch: GenotypeBatch,
    *,
    model: nn.Module,
    capacity: Capacity | None,
    stacked: bool = False,
) -> Array:
    """Predicted labels of one batch: `[B]`, or `[K, B]` if the variables are those of K members, stacked."""

    def predict(variables: Mapping[str, Any]) -> Array:
        return model.apply(variables, graph, batch, capacity=capacity).gene_interaction[:, 0]

    return jax.vmap(predict)(variables) if stacked else predict(variables)


FEW = 8  # genotypes; computing all their rows takes less than compiling for just the changed ones


class TableForward:
    """Predicts every genotype of one table, in its order; compiled once, called with any weights.

    Args:
      model: a model of `gi_jax.models`.
      graph: the networks, N genes, on the device.
      table: M genotypes.
      batch_size: genotypes per forward pass; it does not change predictions unless the model's norm
        statistics run over the batch.
      members: K; the variables of more than one have a leading axis.
    """

    def __init__(
        self, model: nn.Module, graph: CellGraph, table: GenotypeTable, batch_size: int, members: int = 1
    ) -> None:
        self.model, self.graph, self.size, self.num_members = model, graph, len(table), members
        # Powers of two, so that small queries of any size share a handful of programs.
        batch_size = min(batch_size, 1 << (len(table) - 1).bit_length())
        order = padded_order(np.arange(len(table)), batch_size)
        needs = changed_row_needs(model.config, graph, table.genes, batch_size) if len(table) > FEW else None
        need = needs and needs.largest(order, batch_size)
        self.capacity = choose_capacity(needs, need, graph.num_genes, batch_size)
        padding = np.full((len(order) - len(table), table.genes.shape[1]), graph.num_genes)
        genes = np.concatenate([table.genes, padding]).astype(np.int32)
        sizes = np.concatenate([table.sizes, np.zeros(len(padding))]).astype(np.int32)
        self.batches = [
            jax.device_put(GenotypeBatch(genes[rows], sizes[rows], order[rows] < len(table)))
            for rows in np.arange(len(order)).reshape(-1, batch_size)
        ]

    def __call__(self, variables: Mapping[str, Any]) -> np.ndarray:
        """Predicted labels `[M]`, in the units the model was trained on; the mean over members."""
        return self.members(variables).mean(axis=0)

    def members(self, variables: Mapping[str, Any]) -> np.ndarray:
        """Predicted labels of every member: `[K, M]`."""
        options = {"model": self.model, "capacity": self.capacity, "stacked": self.num_members > 1}
        parts = [forward_batch(variables, self.graph, batch, **options) for batch in self.batches]
        labels = np.asarray(jnp.concatenate(parts, axis=-1))  # [steps * B] or [K, steps * B]
        return labels.reshape(self.num_members, -1)[:, : self.size]
