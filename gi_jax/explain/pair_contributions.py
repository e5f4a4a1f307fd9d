"""What carries a prediction of the pair-kernel process: kernels, training genotypes, similar genes.

The prediction is `intercept + sum of F_ij` over the pairs of deleted genes, `F_ij = K_i S K_j^T`, with K_i
the row of gene i in the kernel with the n fitted genes and S the coefficients of the training genotypes.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Generic, TypeVar

import numpy as np

from gi_jax.data.formats.feature_files import GeneFeatures
from gi_jax.data.gene_pairs import columns_of_pairs
from gi_jax.data.networks import Adjacency
from gi_jax.explain.explanation import Explanation, Similar, Sum, Term, largest
from gi_jax.explain.terms import explanation_of
from gi_jax.models.closed_form.kernel_parts import DIFFUSION
from gi_jax.models.closed_form.pair_kernel import PairKernel
from gi_jax.models.closed_form.pair_posterior import GeneKernel, PairPosterior
from gi_jax.models.model import Cell
from gi_jax.ops.gene_kernels import (
    Sparse,
    diffusion_profiles,
    feature_profiles,
    kernel_of,
    neighbour_profiles,
)

Large = TypeVar("Large")
OWN, FITTED, SINGLE, ABSENT = "own effects", "fitted profiles", "single genes", "not at hand"
LEAST_SHARE = 0.01  # of a similarity, that is told by name
_KERNELS = (
    "prediction = intercept + sum over kernels c and pairs ij of (K^c_i S K_j + K_i S K^c_j) / 2, K the sum "
    "of all K^c: half of what a pair has from two kernels goes to either"
)
_GENOTYPES = (
    "prediction = intercept + sum over training genotypes m of a_m k_m, k_m the covariance of genotype m "
    "with this one and a_m its coefficient"
)
_GENES = "the same terms, each dealt in equal parts to the genes that its training genotype deletes"
_NO_PARTS = (
    "the model was trained by a version that did not keep what its kernel is made of: train it again to see "
    "what networks and features carry"
)


@explanation_of.register
def _(fitted: PairKernel, genes: np.ndarray, cell: Cell, most: int) -> Explanation:
    return explanation_of(fitted.of_study(0), genes, cell, most)


@explanation_of.register
def _(fitted: PairPosterior, genes: np.ndarray, cell: Cell, most: int) -> Explanation:
    kernel = fitted.genes
    rows = _rows_by_kernel(kernel, genes, cell)
    sums = _of_training(fitted, genes, most)
    notes = () if kernel.parts is not None else (_NO_PARTS,)
    if kernel.parts is not None:
        sums = (_of_kernels(fitted, genes, rows), *sums)
        missing = [name for name in kernel.parts.names if name not in rows]
        notes += (f"not at hand, so not told apart: {', '.join(missing)}",) if missing else ()
    unseen = [cell.genes.labels[gene] for gene in genes if gene not in kernel.genes]
    if unseen:
        notes += (f"no training genotype deletes {', '.join(unseen)}: known by networks and features alone",)
    if len(genes) < 2:
        notes += ("a genotype of one gene has no pairs, and gets the intercept",)
    similar = []
    for place, gene in enumerate(genes.tolist()):
        similar += _most_similar(kernel, gene, {name: row[place] for name, row in rows.items()}, most)
    return Explanation(sums, similar=tuple(similar), notes=notes)


def _of_kernels(fitted: PairPosterior, genes: np.ndarray, rows: dict[str, np.ndarray]) -> Sum:
    """The exact share of every kernel; of a form that is quadratic in the kernel it is the Shapley value."""
    left, parts = fitted.left, fitted.genes.parts
    assert parts is not None, "whoever asks has looked"
    total = dict.fromkeys(rows, 0.0)
    for i, j in zip(*np.triu_indices(len(genes), 1), strict=True):
        for name, row in rows.items():
            total[name] += float(row[i] @ left[genes[j]] + left[genes[i]] @ row[j]) / 2
    kinds = {OWN: "own", FITTED: "profiles", SINGLE: "genes", ABSENT: "others"}
    terms = [Term(kinds.get(name, "kernel"), name, value) for name, value in total.items()]
    terms.sort(key=lambda term: -abs(term.value))
    return Sum("kernels", _KERNELS, (Term("level", "intercept", fitted.intercept), *terms))


def _rows_by_kernel(kernel: GeneKernel, genes: np.ndarray, cell: Cell) -> dict[str, np.ndarray]:
    """The rows `[S, n]` of genes in the kernel, as a sum over what it is made of; none if not known."""
    parts = kernel.parts
    if parts is None:
        return {}
    scale = parts.gene_scale[genes][:, None] * parts.gene_scale[kernel.genes]  # [S, n]
    found: dict[str, np.ndarray] = {}
    for name, weight in zip(parts.names, parts.weights, strict=False):
        profiles = _profiles(name, cell)
        if profiles is not None:
            found[name] = weight * scale * kernel_of(profiles, genes)[kernel.genes].T.astype(np.float64)
    found[OWN] = parts.weights[-2] * scale * (genes[:, None] == kernel.genes)
    found[SINGLE] = np.full(scale.shape, kernel.constant)
    # What no other kernel has: the covariance of the profiles, which only the whole kernel holds.
    rest = kernel.rows[genes] - sum(found.values())
    found[FITTED if all(name in found for name in parts.names) else ABSENT] = rest
    return found


def _profiles(name: str, cell: Cell) -> Sparse | None:
    """The profiles that a kernel compares, if its network or table is at hand."""
    if name in cell.graph:
        return _of_network(_Held(cell.graph[name]))
    if (network := name.removesuffix(DIFFUSION)) in cell.graph:
        return diffusion_profiles(cell.graph[network])  # dense, and too large to keep
    table = next((table for table in cell.features if table.name == name), None)
    return None if table is None else _of_features(_Held(table))


class _Held(Generic[Large]):
    """Something large as a key of a cache: equal only to itself."""

    def __init__(self, value: Large) -> None:
        self.value = value

    def __hash__(self) -> int:
        return id(self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Held) and self.value is other.value


@lru_cache(maxsize=32)
def _of_network(held: _Held[Adjacency]) -> Sparse:
    return neighbour_profiles(held.value)


@lru_cache(maxsize=32)
def _of_features(held: _Held[GeneFeatures]) -> Sparse:
    return feature_profiles(held.value.values)


def _of_training(fitted: PairPosterior, genes: np.ndarray, most: int) -> tuple[Sum, Sum]:
    """The contributions of the training genotypes, one by one and by their genes."""
    n = len(fitted.genes.genes)
    rows = np.pad(fitted.genes.rows[genes], ((0, 0), (0, 1)))  # [S, n + 1]
    first, second = columns_of_pairs(fitted.measured)  # [M, P]
    covariance = np.zeros(len(fitted.measured))
    for a, b in zip(*np.triu_indices(len(genes), 1), strict=True):
        for k, m in zip(first.T, second.T, strict=True):
            covariance += rows[a, k] * rows[b, m] + rows[a, m] * rows[b, k]
    value = fitted.coefficients.astype(np.float64) * covariance  # [M]
    level = Term("level", "intercept", fitted.intercept)

    order = np.argsort(-np.abs(value), kind="stable")
    ids = np.append(fitted.genes.genes, -1)
    listed = [
        Term("genotype", "", float(value[k]), tuple(int(g) for g in ids[fitted.measured[k]] if g >= 0))
        for k in order[:most]
    ]
    rest = Term("others", f"{len(order) - most:,} other training genotypes", float(value[order[most:]].sum()))
    genotypes = Sum(
        "training genotypes", _GENOTYPES, (level, *listed, *([rest] if len(order) > most else ()))
    )

    there = fitted.measured < n
    dealt = np.where(there, (value / np.maximum(there.sum(axis=1), 1))[:, None], 0.0)
    by_gene = np.bincount(fitted.measured.ravel(), dealt.ravel(), n + 1)
    terms = [Term("gene", "its training genotypes", float(by_gene[k]), (int(ids[k]),)) for k in range(n)]
    of_genes = largest(terms, most, "training genotypes of {count:,} other genes")
    return genotypes, Sum("genes of training genotypes", _GENES, (level, *of_genes))


def _most_similar(kernel: GeneKernel, gene: int, rows: dict[str, np.ndarray], most: int) -> list[Similar]:
    """Fitted genes with the largest correlation of effects with a gene, without what all genes share."""
    own = kernel.own - kernel.constant
    shared = kernel.rows[gene] - kernel.constant
    similarity = shared / np.sqrt(np.maximum(own[gene] * own[kernel.genes], np.finfo(float).tiny))
    similarity[kernel.genes == gene] = -np.inf
    found = []
    for k in np.argsort(-similarity, kind="stable")[:most]:
        if not similarity[k] > 0:
            break
        shares = {name: float(row[k] / shared[k]) for name, row in rows.items() if name not in (SINGLE, OWN)}
        told = sorted(((s, name) for name, s in shares.items() if s >= LEAST_SHARE), reverse=True)
        other = int(kernel.genes[k])
        found.append(Similar(gene, other, float(similarity[k]), tuple((name, s) for s, name in told)))
    return found
