"""The leak check: nothing that a split's kind forbids stands on both sides."""

from __future__ import annotations

import numpy as np

from gi_jax.data.gene_pairs import gene_pairs
from gi_jax.data.genotype_table import GenotypeTable
from gi_jax.data.splits import Split
from gi_jax.errors import GiJaxError


def check_no_leak(split: Split, table: GenotypeTable) -> None:
    """Checks that a split keeps what its kind promises (see `split_genotypes`) on these very genotypes.

    Raises:
      GiJaxError: the split was drawn for other genotypes, a row is missing or in two parts, or a gene set,
        pair or gene stands on a side where it must not.
    """
    if split.fingerprint != table.fingerprint:
        raise GiJaxError(
            "the split was drawn for other genotypes than the loaded ones; draw it anew or load those"
        )
    rows = np.sort(np.concatenate([split.train, split.val, split.test, split.left_out]))
    if not np.array_equal(rows, np.arange(len(table))):
        raise GiJaxError(
            f"the split does not hold each of the {len(table):,} genotypes exactly once; draw it anew"
        )
    sides = ((split.test, split.train, "test", "training"), (split.test, split.val, "test", "validation"))
    for held_out, seen, held_name, seen_name in (*sides, (split.val, split.train, "validation", "training")):
        if len(bad := _leaking(split.kind, table, held_out, seen)):
            raise GiJaxError(
                f"the {split.kind} split leaks: {len(bad):,} {held_name} genotypes (such as row "
                f"{bad[0]}, genes {table.genes[bad[0]].tolist()}) share with {seen_name} genotypes what they "
                f"must not; draw it anew"
            )


def _leaking(kind: str, table: GenotypeTable, held_out: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """The rows of `held_out` that `seen` gives away."""
    leaks = np.isin(table.set_ids[held_out], table.set_ids[seen])
    if kind == "query_pair":
        pairs = gene_pairs(table.genes, table.num_genes)
        leaks |= (np.isin(pairs[held_out], pairs[seen]) & (pairs[held_out] >= 0)).any(axis=1)
    if kind in ("gene_disjoint_1", "gene_disjoint_2"):
        genes = table.genes[held_out]
        known, padding = np.isin(genes, table.genes[seen]), genes == table.num_genes
        leaks |= (
            (known | padding).all(axis=1) if kind == "gene_disjoint_1" else (known & ~padding).any(axis=1)
        )
    return held_out[leaks]
