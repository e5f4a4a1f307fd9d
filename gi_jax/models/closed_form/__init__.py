"""Honest competitors: what simple models reach on the same split.

Each is fitted to the training genotypes, chooses its settings on the validation genotypes, says in
`chosen` what it chose, and never sees the test genotypes. Labels are whatever `score` holds: pass
transformed labels where several studies are pooled.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from gi_jax.arguments import as_sequence
from gi_jax.data.genotype_table import GenotypeTable
from gi_jax.data.networks import CellGraph
from gi_jax.errors import GiJaxError
from gi_jax.models.closed_form.additive import Additive, Mean, fit_additive, fit_mean
from gi_jax.models.closed_form.boosting import GradientBoosting, fit_gradient_boosting
from gi_jax.models.closed_form.low_rank import LowRank, fit_low_rank
from gi_jax.models.closed_form.query_pair import QueryPairMean, fit_query_pair_mean

__all__ = [
    "BASELINES",
    "Additive",
    "Baseline",
    "GradientBoosting",
    "LowRank",
    "Mean",
    "QueryPairMean",
    "fit_additive",
    "fit_baselines",
    "fit_gradient_boosting",
    "fit_low_rank",
    "fit_mean",
    "fit_query_pair_mean",
]

BASELINES = ("mean", "additive", "low_rank", "query_pair", "gradient_boosting")


class Baseline(Protocol):
    """A fitted baseline."""

    chosen: str  # what the validation genotypes decided

    def predict(self, genes: np.ndarray) -> np.ndarray:
        """Labels `[B]` for genotypes `[B, S]` of gene ids filled with N."""


def fit_baselines(
    names: Sequence[str], train: GenotypeTable, val: GenotypeTable, graph: CellGraph
) -> dict[str, Baseline]:
    """Fits the named baselines of `BASELINES`; only gradient boosting looks at the networks.

    Raises:
      GiJaxError: an unknown name.
    """
    fitted: dict[str, Baseline] = {}
    for name in as_sequence(names):
        if name == "mean":
            fitted[name] = fit_mean(train, val)
        elif name == "additive":
            fitted[name] = fit_additive(train, val)
        elif name == "low_rank":
            fitted[name] = fit_low_rank(train, val)
        elif name == "query_pair":
            fitted[name] = fit_query_pair_mean(train, val)
        elif name == "gradient_boosting":
            fitted[name] = fit_gradient_boosting(train, val, graph)
        else:
            raise GiJaxError(f"`{name}` is no baseline; expected one of {', '.join(BASELINES)}")
    return fitted
