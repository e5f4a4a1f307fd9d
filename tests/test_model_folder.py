"""A model folder that is whole: made of a run, used without its data, gone on from, and refused when it is
hostile.
"""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from rich.console import Console

from conversion.float32_errors import float32_errors
from gi_jax.config import load_config
from gi_jax.data.gene_list import GeneList
from gi_jax.errors import GiJaxError
from gi_jax.experiment.bundle import load_bundle
from gi_jax.experiment.experiment import load_experiment
from gi_jax.models.model import Cell
from gi_jax.predict.predictor import Predictor
from gi_jax.runs.evaluate import evaluate
from gi_jax.runs.going_on import going_on
from gi_jax.runs.package import package
from gi_jax.runs.run import train, training_task
from gi_jax.training.same_model import check_same_model
from gi_jax.training.start import fresh_state

QUIET = Console(quiet=True)


class Packaged(NamedTuple):
    run: Path
    model: Path
    table: Path  # measured genotypes of the user's


@pytest.fixture(scope="module")
def packaged(small_overrides: list[str], tmp_path_factory: pytest.TempPathFactory) -> Packaged:
    """A run of one epoch, and the model folder made of it."""
    folder = tmp_path_factory.mktemp("packaged")
    config = load_config("tiny", [*small_overrides, "trainer.max_epochs=1"]).config
    train(config, folder / "run", resume=False, console=QUIET, baselines=("mean",))
    package(folder / "run", folder / "model")
    table = load_experiment(config).table
    genes = load_bundle(folder / "model").genes
    lines = ["genes\tscore"]
    lines += [
        f"{','.join(genes.names(row))}\t{score}" for row, score in zip(table.genes, table.score, strict=True)
    ]
    (folder / "mine.tsv").write_text("\n".join(lines) + "\n")
    return Packaged(folder / "run", folder / "model", folder / "mine.tsv")


@pytest.fixture
def copy(packaged: Packaged, tmp_path: Path) -> Path:
    return Path(shutil.copytree(packaged.model, tmp_path / "model"))


def test_it_predicts_what_the_run_predicts_and_names_no_file(packaged: Packaged) -> None:
    bundle, run = load_bundle(packaged.model), load_bundle(packaged.run)
    pair = ",".join(bundle.genes.ids[:2])
    np.testing.assert_array_equal(Predictor(bundle).predict([pair]), Predictor(run).predict([pair]))
    text = (packaged.model / "config.yaml").read_text()
    assert str(packaged.run.parent) not in text and bundle.config.data.genes is None
    split = np.load(packaged.run / "split.npz")
    assert {part: len(rows) for part, rows in bundle.parts.items()} == {
        part: len(split[part]) for part in ("train", "val", "test")
    }
    card = (packaged.model / "README.md").read_text()
    assert "| model |" in card and "load_model" in card and "genotypes to train" in card
    assert not packaged.model.stat().st_mode & 0o022


def test_it_is_evaluated_with_a_table(packaged: Packaged) -> None:
    found = evaluate(packaged.model, packaged.table, console=QUIET, prepare=lambda config: None)
    assert len(found.table) == len(found.predictions["model"])
    with pytest.raises(GiJaxError, match="is a model folder, which holds no measurements; give a table"):
        evaluate(packaged.model, None, console=QUIET, prepare=lambda config: None)


@pytest.mark.parametrize("kind", ["pair_kernel", "low_rank", "mean"])
def test_a_model_that_is_solved_for_is_packaged_too_and_not_gone_on_from(
    small_overrides: list[str], tmp_path: Path, kind: str
) -> None:
    quick = {"pair_kernel": ["model.num_samples=2", "model.covariance_rounds=0", "model.tuning_steps=1"]}
    stated = [*small_overrides, f"model.kind={kind}", *quick.get(kind, [])]
    config = load_config("quickstart", stated).config
    train(config, tmp_path / "run", resume=False, console=QUIET, baselines=("mean",))
    package(tmp_path / "run", tmp_path / "model")
    of_run, of_model = Predictor.load(tmp_path / "run"), Predictor.load(tmp_path / "model")
    pair = [",".join(of_run.bundle.genes.ids[:2])]
    np.testing.assert_array_equal(of_model.predict(pair), of_run.predict(pair))
    assert of_model.bundle.confidence == of_run.bundle.confidence
    with pytest.raises(GiJaxError, match=f"is a model of kind {kind}, which is solved for and not trained"):
        going_on(tmp_path / "model", None, [])


