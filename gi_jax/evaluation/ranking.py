"""How good the top of a ranked list is: what is tested at the bench is its first hundred genotypes."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from gi_jax.data.genotype_table import GenotypeTable

TOP = 100  # genotypes of the list that are counted
# Scores from which an interaction counts as strong, negative and positive: for E-MAP scores as in Schuldiner
# et al. 2005 and Collins et al. 2007, for SGA scores the intermediate cutoff of Costanzo et al. 2010.
_EMAP, _SGA = (-2.5, 2.0), (-0.08, 0.08)
STRONG = {
    "collins2007": _EMAP,
    "schuldiner2005": _EMAP,
    "zheng2010": _EMAP,
    "aguilar2010": _EMAP,
    "costanzo2016_subset": _SGA,
    "costanzo2010_significant": _SGA,
    "trigenic_tau": _SGA,
}
OTHER_SHARE = 0.05  # of the genotypes of any other study, which count as strong at either end


class Ranking(NamedTuple):
    """How many strong interactions a list of predictions has at its top."""

    average_precision: float  # NaN without a strong interaction
    top: float  # the share of strong ones among the first 100 of the list, or among all if they are fewer
    enrichment: float  # that share by the share among all genotypes


def rankings(table: GenotypeTable, prediction: np.ndarray) -> dict[str, Ranking]:
    """The metrics of predicted scores `[M]`, for strong negative and for strong positive interactions.

    Args:
      table: M measured genotypes.
      prediction: `[M]`, in the units of their studies. The lists of several studies are one list, so it is
        of use only where their units are.
    """
    negative, positive = strong(table)
    return {
        "negative": ranking(negative, -np.asarray(prediction)),
        "positive": ranking(positive, np.asarray(prediction)),
    }


def strong(table: GenotypeTable) -> tuple[np.ndarray, np.ndarray]:
    """Which of M measured genotypes are strong negative and which strong positive ones: `[M]` each."""
    negative, positive = np.zeros((2, len(table)), bool)
    for code, study in enumerate(table.studies):
        rows = table.study == code
        if not rows.any():
            continue
        scores = table.score[rows]
        low, high = STRONG.get(study) or np.quantile(scores, (OTHER_SHARE, 1 - OTHER_SHARE))
        negative[rows], positive[rows] = scores <= low, scores >= high
    return negative, positive


def ranking(strong: np.ndarray, prediction: np.ndarray) -> Ranking:
    """The metrics of a list by falling prediction `[M]`; equal predictions stand in the order given.

    All NaN without a strong one, or if predictions do not vary, which makes no list.
    """
    share = strong.mean() if len(strong) else 0.0
    if not share or np.ptp(prediction) == 0:
        return Ranking(math.nan, math.nan, math.nan)
    from sklearn.metrics import average_precision_score

    first = strong[np.argsort(-prediction, kind="stable")[:TOP]].mean()
    return Ranking(float(average_precision_score(strong, prediction)), float(first), float(first / share))
