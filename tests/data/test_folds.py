"""Folds: every genotype is predicted once, by a fit that lacks what the split's test genotypes lack."""

from __future__ import annotations

import numpy as np
import pytest

from gi_jax.data.folds import folds_held_out
from gi_jax.data.gene_pairs import gene_pairs
from gi_jax.data.genotype_table import GenotypeTable, padded

N = 16


def table() -> GenotypeTable:
    rng = np.random.default_rng(0)
    pairs = [tuple(sorted(rng.choice(N, 2, replace=False))) for _ in range(60)]  # some of them twice
    triples = [(a, a + 1, c) for a in (0, 4, 8) for c in rng.choice(np.arange(10, N), 4, replace=False)]
    genes, sizes = padded(pairs + triples, N)
    nothing, zero = np.zeros(len(sizes)), np.zeros(len(sizes), np.int32)
    return GenotypeTable(genes, sizes, nothing, nothing, zero, ("s",), N)


@pytest.mark.parametrize("kind", ["random", "query_pair", "gene_disjoint_1", "gene_disjoint_2"])
def test_every_genotype_is_predicted_once_as_a_test_genotype_would_be(kind: str) -> None:
    data = table()
    pairs = gene_pairs(data.genes, N)
    seen = np.zeros(len(data), int)
    for fitted, asked in folds_held_out(data, kind, seed=1, folds=4):
        seen[asked] += 1
        known = set(data.genes[fitted].ravel().tolist())
        for row in asked:
            own = {gene for gene in data.genes[row].tolist() if gene < N}
            if kind == "random":
                assert data.set_ids[row] not in data.set_ids[fitted]
            elif kind == "query_pair":
                assert not np.isin(pairs[row][pairs[row] >= 0], pairs[fitted]).any()
            elif kind == "gene_disjoint_1":
                assert own - known
            else:
                assert not own & known
        if kind == "random":  # nothing is left out that need not be
            assert len(fitted) + len(asked) == len(data)
    np.testing.assert_array_equal(seen, 1)
