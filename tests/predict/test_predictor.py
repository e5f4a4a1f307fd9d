"""Loading and sharing trained models, and what they predict."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import jax
import ml_dtypes
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import SafetensorError

from gi_jax import GiJaxError, Predictor, load_model
from gi_jax.config import RunConfig
from gi_jax.data.genotypes import genotype_batch
from gi_jax.experiment.bundle import ModelBundle, load_bundle, save_bundle
from gi_jax.models.neural.forward import forward_batch
from tests.untrained import untrained

HOSTILE_NAMES = ["[1]", "a\\b", "Müller", os.fsdecode(b"M\xfcller"), "two\nlines", "~", "{x}?*"]


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
    apply = jax.jit(predictor.fitted.module.apply)
    output = apply(bundle.variables, predictor.graph, batch).gene_interaction[:, 0]
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
    assert predictor.fitted.module.config.norm_statistics == "genotype"
    assert predictor.notes == (
        "trained with norm statistics over the batch; predictions use those of the genotype",
    )
    asked = Predictor(replace(bundle, config=trained), norm_statistics="batch")
    assert asked.fitted.module.config.norm_statistics == "batch"
    assert asked.notes == Predictor(bundle).notes == ()


def test_half_precision_is_for_training_unless_it_is_asked_for(bundle: ModelBundle, folder: Path) -> None:
    trainer = replace(bundle.config.trainer, precision="bf16")
    assert not Predictor(replace(bundle, config=replace(bundle.config, trainer=trainer))).fitted.module.half
    assert load_model(folder, precision="bf16").fitted.module.half
    with pytest.raises(GiJaxError, match="the precision of predictions is '16', expected one of 32"):
        Predictor(bundle, precision="16")


@pytest.mark.parametrize("dtype", [ml_dtypes.bfloat16, np.float16, np.float64])
def test_weights_of_any_dtype_predict_what_the_same_numbers_in_float32_do(
    bundle: ModelBundle, tmp_path: Path, dtype: type
) -> None:
    stored = jax.tree.map(lambda x: np.asarray(x).astype(dtype), bundle.variables)
    save_bundle(replace(bundle, variables=stored), tmp_path / "stored")
    kept = load_bundle(tmp_path / "stored").variables
    jax.tree.map(np.testing.assert_array_equal, kept, stored)
    assert {leaf.dtype for leaf in jax.tree.leaves(kept)} == {np.dtype(dtype)}
    wide = jax.tree.map(lambda x: x.astype(np.float32), stored)
    genotypes = [f"G{a:02},G{b:02}" for a in range(5) for b in range(a)]
    expected = Predictor(replace(bundle, variables=wide)).predict(genotypes, "one")
    for predictor in (load_model(tmp_path / "stored"), Predictor(replace(bundle, variables=stored))):
        np.testing.assert_array_equal(predictor.predict(genotypes, "one"), expected)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda x: np.asarray(x).astype(int), "gene_embedding is of int64, expected floating-point"),
        (lambda x: np.asarray(x) > 0, "gene_embedding is of bool, expected floating-point"),
        (lambda x: np.asarray(x) * np.nan, "gene_embedding holds numbers that are not finite; restore"),
    ],
)
def test_weights_that_cannot_be_meant_are_named_when_they_are_loaded(
    bundle: ModelBundle, tmp_path: Path, spoil: Callable, message: str
) -> None:
    params = bundle.variables["params"]
    broken = {"params": params | {"gene_embedding": spoil(params["gene_embedding"])}}
    save_bundle(replace(bundle, variables=broken), tmp_path / "model")
    with pytest.raises(GiJaxError, match=f"model.safetensors: the array params.{message}"):
        load_bundle(tmp_path / "model")


def test_text_by_itself_is_one_genotype(bundle: ModelBundle) -> None:
    predictor = Predictor(bundle)
    np.testing.assert_array_equal(predictor.predict("G03,G07", "one"), predictor.predict(["G03,G07"], "one"))
    assert predictor.predict("G03,G07", "one").shape == (1,)


def test_weights_of_another_model_than_the_configuration_are_named(bundle: ModelBundle) -> None:
    smaller = replace(bundle.config, model=replace(bundle.config.model, num_layers=0))
    with pytest.raises(GiJaxError, match=r"convs_0.*, expected no such array; restore the config.yaml"):
        Predictor(replace(bundle, config=smaller))


def test_a_configuration_of_another_model_is_named_though_the_shapes_are_the_same(folder: Path) -> None:
    text = (folder / "config.yaml").read_text()
    (folder / "config.yaml").write_text(text.replace("norm_statistics: node", "norm_statistics: genotype"))
    with pytest.raises(GiJaxError, match=r"says model.norm_statistics: genotype, but .* trained with node"):
        load_bundle(folder)


def test_a_failed_save_leaves_the_model_that_was_there(
    bundle: ModelBundle, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    def full(*_: object, **__: object) -> None:
        raise SafetensorError("No space left on device")

    monkeypatch.setattr("gi_jax.experiment.bundle.save_file", full)
    other = replace(bundle, transform=replace(bundle.transform, center=(9.0, 9.0)))
    with pytest.raises(GiJaxError, match="model.safetensors: cannot be written.*No space left"):
        save_bundle(other, folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_a_model_folder_may_have_any_name(bundle: ModelBundle, tmp_path: Path, name: str) -> None:
    save_bundle(bundle, tmp_path / name / "model")
    loaded = load_bundle(tmp_path / name / "model")
    jax.tree.map(np.testing.assert_array_equal, loaded.variables, bundle.variables)


@pytest.mark.parametrize("content", [b"", b"\0" * 300, b"[1, 2]", b"7", None], ids=repr)
@pytest.mark.parametrize(
    "name", ["config.yaml", "genes.txt", "labels.json", "networks.json", "model.safetensors"]
)
def test_a_file_of_anything_else_is_one_sentence_that_names_it(
    folder: Path, name: str, content: bytes | None
) -> None:
    (folder / name).unlink()
    if content is None:
        (folder / name).mkdir()
    else:
        (folder / name).write_bytes(content)
    with pytest.raises(GiJaxError, match=re.escape(str(folder / name))):
        load_bundle(folder)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_cut_file_loads_or_is_described(folder: Path, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(sorted(folder.iterdir())))
    whole = path.read_bytes()
    try:
        path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
        load_model(folder)
    except GiJaxError as error:
        assert "\n" not in str(error)
    finally:
        path.write_bytes(whole)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scale": [0.0, 1.0]}, "the scale 0.0, expected a finite number above 0; restore"),
        ({"scale": [float("inf"), 1.0]}, "the scale inf, expected a finite number above 0; restore"),
        ({"center": [float("nan"), 1.0]}, "the center nan, expected a finite number; restore"),
        ({"center": None}, "has None for its center; restore"),
        ({"scale": [1.0]}, "has not one center and one scale for each study; restore"),
    ],
)
def test_a_label_transform_that_cannot_be_meant_is_described(
    folder: Path, change: dict, message: str
) -> None:
    labels = json.loads((folder / "labels.json").read_text())
    # As Windows writes it, with a byte order mark.
    (folder / "labels.json").write_text(json.dumps(labels | change), encoding="utf-8-sig")
    with pytest.raises(GiJaxError, match=f"labels.json: .*{message}"):
        load_bundle(folder)


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