def test_a_model_folder_of_a_bundled_study_is_evaluated_on_its_test_genotypes(tmp_path: Path) -> None:
    config = load_config("quickstart", ["model.kind=additive", "data.genotypes=[costanzo2016_subset]"]).config
    run = train(config, tmp_path / "run", resume=False, console=QUIET, baselines=("mean",))
    package(tmp_path / "run", tmp_path / "model")
    found = evaluate(tmp_path / "model", None, console=QUIET, prepare=lambda config: None)
    assert run.evaluation is not None
    assert found.metrics["model"] == run.evaluation.metrics["model"]
    assert found.metrics["mean"] == run.evaluation.metrics["mean"]


def test_going_on_inherits_genes_networks_scale_and_split(packaged: Packaged) -> None:
    stated = [f"data.genotypes=[{packaged.table}]", "regression_task.optimizer.lr=0.5"]
    start = going_on(packaged.model, None, stated)
    assert any(
        change.startswith("regression_task.optimizer.lr: 0.5, in the folder") for change in start.changes
    )
    experiment, bundle = load_experiment(start.config), load_bundle(packaged.model)
    assert experiment.genes == bundle.genes and experiment.graph.names == bundle.graph.names
    assert experiment.transform == bundle.transform
    assert experiment.split.kind == "given"
    np.testing.assert_array_equal(experiment.test.genes, bundle.parts["test"])
    state = fresh_state(training_task(experiment))
    weights = bundle.variables["params"]["gene_embedding"]
    np.testing.assert_array_equal(state.params["gene_embedding"], weights)
    other = going_on(packaged.model, None, [*stated, "transforms.use_transforms=false", "data.split.seed=3"])
    experiment = load_experiment(other.config)
    assert (experiment.transform.kind, experiment.split.kind) == ("identity", "random")


@pytest.mark.parametrize(
    ("stated", "message"),
    [
        (
            ["model.norm_statistics=genotype"],
            "model.norm_statistics is genotype, the weights were trained with",
        ),
        (["model.activation=tanh"], "model.activation is tanh, the weights were trained with"),
        (["trainer.precision=bf16"], "trainer.precision is bf16, the weights were trained with 32"),
    ],
)
def test_what_contradicts_the_folder_is_refused_by_name(
    packaged: Packaged, stated: list[str], message: str
) -> None:
    start = going_on(packaged.model, None, [f"data.genotypes=[{packaged.table}]", *stated])
    with pytest.raises(GiJaxError, match=message):
        fresh_state(training_task(load_experiment(start.config)))


def test_networks_and_genes_are_the_folder_s(packaged: Packaged) -> None:
    with pytest.raises(
        GiJaxError, match="cell_dataset.graphs is stated, but genes and networks are those of"
    ):
        going_on(packaged.model, None, ["cell_dataset.graphs=[a]"])
    own = load_bundle(packaged.model).config.cell_dataset.graphs
    turned = packaged.run.parent / "turned.yaml"
    text = (packaged.model / "config.yaml").read_text()
    turned.write_text(
        text.replace("\n".join(f"  - {name}" for name in own), "\n".join(f"  - {n}" for n in own[::-1]))
    )
    start = going_on(packaged.model, turned, [f"data.genotypes=[{packaged.table}]"])
    with pytest.raises(GiJaxError, match="in this order; cell_dataset.graphs says"):
        load_experiment(start.config)


def test_a_split_is_given_as_files(packaged: Packaged, tmp_path: Path) -> None:
    lines = packaged.table.read_text().splitlines()[1:]
    parts = {"train": lines[:40], "val": lines[40:50], "test": lines[50:60]}
    for part, rows in parts.items():
        (tmp_path / f"{part}.tsv").write_text("genes\n" + "".join(row.split("\t")[0] + "\n" for row in rows))
    files = [f"data.split.files.{part}={tmp_path / part}.tsv" for part in parts]
    config = going_on(packaged.model, None, [f"data.genotypes=[{packaged.table}]", *files]).config
    split = load_experiment(config).split
    assert (len(split.train), len(split.val), len(split.test)) == (40, 10, 10)
    (tmp_path / "val.tsv").write_text((tmp_path / "train.tsv").read_text())
    with pytest.raises(GiJaxError, match="is in the parts train and val; keep one"):
        load_experiment(config)


