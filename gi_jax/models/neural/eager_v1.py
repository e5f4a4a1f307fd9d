"""EagerV1: the first version of GeneInteractionDango, graph attention on the genes that are left."""

from __future__ import annotations

from dataclasses import replace

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from gi_jax.data.genotypes import GenotypeBatch
from gi_jax.data.networks import CellGraph
from gi_jax.models.neural.every_row import first_states, global_part, output_of_both_paths
from gi_jax.models.neural.gene_interaction_dango import (
    GeneInteractionOutput,
    encoder_layer,
)
from gi_jax.models.neural.options import ModelConfig
from gi_jax.nn.gating import Gate
from gi_jax.nn.hyper_sagnn import LocalOutput, ReZeroAttention
from gi_jax.nn.mlp import LinearParameters
from gi_jax.ops.changed_rows import Capacity
from gi_jax.ops.keep_mask import keep_mask
from gi_jax.ops.node_states import NodeStates, RowSelection
from gi_jax.ops.set_attention import set_mean, set_pairs


class EagerV1(nn.Module):
    """Predicts how far a mutant's fitness departs from expectation (torchcell, June 2025).

    GATv2 on every network, summed; a genotype's pass sees the subgraph of its kept genes. Here that
    subgraph is the shared graph under a node mask: deleted genes send and receive nothing, count in
    no statistic and in no pool, and what their own rows hold means nothing. Always gated.

    The preprocessor's `layer` norm is per row whatever `norm_statistics` says; `activation` is that
    of the encoder, the rest is relu. Read from `gene_encoder_config`: heads, concat, add_self_loops.

    Args:
      config: the `model:` block.
      gene_num: N.
      graph_names: the networks that the model has parameters for, in order; the original has
        `physical_interaction` and `regulatory_interaction`.
    """

    config: ModelConfig
    gene_num: int
    graph_names: tuple[str, ...]

    @nn.compact
    def __call__(
        self,
        graph: CellGraph,
        batch: GenotypeBatch,
        *,
        capacity: Capacity | None = None,
        train: bool = False,
        axis: str | None = None,
    ) -> GeneInteractionOutput:
        """Scores a batch of genotypes; arguments as `GeneInteractionDango`, `capacity` is not used."""
        c, h = self.config, self.config.hidden_channels
        batch = jax.tree.map(jnp.asarray, batch)
        embedding = self.param("gene_embedding", nn.initializers.normal(0.02), (self.gene_num, h))
        keep = keep_mask(batch, self.gene_num, embedding.dtype)  # [N, 1 + B]
        select = RowSelection(c.norm_statistics, batch.valid, keep, axis)

        layers = self._encode(graph, embedding, keep, select, train)
        pooled, global_interaction = global_part(c, layers[-1], batch, keep, train)
        deleted = layers[-1].wildtype.at[batch.genes].get(mode="fill", fill_value=0)  # [B, S, H]
        local = LocalPredictor(h, name="gene_interaction_predictor")(deleted, batch.sizes)
        both = jnp.concatenate([global_interaction, local.interaction], axis=1)  # [B, 2]
        gate = Gate(h, "relu", c.dropout, name="gate_mlp")(both, train)
        return output_of_both_paths(batch, pooled, global_interaction, local, deleted, gate, layers)

    def _encode(
        self, graph: CellGraph, embedding: Array, keep: Array, select: RowSelection, train: bool
    ) -> tuple[NodeStates, ...]:
        """Message passing between the kept genes: L + 1 states."""
        c = self.config
        layers = [first_states(c, embedding, keep.shape[1] - 1, select, train)]
        encoder = replace(c.gene_encoder_config, encoder_type="gatv2")
        for number in range(c.num_layers):
            layer = encoder_layer(c, self.graph_names, encoder, number)
            states, _ = layer(graph, layers[-1], keep, select, None, train)
            layers.append(states)
        return tuple(layers)


class LocalPredictor(nn.Module):
    """`mean over the set of w . (dynamic - x)^2 + c`: one attention of full width makes dynamic from x."""

    channels: int

    @nn.compact
    def __call__(self, x: Array, sizes: Array) -> LocalOutput:
        """Args: x `[B, S, H]` embeddings of the deleted genes, sizes `[B]`."""
        b, s, h = x.shape
        flat = x.reshape(b * s, h)
        attends = jnp.repeat(sizes > 1, s)[:, None]  # [B * S, 1]
        attention = ReZeroAttention(h, num_heads=1, beta_init=0.1, name="attention")
        dynamic = attention(flat, set_pairs(sizes, s), attends)
        score = LinearParameters(h, 1, name="prediction")()((dynamic - flat) ** 2)  # [B * S, 1]
        return LocalOutput(set_mean(score, sizes, s), x, dynamic.reshape(b, s, h))
