"""Self attention within the perturbed set of each genotype, and the score of a set."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from tests.reference.batch import PerturbationSets
from tests.reference.blocks import activation_layer


def attend(query: Tensor, key: Tensor, value: Tensor, heads: int, bias: Tensor) -> Tensor:
    """Scaled dot-product attention over all K genes of a batch, `bias` `[K, K]` added to the scores."""
    query, key, value = (x.unflatten(1, (heads, -1)).transpose(0, 1) for x in (query, key, value))
    # query, key, value: [A, K, H / A]
    scores = query @ key.transpose(1, 2) / math.sqrt(query.shape[-1])  # [A, K, K]
    return (torch.softmax(scores + bias, dim=-1) @ value).transpose(0, 1).flatten(1)  # [K, H]


def partner_masks(sets: PerturbationSets, like: Tensor) -> tuple[Tensor, Tensor]:
    """Score bias that confines attention to the other genes of a set, and which genes have such partners.

    Forbidden pairs get the lowest finite number: its exponential is exactly 0 beside a partner, and a row
    without partner keeps a finite gradient.
    """
    others = sets.sample.unsqueeze(1) == sets.sample.unsqueeze(0)  # [K, K]
    others = others & ~torch.eye(others.shape[0], dtype=torch.bool, device=others.device)
    bias = torch.zeros_like(others, dtype=like.dtype).masked_fill_(~others, torch.finfo(like.dtype).min)
    return bias, others.any(dim=1, keepdim=True)  # [K, K], [K, 1]


def set_score(static: Tensor, dynamic: Tensor, prediction_layer: nn.Linear, sets: PerturbationSets) -> Tensor:
    """Mean over each set of `w . (dynamic - static)^2 + c`; an empty set scores 0."""
    scores = prediction_layer((dynamic - static) ** 2)  # [K, 1]
    total = scores.new_zeros(sets.num_genotypes, 1).index_add_(0, sets.sample, scores)  # [B, 1]
    return total / (sets.ptr[1:] - sets.ptr[:-1]).clamp(min=1).unsqueeze(1)


class SetAttentionLayer(nn.Module):
    """Projections of one attention layer."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q_proj = nn.Linear(channels, channels)
        self.k_proj = nn.Linear(channels, channels)
        self.v_proj = nn.Linear(channels, channels)
        self.out_proj = nn.Linear(channels, channels)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        return self.out_proj(attend(self.q_proj(x), self.k_proj(x), self.v_proj(x), self.heads, bias))


class HyperSAGNN(nn.Module):
    """Static and dynamic embeddings of the perturbed genes."""

    def __init__(self, channels: int, num_layers: int, heads: int, activation: str) -> None:
        super().__init__()
        self.static_embedding = nn.Sequential(nn.Linear(channels, channels), activation_layer(activation))
        self.attention_layers = nn.ModuleList(SetAttentionLayer(channels, heads) for _ in range(num_layers))
        self.beta_params = nn.ParameterList(nn.Parameter(torch.full((1,), 0.01)) for _ in range(num_layers))

    def forward(self, x: Tensor, sets: PerturbationSets) -> tuple[Tensor, Tensor]:
        dynamic = x
        if sets.max_size > 1:  # a gene alone in its set skips the layers
            bias, has_partner = partner_masks(sets, x)
            for layer, beta in zip(self.attention_layers, self.beta_params, strict=True):
                dynamic = torch.where(has_partner, dynamic + beta * layer(dynamic, bias), dynamic)
        return self.static_embedding(x), dynamic


class LocalPredictor(nn.Module):
    """Local predictor of the lazy model: HyperSAGNN and the mean squared-difference score."""

    def __init__(self, channels: int, num_layers: int, heads: int, activation: str) -> None:
        super().__init__()
        self.hyper_sagnn = HyperSAGNN(channels, num_layers, heads, activation)
        self.prediction_layer = nn.Linear(channels, 1)

    def forward(self, x: Tensor, sets: PerturbationSets) -> tuple[Tensor, Tensor, Tensor]:
        static, dynamic = self.hyper_sagnn(x, sets)
        return set_score(static, dynamic, self.prediction_layer, sets), static, dynamic


class EagerLocalPredictor(nn.Module):
    """Local predictor of the first version: static is the input, one full-width attention makes dynamic."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.attention = SetAttentionLayer(channels, heads=1)
        self.attention.beta = nn.Parameter(torch.full((1,), 0.1))
        self.prediction_layer = nn.Linear(channels, 1)

    def forward(self, x: Tensor, sets: PerturbationSets) -> tuple[Tensor, Tensor, Tensor]:
        dynamic = x
        if sets.max_size > 1:  # a gene alone in its set skips the attention
            bias, has_partner = partner_masks(sets, x)
            dynamic = torch.where(has_partner, x + self.attention.beta * self.attention(x, bias), x)
        return set_score(x, dynamic, self.prediction_layer, sets), x, dynamic