def test_an_older_folder_says_what_to_do_and_a_newer_one_says_so(copy: Path) -> None:
    about = json.loads((copy / "format.json").read_text())
    (copy / "format.json").write_text(json.dumps({"format": 3, "gi_jax": "9.0"}))
    with pytest.raises(
        GiJaxError, match="of format 3, made by gi_jax 9.0; this version reads formats up to 2"
    ):
        load_bundle(copy)
    (copy / "format.json").unlink()
    assert about["format"] == 2 and load_bundle(copy).graph is None  # as an earlier version wrote it
    with pytest.raises(GiJaxError, match="does not hold its networks.*gi-jax package"):
        going_on(copy, None, [])


def _zip(path: Path, name: str, content: bytes) -> None:
    """Puts another entry in the place of one of an `.npz` file."""
    with zipfile.ZipFile(path) as file:
        held = {info.filename: file.read(info) for info in file.infolist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for entry, bytes_ in (held | {name: content}).items():
            file.writestr(entry, bytes_)


def _array(array: np.ndarray, shape: str = "") -> bytes:
    made = io.BytesIO()
    np.save(made, array)
    content = made.getvalue()
    return content if not shape else content.replace(b"(3,)", shape.encode())


def _hostile(folder: Path, what: str) -> None:
    """Makes a folder what nobody should load."""
    three = np.zeros(3, "<i4")
    if what == "link":
        (folder / "labels.json").unlink()
        (folder / "labels.json").symlink_to("/etc/hostname")
    elif what == "path":
        text = (folder / "config.yaml").read_text()
        (folder / "config.yaml").write_text(text.replace("\n  genes: null", "\n  genes: ../../genes.txt"))
    elif what == "added":
        text = (folder / "config.yaml").read_text()
        assert "additional_training: []" in text
        named = text.replace("additional_training: []", "additional_training: [../../scores.tsv]")
        (folder / "config.yaml").write_text(named)
    elif what == "cache":
        text = (folder / "config.yaml").read_text()
        (folder / "config.yaml").write_text(text.replace("~/.cache/gi_jax/compiled", "/tmp/elsewhere"))
    elif what == "object":
        (folder / "config.yaml").write_text("model: !!python/object/apply:os.system ['true']\n")
    elif what == "aliases":
        lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
        lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 10)]
        (folder / "config.yaml").write_text("\n".join(lines))
    elif what == "deep yaml":
        (folder / "config.yaml").write_text("a: " + "[" * 100_000)
    elif what == "deep json":
        (folder / "labels.json").write_text("[" * 100_000)
    elif what == "large json":
        (folder / "networks.json").write_bytes(b" " * (5 << 20))
    elif what == "pickle":
        (folder / "model.safetensors").write_bytes(
            b"\x80\x04\x95\x1a\x00\x00\x00\x00\x00\x00\x00cos\nsystem\n."
        )
    elif what == "objects":
        made = io.BytesIO()
        np.save(made, np.array([{}], object), allow_pickle=True)
        _zip(folder / "cell.npz", "senders_0.npy", made.getvalue())
    elif what == "climbing":
        _zip(folder / "cell.npz", "../../evil.npy", _array(three))
    elif what == "long":
        _zip(folder / "cell.npz", "senders_0.npy", _array(three, "(9999999999,)").replace(b"  ", b"", 1))
    elif what == "outside":
        _zip(folder / "cell.npz", "senders_0.npy", _array(np.full(3, 10**6, "<i4")))
    else:
        content = (folder / "model.safetensors").read_bytes()
        (folder / "model.safetensors").write_bytes(b"\xff" * 8 + content[8:])


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("link", "labels.json: is a link or no regular file"),
        ("path", r"data.genes is \.\./\.\./genes.txt, but a model folder names no other files"),
        ("added", r"data.additional_training is \.\./\.\./scores.tsv, but a model folder names no other"),
        ("cache", "trainer.compilation_cache is /tmp/elsewhere, but a model folder names no other files"),
        ("object", "config.yaml, line 1: not valid YAML .could not determine a constructor"),
        ("aliases", "config.yaml: .*grows to more than"),
        ("deep yaml", "config.yaml: .*nested too deeply"),
        ("deep json", "labels.json: is no readable JSON"),
        ("large json", "networks.json: has 5,242,880 bytes, expected at most"),
        ("pickle", "model.safetensors: cannot be read"),
        ("objects", "`senders_0` is said to be object|cell.npz: cannot be read"),
        ("climbing", r"holds `\.\./\.\./evil`, which belongs to no model"),
        ("long", "cell.npz: "),
        ("outside", "cell.npz: the edges of `.*` are not between its"),
        ("sizes", "model.safetensors: cannot be read"),
    ],
)
def test_a_hostile_folder_is_one_sentence(copy: Path, what: str, message: str) -> None:
    _hostile(copy, what)
    with pytest.raises(GiJaxError, match=message) as error:
        load_bundle(copy)
    assert "\n" not in str(error.value)


