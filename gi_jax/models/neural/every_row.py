"""What the models have in common that compute every row of every genotype: the eager classes of torchcell."""

from __future__ import annotations

from dataclasses import replace

import jax.numpy as jnp
from jax import Array

from gi_jax.data.genotypes import GenotypeBatch
from gi_jax.models.neural.finite import finite_stages
from gi_jax.models.neural.gene_interaction_dango import GeneInteractionOutput
from gi_jax.models.neural.options import ModelConfig
from gi_jax.nn.global_predictor import GlobalPredictor
from gi_jax.nn.hyper_sagnn import LocalOutput
from gi_jax.nn.pooling import AttentionalPooling
from gi_jax.nn.preprocessor import Preprocessor
from gi_jax.ops.node_states import NodeStates, RowSelection, SharedColumn
from gi_jax.ops.pooling import Pooled


def first_states(
    c: ModelConfig, embedding: Array, num_genotypes: int, select: RowSelection, train: bool
) -> NodeStates:
    """Preprocessed embeddings `[N, H]` as rows of the wildtype and of every genotype; a part of a model."""
    states = SharedColumn(embedding[:, None])  # [N, 1, H]
    if train and c.norm == "batch":  # statistics count a gene once for every genotype that keeps it
        states = states.dense(num_genotypes)
    rows = replace(select, statistics="node") if c.norm == "layer" else select
    preprocess = Preprocessor(c.hidden_channels, c.norm, c.activation, c.dropout, name="preprocessor")
    return preprocess(states, rows, train).dense(num_genotypes)


def global_part(
    c: ModelConfig, states: NodeStates, batch: GenotypeBatch, keep: Array, train: bool
) -> tuple[Pooled, Array]:
    """The pooled last layer and the global prediction `[B, 1]`, both with relu inside; a part of a model."""
    h = c.hidden_channels
    pooled = AttentionalPooling(h, "relu", c.dropout, name="global_aggregator")(
        states, batch.genes, keep, train
    )
    predict = GlobalPredictor(h, "relu", c.dropout, name="global_interaction_predictor")
    return pooled, predict(pooled.z_p, train)


def output_of_both_paths(
    batch: GenotypeBatch,
    pooled: Pooled,
    global_interaction: Array,
    local: LocalOutput,
    deleted: Array,
    gate: tuple[Array | None, Array],
    layers: tuple[NodeStates, ...],
    layer_weights: tuple[NodeStates, ...] = (),
) -> GeneInteractionOutput:
    """The mixture of both predictions, with every intermediate value.

    Args:
      gate: its logits, if it has some, and weights `[B, 2]` of the global and the local prediction.
    """
    logits, weights = gate
    both = jnp.concatenate([global_interaction, local.interaction], axis=1)  # [B, 2]
    stages = {
        **pooled._asdict(),
        "global_interaction": global_interaction,
        "local_interaction": local.interaction,
        "gate_weights": weights,
        "pert_gene_embs": deleted,
        "gene_interaction": (weights * both).sum(axis=1, keepdims=True),
    }
    return GeneInteractionOutput(
        **stages,
        local_static=local.static,
        local_dynamic=local.dynamic,
        layers=layers,
        layer_aggregation_weights=layer_weights,
        finite=finite_stages(batch.valid, **stages, gate_logits=logits),
    )
