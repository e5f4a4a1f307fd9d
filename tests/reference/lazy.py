"""GeneInteractionDango with every genotype a full, masked copy of the graph ("lazy")."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch_geometric.nn import MessagePassing

from tests.reference.batch import CellGraph, ReplicatedBatch
from tests.reference.blocks import (
    AttentionalPooling,
    PreProcessor,
    ScoreGate,
    activation_layer,
    kaiming_init,
    mlp,
    norm_layer,
)
from tests.reference.graph_aggregation import CrossAttention, PairwiseInteraction
from tests.reference.set_attention import LocalPredictor


class MaskedGINConv(MessagePassing):
    """`mlp((1 + eps) x_i + sum over j -> i of mask_ji x_j)`: a masked edge sends a zero message."""

    def __init__(self, gin_mlp: nn.Module) -> None:
        super().__init__(aggr="add")
        self.nn = gin_mlp
        self.eps = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor, edge_index: Tensor, edge_mask: Tensor | None = None) -> Tensor:
        return self.nn(self.propagate(edge_index, x=x, edge_mask=edge_mask) + (1 + self.eps) * x)

    def message(self, x_j: Tensor, edge_mask: Tensor | None) -> Tensor:
        return x_j if edge_mask is None else x_j * edge_mask.unsqueeze(-1)


class NetworkConv(nn.Module):
    """One network of one layer: GIN, projection where widths differ, norm, activation."""

    def __init__(
        self,
        channels: int,
        gin_layers: int,
        gin_hidden: int | None,
        norm: str,
        activation: str,
        dropout: float,
    ) -> None:
        super().__init__()
        hidden = channels if gin_hidden is None else gin_hidden
        if gin_layers == 1:
            width = hidden
            gin_mlp = nn.Sequential(
                nn.Linear(channels, hidden), activation_layer(activation), nn.Dropout(dropout)
            )
        else:
            width = channels
            gin_mlp = mlp([channels, *[hidden] * (gin_layers - 1), channels], activation, dropout)
        self.conv = MaskedGINConv(gin_mlp)
        self.proj = nn.Identity() if width == channels else nn.Linear(width, channels)
        self.norm = norm_layer(norm, channels)
        self.activation = activation_layer(activation)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, edge_index: Tensor, edge_mask: Tensor | None) -> Tensor:
        return self.dropout(self.activation(self.norm(self.proj(self.conv(x, edge_index, edge_mask)))))


class NetworkLayer(nn.Module):
    """All networks of one layer and their combination."""

    def __init__(
        self,
        channels: int,
        graph_names: list[str],
        norm: str,
        activation: str,
        dropout: float,
        config: dict[str, Any],
    ) -> None:
        super().__init__()
        self.method = config.get("graph_aggregation_method", "sum")
        self.graph_names = graph_names
        self.convs = nn.ModuleDict(
            {
                _key(name): NetworkConv(
                    channels,
                    config.get("gin_num_layers", 2),
                    config.get("gin_hidden_dim"),
                    norm,
                    activation,
                    dropout,
                )
                for name in graph_names
            }
        )
        options = config.get("graph_aggregation_config") or {}
        aggregation_dropout = options.get("dropout", dropout)
        match self.method:
            case "cross_attention":
                heads = options.get("num_heads", 4)
                self.aggregator = CrossAttention(channels, len(graph_names), heads, aggregation_dropout)
            case "pairwise_interaction":
                self.aggregator = PairwiseInteraction(
                    channels,
                    graph_names,
                    options.get("pairwise_num_layers", 2),
                    options.get("pairwise_hidden_dim"),
                    options.get("aggregation_norm"),
                    activation,
                    aggregation_dropout,
                )
            case "sum" | "mean":
                pass
            case _:
                raise ValueError(f"unknown graph_aggregation_method {self.method!r}")

    def forward(
        self, x: Tensor, edge_index: CellGraph, edge_mask: dict[str, Tensor] | None
    ) -> tuple[Tensor, Tensor | None]:
        embeddings = {
            name: self.convs[_key(name)](x, edge_index[name], None if edge_mask is None else edge_mask[name])
            for name in self.graph_names
            if name in edge_index
        }
        if self.method in ("sum", "mean"):
            total = torch.stack(list(embeddings.values()))  # [G, R, H]
            return (total.sum(dim=0) if self.method == "sum" else total.mean(dim=0)), None
        return self.aggregator(embeddings)


class GeneInteractionDango(ScoreGate):
    """Wildtype pass, perturbed pass over B * N rows, pooled difference, and local predictor.

    Constructor arguments are the original's. `forward(cell_graph, batch)` returns the outputs by the
    original's names, with `intermediates=True` also node embeddings and the local predictor's input. The
    original's checks for NaN are left out: each would cost this reference a device synchronisation.
    """

    def __init__(
        self,
        gene_num: int,
        hidden_channels: int,
        num_layers: int,
        graph_names: list[str],
        dropout: float = 0.1,
        norm: str = "layer",
        activation: str = "relu",
        gene_encoder_config: dict[str, Any] | None = None,
        local_predictor_config: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        encoder = gene_encoder_config or {}
        local = local_predictor_config or {}
        if encoder.get("encoder_type", "gin") != "gin":
            raise ValueError(f"encoder_type {encoder['encoder_type']!r}: only 'gin' masks edges")
        self.use_local_predictor = local.get("use_local_predictor", True)
        self.combination_method = local.get("combination_method", "gating")
        if self.combination_method not in ("gating", "concat"):
            raise ValueError(f"combination_method {self.combination_method!r} is not gating or concat")
        channels = hidden_channels
        self.gene_num = gene_num
        self.gene_embedding = nn.Embedding(gene_num, channels)
        self.preprocessor = PreProcessor(channels, norm_layer(norm, channels), activation, dropout)
        self.convs = nn.ModuleList(
            NetworkLayer(channels, sorted(graph_names), norm, activation, dropout, encoder)
            for _ in range(num_layers)
        )
        self.global_aggregator = AttentionalPooling(channels, activation, dropout)
        self.global_interaction_predictor = mlp([channels, channels, 1], activation, dropout)
        if self.use_local_predictor:
            self.gene_interaction_predictor = LocalPredictor(
                channels, local.get("num_attention_layers", 2), local.get("num_heads", 4), activation
            )
            if self.combination_method == "gating":
                self.gate_mlp = mlp([2, channels, 2], activation, dropout)
        kaiming_init(self)

    def encode(
        self, x: Tensor, edge_index: CellGraph, edge_mask: dict[str, Tensor] | None
    ) -> tuple[list[Tensor], list[Tensor | None]]:
        """Embeddings after the preprocessor and each layer, and the combination weights of each layer."""
        hidden, weights = [self.preprocessor(x)], []
        for layer in self.convs:
            x, layer_weights = layer(hidden[-1], edge_index, edge_mask)
            hidden.append(x)
            weights.append(layer_weights)
        return hidden, weights

    def forward(
        self, cell_graph: CellGraph, batch: ReplicatedBatch, intermediates: bool = False
    ) -> dict[str, Tensor]:
        sets, num_genotypes = batch.perturbations, batch.num_genotypes
        wildtype_hidden, wildtype_weights = self.encode(self.gene_embedding.weight, cell_graph, None)
        z_w_nodes = wildtype_hidden[-1]  # [N, H]
        z_w = self.global_aggregator(z_w_nodes)  # [1, H]

        rows = self.gene_embedding.weight.repeat(num_genotypes, 1)  # [B * N, H]
        hidden, weights = self.encode(rows, batch.edge_index, batch.edge_mask)
        z_i_nodes = hidden[-1]  # [B * N, H]
        z_i = self.global_aggregator(z_i_nodes[batch.kept_rows], batch.kept_sample, num_genotypes)  # [B, H]

        z_p = z_w - z_i
        global_score = self.global_interaction_predictor(z_p)  # [B, 1]
        pert_gene_embs = z_w_nodes[sets.indices]  # [K, H]
        out = {
            "z_w": z_w,
            "z_i": z_i,
            "z_p": z_p,
            "global_interaction": global_score,
            "pert_gene_embs": pert_gene_embs,
        }
        if self.use_local_predictor:
            local_score, static, dynamic = self.gene_interaction_predictor(pert_gene_embs, sets)  # [B, 1]
            if self.combination_method == "gating":
                prediction, gate = self.gated(global_score, local_score)
            else:
                gate = global_score.new_full((num_genotypes, 2), 0.5)
                prediction = 0.5 * global_score + 0.5 * local_score
            out["local_interaction"] = local_score
        else:
            prediction, gate = global_score, torch.ones_like(global_score)
        out |= {"gene_interaction": prediction, "gate_weights": gate}
        for layer, layer_weights in enumerate(weights):
            if layer_weights is not None:
                out[f"layer_aggregation_weights_{layer}"] = layer_weights
        if intermediates:
            out |= {"z_w_nodes": z_w_nodes, "z_i_nodes": z_i_nodes}
            out |= {f"h_w_{layer}": h for layer, h in enumerate(wildtype_hidden)}
            for layer, layer_weights in enumerate(wildtype_weights):
                if layer_weights is not None:
                    out[f"layer_aggregation_weights_wildtype_{layer}"] = layer_weights
            if self.use_local_predictor:
                out |= {"local_static": static, "local_dynamic": dynamic}
        return out


def _key(name: str) -> str:
    """Module key of a network: the original turns the PyTorch Geometric edge type into a string."""
    return str(("gene", name, "gene"))
