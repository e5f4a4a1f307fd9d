"""The models that come with the package: what their cards say is what they do."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from gi_jax.data import bundled
from gi_jax.data.bundled import bundled_models, bundled_studies, model_card, model_folder
from gi_jax.errors import GiJaxError
from gi_jax.evaluation.evaluation import MODEL, Evaluation
from gi_jax.experiment import bundle, bundled_model
from gi_jax.experiment.bundled_model import load_bundled_model
from gi_jax.predict.predictor import load_model
from gi_jax.runs.bundled_models import NOT_MODELLED
from gi_jax.runs.evaluate import evaluate

# The linear system is solved to a relative residual of 1e-4, and its products round as this machine's do.
TOLERANCE = 2e-3


@pytest.fixture(autouse=True)
def nothing_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an earlier state of the project solved is not what is tested."""
    monkeypatch.setenv("GI_JAX_CACHE_DIR", str(tmp_path / "cache"))


def on_card(name: str) -> dict[str, list[float]]:
    """Rows of the card's table of metrics: model -> Pearson, Spearman, RMSE."""
    rows = [line.strip("| ").split(" | ") for line in model_card(name).splitlines() if line.startswith("| ")]
    return {row[0]: [float(value) for value in row[2:]] for row in rows if row[0] not in ("model", "---")} | {
        MODEL: [
            float(value) for row in rows if row[0] == MODEL and row[1] != "genotypes" for value in row[2:]
        ]
    }


def test_every_bundled_study_has_a_model_but_for_the_one_that_is_no_sample() -> None:
    assert set(bundled_models()) == set(bundled_studies()) - set(NOT_MODELLED)


@pytest.mark.parametrize("name", bundled_models())
def test_a_bundled_model_is_worth_what_its_card_says(name: str) -> None:
    found: Evaluation = evaluate(Path(name), None, console=Console(quiet=True), prepare=lambda config: None)
    for model, said in on_card(name).items():
        pearson, spearman, rmse = said
        now = found.metrics[model]
        np.testing.assert_allclose(now.pearson, pearson, atol=TOLERANCE)
        np.testing.assert_allclose(now.spearman, spearman, atol=TOLERANCE)
        np.testing.assert_allclose(now.rmse, rmse, rtol=TOLERANCE)
    assert found.metrics[MODEL].pearson > found.metrics["low-rank"].pearson
    assert found.coverage is not None
    assert 0.85 < found.coverage["all"].inside < 0.95


def test_a_bundled_model_goes_by_its_name_and_a_folder_of_that_name_goes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert np.isfinite(load_model("costanzo2016_subset").predict(["SWR1,SAP30"])).all()
    (tmp_path / "costanzo2016_subset").mkdir()
    with pytest.raises(GiJaxError, match="costanzo2016_subset: holds no config.yaml"):
        load_model("costanzo2016_subset")
    with pytest.raises(GiJaxError, match="no such folder; expected .*; bundled models are aguilar2010, coll"):
        load_model("collins2008")


def test_a_bundled_model_is_solved_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    name, pair = "costanzo2016_subset", ["SWR1,SAP30"]
    first = load_model(name).predict_with_spread(pair)
    monkeypatch.setattr(bundle, "load_bundled_model", lambda name: pytest.fail("solved again"))
    kept = load_model(name).predict_with_spread(pair)
    np.testing.assert_array_equal((first.mean, first.std), (kept.mean, kept.std))
    (weights,) = (tmp_path / "cache" / "models").glob("*/model.safetensors")
    weights.write_bytes(b"damaged")
    monkeypatch.setattr(bundle, "load_bundled_model", load_bundled_model)
    np.testing.assert_array_equal(load_model(name).predict(pair), first.mean)
    assert len(weights.read_bytes()) > 1000


def test_a_bundled_model_is_not_solved_with_other_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(model_folder("costanzo2016_subset"), tmp_path / "models" / "costanzo2016_subset")
    config = tmp_path / "models" / "costanzo2016_subset" / "config.yaml"
    config.write_text(config.read_text().replace("  - string9_1_fusion\n", ""))
    monkeypatch.setattr(bundled_model, "model_folder", lambda name: tmp_path / "models" / name)
    with pytest.raises(GiJaxError, match="was made with other networks than this package has; install"):
        load_bundled_model("costanzo2016_subset")


def test_all_data_of_the_package_take_less_than_twelve_megabytes() -> None:
    files = [path for path in bundled.YEAST.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 12e6
    assert json.loads((model_folder("collins2007") / "confidence.json").read_text())["level"] == 0.9
