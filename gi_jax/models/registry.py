"""All kinds of models by name: a new one is a module with its options, and an entry here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gi_jax.data.genotype_table import GenotypeTable
from gi_jax.errors import GiJaxError
from gi_jax.models import closed_form as cf
from gi_jax.models.model import Cell, Fit, FittedModel, Labelled, ModelKind
from gi_jax.models.neural.fitted import restore_neural
from gi_jax.models.neural.options import ModelConfig
from gi_jax.models.precision import check_finite, check_weights


def _on_labels(solve: Callable[[Any, GenotypeTable, GenotypeTable, Cell], FittedModel]) -> Fit:
    """A fit of the contract from one that takes tables with labels in place of the scores."""

    def fit(options: Any, training: Labelled, validation: Labelled, cell: Cell) -> FittedModel:
        return solve(options, training.with_labels_as_scores(), validation.with_labels_as_scores(), cell)

    return fit


def _no_boosting(*arguments: object) -> FittedModel:
    raise GiJaxError(KINDS["gradient_boosting"].not_saved)


KINDS: dict[str, ModelKind] = {
    **{kind: ModelKind(ModelConfig, restore_neural, check_weights, None) for kind in ModelConfig.kinds},
    "mean": ModelKind(
        cf.MeanOptions,
        cf.restore_mean,
        check_finite,
        _on_labels(lambda options, train, val, cell: cf.fit_mean(train, val)),
    ),
    "additive": ModelKind(
        cf.AdditiveOptions,
        cf.restore_additive,
        check_finite,
        _on_labels(lambda options, train, val, cell: cf.fit_additive(train, val, options.strengths)),
    ),
    "low_rank": ModelKind(
        cf.LowRankOptions,
        cf.restore_low_rank,
        check_finite,
        _on_labels(lambda options, train, val, cell: cf.fit_low_rank(train, val, options)),
    ),
    "pair_kernel": ModelKind(
        cf.PairKernelOptions,
        cf.restore_pair_kernel,
        check_finite,
        _on_labels(lambda options, train, val, cell: cf.fit_pair_kernel(train, val, cell, options)),
    ),
    "query_pair": ModelKind(
        cf.QueryPairOptions,
        cf.restore_query_pair_mean,
        check_finite,
        _on_labels(lambda options, train, val, cell: cf.fit_query_pair_mean(train, val, options.shrinkages)),
    ),
    "gradient_boosting": ModelKind(
        cf.GradientBoostingOptions,
        _no_boosting,
        check_finite,
        _on_labels(
            lambda options, train, val, cell: cf.fit_gradient_boosting(
                train, val, cell.graph, options.leaf_sizes
            )
        ),
        not_saved=(
            "model.kind is 'gradient_boosting', whose trees scikit-learn can only keep as code that is run "
            "when it is read, so there is no model folder of it; take it as a baseline, or another kind"
        ),
    ),
}
COMPETITORS = tuple(name for name, kind in KINDS.items() if kind.fit is not None)


def fit_competitor(name: str, training: Labelled, validation: Labelled, cell: Cell) -> FittedModel:
    """Fits a model of `COMPETITORS` with its default options.

    Raises:
      GiJaxError: an unknown name.
    """
    if name not in COMPETITORS:
        raise GiJaxError(f"`{name}` is no baseline; expected one of {', '.join(COMPETITORS)}")
    fit = KINDS[name].fit
    assert fit is not None, "competitors are solved for"
    return fit(KINDS[name].options(), training, validation, cell)
