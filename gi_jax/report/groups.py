"""Genotypes in groups: by the study that measured them, by how many genes they lack."""

from __future__ import annotations

import numpy as np

from gi_jax.data.genotype_table import GenotypeTable

LARGEST_SIZE = 5  # genes; the few larger genotypes are one group


def by_study(table: GenotypeTable) -> dict[str, np.ndarray]:
    """Which genotypes `[M]` bool each study measured, the largest first; studies without any are left out."""
    counts = np.bincount(table.study, minlength=len(table.studies))
    order = np.argsort(-counts, kind="stable")
    return {table.studies[code]: table.study == code for code in order if counts[code]}


def by_size(table: GenotypeTable) -> dict[str, np.ndarray]:
    """Which genotypes `[M]` bool lack one gene, two genes, and so on; sizes without any are left out."""
    groups = {
        f"{size} gene{'' if size == 1 else 's'}": table.sizes == size for size in range(LARGEST_SIZE + 1)
    }
    groups[f"more than {LARGEST_SIZE} genes"] = table.sizes > LARGEST_SIZE
    return {name: rows for name, rows in groups.items() if rows.any()}
