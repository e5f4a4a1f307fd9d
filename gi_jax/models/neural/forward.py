"""The forward pass over a whole table of genotypes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import Array

from gi_jax.data.genotype_table import GenotypeTable
from gi_jax.data.genotypes import GenotypeBatch, padded_batch
from gi_jax.data.networks import CellGraph
from gi_jax.models.neural.programs import choose_program
from gi_jax.ops.changed_rows import BatchChange, Capacity


@partial(jax.jit, static_argnames=("model", "capacity", "stacked"))
def forward_batch(
    variables: Mapping[str, Any],
    graph: CellGraph,
    batch: GenotypeBatch,
    *,
    model: nn.Module,
    capacity: Capacity | None,
    stacked: bool = False,
    change: BatchChange | None = None,
) -> Array:
    """Predicted labels of one batch: `[B]`, or `[K, B]` if the variables are those of K members, stacked.

    Args:
      capacity, change: room for the rows that deletions change, or these rows; see `GeneInteractionDango`.
    """

    def predict(variables: Mapping[str, Any]) -> Array:
        given: dict[str, Any] = {"capacity": capacity} if change is None else {"change": change}
        output = cast(Any, model.apply(variables, graph, batch, **given))
        return output.gene_interaction[:, 0]

    return jax.vmap(predict)(variables) if stacked else predict(variables)


class TableForward:
    """Predicts every genotype of one table, in its order, with any weights.

    Tables of like size share a compiled program (see `gi_jax.models.neural.programs`).

    Args:
      model: a model of `gi_jax.models`.
      graph: the networks, N genes, on the device.
      table: M genotypes.
      batch_size: the most genotypes of a forward pass; it does not change predictions unless the
        model's norm statistics run over the batch.
      members: K; the variables of more than one have a leading axis.
    """

    def __init__(
        self, model: nn.Module, graph: CellGraph, table: GenotypeTable, batch_size: int, members: int = 1
    ) -> None:
        self.model, self.graph, self.size, self.num_members = model, graph, len(table), members
        program = choose_program(model.config, graph, table.genes, batch_size)
        self.capacity, size = program.capacity, program.batch_size
        self.batches = [
            jax.device_put(padded_batch(table.genes[start : start + size], graph.num_genes, size))
            for start in range(0, len(table), size)
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
