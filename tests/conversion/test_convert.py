"""Checkpoint -> model folder -> checkpoint, and the commands around it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from typer.testing import CliRunner

from conversion.convert import convert, folder_to_torch, torch_to_folder
from gi_jax.cli import app
from gi_jax.errors import GiJaxError
from gi_jax.experiment.bundle import load_bundle
from gi_jax.predict.predictor import Predictor
from tests.conversion.cases import GOLDEN, assert_bit_equal, load

PAIRWISE = "lazy_batch_tanh_pairwise_train"
ANSWERS = ("model.activation=tanh", "model.local_predictor_config.num_heads=2")


def weights(name: str) -> Path:
    return GOLDEN / name / "params.safetensors"


@pytest.mark.parametrize("name", [PAIRWISE, "v1_batch_silu_h1_train", "dango_missing_network"])
def test_through_a_model_folder_and_back(tmp_path: Path, name: str) -> None:
    case = load(name)
    torch_to_folder(weights(name), tmp_path / "model", written=case.written)
    folder_to_torch(tmp_path / "model", tmp_path / "back.safetensors")
    assert_bit_equal(load_file(tmp_path / "back.safetensors"), case.state_dict)
    bundle = load_bundle(tmp_path / "model")
    assert bundle.config.cell_dataset.graphs == tuple(sorted(case.architecture.graph_names))
    assert bundle.config.model.norm_statistics == "batch"
    assert len(bundle.genes) == case.architecture.gene_num


def test_double_precision_survives(tmp_path: Path) -> None:
    wide = {
        key: value.astype(np.float64) / 3 if value.dtype == np.float32 else value
        for key, value in load(PAIRWISE).state_dict.items()
    }
    save_file(wide, tmp_path / "wide.safetensors")
    convert(tmp_path / "wide.safetensors", tmp_path / "model", overrides=ANSWERS)
    convert(tmp_path / "model", tmp_path / "back.safetensors")
    assert_bit_equal(load_file(tmp_path / "back.safetensors"), wide)


def test_gene_names_are_asked_for_and_checked(tmp_path: Path) -> None:
    result = torch_to_folder(weights(PAIRWISE), tmp_path / "unnamed", overrides=ANSWERS)
    assert "does not name its 9 genes" in result.notes[0]
    assert load_bundle(tmp_path / "unnamed").genes.ids[8] == "unnamed_8"
    (tmp_path / "genes.txt").write_text("".join(f"Y{i}\n" for i in range(9)))
    genes = tmp_path / "genes.txt"
    result = torch_to_folder(weights(PAIRWISE), tmp_path / "named", genes=genes, overrides=ANSWERS)
    assert not any("does not name its" in note for note in result.notes)
    assert load_bundle(tmp_path / "named").genes.ids[8] == "Y8"
    genes.write_text("Y0\nY1\n")
    with pytest.raises(GiJaxError, match="lists 2 genes, the checkpoint has 9"):
        torch_to_folder(weights(PAIRWISE), tmp_path / "wrong", genes=genes, overrides=ANSWERS)
    assert not (tmp_path / "wrong").exists()


def test_a_converted_model_predicts_the_recorded_scores(tmp_path: Path) -> None:
    name = "lazy_layer_relu_sum"
    case = load(name)
    genes = [f"Y{i}" for i in range(case.architecture.gene_num)]
    (tmp_path / "genes.txt").write_text("\n".join(genes) + "\n")
    torch_to_folder(weights(name), tmp_path / "model", written=case.written, genes=tmp_path / "genes.txt")
    predictor = Predictor(load_bundle(tmp_path / "model"), case.graph, norm_statistics="batch")
    predicted = predictor.predict([[genes[i] for i in genotype] for genotype in case.meta["genotypes"]])
    recorded = np.load(GOLDEN / name / "outputs.npz")["gene_interaction"][:, 0]
    np.testing.assert_allclose(predicted, recorded, rtol=1e-5)


def test_nothing_is_written_unless_everything_fits(tmp_path: Path) -> None:
    broken = dict(load(PAIRWISE).state_dict)
    del broken["gate_mlp.3.bias"]
    save_file(broken, tmp_path / "broken.safetensors")
    with pytest.raises(GiJaxError, match=r"missing     gate_mlp\.3\.bias \[2\]"):
        convert(tmp_path / "broken.safetensors", tmp_path / "model", overrides=ANSWERS)
    assert not (tmp_path / "model").exists()


def test_existing_folders_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(GiJaxError, match="exists and is not an empty folder"):
        convert(weights(PAIRWISE), tmp_path, overrides=ANSWERS)
    with pytest.raises(GiJaxError, match="no such file or folder"):
        convert(tmp_path / "absent", tmp_path / "model")


def test_other_statistics_than_the_original_s_are_pointed_out(tmp_path: Path) -> None:
    answers = [
        "model.activation=relu",
        "model.gene_encoder_config.graph_aggregation_method=sum",
        "model.local_predictor_config.num_heads=2",
        "model.norm_statistics=node",
        "model.kind=gene_interaction_dango",
    ]
    convert(weights("lazy_layer_relu_sum"), tmp_path / "model", overrides=answers)
    result = convert(tmp_path / "model", tmp_path / "back.pt")
    assert "norm statistics over the node" in result.notes[0]


def run(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


def test_commands_convert_and_verify(tmp_path: Path) -> None:
    code, output = run("convert", weights(PAIRWISE), tmp_path / "model", "--verify", GOLDEN / PAIRWISE)
    assert code == 0
    assert "PASS lazy_batch_tanh_pairwise_train: 208 arrays" in output
    # Other weights in the same folder: converted all the same, but the recorded values are not theirs.
    other = dict(load(PAIRWISE).state_dict)
    other["gate_mlp.0.weight"] = other["gate_mlp.0.weight"] + 1
    save_file(other, tmp_path / "other.safetensors")
    code, output = run(
        "convert", tmp_path / "other.safetensors", tmp_path / "other", "--verify", GOLDEN / PAIRWISE
    )
    assert code == 1
    assert "the first, in the order of computation, is output gate_weights" in output
    with pytest.raises(GiJaxError, match="leave these options out"):
        run("convert", tmp_path / "model", tmp_path / "back.pt", "model.num_layers=2")
    with pytest.raises(GiJaxError, match="has 9 genes .* recorded case has 7 genes"):
        run("convert", tmp_path / "model", tmp_path / "b.pt", "--verify", GOLDEN / "lazy_layer_relu_sum")


def test_verify_names_cases_and_arrays_and_counts(tmp_path: Path) -> None:
    for name in ("loss_logcosh_mean", "loss_logcosh_sum"):
        shutil.copytree(GOLDEN / name, tmp_path / name)
    (tmp_path / "README.md").write_text("not a case")
    code, output = run("verify", *sorted(tmp_path.iterdir()))
    assert code == 0
    assert "README.md: is not a folder, left out" in output
    assert "2 of 2 cases pass" in output
    recorded = dict(np.load(tmp_path / "loss_logcosh_sum" / "outputs.npz"))
    recorded["loss_1"] += 0.25
    np.savez(tmp_path / "loss_logcosh_sum" / "outputs.npz", **recorded)
    code, output = run("verify", "--brief", tmp_path)
    assert code == 1
    assert "FAIL   2.5e-01" in output
    assert "1 of 2 cases pass" in output


def test_verify_refuses_what_is_no_case(tmp_path: Path) -> None:
    with pytest.raises(GiJaxError, match=r"is no recorded case; expected a folder with case\.json"):
        run("verify", tmp_path)
    (tmp_path / "case.json").write_text(json.dumps({"name": "x"}))
    with pytest.raises(GiJaxError, match="is no recorded case"):
        run("verify", tmp_path)


def test_a_converted_folder_names_files_by_their_full_paths(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    said = ("data.networks={mine: {path: sub/mine.tsv}}", "data.genes=genes.txt")
    torch_to_folder(weights(PAIRWISE), Path("model"), overrides=(*ANSWERS, *said))
    data = load_bundle("model").config.data
    assert data.networks["mine"].path == f"{tmp_path}/sub/mine.tsv"
    assert data.genes == f"{tmp_path}/genes.txt"


def test_a_target_is_tried_before_the_checkpoint_is_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(GiJaxError, match="file is no folder"):
        torch_to_folder(tmp_path / "none.pt", tmp_path / "file" / "model")


def test_a_bare_checkpoint_does_not_predict_until_its_edges_are_given(tmp_path: Path) -> None:
    """Its weights go by position, so whatever bears a network's name might be another network."""
    case = load("lazy_layer_relu_sum")
    genes = tmp_path / "genes.txt"
    genes.write_text("".join(f"Y{i}\n" for i in range(case.architecture.gene_num)))
    result = convert(weights("lazy_layer_relu_sum"), tmp_path / "bare", written=case.written, genes=genes)
    assert any("does not predict until they are given" in note for note in result.notes)
    assert any("no recorded values were compared" in note for note in result.notes)
    with pytest.raises(GiJaxError, match="says nothing of its networks' edges.*data.networks.NAME.path=FILE"):
        Predictor.load(tmp_path / "bare")
    stated = []
    for name in case.graphs:
        file = tmp_path / f"{name}.tsv"
        rows = np.unique(case.graphs[name].T, axis=0)
        file.write_text("src\tdst\n" + "".join(f"Y{a}\tY{b}\n" for a, b in rows))
        stated += [f"data.networks.{name}.path={file}", f"data.networks.{name}.directed=true"]
    convert(
        weights("lazy_layer_relu_sum"),
        tmp_path / "whole",
        written=case.written,
        genes=genes,
        overrides=stated,
    )
    bundle = load_bundle(tmp_path / "whole")
    assert bundle.graph is not None and bundle.config.data.networks == {}
    for name in case.graphs:
        assert bundle.graph[name].num_edges == len(np.unique(case.graphs[name].T, axis=0))
    assert Predictor(bundle).graph.names == bundle.graph.names
