"""Predicted scores as the table that `predict` and `screen` write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from gi_jax.data.gene_list import GeneList


def score_table(
    genes: GeneList,
    genotypes: np.ndarray,
    score: np.ndarray,
    std: np.ndarray | None,
    more: Mapping[str, Sequence[float | None]] | None = None,
) -> str:
    """Tab-separated lines under a header: `genes`, `prediction`, for an ensemble `prediction_std`, and more.

    Args:
      genotypes: `[M, S]` gene ids, then N.
      score: `[M]`.
      std: `[M]` over the members of an ensemble.
      more: further columns of M numbers by name; None leaves a field empty.
    """
    columns: dict[str, Sequence[float | None] | np.ndarray] = {"prediction": score}
    if std is not None:
        columns["prediction_std"] = std
    columns.update(more or {})
    lines = ["\t".join(("genes", *columns))]
    for genotype, *values in zip(genotypes, *columns.values(), strict=True):
        fields = ("" if value is None else f"{value:.6g}" for value in values)
        lines.append("\t".join((",".join(genes.names(genotype)), *fields)))
    return "\n".join(lines) + "\n"
