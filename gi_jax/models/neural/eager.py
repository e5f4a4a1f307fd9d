"""Eager: torchcell's eager GeneInteractionDango, which computes on the subgraph of every genotype."""

from __future__ import annotations

from dataclasses import replace

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from gi_jax.data.genotypes import GenotypeBatch
from gi_jax.data.networks import CellGraph
from gi_jax.models.neural.every_row import first_states, global_part, output_of_both_paths
from gi_jax.models.neural.gene_interaction_dango import GeneInteractionOutput, encoder_layer
from gi_jax.models.neural.options import ModelConfig
from gi_jax.nn.gating import Gate, fixed_weights
from gi_jax.nn.hyper_sagnn import HyperSAGNN, LocalOutput
from gi_jax.ops.changed_rows import Capacity
from gi_jax.ops.keep_mask import keep_mask
from gi_jax.ops.node_states import NodeStates, RowSelection


class Eager(nn.Module):
    """Predicts how far a mutant's fitness departs from expectation (torchcell 1.8.4, the eager class).

    As `GeneInteractionDango`, with the same names of weights, but for four things. Deleted genes take no
    part in preprocessor, convolutions, norms and pooling of their genotype: here they are rows under a mask
    that send and receive nothing and count nowhere. The preprocessor's `layer` norm is per row whatever
    `norm_statistics` says. `activation` is that of the preprocessor and behind convolutions, everything else
    is relu. And networks are combined pair by pair in another way
    (`gi_jax.nn.graph_aggregation.PairMixture`).

    With statistics over the batch, local scores go to the genotypes of a batch as the original deals them
    out: see `dealt_as_the_original`, and `boundaries` of `ModelConfig`.

    Args:
      config: the `model:` block.
      gene_num: N.
      graph_names: the networks that the model has parameters for, in order.
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

        layers, layer_weights = self._encode(graph, embedding, keep, select, train)
        pooled, global_interaction = global_part(c, layers[-1], batch, keep, train)
        deleted = layers[-1].wildtype.at[batch.genes].get(mode="fill", fill_value=0)  # [B, S, H]
        local = self._predict_locally(deleted, batch, train)
        both = jnp.concatenate([global_interaction, local.interaction], axis=1)  # [B, 2]
        if c.local_predictor_config.combination_method == "gating":
            gate = Gate(h, "relu", c.dropout, name="gate_mlp")(both, train)
        else:
            gate = None, fixed_weights(both, "concat")
        return output_of_both_paths(
            batch, pooled, global_interaction, local, deleted, gate, layers, layer_weights
        )

    def _encode(
        self, graph: CellGraph, embedding: Array, keep: Array, select: RowSelection, train: bool
    ) -> tuple[tuple[NodeStates, ...], tuple[NodeStates, ...]]:
        """Message passing between the kept genes: L + 1 states, and the weights of attentive aggregations."""
        c = self.config
        layers = [first_states(c, embedding, keep.shape[1] - 1, select, train)]
        layer_weights: list[NodeStates] = []
        encoder = c.gene_encoder_config
        if encoder.graph_aggregation_method == "pairwise_interaction":
            encoder = replace(encoder, graph_aggregation_method="pair_mixture")
        for number in range(c.num_layers):
            layer = encoder_layer(c, self.graph_names, encoder, number, inner_activation="relu")
            states, weights = layer(graph, layers[-1], keep, select, None, train)
            layers.append(states)
            layer_weights += [] if weights is None else [weights]
        return tuple(layers), tuple(layer_weights)

    def _predict_locally(self, deleted: Array, batch: GenotypeBatch, train: bool) -> LocalOutput:
        """From the wildtype embeddings of the deleted genes `[B, S, H]`."""
        c, local = self.config, self.config.local_predictor_config
        over_batch = c.norm_statistics == "batch"
        predicted = HyperSAGNN(
            c.hidden_channels,
            local.num_heads,
            local.num_attention_layers,
            "relu",
            c.dropout,
            drop_attention=True,
            one_set=over_batch and c.boundaries == "absent",
            name="gene_interaction_predictor",
        )(deleted, batch.sizes, train)
        if not over_batch or c.boundaries == "absent":
            return predicted
        return predicted._replace(interaction=dealt_as_the_original(predicted.interaction, batch))


def dealt_as_the_original(scores: Array, batch: GenotypeBatch) -> Array:
    """Local scores `[B, 1]` as the original deals them to the genotypes of a batch.

    It has scores of the genotypes up to the last one that deletes a gene, M of them. Are there others behind,
    it starts from zeros and writes score i, for i = 0, ..., M - 1, to the genotype that the i-th deleted
    *gene* belongs to; later ones overwrite. Each genotype so gets the score whose number is its own last
    gene's, counted through the batch, or M - 1 if that is less; with single deletions this is its own.
    """
    sizes, number = batch.sizes, jnp.arange(len(batch.sizes))
    num_scored = jnp.where(sizes > 0, number + 1, 0).max()  # M
    end = jnp.cumsum(sizes)  # of each genotype's genes in the batch
    last = jnp.minimum(end, num_scored) - 1
    dealt = jnp.where((last >= end - sizes)[:, None], scores[jnp.clip(last, 0)], 0)
    return jnp.where(num_scored < batch.valid.sum(), dealt, scores)
