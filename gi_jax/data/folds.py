"""Folds of training genotypes: which of them a model must not see that predicts one out of fold."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gi_jax.data.gene_pairs import gene_pairs, query_pairs
from gi_jax.data.genotype_table import GenotypeTable


def folds_held_out(
    table: GenotypeTable, kind: str, *, seed: int, folds: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Row numbers to fit and row numbers to predict, until every row was predicted once.

    What a model knows of a row that it predicts is what a model of all training genotypes knows of a test
    genotype of that kind of split (see `split_genotypes`), so that errors in training are like those at test:

    * `random`: not the gene set, which is drawn as a whole.
    * `query_pair`: no genotype with a pair of genes of the fold's query pairs' genotypes.
    * `gene_disjoint_1`: no genotype with a gene of the fold of one of its genes, which is drawn.
    * `gene_disjoint_2`: no genotype with a gene of the folds of its genes; a fit for each set of folds.

    Args:
      table: M genotypes.
      kind: of the split that they are the training part of.
      seed: of the draws.
      folds: K parts of gene sets, query pairs or genes.
    """
    rng = np.random.default_rng(seed)
    if kind.startswith("gene_disjoint"):
        drawn = np.append(rng.permutation(table.num_genes) % folds, -1)
        own = drawn[table.genes]  # [M, S], -1 for padding
        asked = own
        if kind == "gene_disjoint_1":
            asked = own[np.arange(len(own)), rng.integers(0, table.sizes)][:, None]
        asked = np.sort(asked, axis=1)
        sets, member = np.unique([_distinct(row) for row in asked], axis=0, return_inverse=True)
        for number, held in enumerate(sets):
            held = held[held >= 0]
            yield (
                np.flatnonzero(~np.isin(own, held).any(axis=1)),
                np.flatnonzero(member.reshape(-1) == number),
            )
        return
    pairs = gene_pairs(table.genes, table.num_genes)
    units = table.set_ids if kind == "random" else query_pairs(pairs, pairs)
    _, number = np.unique(units, return_inverse=True)
    fold = (rng.permutation(number.max() + 1) % folds)[number]
    for k in range(folds):
        held = fold == k
        if kind == "query_pair":
            taken = np.unique(pairs[held])
            shares = (np.isin(pairs, taken) & (pairs >= 0)).any(axis=1)
            yield np.flatnonzero(~held & ~shares), np.flatnonzero(held)
        else:
            yield np.flatnonzero(~held), np.flatnonzero(held)


def _distinct(folds: np.ndarray) -> np.ndarray:
    """The folds of a genotype, each once, filled with -1."""
    found = np.unique(folds[folds >= 0])
    return np.pad(found, (0, len(folds) - len(found)), constant_values=-1)
