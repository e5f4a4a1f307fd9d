"""Predictions of an ensemble: members, mean, standard deviation, and the folder they come from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from conversion.convert import folder_to_torch
from gi_jax import GiJaxError, Predictor, load_model
from gi_jax.config import RunConfig
from gi_jax.experiment.bundle import ModelBundle, load_bundle, save_bundle
from tests.untrained import untrained

K = 3
GENOTYPES = ["G03,G07", "G12", "G00,G10,G20"]


@pytest.fixture(scope="module")
def bundle(small_config: RunConfig) -> ModelBundle:
    """Three untrained models of `tiny.yaml`, stacked, whose labels have a scale per study."""
    return untrained(replace(small_config, ensemble=K)).bundle


def test_mean_and_standard_deviation_are_those_of_the_members(bundle: ModelBundle, tmp_path: Path) -> None:
    save_bundle(bundle, tmp_path / "ensemble")
    ensemble = load_model(tmp_path / "ensemble")
    assert ensemble.num_members == K
    by_member = []
    for k in range(K):
        save_bundle(load_bundle(tmp_path / "ensemble").member(k), tmp_path / f"member_{k}")
        member = load_model(tmp_path / f"member_{k}")
        assert (member.num_members, member.bundle.config.seed) == (1, bundle.config.seed + k)
        by_member.append(member.predict(GENOTYPES, study="two"))
    mean, std = ensemble.predict_with_spread(GENOTYPES, study="two")
    np.testing.assert_allclose(mean, np.mean(by_member, axis=0), rtol=1e-5)
    # The standard deviation of a sample of three, from its definition.
    squares = sum((member - np.mean(by_member, axis=0)) ** 2 for member in by_member)
    np.testing.assert_allclose(std, np.sqrt(squares / 2), rtol=1e-4)
    assert (std > 0).all()
    np.testing.assert_array_equal(ensemble.predict(GENOTYPES, study="two"), mean)
    # On another scale the mean moves with center and scale, the standard deviation with the scale alone.
    mean_one, std_one = ensemble.predict_with_spread(GENOTYPES, study="one")
    np.testing.assert_allclose((mean_one - 0.5) / 2, (mean - 10) / 3, rtol=1e-12)
    np.testing.assert_allclose(std_one / 2, std / 3, rtol=1e-12)


def test_no_genotypes_have_no_predictions(bundle: ModelBundle) -> None:
    ensemble = Predictor(bundle)
    assert ensemble.predict([]).shape == (0,)
    assert [part.shape for part in ensemble.predict_with_spread([])] == [(0,), (0,)]


def test_one_model_has_no_spread(bundle: ModelBundle) -> None:
    with pytest.raises(GiJaxError, match="has one member, which says nothing about its spread"):
        Predictor(bundle.member(0)).predict_with_spread(GENOTYPES, study="one")


def test_a_member_that_is_not_there_is_named(bundle: ModelBundle) -> None:
    one = bundle.member(1)
    assert one.member(0) is one
    with pytest.raises(GiJaxError, match="member 3 was asked for; the model has 3, numbered from 0"):
        bundle.member(3)


def test_a_state_dict_holds_one_member(bundle: ModelBundle, tmp_path: Path) -> None:
    save_bundle(bundle, tmp_path / "ensemble")
    with pytest.raises(GiJaxError, match=r"holds an ensemble of 3.*save_bundle\(load_bundle"):
        folder_to_torch(tmp_path / "ensemble", tmp_path / "weights.safetensors")
    assert not (tmp_path / "weights.safetensors").exists()
