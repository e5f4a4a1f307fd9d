"""Baselines: right on problems with known answers, blind to test labels, indifferent to gene order."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import pearsonr
from sklearn.linear_model import Ridge
from threadpoolctl import threadpool_limits

from gi_jax.data import cell_graph, load_genotypes, split_genotypes
from gi_jax.data.bundled import bundled_gene_list
from gi_jax.data.gene_list import GeneList
from gi_jax.data.genotype_table import GenotypeTable, padded
from gi_jax.errors import GiJaxError
from gi_jax.models.closed_form import (
    fit_additive,
    fit_gradient_boosting,
    fit_low_rank,
    fit_query_pair_mean,
)
from gi_jax.models.model import Cell, Labelled
from gi_jax.models.registry import COMPETITORS, fit_competitor

NUM_GENES = 40
GENES = GeneList(tuple(f"G{i:02}" for i in range(NUM_GENES)))


def table_of(sets, score) -> GenotypeTable:
    genes, sizes = padded(sets, NUM_GENES)
    rows = len(sets)
    return GenotypeTable(
        genes,
        sizes,
        np.asarray(score, float),
        np.full(rows, np.nan),
        np.zeros(rows, np.int32),
        ("s",),
        NUM_GENES,
    )


def pair_screen(noise: float = 0.1) -> GenotypeTable:
    """All pairs; score = gene effects plus a rank-2 matrix with one positive and one negative eigenvalue."""
    rng = np.random.default_rng(0)
    effects, factors = rng.normal(size=NUM_GENES), rng.normal(size=(NUM_GENES, 2))
    i, j = np.triu_indices(NUM_GENES, 1)
    score = 0.5 + effects[i] + effects[j] + factors[i, 0] * factors[j, 0] - factors[i, 1] * factors[j, 1]
    return table_of(np.stack([i, j], 1).tolist(), score + noise * rng.normal(size=len(i)))


def graph():
    rng = np.random.default_rng(1)
    return cell_graph({"one": rng.integers(0, NUM_GENES, (2, 80)), "two": np.zeros((2, 0), int)}, NUM_GENES)


def parts(table: GenotypeTable):
    split = split_genotypes(table, "random", seed=0, fractions=(0.7, 0.15, 0.15))
    return table.take(split.train), table.take(split.val), table.take(split.test)


def correlation(fitted, table: GenotypeTable) -> float:
    return pearsonr(fitted.labels(table.genes), table.score)[0]


def test_additive_is_ridge_regression():
    train, val, _ = parts(pair_screen())
    fitted = fit_additive(train, val)
    strength = float(fitted.chosen.split()[-1])
    indicators = np.zeros((len(train), NUM_GENES))
    np.put_along_axis(indicators, train.genes.astype(int), 1.0, axis=1)
    expected = Ridge(alpha=strength).fit(indicators, train.score)  # scikit-learn's closed form
    np.testing.assert_allclose(fitted.effects, expected.coef_, atol=1e-6)
    np.testing.assert_allclose(fitted.intercept, expected.intercept_, atol=1e-6)


def test_low_rank_finds_what_additive_cannot():
    train, val, test = parts(pair_screen())
    assert correlation(fit_additive(train, val), test) < 0.8
    assert correlation(fit_low_rank(train, val), test) > 0.97


def test_low_rank_sums_the_pairs_of_larger_genotypes():
    rng = np.random.default_rng(2)
    factors = rng.normal(size=NUM_GENES)
    sets = [sorted(rng.choice(NUM_GENES, 3, replace=False)) for _ in range(1500)]
    score = [factors[i] * factors[j] + factors[i] * factors[k] + factors[j] * factors[k] for i, j, k in sets]
    train, val, test = parts(table_of(sets, score))
    fitted = fit_low_rank(train, val)
    assert correlation(fit_additive(train, val), test) < 0.6
    assert correlation(fitted, test) > 0.9
    effects = fitted.pair_effects[np.ix_(fitted.position[sets[0]], fitted.position[sets[0]])]
    expected = fitted.additive.labels(np.array(sets[:1])) + np.triu(effects, 1).sum()
    np.testing.assert_allclose(fitted.labels(np.array(sets[:1])), expected)


def test_low_rank_keeps_to_additive_where_pairs_tell_nothing():
    rng = np.random.default_rng(3)
    table = pair_screen()
    table = replace(table, score=rng.normal(size=NUM_GENES)[table.genes].sum(1) + rng.normal(size=len(table)))
    train, val, test = parts(table)
    assert correlation(fit_low_rank(train, val), test) > correlation(fit_additive(train, val), test) - 0.02


def test_query_pair_mean_is_the_shrunken_mean():
    train = table_of([[0, 1, 2], [0, 1, 3], [0, 1, 4], [5, 6, 7]], [1.0, 2.0, 6.0, -1.0])
    fitted = fit_query_pair_mean(train, train)
    assert fitted.chosen == "shrinkage 0"  # nothing speaks for shrinkage when validating on the training rows
    queries, _ = padded([[0, 1, 9], [5, 6, 8], [10, 11, 12]], NUM_GENES)
    np.testing.assert_allclose(fitted.labels(queries), [3.0, -1.0, 2.0])  # means of 1 2 6, of -1, of all


@pytest.fixture(scope="module")
def fitted():
    train, val, test = parts(pair_screen())
    with threadpool_limits(1):  # so that trees do not wait for cores that other tests are using
        data = Labelled(train, train.score), Labelled(val, val.score), Cell(GENES, graph())
        return {name: fit_competitor(name, *data) for name in COMPETITORS}, test


def test_all_baselines_ignore_the_order_of_genes_and_accept_padding(fitted):
    baselines, test = fitted
    wider = np.pad(test.genes, ((0, 0), (0, 2)), constant_values=NUM_GENES)
    assert set(baselines) == set(COMPETITORS)
    for name, baseline in baselines.items():
        prediction = baseline.labels(test.genes)
        assert prediction.shape == (len(test),) and np.isfinite(prediction).all()
        np.testing.assert_allclose(baseline.labels(wider), prediction, atol=1e-9, err_msg=name)
        if name != "query_pair":  # which looks pairs up in the sorted sets of a genotype table
            np.testing.assert_allclose(
                baseline.labels(test.genes[:, ::-1]), prediction, atol=1e-9, err_msg=name
            )


def test_unseen_genes_add_nothing():
    train = table_of([[0, 1], [0, 2], [1, 2], [3, 4]], [1.0, 2.0, 3.0, 0.0])
    fitted = fit_low_rank(train, train)
    np.testing.assert_allclose(fitted.labels(np.array([[20, 21]])), fitted.additive.intercept)


def test_single_mutants_have_no_pairs():
    train = table_of([[0], [1], [2], [3]], [1.0, 2.0, 3.0, 0.0])
    np.testing.assert_array_equal(
        fit_low_rank(train, train).labels(train.genes), fit_additive(train, train).labels(train.genes)
    )


def test_boosting_knows_the_spread_of_scores_far_from_zero():
    train, val, _ = parts(pair_screen())
    with threadpool_limits(1):  # as above
        near, far = (
            fit_gradient_boosting(
                *(replace(part, score=part.score + offset) for part in (train, val)), graph()
            )
            for offset in (0.0, 2.0**30)
        )
    deviation = -2  # of the features of a gene, the last but one
    np.testing.assert_allclose(far.features[:, deviation], near.features[:, deviation], rtol=1e-5)


def test_an_unknown_baseline_is_refused():
    train, val, _ = parts(pair_screen())
    with pytest.raises(GiJaxError, match="`forest` is no baseline; expected one of mean, additive"):
        fit_competitor("forest", Labelled(train, train.score), Labelled(val, val.score), Cell(GENES, graph()))


def test_the_reference_values_on_a_bundled_study_are_reached():
    """Random split of collins2007, Pearson on the test part: values measured when this was written."""
    table, _ = load_genotypes(bundled_gene_list(), ["collins2007"])
    split = split_genotypes(table, "random", seed=0)
    train, val, test = (table.take(rows) for rows in (split.train, split.val, split.test))
    assert correlation(fit_additive(train, val), test) == pytest.approx(0.2486, abs=0.002)
    assert correlation(fit_low_rank(train, val), test) == pytest.approx(0.592, abs=0.01)
