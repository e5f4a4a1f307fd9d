"""Attention over the network embeddings of a gene: the two learned ways of combining networks."""

from __future__ import annotations

from itertools import combinations_with_replacement

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.reference.blocks import activation_layer, mlp, norm_layer


class CrossAttention(nn.Module):
    """Multi-head self attention across the networks of a gene, averaged over networks."""

    def __init__(self, channels: int, num_graphs: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.multihead_attn = nn.MultiheadAttention(channels, heads, dropout=dropout, batch_first=True)
        self.graph_embeddings = nn.Parameter(0.02 * torch.randn(num_graphs, channels))

    def forward(self, embeddings: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        x = torch.stack([embeddings[name] for name in sorted(embeddings)], dim=1)  # [R, G, H]
        x = x + self.graph_embeddings[: x.shape[1]]
        attended, weights = self.multihead_attn(x, x, x)  # [R, G, H], [R, G, G]
        return attended.mean(dim=1), weights


class PairwiseInteraction(nn.Module):
    """Softmax over one MLP per pair of networks plus the mean over networks."""

    def __init__(
        self,
        channels: int,
        graph_names: list[str],
        num_layers: int,
        hidden: int | None,
        norm: str | None,
        activation: str,
        dropout: float,
    ) -> None:
        super().__init__()
        hidden = channels // 2 if hidden is None else hidden
        widths = [2 * channels, *[hidden] * (num_layers - 1), channels]
        self.pairs = list(combinations_with_replacement(sorted(graph_names), 2))
        self.interaction_mlps = nn.ModuleDict(
            {f"{first}_{second}": mlp(widths, activation, dropout) for first, second in self.pairs}
        )
        self.pair_scorer = nn.Sequential(
            nn.Linear(channels, hidden), activation_layer(activation), nn.Linear(hidden, 1)
        )
        self.norm = norm_layer(norm, channels) if norm else None

    def forward(self, embeddings: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        options = []
        for first, second in self.pairs:
            if first in embeddings and second in embeddings:
                pair = torch.cat([embeddings[first], embeddings[second]], dim=-1)  # [R, 2 H]
                options.append(self.interaction_mlps[f"{first}_{second}"](pair))
        options.append(torch.stack(list(embeddings.values())).mean(dim=0))
        stacked = torch.stack(options, dim=1)  # [R, P, H]
        weights = F.softmax(self.pair_scorer(stacked).squeeze(-1), dim=1)  # [R, P]
        combined = (stacked * weights.unsqueeze(-1)).sum(dim=1)  # [R, H]
        return (combined if self.norm is None else self.norm(combined)), weights
