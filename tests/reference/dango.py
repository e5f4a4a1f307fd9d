"""DANGO: per-network GraphSAGE pretraining, meta-embedding, HyperSAGNN, and its loss."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch_geometric.nn import SAGEConv

from tests.reference.batch import CellGraph, PerturbationSets
from tests.reference.set_attention import attend, partner_masks, set_score


class PretrainModel(nn.Module):
    """Two SAGEConv layers per network over one embedding, and a linear reconstruction of adjacency rows."""

    def __init__(self, gene_num: int, edge_types: list[str], channels: int) -> None:
        super().__init__()
        self.edge_types = edge_types
        self.gene_embedding = nn.Embedding(gene_num, channels)
        nn.init.normal_(self.gene_embedding.weight, std=0.1)
        self.layer1_convs = nn.ModuleDict({name: SAGEConv(channels, channels) for name in edge_types})
        self.layer2_convs = nn.ModuleDict({name: SAGEConv(channels, channels) for name in edge_types})
        self.recon_layers = nn.ModuleDict({name: nn.Linear(channels, gene_num) for name in edge_types})

    def forward(self, cell_graph: CellGraph) -> tuple[Tensor, dict[str, Tensor], dict[str, Tensor]]:
        x = self.gene_embedding.weight  # [N, H]
        embeddings, reconstructions = {}, {}
        for name in self.edge_types:
            if name in cell_graph:
                hidden = F.relu(self.layer1_convs[name](x, cell_graph[name]))
                embeddings[name] = F.relu(self.layer2_convs[name](hidden, cell_graph[name]))
                reconstructions[name] = self.recon_layers[name](embeddings[name])
            else:
                embeddings[name] = torch.zeros_like(x)
                reconstructions[name] = x.new_zeros(x.shape[0], x.shape[0])
        return x, embeddings, reconstructions


class MetaEmbedding(nn.Module):
    """MLP attention over the networks of a gene."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.attention_mlp = nn.Sequential(
            nn.Linear(channels, channels // 2), nn.ReLU(), nn.Linear(channels // 2, 1)
        )

    def forward(self, embeddings: dict[str, Tensor]) -> Tensor:
        stacked = torch.stack(list(embeddings.values()))  # [G, N, H]
        return (F.softmax(self.attention_mlp(stacked), dim=0) * stacked).sum(dim=0)  # [N, H]


class DangoHyperSAGNN(nn.Module):
    """Two attention layers within each set without self, and the mean squared-difference score."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.static_embedding = nn.Sequential(nn.Linear(channels, channels), nn.ReLU())
        for layer in (1, 2):
            for projection in "QKVO":
                setattr(self, f"{projection}{layer}", nn.Linear(channels, channels))
            setattr(self, f"beta{layer}", nn.Parameter(torch.full((1,), 0.01)))
        self.prediction_layer = nn.Linear(channels, 1)

    def forward(self, x: Tensor, sets: PerturbationSets) -> Tensor:
        bias, has_partner = partner_masks(sets, x)
        dynamic = x
        for q, k, v, o, beta in (
            (self.Q1, self.K1, self.V1, self.O1, self.beta1),
            (self.Q2, self.K2, self.V2, self.O2, self.beta2),
        ):
            attended = attend(q(dynamic), k(dynamic), v(dynamic), self.heads, bias)
            attended = torch.where(has_partner, attended, torch.zeros_like(attended))
            dynamic = beta * o(attended) + dynamic
        return set_score(self.static_embedding(x), dynamic, self.prediction_layer, sets).squeeze(1)  # [B]


class Dango(nn.Module):
    """Constructor arguments are the original's; `forward` returns the outputs by the fixtures' names."""

    def __init__(
        self, gene_num: int, edge_types: list[str], hidden_channels: int = 64, num_heads: int = 4
    ) -> None:
        super().__init__()
        self.pretrain_model = PretrainModel(gene_num, edge_types, hidden_channels)
        self.meta_embedding = MetaEmbedding(hidden_channels)
        self.hyper_sagnn = DangoHyperSAGNN(hidden_channels, num_heads)

    def forward(self, cell_graph: CellGraph, sets: PerturbationSets) -> dict[str, Tensor]:
        initial, embeddings, reconstructions = self.pretrain_model(cell_graph)
        integrated = self.meta_embedding(embeddings)  # [N, H]
        return {
            "interaction_scores": self.hyper_sagnn(integrated[sets.indices], sets),
            "initial_embeddings": initial,
            "integrated_embeddings": integrated,
            **{f"network_embeddings.{name}": x for name, x in embeddings.items()},
            **{f"reconstructions.{name}": x for name, x in reconstructions.items()},
        }


def alpha(scheduler: str, transition_epoch: int, epoch: int) -> float:
    """Weight of the reconstruction loss at an epoch."""
    progress = min(epoch / transition_epoch, 1.0)
    match scheduler:
        case "PreThenPost":
            return 1.0 if epoch < transition_epoch else 0.0
        case "LinearUntilUniform":
            return 1.0 - 0.5 * progress
        case "LinearUntilFlipped":
            return 1.0 - progress
    raise ValueError(f"unknown scheduler {scheduler!r}")


def adjacency(edge_index: Tensor, gene_num: int, dtype: torch.dtype) -> Tensor:
    """Dense `[N, N]` matrix of edge counts, entry (source, destination)."""
    dense = torch.zeros(gene_num, gene_num, dtype=dtype, device=edge_index.device)
    one = torch.ones((), dtype=dtype, device=edge_index.device)
    return dense.index_put_((edge_index[0], edge_index[1]), one, accumulate=True)


def reconstruction_loss(
    out: Mapping[str, Tensor], cell_graph: CellGraph, lambdas: Mapping[str, float]
) -> Tensor:
    """Mean over the networks present of the squared error, zeros weighted by the network's lambda."""
    losses = []
    for name, edges in cell_graph.items():
        predicted = out[f"reconstructions.{name}"]
        target = adjacency(edges, predicted.shape[0], predicted.dtype)
        weight = torch.ones_like(target).masked_fill_(target == 0, lambdas[name])
        losses.append((weight * (predicted - target) ** 2).mean())
    return torch.stack(losses).mean()


def log_cosh(prediction: Tensor, target: Tensor) -> Tensor:
    """Mean of `log(cosh(prediction - target))`, in the form that cannot overflow."""
    error = (prediction - target).abs()
    return (error + torch.log1p(torch.exp(-2 * error)) - torch.log(error.new_tensor(2.0))).mean()


def dango_losses(
    reconstruction: Tensor, interaction: Tensor, scheduler: str, transition_epoch: int, epoch: int
) -> dict[str, Tensor]:
    """`alpha * reconstruction + (1 - alpha) * interaction` and its terms, by the original's names."""
    weight = reconstruction.new_tensor(alpha(scheduler, transition_epoch, epoch))
    return {
        "total": weight * reconstruction + (1 - weight) * interaction,
        "reconstruction_loss": reconstruction,
        "interaction_loss": interaction,
        "weighted_reconstruction_loss": weight * reconstruction,
        "weighted_interaction_loss": (1 - weight) * interaction,
        "alpha": weight,
    }
