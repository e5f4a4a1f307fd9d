"""Models that are solved for in seconds, and so are the honest competitors of those trained by gradient.

Each is fitted to the training genotypes, chooses its settings on the validation genotypes, says in
`chosen` what it chose, and never sees the test genotypes.
"""

from __future__ import annotations

from gi_jax.models.closed_form.additive import (
    Additive,
    Mean,
    fit_additive,
    fit_mean,
    restore_additive,
    restore_mean,
)
from gi_jax.models.closed_form.boosting import GradientBoosting, fit_gradient_boosting
from gi_jax.models.closed_form.low_rank import LowRank, fit_low_rank, restore_low_rank
from gi_jax.models.closed_form.options import (
    AdditiveOptions,
    ClosedFormOptions,
    GradientBoostingOptions,
    LowRankOptions,
    MeanOptions,
    PairKernelOptions,
    QueryPairOptions,
)
from gi_jax.models.closed_form.pair_kernel import PairKernel, restore_pair_kernel
from gi_jax.models.closed_form.pair_kernel_fit import fit_in_rounds, fit_pair_kernel
from gi_jax.models.closed_form.pair_kernel_rounds import model_of_weights
from gi_jax.models.closed_form.pair_kernel_weights import Weights
from gi_jax.models.closed_form.query_pair import (
    QueryPairMean,
    fit_query_pair_mean,
    restore_query_pair_mean,
)

__all__ = [
    "Additive",
    "AdditiveOptions",
    "ClosedFormOptions",
    "GradientBoosting",
    "GradientBoostingOptions",
    "LowRank",
    "LowRankOptions",
    "Mean",
    "MeanOptions",
    "PairKernel",
    "PairKernelOptions",
    "QueryPairMean",
    "QueryPairOptions",
    "Weights",
    "fit_additive",
    "fit_gradient_boosting",
    "fit_in_rounds",
    "fit_low_rank",
    "fit_mean",
    "fit_pair_kernel",
    "fit_query_pair_mean",
    "model_of_weights",
    "restore_additive",
    "restore_low_rank",
    "restore_mean",
    "restore_pair_kernel",
    "restore_query_pair_mean",
]
