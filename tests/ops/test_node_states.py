"""Whatever the form of node states, the same is computed of them."""

from __future__ import annotations

from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gi_jax.ops.changed_rows import ChangedRows
from gi_jax.ops.node_states import NodeStates, RowSelection, SharedColumn, TemplateWithChanges
from gi_jax.ops.trees import take

N, B, H = 7, 3, 2
# Gene and genotype of every changed row; the last one is padding.
GENE, GENOTYPE = np.array([1, 4, 0, 1, 2, 6, 0]), np.array([0, 0, 1, 2, 2, 2, B])
VALID = np.array([True, False, True])


@pytest.fixture(autouse=True)
def float64() -> Iterator[None]:
    with jax.enable_x64(True):
        yield


def make(form: str) -> NodeStates:
    rng = np.random.default_rng(0)
    if form == "shared column":
        return SharedColumn(jnp.asarray(rng.normal(size=(N, 1, H))))
    num_columns = {"one template": 1, "two templates": 2, "own templates": 1 + B}[form]
    live = jnp.asarray(GENOTYPE < B)
    rows = ChangedRows(jnp.asarray(GENE), jnp.asarray(GENOTYPE), live, jnp.zeros_like(live))
    columns, changed = rng.normal(size=(N, num_columns, H)), rng.normal(size=(len(GENE), H))
    return TemplateWithChanges(jnp.asarray(columns), jnp.asarray(changed), rows)


FORMS = ("shared column", "one template", "two templates", "own templates")


def written_out(states: NodeStates) -> np.ndarray:
    """Column by column, row by row."""
    columns = np.asarray(states.columns)
    dense = columns[:, np.minimum(np.arange(1 + B), columns.shape[1] - 1)].copy()
    if isinstance(states, TemplateWithChanges):
        for gene, genotype, row in zip(GENE[:-1], GENOTYPE[:-1], states.changed, strict=False):
            dense[gene, 1 + genotype] = row
    return dense


@pytest.mark.parametrize("form", FORMS)
def test_dense_states_are_the_template_with_the_changed_rows_in_their_places(form: str) -> None:
    states = make(form)
    dense = states.dense(B)
    np.testing.assert_array_equal(dense.columns, written_out(states))
    np.testing.assert_array_equal(dense.wildtype, states.wildtype)
    assert dense.dense(B) is dense


@pytest.mark.parametrize("form", FORMS)
def test_functions_of_rows_commute_with_writing_out(form: str) -> None:
    states, whole = make(form), written_out(make(form))
    rng = np.random.default_rng(1)
    of_gene = jnp.asarray(rng.normal(size=(N, 1, H)))
    np.testing.assert_allclose(written_out(states.map(jnp.tanh)), np.tanh(whole), rtol=1e-14)
    found = states.by_gene(jnp.multiply, of_gene)
    np.testing.assert_allclose(written_out(found), whole * of_gene, rtol=1e-14)
    for num_columns in {1, states.columns.shape[1]}:
        statistic = jnp.asarray(rng.normal(size=(num_columns, H)))
        found = states.elementwise(jnp.subtract, statistic)
        column = np.minimum(np.arange(1 + B), num_columns - 1)
        np.testing.assert_allclose(written_out(found), whole - statistic[column], rtol=1e-14)


@pytest.mark.parametrize("statistics", ["batch", "genotype"])
@pytest.mark.parametrize("form", FORMS)
def test_means_are_those_of_the_rows_written_out(form: str, statistics: str) -> None:
    states, whole = make(form), written_out(make(form))
    select = RowSelection(statistics, jnp.asarray(VALID))
    expected = whole.mean(axis=0)  # [1 + B, H]
    if statistics == "batch":
        expected[1:] = expected[1:][VALID].mean(axis=0)
    for own in (states, states.dense(B)):
        mean = np.asarray(own.row_mean(select))
        column = np.minimum(np.arange(1 + B), len(mean) - 1)
        np.testing.assert_allclose(mean[column], expected, rtol=1e-13)


def test_only_kept_rows_count_in_the_means_of_dense_states() -> None:
    dense = make("own templates").dense(B)
    keep = np.ones((N, 1 + B))
    keep[[1, 4], 1] = keep[2, 3] = 0
    mean = dense.row_mean(RowSelection("genotype", jnp.asarray(VALID), jnp.asarray(keep)))
    for column in range(1 + B):
        kept = keep[:, column] > 0
        expected = np.asarray(dense.columns)[kept, column].mean(axis=0)
        np.testing.assert_allclose(mean[column], expected, rtol=1e-13)


def test_take_indexes_every_array_of_a_tree() -> None:
    tree = {"a": np.arange(6).reshape(3, 2), "b": (np.arange(3), None)}
    second = take(tree, 1)
    np.testing.assert_array_equal(second["a"], [2, 3])
    assert second["b"] == (1, None)
    assert take(tree, slice(1, 3))["a"].shape == (2, 2)
