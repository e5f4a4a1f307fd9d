"""Which measured genotypes take part: filters by study, size and p-value, and repeated measurements."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from gi_jax.data.genotype_table import GenotypeTable
from gi_jax.data.load_report import LeftOut
from gi_jax.errors import GiJaxError


@dataclass(frozen=True)
class GenotypeFilter:
    """Conditions that a genotype must meet to be loaded; the default keeps all."""

    studies: tuple[str, ...] = ()  # all if empty
    min_genes: int = 1
    max_genes: int | None = None
    max_p_value: float | None = None  # genotypes without a p-value do not meet any bound
    leave_out_unknown_genes: bool = False  # else a gene outside the gene list is an error


NO_FILTER = GenotypeFilter()


def average_repeats(table: GenotypeTable) -> tuple[GenotypeTable, tuple[LeftOut, ...]]:
    """Makes rows of one study with equal gene sets one: mean score, largest p-value, place of the first."""
    if not table.has_repeats:
        return table, ()
    sets = table.set_ids
    keys = table.study * (sets.max(initial=0) + 1) + sets  # int64
    _, first, group = np.unique(keys, return_index=True, return_inverse=True)
    counts = np.bincount(group)
    score = np.bincount(group, table.score) / counts
    p_value = np.full(len(first), np.nan, np.float32)
    np.fmax.at(p_value, group, table.p_value)
    order = np.argsort(first)
    merged = replace(table.take(first[order]), score=score[order], p_value=p_value[order])
    why = (
        f"repeat a genotype of the same study ({np.sum(counts > 1):,} genotypes have such repeats; each got "
        "the mean score and the largest p-value)"
    )
    return merged, (LeftOut(len(table) - len(first), why),)


def apply_filter(table: GenotypeTable, keep: GenotypeFilter) -> tuple[GenotypeTable, tuple[LeftOut, ...]]:
    """Applies the conditions one after the other; each counts what it takes out of what was left.

    Raises:
      GiJaxError: a study that is not in the data, or no genotype left.
    """
    left = np.ones(len(table), bool)
    left_out = []

    def require(condition: np.ndarray, why: str) -> None:
        failing = left & ~condition
        if failing.any():
            left_out.append(LeftOut(int(failing.sum()), why))
            left[failing] = False

    if keep.studies:
        if missing := [name for name in keep.studies if name not in table.studies]:
            raise GiJaxError(
                f"no genotype is of study `{missing[0]}`; the loaded studies are {', '.join(table.studies)}"
            )
        require(
            np.isin(table.study, [table.studies.index(name) for name in keep.studies]), "of other studies"
        )
    require(table.sizes >= keep.min_genes, f"with fewer than {keep.min_genes} genes")
    if keep.max_genes is not None:
        require(table.sizes <= keep.max_genes, f"with more than {keep.max_genes} genes")
    if keep.max_p_value is not None:
        require(~np.isnan(table.p_value), "without a p-value, which the bound on it asks for")
        require(table.p_value <= keep.max_p_value, f"with a p-value above {keep.max_p_value}")
    if not left.any():
        reasons = "; ".join(map(str, left_out))
        raise GiJaxError(
            f"no genotype is left after filtering: of {len(table):,} left out {reasons}; relax the filter"
        )
    return _without_empty_studies(table.take(left)), tuple(left_out)


def _without_empty_studies(table: GenotypeTable) -> GenotypeTable:
    present, codes = np.unique(table.study, return_inverse=True)
    studies = tuple(table.studies[code] for code in present)
    return replace(table, study=codes.reshape(-1).astype(table.study.dtype), studies=studies)
