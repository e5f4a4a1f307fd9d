"""GeneInteractionDango, first version: GATv2 on the subgraph of kept genes ("eager_v1")."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch_geometric.nn import GATv2Conv, HeteroConv

from tests.reference.batch import CellGraph, SubgraphBatch
from tests.reference.blocks import (
    AttentionalPooling,
    PreProcessor,
    ScoreGate,
    activation_layer,
    kaiming_init,
    mlp,
    norm_layer,
)
from tests.reference.set_attention import EagerLocalPredictor


class AttentionConv(nn.Module):
    """GATv2, projection where widths differ, norm, activation."""

    def __init__(
        self,
        channels: int,
        heads: int,
        concat: bool,
        add_self_loops: bool,
        norm: str,
        activation: str,
        dropout: float,
    ) -> None:
        super().__init__()
        per_head = channels // heads
        self.conv = GATv2Conv(channels, per_head, heads=heads, concat=concat, add_self_loops=add_self_loops)
        width = heads * per_head if concat else per_head
        self.proj = nn.Identity() if width == channels else nn.Linear(width, channels)
        self.norm = norm_layer(norm, channels)
        self.activation = activation_layer(activation)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        return self.dropout(self.activation(self.norm(self.proj(self.conv(x, edge_index)))))


class GeneInteractionDangoV1(ScoreGate):
    """Constructor arguments are the original's; `forward` returns the outputs by the original's names."""

    def __init__(
        self,
        gene_num: int,
        hidden_channels: int,
        num_layers: int,
        dropout: float = 0.1,
        norm: str = "layer",
        activation: str = "relu",
        gene_encoder_config: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        channels = hidden_channels
        config = gene_encoder_config or {}
        self.gene_num = gene_num
        self.gene_embedding = nn.Embedding(gene_num, channels)
        row_norms = {"layer": nn.LayerNorm, "batch": nn.BatchNorm1d}
        self.preprocessor = PreProcessor(channels, row_norms[norm](channels), activation, dropout)
        self.convs = nn.ModuleList(
            HeteroConv(
                {
                    ("gene", f"{network}_interaction", "gene"): AttentionConv(
                        channels,
                        config.get("heads", 1),
                        config.get("concat", True),
                        config.get("add_self_loops", False),
                        norm,
                        activation,
                        dropout,
                    )
                    for network in ("physical", "regulatory")
                },
                aggr="sum",
            )
            for _ in range(num_layers)
        )
        # The first version uses relu from here on, whatever `activation` says.
        self.global_aggregator = AttentionalPooling(channels, "relu", dropout)
        self.global_interaction_predictor = mlp([channels, channels, 1], "relu", dropout)
        self.gene_interaction_predictor = EagerLocalPredictor(channels)
        self.gate_mlp = mlp([2, channels, 2], "relu", dropout)
        kaiming_init(self)

    def encode(self, x: Tensor, edge_index: CellGraph) -> list[Tensor]:
        """Embeddings after the preprocessor and after each layer."""
        edges = {("gene", name, "gene"): index for name, index in edge_index.items()}
        hidden = [self.preprocessor(x)]
        for layer in self.convs:
            hidden.append(layer({"gene": hidden[-1]}, edges)["gene"])
        return hidden

    def forward(
        self, cell_graph: CellGraph, batch: SubgraphBatch, intermediates: bool = False
    ) -> dict[str, Tensor]:
        sets = batch.perturbations
        wildtype_hidden = self.encode(self.gene_embedding.weight, cell_graph)
        z_w_nodes = wildtype_hidden[-1]  # [N, H]
        z_w = self.global_aggregator(z_w_nodes)  # [1, H]
        z_i_nodes = self.encode(self.gene_embedding(batch.row_gene), batch.edge_index)[-1]  # [R, H]
        z_i = self.global_aggregator(z_i_nodes, batch.row_sample, batch.num_genotypes)  # [B, H]
        z_p = z_w - z_i
        pert_gene_embs = z_w_nodes[sets.indices]  # [K, H]
        global_score = self.global_interaction_predictor(z_p)  # [B, 1]
        local_score, static, dynamic = self.gene_interaction_predictor(pert_gene_embs, sets)  # [B, 1]
        prediction, gate = self.gated(global_score, local_score)
        out = {
            "z_w": z_w,
            "z_i": z_i,
            "z_p": z_p,
            "global_interaction": global_score,
            "local_interaction": local_score,
            "gene_interaction": prediction,
            "gate_weights": gate,
            "pert_gene_embs": pert_gene_embs,
        }
        if intermediates:
            out |= {"z_w_nodes": z_w_nodes, "z_i_nodes": z_i_nodes}
            out |= {"local_static": static, "local_dynamic": dynamic}
            out |= {f"h_w_{layer}": h for layer, h in enumerate(wildtype_hidden)}
        return out
