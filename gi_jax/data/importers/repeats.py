"""Measurements of one genotype made one."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from gi_jax.data.genotype_table import GenotypeTable, row_keys
from gi_jax.data.importers.importer import ImportOptions
from gi_jax.data.load_report import LeftOut
from gi_jax.errors import GiJaxError

if TYPE_CHECKING:
    from gi_jax.data.importers.mutations import _Strains

SIGNIFICANT_P, STRONG = 0.05, 0.08  # the intermediate cutoff of Costanzo et al. 2016
_TOLD = {
    "mean": "each got the mean score and the largest p-value",
    "lowest-p": "each got the score with the lowest p-value",
    "consistent": "each got the score with the lowest p-value",
}


def merged(
    strains: _Strains,
    query: np.ndarray,
    array: np.ndarray,
    score: np.ndarray,
    p_value: np.ndarray,
    study: np.ndarray,
    studies: tuple[str, ...],
    options: ImportOptions,
) -> tuple[GenotypeTable, tuple[LeftOut, ...], Counter[str]]:
    """One row for each genotype of each study, by gene ids; what was merged; what was dropped."""
    num_genes = len(options.genes)
    genes = np.concatenate([strains.genes[query], strains.genes[array]], axis=1)
    genes.sort(axis=1)
    genes = genes[:, : max(int((genes < num_genes).sum(axis=1).max()), 1)]
    keys = row_keys(genes, num_genes)
    if keys is None:
        raise GiJaxError(f"genotypes of {genes.shape[1]} genes among {num_genes:,} are too many to number")
    if len(studies) > 1:
        keys = keys * len(studies) + study
    if options.repeats == "mean":
        order = np.argsort(keys)
    else:
        order = np.lexsort((np.where(np.isnan(p_value), np.inf, p_value), keys))
    keys = keys[order]
    starts = np.flatnonzero(np.append(True, keys[1:] != keys[:-1]))
    del keys
    counts = np.diff(np.append(starts, len(order)))
    first = order[starts]
    lost: Counter[str] = Counter()
    if len(first) == len(order):
        return _table(genes, score, p_value, study, studies, first, num_genes), (), lost
    if options.repeats == "mean":
        means = np.add.reduceat(score[order], starts) / counts
        largest = np.fmax.reduceat(p_value[order], starts)
    else:
        means, largest = score[first], p_value[first]
    told = _told(strains, query, array, order, starts, counts, options.repeats)
    table = _table(genes, score, p_value, study, studies, first, num_genes)
    table = GenotypeTable(table.genes, table.sizes, means, largest, table.study, studies, num_genes)
    if options.repeats == "consistent":
        strong = (p_value < SIGNIFICANT_P) & (np.abs(score) > STRONG)
        low, high = (
            np.logical_or.reduceat((strong & side)[order], starts) for side in (score < 0, score > 0)
        )
        if (low & high).any():
            lost["with significant scores of opposite sign"] += int(counts[low & high].sum())
            table = table.take(~(low & high))
    return table, told, lost


def _table(
    genes: np.ndarray, score: np.ndarray, p_value: np.ndarray, study: np.ndarray, studies: tuple[str, ...],
    first: np.ndarray, num_genes: int,
) -> GenotypeTable:  # fmt: skip
    own = genes[first]
    sizes = (own < num_genes).sum(axis=1, dtype=np.int8)
    return GenotypeTable(own, sizes, score[first], p_value[first], study[first], studies, num_genes)


def _told(
    strains: _Strains, query: np.ndarray, array: np.ndarray, order: np.ndarray, starts: np.ndarray,
    counts: np.ndarray, rule: str,
) -> tuple[LeftOut, ...]:  # fmt: skip
    """How many rows were merged, and of what kinds their genotypes are."""
    q, a = strains.locus[query][order], strains.locus[array][order]
    reciprocal = _differ(q > a, starts)
    q, a = strains.allele[query][order], strains.allele[array][order]
    pair = np.minimum(q, a).astype(np.int64) * (strains.allele.max(initial=0) + 1) + np.maximum(q, a)
    several = _differ(pair, starts)
    more = int((counts > 1).sum())
    why = (
        f"merged with another measurement of the same genotype ({more:,} genotypes have several; "
        f"{int(reciprocal.sum()):,} were measured with query and array exchanged, {int(several.sum()):,} "
        f"with several alleles; {_TOLD[rule]})"
    )
    return (LeftOut(len(order) - len(starts), why),)


def _differ(values: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Which groups hold more than one value."""
    if values.dtype == bool:
        values = values.astype(np.int8)
    return np.minimum.reduceat(values, starts) != np.maximum.reduceat(values, starts)
