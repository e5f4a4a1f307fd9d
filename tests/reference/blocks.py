"""Parts that the models share: norms, MLPs, preprocessor, pooling, gate, initialisation."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch_geometric.nn as pyg
from torch import Tensor, nn
from torch.nn import functional as F

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "leaky_relu": nn.LeakyReLU,
    "silu": nn.SiLU,
}


def activation_layer(name: str) -> nn.Module:
    return ACTIVATIONS[name]()


def norm_layer(name: str, channels: int) -> nn.Module:
    """The PyTorch Geometric norm, to be called without a batch vector: statistics over all rows given."""
    match name:
        case "layer":
            return pyg.LayerNorm(channels, mode="graph")
        case "batch":
            return pyg.BatchNorm(channels)
        case "graph":
            return pyg.GraphNorm(channels)
        case "instance":
            return pyg.InstanceNorm(channels)
        case "pair":
            # The original hands the channel count to PairNorm's first argument, which is its scale.
            return pyg.PairNorm(channels)
        case "mean_subtraction":
            return pyg.MeanSubtractionNorm()
    raise ValueError(f"norm {name!r} is not one of layer, batch, graph, instance, pair, mean_subtraction")


def mlp(widths: list[int], activation: str, dropout: float = 0.0) -> nn.Sequential:
    """Linear, activation, dropout per width, the last Linear alone: the Linear layers are 0, 3, 6, ..."""
    layers: list[nn.Module] = []
    for index, (width_in, width_out) in enumerate(pairwise(widths)):
        layers.append(nn.Linear(width_in, width_out))
        if index < len(widths) - 2:
            layers += [activation_layer(activation), nn.Dropout(dropout)]
    return nn.Sequential(*layers)


class PreProcessor(nn.Module):
    """Twice Linear, norm, activation, dropout, where both norms are one module."""

    def __init__(self, channels: int, norm: nn.Module, activation: str, dropout: float) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for _ in range(2):
            layers += [nn.Linear(channels, channels), norm, activation_layer(activation), nn.Dropout(dropout)]
        self.mlp = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return self.mlp(x)


class AttentionalPooling(nn.Module):
    """Softmax of a gate MLP over the rows of a sample, then the weighted sum of the transformed rows."""

    def __init__(self, channels: int, activation: str, dropout: float) -> None:
        super().__init__()
        self.gate_nn = mlp([channels, channels // 2, 1], activation, dropout)
        self.transform_nn = nn.Sequential(
            nn.Linear(channels, channels), activation_layer(activation), nn.Dropout(dropout)
        )
        self.aggregator = pyg.AttentionalAggregation(gate_nn=self.gate_nn, nn=self.transform_nn)

    def forward(self, x: Tensor, sample: Tensor | None = None, num_samples: int = 1) -> Tensor:
        if sample is None:  # one sample needs no scatter, and a constant index stops torch.compile on CPU
            weights = F.softmax(self.gate_nn(x), dim=0)  # [N, 1]
            return (weights * self.transform_nn(x)).sum(dim=0, keepdim=True)  # [1, H]
        return self.aggregator(x, index=sample, dim_size=num_samples)  # [B, H]


class ScoreGate(nn.Module):
    """Base of both GeneInteractionDango models: how global and local scores become one prediction."""

    gate_mlp: nn.Module

    def gated(self, global_score: Tensor, local_score: Tensor) -> tuple[Tensor, Tensor]:
        scores = torch.cat([global_score, local_score], dim=1)  # [B, 2]
        weights = F.softmax(self.gate_mlp(scores), dim=1)  # [B, 2]
        return (weights * scores).sum(dim=1, keepdim=True), weights


def kaiming_init(model: nn.Module) -> None:
    """Every Linear Kaiming normal (fan_out, relu) with zero bias; every embedding N(0, 0.02)."""
    for module in model.modules():
        if isinstance(module, nn.Linear):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight, std=0.02)
