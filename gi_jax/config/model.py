"""The `model:` section: the settings of one of the kinds of models, which `kind` names."""

from __future__ import annotations

from gi_jax.models.closed_form.options import (
    AdditiveOptions,
    GradientBoostingOptions,
    LowRankOptions,
    MeanOptions,
    PairKernelOptions,
    QueryPairOptions,
)
from gi_jax.models.neural.options import ModelConfig

# The first one is meant where no kind is named.
ModelOptions = (
    ModelConfig
    | MeanOptions
    | AdditiveOptions
    | LowRankOptions
    | PairKernelOptions
    | QueryPairOptions
    | GradientBoostingOptions
)
