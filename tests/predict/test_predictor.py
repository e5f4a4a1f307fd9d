"""Loading and sharing trained models, and what they predict."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
import pytest

from gi_jax import GiJaxError, Predictor, load_model
from gi_jax.config import RunConfig
from gi_jax.data.genotypes import genotype_batch
from gi_jax.predict import ModelBundle, load_bundle, save_bundle
from gi_jax.predict.forward import forward_batch
from tests.untrained import untrained


@pytest.fixture(scope="module")
def bundle(small_config: RunConfig) -> ModelBundle:
    """An untrained model of `tiny.yaml` whose labels have a scale per study."""
    return untrained(small_config).bundle


@pytest.fixture
def folder(bundle: ModelBundle, tmp_path: Path) -> Path:
    save_bundle(bundle, tmp_path / "model")
    return tmp_path / "model"


def test_a_saved_model_loads_bit_equal(bundle: ModelBundle, folder: Path) -> None:
    loaded = load_bundle(folder)
    assert sorted(path.name for path in folder.iterdir()) == [
        "config.yaml",
        "genes.txt",
        "labels.json",
        "model.safetensors",
        "networks.json",
    ]
    jax.tree.map(np.testing.assert_array_equal, loaded.variables, bundle.variables)
    assert replace(loaded, variables=None) == replace(bundle, variables=None)


def test_predictions_are_the_models_output_on_the_scale_of_the_study(
    bundle: ModelBundle, folder: Path
) -> None:
    predictor = load_model(folder)
    # Systematic and standard names, any case, text or list, any order: the same four genotypes.
    spelled = ["G03,G07", ["n05", "g01"], "N12", "G20,G10,G00"]
    found = predictor.predict(spelled, study="two")
    batch = genotype_batch([[3, 7], [1, 5], [12], [0, 10, 20]], len(bundle.genes))
    output = predictor.model.apply(bundle.variables, predictor.graph, batch).gene_interaction[:, 0]
    np.testing.assert_allclose(found, np.asarray(output) * 3.0 + 10.0, rtol=1e-5)
    np.testing.assert_allclose(
        predictor.predict(spelled, study="one"), np.asarray(output) * 2 + 0.5, rtol=1e-5
    )
    assert predictor.predict([]).shape == (0,)


def test_more_genotypes_than_a_batch_holds_are_predicted_in_order(folder: Path) -> None:
    predictor = Predictor.load(folder)
    names = [f"G{a:02},G{b:02}" for a in range(9) for b in range(a)]  # 36, batches of 16
    together = predictor.predict(names, study="one")
    apart = [predictor.predict(names[i : i + 1], study="one")[0] for i in (0, 17, 35)]
    np.testing.assert_allclose(together[[0, 17, 35]], apart, rtol=1e-4)


def test_small_queries_share_programs(folder: Path) -> None:
    predictor = Predictor.load(folder)
    genes = [f"G{i:02}" for i in range(8)]
    predictor.predict(genes[:3], study="one")
    compiled = forward_batch._cache_size()
    for query in ([genes[7], genes[5], genes[1], genes[0]], genes[2:5]):
        predictor.predict(query, study="one")
    assert forward_batch._cache_size() == compiled


def test_a_model_with_batch_statistics_predicts_each_genotype_by_itself_and_says_so(
    bundle: ModelBundle,
) -> None:
    trained = replace(bundle.config, model=replace(bundle.config.model, norm_statistics="batch"))
    predictor = Predictor(replace(bundle, config=trained))
    assert predictor.model.config.norm_statistics == "genotype"
    assert predictor.notes == (
        "trained with norm statistics over the batch; predictions use those of the genotype",
    )
    asked = Predictor(replace(bundle, config=trained), norm_statistics="batch")
    assert asked.model.config.norm_statistics == "batch"
    assert asked.notes == Predictor(bundle).notes == ()


def test_a_model_trained_in_half_precision_predicts_in_it(bundle: ModelBundle) -> None:
    trainer = replace(bundle.config.trainer, precision="bf16")
    assert Predictor(replace(bundle, config=replace(bundle.config, trainer=trainer))).model.half
    assert not Predictor(bundle).model.half


def test_other_genes_under_the_weights_are_refused(folder: Path) -> None:
    lines = (folder / "genes.txt").read_text().splitlines()
    (folder / "genes.txt").write_text("\n".join(lines[::-1]) + "\n")
    with pytest.raises(GiJaxError, match="lists other genes, or in another order, than the weights"):
        load_bundle(folder)


def test_a_changed_network_is_named(folder: Path) -> None:
    recorded = json.loads((folder / "networks.json").read_text())
    (folder / "networks.json").write_text(json.dumps(recorded | {"dense": "0" * 64}))
    with pytest.raises(GiJaxError, match="network 'dense' has other edges"):
        load_model(folder)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("labels.json", None, "labels.json: is missing"),
        ("labels.json", "{", "labels.json: is no readable JSON"),
        ("model.safetensors", "xx", "model.safetensors: cannot be read"),
        ("model.safetensors", None, "has no weights yet"),
        ("config.yaml", None, "holds no config.yaml; expected a run folder"),
    ],
)
def test_a_broken_folder_is_described(folder: Path, name: str, content: str | None, message: str) -> None:
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_text(content)
    with pytest.raises(GiJaxError, match=message):
        load_bundle(folder)


@pytest.mark.parametrize(
    ("genotype", "study", "message"),
    [
        ("G03,G99", "one", "gene `G99` is not among the 30 genes"),
        ("G03,g03", "one", "stands twice"),
        ("G03", None, "study"),
        ("G03", "three", "no scale for study `three`"),
    ],
)
def test_bad_queries_are_described(
    bundle: ModelBundle, genotype: str, study: str | None, message: str
) -> None:
    with pytest.raises(GiJaxError, match=message):
        Predictor(bundle).predict([genotype], study=study)


def test_a_folder_that_is_not_there() -> None:
    with pytest.raises(GiJaxError, match="nowhere: no such folder"):
        load_model("nowhere")


def test_a_copied_folder_still_works(folder: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(folder, tmp_path / "elsewhere" / "model")
    genotypes = ["G03,G07"]
    np.testing.assert_array_equal(
        load_model(copy).predict(genotypes, "one"), load_model(folder).predict(genotypes, "one")
    )
