"""Groups of genotypes by study and by number of deleted genes."""

from __future__ import annotations

import numpy as np

from gi_jax.data.genotype_table import GenotypeTable
from gi_jax.report.groups import by_size, by_study

SIZES = np.array([1, 2, 2, 3, 6, 7])
TABLE = GenotypeTable(
    genes=np.where(np.arange(7) < SIZES[:, None], np.arange(7), 9),
    sizes=SIZES,
    score=np.zeros(6),
    p_value=np.full(6, np.nan),
    study=np.array([2, 0, 2, 2, 0, 2]),
    studies=("few", "none", "many"),
    num_genes=9,
)


def test_studies_come_by_size_and_empty_ones_are_left_out() -> None:
    found = {name: np.flatnonzero(rows).tolist() for name, rows in by_study(TABLE).items()}
    assert list(found.items()) == [("many", [0, 2, 3, 5]), ("few", [1, 4])]


def test_large_genotypes_are_one_group() -> None:
    found = {name: np.flatnonzero(rows).tolist() for name, rows in by_size(TABLE).items()}
    assert found == {"1 gene": [0], "2 genes": [1, 2], "3 genes": [3], "more than 5 genes": [4, 5]}
