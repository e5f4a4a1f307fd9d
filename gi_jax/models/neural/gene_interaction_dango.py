"""GeneInteractionDango: the gene interaction of a set of deleted genes from a global and a local view."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from gi_jax.data.genotypes import GenotypeBatch
from gi_jax.data.networks import CellGraph
from gi_jax.models.neural.finite import finite_stages
from gi_jax.models.neural.options import ModelConfig
from gi_jax.nn.bilinear import BilinearPredictor
from gi_jax.nn.encoder_layer import EncoderLayer
from gi_jax.nn.gating import Gate, fixed_weights
from gi_jax.nn.global_predictor import GlobalPredictor
from gi_jax.nn.hyper_sagnn import HyperSAGNN, LocalOutput
from gi_jax.nn.mlp import DropoutKeys, LinearParameters
from gi_jax.nn.options import GeneEncoderConfig
from gi_jax.nn.pooling import AttentionalPooling
from gi_jax.nn.preprocessor import Preprocessor
from gi_jax.ops.changed_rows import BatchChange, Capacity, changed_rows
from gi_jax.ops.keep_mask import keep_mask
from gi_jax.ops.node_states import NodeStates, RowSelection, SharedColumn
from gi_jax.ops.pooling import Pooled


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
        change: BatchChange | None = None,
        train: bool = False,
        axis: str | None = None,
    ) -> GeneInteractionOutput:
        """Scores a batch of genotypes.

        Args:
          graph: networks over N genes; those missing from `graph_names` are ignored.
          batch: `[B, S]` deleted genes.
          capacity: room for the rows that the first layer changes; None computes every row of
            every genotype (the same values, slower), as GATv2 always does. Single deletions may be
            shared only where `gi_jax.models.neural.row_needs` says so.
          change: these rows, where they are listed already; in place of `capacity`.
          train: dropout on, BatchNorm on batch statistics.
          axis: mesh axis over which a larger batch is dealt among devices, each with as many
            genotypes; norm statistics are then those of the larger batch.
        """
        c, batch = self.config, jax.tree.map(jnp.asarray, batch)
        embed = self._embedding(graph, train)
        embedding = embed(None)  # [N, H]
        keep = keep_mask(batch, self.gene_num, embedding.dtype)  # [N, 1 + B]
        select = RowSelection(c.norm_statistics, batch.valid, axis=axis)
        # A sum can be corrected by the messages it loses; a softmax over messages is computed anew.
        gin = c.gene_encoder_config.encoder_type == "gin"
        if gin and capacity is not None:
            change = changed_rows(graph, batch, capacity)

        shared = SharedColumn(embedding[:, None].astype(jnp.bfloat16 if self.half else embedding.dtype))
        # A norm follows, so that small first weights are those that move fast; kaiming is the original's.
        initial = "uniform" if c.embeds_features else "kaiming"
        preprocess = Preprocessor(
            c.hidden_channels, c.norm, c.activation, c.dropout, initial, name="preprocessor"
        )
        states = preprocess(shared, select, train)
        layers, layer_weights = self._encode(graph, states, keep, select, change, train)
        if self._needs_deleted_genes_only:
            rows = embed(batch.genes.reshape(-1))[:, None].astype(shared.columns.dtype)  # [B S, 1, H]
            rows = preprocess(SharedColumn(rows), select, train).wildtype.reshape(*batch.genes.shape, -1)
            exists = (batch.genes < self.gene_num)[..., None]
            deleted = jnp.where(exists, rows, 0).astype(embedding.dtype)  # [B, S, H]
        else:
            wildtype = layers[-1].wildtype.astype(embedding.dtype)  # [N, H]
            deleted = wildtype.at[batch.genes].get(mode="fill", fill_value=0)

        pooled = self._pool(layers[-1], batch, keep, change, train)
        global_interaction = self._predict_globally(pooled.z_p, train)
        local = self._predict_locally(deleted, batch, train)
        gated = self._gate(global_interaction, local, train)
        # A check of what nothing else uses would have it computed.
        reported = pooled._asdict() if self._uses_global else {}
        return GeneInteractionOutput(
            gene_interaction=gated.prediction,
            **pooled._asdict(),
            global_interaction=global_interaction,
            local_interaction=local and local.interaction,
            gate_weights=gated.weights,
            pert_gene_embs=deleted,
            local_static=local and local.static,
            local_dynamic=local and local.dynamic,
            layers=layers,
            layer_aggregation_weights=layer_weights,
            finite=finite_stages(
                batch.valid,
                **reported,
                pert_gene_embs=deleted,
                global_interaction=global_interaction if self._uses_global else None,
                local_interaction=local and local.interaction,
                gate_logits=gated.logits,
                gate_weights=gated.weights,
                gene_interaction=gated.prediction,
            ),
        )

    @property
    def _uses_global(self) -> bool:
        local = self.config.local_predictor_config
        return not (local.use_local_predictor and local.combination_method == "local")

    @property
    def _needs_deleted_genes_only(self) -> bool:
        """Each gene is computed by itself, and nothing needs those that are not deleted."""
        c = self.config
        return c.num_layers == 0 and c.norm_statistics == "node" and not self._uses_global

    def _embedding(self, graph: CellGraph, train: bool) -> Callable[[Array | None], Array]:
        """What gives the embeddings of all genes `[N, H]`, or of gene ids `[R]`.

        They are free numbers, the gene's features f as they are, `[N, D]`, or `W f + b` and free numbers; the
        two layers of the preprocessor follow.
        """
        c, n, h = self.config, self.gene_num, self.config.hidden_channels
        if c.gene_embedding == "free":
            free = self.param("gene_embedding", nn.initializers.normal(0.02), (n, h))
            return lambda genes: _rows(free, genes)
        known = graph.features
        assert known is not None, "a cell with features, see `gi_jax.models.neural.gene_features`"
        if c.gene_embedding == "features":
            return lambda genes: _rows(known, genes)
        project = LinearParameters(known.shape[1], h, initial="uniform", name="gene_features")()
        free = self.param("gene_embedding", nn.initializers.zeros, (n, h))
        # Without its part, a gene looks in training as those will that no training genotype deletes.
        key = DropoutKeys(self, c.free_dropout, train)()
        free = free if key is None else free * jax.random.bernoulli(key, 1 - c.free_dropout, (n, 1))
        return lambda genes: project(_rows(known, genes)) + _rows(free, genes)

    def _encode(
        self,
        graph: CellGraph,
        states: NodeStates,
        keep: Array,
        select: RowSelection,
        change: BatchChange | None,
        train: bool,
    ) -> tuple[tuple[NodeStates, ...], tuple[NodeStates, ...]]:
        """Message passing on the networks: L + 1 states, and the weights of attentive aggregations."""
        c, layers, layer_weights = self.config, [states], []
        for number in range(c.num_layers):
            first = number == 0 and change is not None
            given = layers[-1] if first else layers[-1].dense(keep.shape[1] - 1)
            layer = encoder_layer(c, self.graph_names, c.gene_encoder_config, number)
            states, weights = layer(graph, given, keep, select, change if first else None, train)
            layers.append(states)
            layer_weights += [] if weights is None else [weights]
        return tuple(layers), tuple(layer_weights)

    def _pool(
        self, states: NodeStates, batch: GenotypeBatch, keep: Array, change: BatchChange | None, train: bool
    ) -> Pooled:
        """The global view: all kept genes as one vector per genotype."""
        c = self.config
        pooling = AttentionalPooling(
            c.hidden_channels, c.activation, c.dropout, c.last_layers, name="global_aggregator"
        )
        if change is None:
            return pooling(states, batch.genes, keep, train)
        z_w, z_i, z_p = pooling(states, batch.genes, keep, train, change.shared)
        # Too small a capacity would give wrong numbers without a word; NaN is noticed.
        return Pooled(z_w, *(jnp.where(change.overflow, jnp.nan, z) for z in (z_i, z_p)))

    def _predict_globally(self, z_p: Array, train: bool) -> Array:
        """`[B, 1]`, from the pooled difference."""
        c = self.config
        scale = self.gene_num if c.pooled_difference == "sum" else 1
        return GlobalPredictor(
            c.hidden_channels,
            c.activation,
            c.dropout,
            c.last_layers,
            scale,
            name="global_interaction_predictor",
        )(z_p, train)

    def _predict_locally(self, deleted: Array, batch: GenotypeBatch, train: bool) -> LocalOutput | None:
        """From the embeddings of the deleted genes `[B, S, H]`; None for a model without this predictor.

        Without boundaries the original's is 0, but for a batch that is a single genotype.
        """
        c, local = self.config, self.config.local_predictor_config
        if not local.use_local_predictor:
            return None
        if local.predictor == "bilinear":
            predictor = BilinearPredictor(c.hidden_channels, name="gene_interaction_predictor")
            return predictor(deleted, batch.sizes)
        predicted = HyperSAGNN(
            c.hidden_channels,
            local.num_heads,
            local.num_attention_layers,
            c.activation,
            c.dropout,
            last_layer=c.last_layers,
            name="gene_interaction_predictor",
        )(deleted, batch.sizes, train)
        if c.boundaries == "given":
            return predicted
        alone = (batch.valid.sum() == 1) & (c.norm_statistics == "batch")
        return predicted._replace(interaction=jnp.where(alone, predicted.interaction, 0))

    def _gate(self, global_interaction: Array, local: LocalOutput | None, train: bool) -> Gated:
        """The prediction: the mixture of both, or the one that there is."""
        if local is None:
            return Gated(global_interaction, jnp.ones_like(global_interaction), None)
        c, method = self.config, self.config.local_predictor_config.combination_method
        both = jnp.concatenate([global_interaction, local.interaction], axis=1)  # [B, 2]
        if method == "gating":
            gate = Gate(c.hidden_channels, c.activation, c.dropout, c.last_layers, name="gate_mlp")
            logits, weights = gate(both, train)
        else:
            logits, weights = None, fixed_weights(both, method)
        mixed = (weights * both).sum(axis=1, keepdims=True)
        # 0 times the global prediction would still have to be computed.
        return Gated(mixed if self._uses_global else local.interaction, weights, logits)


def _rows(of_genes: Array, genes: Array | None) -> Array:
    """Rows `[R, ...]` of the given gene ids, 0 for padding; all of them without ids."""
    return of_genes if genes is None else of_genes.at[genes].get(mode="fill", fill_value=0)


class Gated(NamedTuple):
    """The prediction and how it was mixed of the global and the local one."""

    prediction: Array  # [B, 1]
    weights: Array  # [B, 2] or [B, 1]
    logits: Array | None  # [B, 2], of a learned gate


def encoder_layer(
    config: ModelConfig,
    graph_names: tuple[str, ...],
    encoder: GeneEncoderConfig,
    number: int,
    inner_activation: str = "",
) -> EncoderLayer:
    """Layer `number` of the gene encoder, recomputed as a whole in the backward pass with `remat: full`."""
    kind = nn.remat(EncoderLayer, static_argnums=(6,)) if config.remat == "full" else EncoderLayer
    return kind(
        graph_names,
        config.hidden_channels,
        config.norm,
        config.activation,
        config.dropout,
        encoder,
        config.remat == "layer",
        inner_activation,
        name=f"convs_{number}",
    )
