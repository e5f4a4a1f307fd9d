"""Label transforms: fitted on training rows, exact way back."""

from __future__ import annotations

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gi_jax.data import LabelTransform, fit_label_transform
from gi_jax.data.genotype_table import GenotypeTable
from gi_jax.data.transforms import KINDS
from gi_jax.errors import GiJaxError


def table_of(score, study=None) -> GenotypeTable:
    rows = len(score)
    genes = np.arange(rows, dtype=np.int32)[:, None]
    study = np.zeros(rows, np.int32) if study is None else np.asarray(study, np.int32)
    studies = tuple("stu"[: study.max() + 1])
    score = np.asarray(score, float)
    return GenotypeTable(genes, np.ones(rows, np.int32), score, np.full(rows, np.nan), study, studies, rows)


@pytest.mark.parametrize(
    ("kind", "center", "scale"),
    [
        ("identity", 0.0, 1.0),
        ("standard", 3.0, np.sqrt(5.0)),  # deviations -3 -1 1 3 of the four training rows
        ("minmax", 0.0, 6.0),
        ("robust", 3.0, 3.0),  # quartiles 1.5 and 4.5 by linear interpolation
    ],
)
def test_the_parameters_come_from_the_training_rows(kind, center, scale):
    table = table_of([0.0, 2.0, 1e6, 4.0, 6.0])
    transform = fit_label_transform(kind, table, np.array([0, 1, 3, 4]))
    np.testing.assert_allclose([transform.center, transform.scale], [[center], [scale]], rtol=1e-15)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.floats(-100, 100), min_size=9, max_size=30, unique_by=lambda x: round(x, 3)),
    st.booleans(),
)
def test_the_inverse_restores_the_scores(kind, score, per_study):
    table = table_of(score, np.arange(len(score)) % 3)
    transform = fit_label_transform(kind, table, np.arange(len(score)), per_study=per_study)
    transform = LabelTransform.from_dict(json.loads(json.dumps(transform.to_dict())))
    label = transform.forward(table.score, table.study)
    np.testing.assert_allclose(transform.inverse(label, table.study), table.score, rtol=1e-12, atol=1e-9)


def test_each_study_gets_its_own_scale():
    table = table_of([1.0, 3.0, 10.0, 30.0], [0, 0, 1, 1])
    transform = fit_label_transform("standard", table, np.arange(4), per_study=True)
    np.testing.assert_allclose(transform.forward(table.score, table.study), [-1, 1, -1, 1])
    np.testing.assert_array_equal(transform.study_codes(("t", "s")), [1, 0])
    with pytest.raises(GiJaxError, match="no scale for study `other`, it was fitted to s, t"):
        transform.study_codes(("other",))
    with pytest.raises(GiJaxError, match="say which study"):
        transform.inverse(np.zeros(2))


def test_the_inverse_works_inside_jit_and_keeps_the_dtype():
    table = table_of([1.0, 3.0, 10.0, 30.0], [0, 0, 1, 1])
    transform = fit_label_transform("standard", table, np.arange(4), per_study=True)
    scores = jax.jit(transform.inverse)(jnp.array([-1.0, 1.0], jnp.float32), jnp.array([0, 1]))
    assert scores.dtype == jnp.float32
    np.testing.assert_allclose(scores, [1.0, 30.0], rtol=1e-6)
    assert transform.inverse(np.zeros(1, np.float32), np.zeros(1, int)).dtype == np.float32


def test_scores_that_cannot_be_scaled_are_refused():
    with pytest.raises(GiJaxError, match="the 2 scores of training rows have no spread"):
        fit_label_transform("standard", table_of([1.0, 1.0, 2.0]), np.array([0, 1]))
    with pytest.raises(GiJaxError, match="training rows of study `t` are none"):
        fit_label_transform("minmax", table_of([1.0, 2.0, 3.0], [0, 0, 1]), np.array([0, 1]), per_study=True)
    with pytest.raises(GiJaxError, match="`log` is no label transform"):
        fit_label_transform("log", table_of([1.0, 2.0]), np.arange(2))


@pytest.mark.parametrize("kind", ["standard", "minmax", "robust"])
@pytest.mark.parametrize(
    ("scores", "message"),
    [
        (
            [-1.8e308, 0.0, 1.0, 1.8e308],
            "have no finite spread|which float32",
        ),
        ([0.0, 1e-320, 2e-320, 5e-320], "which float32 cannot hold; give the scores in units|have no spread"),
        ([1e60, 2e60, 3e60, 5e60], "which float32 cannot hold"),
    ],
)
def test_a_spread_that_float32_cannot_hold_is_refused(kind, scores, message):
    with pytest.raises(GiJaxError, match=message):
        fit_label_transform(kind, table_of(np.nan_to_num(scores)), np.arange(4))


@pytest.mark.parametrize(
    "saved",
    [
        {},
        {"kind": "standard", "center": [0.0], "scale": ["1"], "studies": []},
        {"kind": "standard", "center": [0.0], "scale": [True], "studies": []},
        {"kind": "standard", "center": [0.0], "scale": [-1.0], "studies": []},
        {"kind": "standard", "center": [], "scale": [], "studies": []},
        {"kind": "other", "center": [0.0], "scale": [1.0], "studies": []},
        {"kind": "standard", "center": [0.0], "scale": [1.0], "studies": [1]},
    ],
)
def test_a_saved_transform_without_meaning_is_refused(saved):
    with pytest.raises(GiJaxError, match="the label transform has"):
        LabelTransform.from_dict(saved)