def test_edges_that_are_not_those_of_the_fingerprint_are_refused(copy: Path) -> None:
    networks = json.loads((copy / "networks.json").read_text())
    name = next(iter(networks))
    (copy / "networks.json").write_text(json.dumps(networks | {name: "0" * 64}))
    with pytest.raises(GiJaxError, match=f"the edges of `{name}` are not those that networks.json says"):
        load_bundle(copy)


def test_a_recorded_case_is_verified_with_and_without_tolerances_and_gradients(
    packaged: Packaged, gi_jax, tmp_path: Path
) -> None:
    ids = load_bundle(packaged.model).genes.ids
    code, out, _ = gi_jax("record", packaged.model, tmp_path / "case", f"{ids[0]},{ids[3]}", ids[5])
    assert code == 0 and "arrays" in out
    code, out, _ = gi_jax("verify", "--brief", tmp_path / "case")
    assert code == 0 and "PASS case" in out
    meta = json.loads((tmp_path / "case" / "case.json").read_text())
    tolerances = meta.pop("float32_max_abs_error")
    (tmp_path / "case" / "case.json").write_text(json.dumps(meta))
    for name in ("grads.safetensors", "outputs_f32.npz"):
        (tmp_path / "case" / name).unlink()
    code, out, _ = gi_jax("verify", "--brief", "--precision", "float32", tmp_path / "case")
    assert code == 0 and "float32 tolerances derived" in out
    derived = float32_errors(tmp_path / "case", meta, gradients=False).outputs["gene_interaction"]
    assert tolerances["gene_interaction"] / 8 < derived < 1e-2
    outputs = dict(np.load(tmp_path / "case" / "outputs.npz"))
    outputs["gene_interaction"] = outputs["gene_interaction"] * 1.01
    np.savez(tmp_path / "case" / "outputs.npz", **outputs)
    code, out, _ = gi_jax("verify", "--brief", "--precision", "float32", tmp_path / "case")
    assert code == 1 and "output gene_interaction" in out


def test_genes_and_networks_in_another_order_are_refused_by_name(packaged: Packaged) -> None:
    """Shapes would be the same, and all numbers others."""
    bundle = load_bundle(packaged.model)
    config = replace(bundle.config, model=replace(bundle.config.model, checkpoint_path="MODEL"))
    assert bundle.graph is not None
    check_same_model(bundle, config, Cell(bundle.genes, bundle.graph))
    turned = GeneList(bundle.genes.ids[::-1])
    with pytest.raises(
        GiJaxError, match=f"gene 1 of the gene list is {turned.ids[0]}, the weights were trained"
    ):
        check_same_model(bundle, config, Cell(turned, bundle.graph))
    graph = replace(bundle.graph, names=bundle.graph.names[::-1], networks=bundle.graph.networks[::-1])
    with pytest.raises(
        GiJaxError, match=r"cell_dataset.graphs is .*the weights were trained with .*in another order"
    ):
        check_same_model(bundle, config, Cell(bundle.genes, graph))
    graph = replace(bundle.graph, networks=bundle.graph.networks[::-1])  # names in order, edges exchanged
    with pytest.raises(GiJaxError, match="has other edges than the one the weights were trained with"):
        check_same_model(bundle, config, Cell(bundle.genes, graph))
