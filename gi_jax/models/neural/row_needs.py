"""Which of the first layer's shortcuts a model admits, and how many changed rows a table of genotypes has."""

from __future__ import annotations

import numpy as np

from gi_jax.data.networks import CellGraph
from gi_jax.models.neural.options import ModelConfig
from gi_jax.ops.capacity import RowNeeds, row_needs

MAX_SHARED_SET = 16  # genes of a genotype; with more deletions most of its rows are next to several


def lists_changed_rows(config: ModelConfig) -> bool:
    """Whether the first layer is corrected by what deletions change: a GIN layer's output is, exactly."""
    gin = config.kind == "gene_interaction_dango" and config.gene_encoder_config.encoder_type == "gin"
    return gin and config.num_layers > 0


def shares_single_deletions(config: ModelConfig) -> bool:
    """Whether the rows of a single deletion are the same in every genotype that has it.

    They are if that GIN layer is the only one and rows do not interact (`node` statistics); then they
    are computed once per batch.
    """
    return lists_changed_rows(config) and config.num_layers == 1 and config.norm_statistics == "node"


def lists_pairs(config: ModelConfig) -> bool:
    """Whether changed rows of pairs may be listed by `gi_jax.ops.pair_rows`: then networks are added up."""
    method = config.gene_encoder_config.graph_aggregation_method
    return shares_single_deletions(config) and method in ("sum", "mean")


def shares_rows(config: ModelConfig, genes: np.ndarray) -> bool:
    """Whether it pays to share them in batches of the genotypes `[M, S]`."""
    return shares_single_deletions(config) and genes.shape[1] <= MAX_SHARED_SET


def changed_row_needs(
    config: ModelConfig, graph: CellGraph, genes: np.ndarray, batch_size: int
) -> RowNeeds | None:
    """How many changed rows batches of these genotypes have; None if no rows are listed.

    Args:
      genes: `[M, S]` gene ids, then N.
    """
    if not lists_changed_rows(config):
        return None
    genes = np.asarray(genes)
    return row_needs(graph, genes, share=shares_rows(config, genes), batch_size=batch_size)
