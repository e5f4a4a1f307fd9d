"""An export becomes a whole model folder that predicts what was recorded, or nothing at all."""

from __future__ import annotations

import ast
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from conversion import gi_jax_export
from conversion.convert import convert
from gi_jax.errors import GiJaxError
from gi_jax.experiment.bundle import load_bundle
from gi_jax.predict.predictor import Predictor
from tests.conversion.exports import SCALE, write_export

LAZY = "lazy_missing_graph_mean"  # a network that it has weights for and no edges


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_export(tmp_path_factory.mktemp("export") / "export", LAZY)


@pytest.fixture(scope="module")
def model(export: Path) -> Path:
    folder = export.parent / "model"
    result = convert(export, folder)
    assert any("one by one: largest difference" in note for note in result.notes)
    assert any("absent from its data" in note for note in result.notes)
    return folder


def test_the_folder_predicts_by_name_without_any_other_file(export: Path, model: Path) -> None:
    meta, recorded = (
        json.loads((export / "export.json").read_text()),
        load_file(export / "recorded.safetensors"),
    )
    bundle = load_bundle(model)
    assert bundle.graph is not None and bundle.graph.declared == tuple(sorted(meta["networks"]))
    assert bundle.config.cell_dataset.absent == tuple(meta["absent"]) != ()
    names = [",".join(bundle.genes.ids[i] for i in genotype) for genotype in meta["genotypes"]]
    scores = Predictor.load(model).predict(names)
    labels = [recorded[f"float64.alone.{i}.prediction"][0] for i in range(len(names))]
    np.testing.assert_allclose(scores, np.array(labels) * SCALE["scale"] + SCALE["center"], rtol=2e-5)
    assert {part: len(rows) for part, rows in bundle.parts.items()} == {"train": 2, "val": 1, "test": 1}
    assert "no edges" in (model / "README.md").read_text()


def test_the_way_back_is_bit_equal(export: Path, model: Path, tmp_path: Path) -> None:
    convert(model, tmp_path / "back.safetensors")
    there, back = load_file(export / "weights.safetensors"), load_file(tmp_path / "back.safetensors")
    assert set(there) == set(back)
    assert all(np.array_equal(there[key], back[key]) for key in there)


def test_a_mismatch_leaves_nothing_behind(export: Path, tmp_path: Path) -> None:
    """The edges of the export the wrong way round: other numbers, and the first stage that has them is
    named.
    """
    turned = tmp_path / "export"
    turned.mkdir()
    for file in export.iterdir():
        (turned / file.name).write_bytes(file.read_bytes())
    edges = load_file(export / "edges.safetensors")
    save_file(
        {name: np.ascontiguousarray(e[::-1]) for name, e in edges.items()}, turned / "edges.safetensors"
    )
    with pytest.raises(
        GiJaxError, match=r"does not predict what the exported one did.*Nothing was written"
    ) as error:
        convert(turned, tmp_path / "model")
    assert "the first stage that differs is z_w" in str(error.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["export"]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"format": 2}, "is of format 2, this version reads 1"),
        ({"boundaries": "yes"}, "says boundaries: 'yes', expected"),
        ({"absent": []}, "export.json says"),
        ({"arguments": {"gene_num": 3}}, "genes, the model has 3"),
        ({"label_transform": {"kind": "standard"}}, "expected kind, center and scale"),
    ],
)
def test_an_export_that_contradicts_itself(export: Path, changed: dict, message: str, tmp_path: Path) -> None:
    broken = tmp_path / "export"
    broken.mkdir()
    for file in export.iterdir():
        (broken / file.name).write_bytes(file.read_bytes())
    meta = json.loads((export / "export.json").read_text())
    (broken / "export.json").write_text(json.dumps(meta | changed))
    with pytest.raises(GiJaxError, match=message):
        convert(broken, tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_the_exporter_is_one_file_without_this_project() -> None:
    """It runs where torchcell does: what it imports at its top is torch, numpy, safetensors or Python's
    own.
    """
    tree = ast.parse(Path(gi_jax_export.__file__).read_text())
    imported = {
        alias.name.split(".")[0]
        for node in tree.body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in ([ast.alias(node.module)] if isinstance(node, ast.ImportFrom) else node.names)
    }
    assert imported - set(sys.stdlib_module_names) == {"torch", "numpy", "safetensors"}


def test_the_scale_of_labels_is_found_inside_transforms_of_transforms() -> None:
    class Holder:
        pass

    inner, outer, task = Holder(), Holder(), Holder()
    inner.stats = {
        "gene_interaction": {"strategy": "robust", "q25": -1.0, "q75": 3.0, "mean": 0.0, "std": 9.0}
    }
    outer.transforms, task.inverse_transform = [inner], outer
    assert gi_jax_export.label_scale(task) == {"kind": "robust", "center": -1.0, "scale": 4.0}
    task.inverse_transform = None
    assert gi_jax_export.label_scale(task) == {"kind": "identity", "center": 0.0, "scale": 1.0}


def test_the_command_prints_the_file(gi_jax) -> None:
    code, out, _ = gi_jax("exporter")
    assert code == 0 and out == Path(gi_jax_export.__file__).read_text()
