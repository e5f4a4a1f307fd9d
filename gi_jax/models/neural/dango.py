"""Dango: embeddings learned from the networks alone, then the interaction of a set of genes."""

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
from gi_jax.nn.hyper_sagnn import HyperSAGNN
from gi_jax.nn.mlp import Linear, LinearParameters
from gi_jax.nn.sage import SAGE, sage
from gi_jax.ops.changed_rows import Capacity
from gi_jax.ops.trees import take


class DangoOutput(NamedTuple):
    """The prediction and every intermediate value, in the order in which they are computed."""

    gene_interaction: Array  # [B, 1], the prediction
    initial_embeddings: Array  # [N, H]
    network_embeddings: Array  # [G, N, H], zeros for a network that the graph lacks
    reconstruction: Linear  # [G, H, N] and [G, N]: from a network's embeddings to its adjacency rows
    network_weights: Array  # [G, N, 1], softmax over networks
    integrated_embeddings: Array  # [N, H]
    pert_gene_embs: Array  # [B, S, H], 0 in padding
    local_static: Array  # [B, S, H]
    local_dynamic: Array  # [B, S, H]
    finite: Array  # [number of stages] bool, see `gi_jax.models.neural.finite.STAGES`
    z_p: None = None  # the contrastive losses' embedding, which this model has not


class Dango(nn.Module):
    """DANGO (Zhang, Wang et al. 2020): GraphSAGE per network, attention over networks, HyperSAGNN.

    Every network has two GraphSAGE layers on one shared embedding and a linear reconstruction of its
    adjacency rows; `[N, N]` reconstructions are never formed here, the loss works from
    `network_embeddings` and `reconstruction`. The meta-embedding weighs the networks per gene,
    `softmax_g(w . relu(W x_g + b) + c)`; one that the graph lacks takes part with zeros, as in the
    original. The deleted genes stay in the networks.

    Of the `model:` block it reads `hidden_channels` and, from `local_predictor_config`, `num_heads`
    and `num_attention_layers`; its activation is relu. Initial values are PyTorch's, the embedding's
    N(0, 0.1).

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
    ) -> DangoOutput:
        """Scores genotypes; arguments as `GeneInteractionDango`, `capacity` and `axis` are not used."""
        h, g, local = self.config.hidden_channels, len(self.graph_names), self.config.local_predictor_config
        batch = jax.tree.map(jnp.asarray, batch)
        embedding = self.param("gene_embedding", nn.initializers.normal(0.1), (self.gene_num, h))
        layers = [SAGE(g, h, name=f"sage_{layer}")() for layer in (1, 2)]
        reconstruction = LinearParameters(h, self.gene_num, (g,), initial="uniform", name="reconstruction")()
        networks = []
        for i, name in enumerate(self.graph_names):
            x = embedding
            for layer in layers:
                x = sage(take(layer, i), graph[name], x) if name in graph else jnp.zeros_like(x)
            networks.append(x)
        stacked = jnp.stack(networks)  # [G, N, H]

        hidden = LinearParameters(h, h // 2, initial="uniform", name="meta_0")()
        score = LinearParameters(h // 2, 1, initial="uniform", name="meta_1")()
        weights = jax.nn.softmax(score(jax.nn.relu(hidden(stacked))), axis=0)  # [G, N, 1]
        weighted = (w * x for w, x in zip(jnp.unstack(weights), networks, strict=True))
        integrated = jnp.asarray(sum(weighted))  # [N, H]

        genes = integrated.at[batch.genes].get(mode="fill", fill_value=0)  # [B, S, H]
        sagnn = HyperSAGNN(
            h,
            local.num_heads,
            local.num_attention_layers,
            "relu",
            dropout=0.0,
            skip_alone=False,
            initial="uniform",
            name="hyper_sagnn",
        )(genes, batch.sizes, train)
        return DangoOutput(
            gene_interaction=sagnn.interaction,
            initial_embeddings=embedding,
            network_embeddings=stacked,
            reconstruction=reconstruction,
            network_weights=weights,
            integrated_embeddings=integrated,
            pert_gene_embs=genes,
            local_static=sagnn.static,
            local_dynamic=sagnn.dynamic,
            finite=finite_stages(
                batch.valid,
                pert_gene_embs=genes,
                local_interaction=sagnn.interaction,
                gene_interaction=sagnn.interaction,
            ),
        )
