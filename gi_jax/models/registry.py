"""All kinds of models by name: a new one is a module with its options, and an entry here."""

from __future__ import annotations

from gi_jax.errors import GiJaxError
from gi_jax.models import closed_form as cf
from gi_jax.models.model import Cell, FittedModel, Labelled, ModelKind
from gi_jax.models.neural.fitted import restore_neural
from gi_jax.models.neural.options import ModelConfig
from gi_jax.models.precision import check_finite, check_weights


def _fit_mean(options: cf.MeanOptions, training: Labelled, validation: Labelled, cell: Cell) -> FittedModel:
    return cf.fit_mean(training.with_labels_as_scores(), validation.with_labels_as_scores())


def _fit_additive(
    options: cf.AdditiveOptions, training: Labelled, validation: Labelled, cell: Cell
) -> FittedModel:
    tables = training.with_labels_as_scores(), validation.with_labels_as_scores()
    return cf.fit_additive(*tables, options.strengths)


def _fit_low_rank(
    options: cf.LowRankOptions, training: Labelled, validation: Labelled, cell: Cell
) -> FittedModel:
    return cf.fit_low_rank(training.with_labels_as_scores(), validation.with_labels_as_scores(), options)


def _fit_query_pair(
    options: cf.QueryPairOptions, training: Labelled, validation: Labelled, cell: Cell
) -> FittedModel:
    tables = training.with_labels_as_scores(), validation.with_labels_as_scores()
    return cf.fit_query_pair_mean(*tables, options.shrinkages)


def _fit_boosting(
    options: cf.GradientBoostingOptions, training: Labelled, validation: Labelled, cell: Cell
) -> FittedModel:
    tables = training.with_labels_as_scores(), validation.with_labels_as_scores()
    return cf.fit_gradient_boosting(*tables, cell.graph, options.leaf_sizes)


def _no_boosting(*arguments: object) -> FittedModel:
    raise GiJaxError(KINDS["gradient_boosting"].not_saved)


KINDS: dict[str, ModelKind] = {
    **{kind: ModelKind(ModelConfig, restore_neural, check_weights, None) for kind in ModelConfig.kinds},
    "mean": ModelKind(cf.MeanOptions, cf.restore_mean, check_finite, _fit_mean),
    "additive": ModelKind(cf.AdditiveOptions, cf.restore_additive, check_finite, _fit_additive),
    "low_rank": ModelKind(cf.LowRankOptions, cf.restore_low_rank, check_finite, _fit_low_rank),
    "query_pair": ModelKind(cf.QueryPairOptions, cf.restore_query_pair_mean, check_finite, _fit_query_pair),
    "gradient_boosting": ModelKind(
        cf.GradientBoostingOptions,
        _no_boosting,
        check_finite,
        _fit_boosting,
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
