"""Gradient-boosted trees on what is known of each deleted gene, without regard to which gene it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gi_jax.data.genotype_table import GenotypeTable
from gi_jax.data.networks import CellGraph
from gi_jax.models.closed_form.options import GradientBoostingOptions
from gi_jax.models.closed_form.solved import Solved
from gi_jax.models.model import Abilities

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingRegressor

CROSS_FITS = 5


@dataclass(frozen=True)
class GradientBoosting(Solved):
    """Predicts from per-gene features, each entering as its smallest, mean and largest value in the set.

    The features of a gene are its in- and out-degree in every network, and mean, deviation and
    number of the training labels of genotypes that lack it (missing and 0 for an unseen gene).
    """

    features: np.ndarray  # [N, F]
    trees: HistGradientBoostingRegressor
    chosen: str

    kind = "gradient_boosting"
    abilities = Abilities(uses_networks=True, tells_unseen_genes_apart=True, has_paths=False)

    @property
    def num_genes(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride] # is only read
        """N."""
        return len(self.features)

    def labels(self, genes: np.ndarray) -> np.ndarray:
        """Labels `[M]` for genotypes `[M, S]`."""
        return self.trees.predict(_set_features(self.features, genes))


def fit_gradient_boosting(
    train: GenotypeTable,
    val: GenotypeTable,
    graph: CellGraph,
    leaf_sizes: Sequence[int] = GradientBoostingOptions.leaf_sizes,
) -> GradientBoosting:
    """Fits `GradientBoosting` with squared error (scikit-learn's histogram trees), labels being in place
    of the scores.

    Boosting stops when the squared error on the validation genotypes has not fallen for 20 trees,
    and the leaf size is the one that ends with the least. The label statistics that a training
    genotype is fitted with come from the other four fifths of the training genotypes; otherwise its
    own label would be among its features.
    """
    from sklearn.ensemble import HistGradientBoostingRegressor  # half a second, which few commands need

    degrees = _degrees(graph)
    fold = np.random.default_rng(0).permutation(len(train)) % CROSS_FITS
    train_features = np.empty((len(train), 3 * (degrees.shape[1] + 3)))
    for k in range(CROSS_FITS):
        others = np.hstack([degrees, _label_statistics(train.take(fold != k))])
        train_features[fold == k] = _set_features(others, train.genes[fold == k])
    features = np.hstack([degrees, _label_statistics(train)])
    val_features = _set_features(features, val.genes)
    fits = []
    for leaf_size in leaf_sizes:
        trees = HistGradientBoostingRegressor(
            max_iter=500,
            min_samples_leaf=leaf_size,
            early_stopping=True,  # pyright: ignore[reportArgumentType] # scikit-learn has no types; see its docs
            n_iter_no_change=20,
            random_state=0,
        ).fit(train_features, train.score, X_val=val_features, y_val=val.score)
        fit = GradientBoosting(features, trees, f"{trees.n_iter_} trees, leaves of {leaf_size} or more")
        fits.append((np.mean((trees.predict(val_features) - val.score) ** 2), fit))
    return min(fits, key=lambda error_and_fit: error_and_fit[0])[1]


def _degrees(graph: CellGraph) -> np.ndarray:
    """In- and out-degree of every gene in every network, `[N, 2 G]`."""
    starts = [row for network in graph.networks for row in (network.indptr, network.indptr_t)]
    return np.stack([np.diff(np.asarray(row)) for row in starts], axis=1).astype(float)


def _label_statistics(table: GenotypeTable) -> np.ndarray:
    """Mean, standard deviation and number of the labels of the genotypes that lack each gene, `[N, 3]`."""
    used = table.genes < table.num_genes
    genes, labels = table.genes[used], np.repeat(table.score, table.sizes)
    count = np.bincount(genes, minlength=table.num_genes)
    seen = np.where(count > 0, count, np.nan)
    mean = np.bincount(genes, labels, table.num_genes) / seen
    deviation = np.sqrt(np.bincount(genes, (labels - mean[genes]) ** 2, table.num_genes) / seen)
    return np.stack([mean, deviation, count], axis=1)


def _set_features(features: np.ndarray, genes: np.ndarray) -> np.ndarray:
    """Smallest, mean and largest feature over each genotype `[B, S]` -> `[B, 3 F]`, in no order of genes."""
    per_gene = np.ma.masked_invalid(
        np.vstack([features, np.full(features.shape[1], np.nan)])[genes]
    )  # [B, S, F]
    parts = [per_gene.min(axis=1), per_gene.mean(axis=1), per_gene.max(axis=1)]
    return np.hstack([part.filled(np.nan) for part in parts])
