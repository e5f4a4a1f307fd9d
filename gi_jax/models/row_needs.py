"""Which of the first layer's shortcuts a model admits, and the room it needs for a table of genotypes."""

from __future__ import annotations

import numpy as np

from gi_jax.config import ModelConfig
from gi_jax.data.networks import CellGraph
from gi_jax.ops.capacity import RowNeeds, row_needs


def changed_row_needs(
    config: ModelConfig, graph: CellGraph, genes: np.ndarray, batch_size: int
) -> RowNeeds | None:
    """Room for changed rows that batches of these genotypes need; None if no rows are listed.

    A GIN layer's output is corrected exactly by what a deletion changes. If it is the only layer and
    rows do not interact (`node` statistics), the rows of a single deletion are moreover the same in
    every genotype that has it, and are computed once per batch.

    Args:
      genes: `[M, S]` gene ids, then N.
    """
    gin = config.name == "gene_interaction_dango" and config.gene_encoder_config.encoder_type == "gin"
    if not gin or config.num_layers == 0:
        return None
    share = config.num_layers == 1 and config.norm_statistics == "node"
    return row_needs(graph, np.asarray(genes), share=share, batch_size=batch_size)
