"""GeneInteractionDango: the gene interaction of a set of deleted genes from a global and a local view."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from gi_jax.data.genotypes import GenotypeBatch
from gi_jax.data.networks import CellGraph
from gi_jax.models.neural.finite import finite_stages
from gi_jax.models.neural.options import ModelConfig
from gi_jax.nn.encoder_layer import EncoderLayer
from gi_jax.nn.gating import Gate, fixed_weights
from gi_jax.nn.hyper_sagnn import HyperSAGNN
from gi_jax.nn.mlp import ACTIVATIONS, DropoutKeys, LinearParameters, drop_rows, dropout
from gi_jax.nn.norms import Norm, normalise
from gi_jax.nn.pooling import AttentionalPooling
from gi_jax.ops.changed_rows import Capacity, changed_rows
from gi_jax.ops.node_states import NodeStates
from gi_jax.ops.norm import RowSelection


class GeneInteractionOutput(NamedTuple):
    """The prediction and every intermediate value, in the order in which they are computed.

    What a caller inside `jit` does not use is not computed.
    """

    gene_interaction: Array  # [B, 1], the prediction
    z_w: Array  # [1, H], pooled wildtype
    z_i: Array  # [B, H], pooled perturbed
    z_p: Array  # [B, H], z_w - z_i
    global_interaction: Array  # [B, 1]
    local_interaction: Array | None  # [B, 1]
    gate_weights: Array  # [B, 2] global, local; [B, 1] ones without local predictor
    pert_gene_embs: Array  # [B, S, H], wildtype embeddings of the deleted genes, 0 in padding
    local_static: Array | None  # [B, S, H]
    local_dynamic: Array | None  # [B, S, H]
    layers: tuple[NodeStates, ...]  # L + 1, after the preprocessor and after every layer
    layer_aggregation_weights: tuple[NodeStates, ...]  # L (attentive aggregation) or none
    finite: Array  # [number of stages] bool, see `gi_jax.models.neural.finite.STAGES`


class Preprocessor(nn.Module):
    """Two times linear, norm, activation, dropout; one norm is shared by both (as the original)."""

    channels: int
    norm: str
    activation: str
    dropout: float

    @nn.compact
    def __call__(self, states: NodeStates, select: RowSelection, train: bool) -> NodeStates:
        keys = DropoutKeys(self, self.dropout, train)
        norm = Norm(self.norm, self.channels, name="norm")
        parameters = norm(not train)
        act = ACTIVATIONS[self.activation]
        collected = []
        for i in range(2):
            linear = LinearParameters(self.channels, self.channels, name=f"linear_{i}")()
            states, moments = normalise(self.norm, parameters, states.map(linear), select)
            states = drop_rows(states.map(act), self.dropout, keys())
            collected.append(moments)
        if collected[0] is not None:
            for pass_index in (0, 1):  # both norms of the wildtype pass, then both of the batch pass
                for moments in collected:
                    norm.update(jax.tree.map(lambda m: m[pass_index : pass_index + 1], moments))  # noqa: B023
        return states


class GeneInteractionDango(nn.Module):
    """Predicts how far a mutant's fitness departs from expectation (torchcell's lazy model).

    Args:
      config: the `model:` block.
      gene_num: N.
      graph_names: the networks that the model has parameters for, in order.
      half: encoder states and matrix products in bfloat16; parameters, norms, softmaxes, sums over
        messages and genes, and everything after pooling stay in float32.
    """

    config: ModelConfig
    gene_num: int
    graph_names: tuple[str, ...]
    half: bool = False

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
        """Scores a batch of genotypes.

        Args:
          graph: networks over N genes; those missing from `graph_names` are ignored.
          batch: `[B, S]` deleted genes.
          capacity: room for the rows that the first layer changes; None computes every row of
            every genotype (the same values, slower), as GATv2 always does. Single deletions may be
            shared only where `gi_jax.models.changed_row_needs` says so.
          train: dropout on, BatchNorm on batch statistics.
          axis: mesh axis over which a larger batch is dealt among devices, each with as many
            genotypes; norm statistics are then those of the larger batch.
        """
        c, h = self.config, self.config.hidden_channels
        batch = jax.tree.map(jnp.asarray, batch)
        b = batch.genes.shape[0]
        embedding = self.param("gene_embedding", nn.initializers.normal(0.02), (self.gene_num, h))
        keep = keep_mask(batch, self.gene_num, embedding.dtype)  # [N, 1 + B]
        select = RowSelection(c.norm_statistics, batch.valid, axis=axis)
        # A sum can be corrected by the messages it loses; a softmax over messages is computed anew.
        shortcut = capacity is not None and c.gene_encoder_config.encoder_type == "gin"
        change = changed_rows(graph, batch, capacity) if shortcut else None

        shared = NodeStates(embedding[:, None].astype(jnp.bfloat16 if self.half else embedding.dtype))
        preprocess = Preprocessor(h, c.norm, c.activation, c.dropout, name="preprocessor")
        states = preprocess(shared, select, train)
        layers, weights = [states], []
        layer_type = nn.remat(EncoderLayer, static_argnums=(6,)) if c.remat == "full" else EncoderLayer
        for layer in range(c.num_layers):
            first = layer == 0 and change is not None
            states, attention = layer_type(
                self.graph_names,
                h,
                c.norm,
                c.activation,
                c.dropout,
                c.gene_encoder_config,
                c.remat == "layer",
                name=f"convs_{layer}",
            )(graph, states if first else states.dense(b), keep, select, change if first else None, train)
            layers.append(states)
            weights += [] if attention is None else [attention]
        wildtype = states.wildtype.astype(embedding.dtype)  # [N, H]

        z_w, z_i, z_p = AttentionalPooling(
            h, c.activation, c.dropout, c.last_layers, name="global_aggregator"
        )(states, batch.genes, keep, train, change and change.shared)
        if change is not None:
            # Too small a capacity would give wrong numbers without a word; NaN is noticed.
            z_i, z_p = (jnp.where(change.overflow, jnp.nan, z) for z in (z_i, z_p))
        global_interaction = GlobalPredictor(
            h,
            c.activation,
            c.dropout,
            c.last_layers,
            self.gene_num if c.pooled_difference == "sum" else 1,
            name="global_interaction_predictor",
        )(z_p, train)
        settings = c.local_predictor_config
        uses_global = not (settings.use_local_predictor and settings.combination_method == "local")
        if c.num_layers == 0 and c.norm_statistics == "node" and not uses_global:
            # Each gene by itself, and nothing else needs the others: they are not computed.
            own = shared.columns.at[batch.genes.reshape(-1)].get(mode="fill", fill_value=0)  # [B S, 1, H]
            rows = preprocess(NodeStates(own), select, train).wildtype.reshape(*batch.genes.shape, h)
            exists = (batch.genes < self.gene_num)[..., None]
            deleted = jnp.where(exists, rows, 0).astype(embedding.dtype)  # [B, S, H]
        else:
            deleted = wildtype.at[batch.genes].get(mode="fill", fill_value=0)

        local = logits = None
        if settings.use_local_predictor:
            local = HyperSAGNN(
                h,
                settings.num_heads,
                settings.num_attention_layers,
                c.activation,
                c.dropout,
                last_layer=c.last_layers,
                name="gene_interaction_predictor",
            )(deleted, batch.sizes, train)
            both = jnp.concatenate([global_interaction, local.interaction], axis=1)  # [B, 2]
            if settings.combination_method == "gating":
                logits, gate = Gate(h, c.activation, c.dropout, c.last_layers, name="gate_mlp")(both, train)
            else:
                gate = fixed_weights(both, settings.combination_method)
            # 0 times the global prediction would still have to be computed.
            mixed = (gate * both).sum(axis=1, keepdims=True)
            prediction = mixed if uses_global else local.interaction
        else:
            gate = jnp.ones_like(global_interaction)
            prediction = global_interaction
        return GeneInteractionOutput(
            gene_interaction=prediction,
            z_w=z_w,
            z_i=z_i,
            z_p=z_p,
            global_interaction=global_interaction,
            local_interaction=local and local.interaction,
            gate_weights=gate,
            pert_gene_embs=deleted,
            local_static=local and local.static,
            local_dynamic=local and local.dynamic,
            layers=tuple(layers),
            layer_aggregation_weights=tuple(weights),
            finite=finite_stages(
                batch.valid,
                z_w=z_w if uses_global else None,
                z_i=z_i if uses_global else None,
                pert_gene_embs=deleted,
                z_p=z_p if uses_global else None,
                global_interaction=global_interaction if uses_global else None,
                local_interaction=local and local.interaction,
                gate_logits=logits,
                gate_weights=gate,
                gene_interaction=prediction,
            ),
        )


class GlobalPredictor(nn.Module):
    """`Linear(act(Linear(z_p)))`: the interaction from the pooled difference."""

    channels: int
    activation: str
    dropout: float
    last_layer: str = "kaiming"  # initial values of the last layer
    scale: float = 1.0  # of z_p, where it enters

    @nn.compact
    def __call__(self, z_p: Array, train: bool) -> Array:
        keys = DropoutKeys(self, self.dropout, train)
        hidden = LinearParameters(self.channels, self.channels, name="linear_0")()(self.scale * z_p)
        hidden = dropout(ACTIVATIONS[self.activation](hidden), self.dropout, keys())
        last = LinearParameters(self.channels, 1, initial=self.last_layer, name="linear_1")
        return last()(hidden)  # [B, 1]


def keep_mask(batch: GenotypeBatch, num_genes: int, dtype: jnp.dtype) -> Array:
    """`[N, 1 + B]`: 1 for a kept gene, 0 for a deleted one; column 0 is the wildtype."""
    b, s = batch.genes.shape
    column = jnp.broadcast_to(1 + jnp.arange(b)[:, None], (b, s))
    return jnp.ones((num_genes, 1 + b), dtype).at[batch.genes, column].set(0, mode="drop")
