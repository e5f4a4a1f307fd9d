"""Predicted scores as the table that `predict` and `screen` write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from gi_jax.data.gene_list import GeneList
from gi_jax.experiment.confidence import Confidence


def score_table(
    genes: GeneList,
    genotypes: np.ndarray,
    score: np.ndarray,
    std: np.ndarray | None,
    confidence: Confidence | None = None,
    more: Mapping[str, Sequence[float | None]] | None = None,
) -> str:
    """Tab-separated lines under a header: `genes`, `prediction`, with standard deviations
    `prediction_std` and the interval from `low` to `high`, and more; `names` last, where genes have some.

    Args:
      genotypes: `[M, S]` gene ids, then N.
      score: `[M]`.
      std: `[M]`, over the members of an ensemble or the model's own.
      confidence: how far intervals reach.
      more: further columns of M numbers by name; None leaves a field empty.
    """
    columns: dict[str, Sequence[float | None] | np.ndarray] = {"prediction": score}
    if std is not None:
        columns["prediction_std"] = std
        if confidence is not None:
            columns["low"], columns["high"] = confidence.interval(score, std)
    columns.update(more or {})
    named = genes.has_labels
    lines = ["\t".join(("genes", *columns, *(["names"] if named else [])))]
    for genotype, *values in zip(genotypes, *columns.values(), strict=True):
        fields = ["" if value is None else f"{value:.6g}" for value in values]
        fields += [",".join(genes.labelled(genotype))] if named else []
        lines.append("\t".join((",".join(genes.names(genotype)), *fields)))
    return "\n".join(lines) + "\n"
