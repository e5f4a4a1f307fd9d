"""What is measured: case, networks, genotypes. Plain NumPy, so that no engine loads another one."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

NUM_GENES = 6_607
# Directed edges of the nine networks of the original's large runs.
NETWORKS = {
    "physical": 144_211,
    "regulatory": 44_310,
    "string12_0_coexpression": 314_013,
    "string12_0_cooccurence": 11_115,
    "string12_0_database": 73_818,
    "string12_0_experimental": 821_995,
    "string12_0_fusion": 11_810,
    "string12_0_neighborhood": 147_874,
    "tflink": 201_898,
}
DEGREE_EXPONENT = 2.5  # a gene of degree k is as frequent as k^-2.5
NUM_GENOTYPES = 4_096
CASES = ("sum", "pairwise", "one_layer", "profile_v2", "profile_v3")
MODES = ("forward", "backward", "step")
ENGINES = ("gi_jax", "jax_port", "torch", "torch_compile")


@dataclass(frozen=True)
class Workload:
    """A case at a batch size; the other fields change its size, for slopes and for trials."""

    case: str
    batch: int
    local: bool = True
    num_genes: int = NUM_GENES  # of the synthetic cases
    channels: int | None = None
    layers: int | None = None
    num_networks: int | None = None
    edges: float = 1.0  # edges relative to those of the case

    @property
    def world_key(self) -> str:
        """Equal for workloads over the same networks, genotypes and weights."""
        return json.dumps(asdict(self) | {"batch": 0})


@dataclass(frozen=True)
class World:
    """Networks, genotypes and the weights of one model, equal for all engines."""

    edges: dict[str, np.ndarray]  # name -> [2, E] int32, senders and receivers
    genes: np.ndarray  # [M, S] int32, gene ids, then N
    labels: np.ndarray  # [M] float32
    num_genes: int
    model: dict[str, Any]  # the `model:` block
    flax: dict[str, np.ndarray]  # parameters by path
    torch: dict[str, np.ndarray]  # the same ones as a state dict

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        np.savez(folder / "edges.npz", **self.edges)
        np.savez(folder / "genotypes.npz", genes=self.genes, labels=self.labels)
        np.savez(folder / "flax.npz", **self.flax)
        np.savez(folder / "torch.npz", **self.torch)
        (folder / "model.json").write_text(json.dumps({"num_genes": self.num_genes, "model": self.model}))

    @classmethod
    def load(cls, folder: Path) -> World:
        arrays = {name: dict(np.load(folder / f"{name}.npz")) for name in ("edges", "flax", "torch")}
        genotypes = dict(np.load(folder / "genotypes.npz"))
        return cls(**arrays, **genotypes, **json.loads((folder / "model.json").read_text()))

    def genotypes(self, batch: int) -> list[list[int]]:
        """The first B genotypes as lists of genes."""
        return [[int(gene) for gene in row if gene < self.num_genes] for row in self.genes[:batch]]


def synthetic_edges(num_genes: int, factor: float = 1.0) -> dict[str, np.ndarray]:
    """The nine networks over N genes with the densities they have over 6,607, times `factor`."""
    rng = np.random.default_rng(0)
    share = factor * (num_genes / NUM_GENES) ** 2
    sizes = {name: max(1, round(size * share)) for name, size in NETWORKS.items()}
    return {name: power_law_edges(rng, num_genes, size) for name, size in sizes.items()}


def power_law_edges(rng: np.random.Generator, num_genes: int, num_edges: int) -> np.ndarray:
    """Distinct directed edges `[2, E]`, sorted by sender; a gene is as much of a sender as of a receiver."""
    weight = np.arange(1, num_genes + 1) ** (-1 / (DEGREE_EXPONENT - 1))
    probability = rng.permutation(weight / weight.sum())
    codes = np.zeros(0, np.int64)
    while len(codes) < num_edges:
        senders, receivers = rng.choice(num_genes, (2, 2 * (num_edges - len(codes))), p=probability)
        codes = np.unique(np.concatenate([codes, senders * num_genes + receivers]))
    codes = np.sort(rng.choice(codes, num_edges, replace=False))
    return np.stack(np.divmod(codes, num_genes)).astype(np.int32)


def synthetic_genotypes(num_genes: int, count: int = NUM_GENOTYPES) -> tuple[np.ndarray, np.ndarray]:
    """Random genotypes of two or three genes `[M, 3]`, padded with N, and labels `[M]`."""
    rng = np.random.default_rng(1)
    genes = np.stack([rng.choice(num_genes, 3, replace=False) for _ in range(count)])
    genes[rng.random(count) < 0.5, 2] = num_genes
    labels = 0.1 * rng.normal(size=count)
    return np.sort(genes, axis=1).astype(np.int32), labels.astype(np.float32)
