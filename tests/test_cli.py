"""The command line as a person or a script meets it."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gi_jax.data.splits import load_split
from gi_jax.predict import Screen

CONFIG = str(Path(__file__).parents[1] / "configs" / "tiny.yaml")


@pytest.fixture(scope="module")
def trained(small_overrides: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one epoch, trained by the command line in a process of its own."""
    folder = tmp_path_factory.mktemp("cli") / "run"
    command = [sys.executable, "-m", "gi_jax.cli", "train", "--config", CONFIG, "--out", str(folder)]
    process = subprocess.run(
        [*command, *small_overrides, "trainer.max_epochs=1"], capture_output=True, text=True, timeout=300
    )
    assert process.returncode == 0, process.stderr
    for part in ("sparse: kept 20 edges", "split random", "training ended: all 1 epochs done"):
        assert part in process.stdout
    table = process.stdout[process.stdout.index("10 test genotypes") :]
    for name in ("model", "mean", "additive", "low-rank", "Pearson", "Spearman", "RMSE"):
        assert name in table
    assert f"report       {folder}/report.html\npredictions  {folder}/predictions.tsv" in table
    return folder


def test_evaluate_repeats_the_reported_numbers(trained: Path, gi_jax) -> None:
    before = {name: (trained / name).read_bytes() for name in ("evaluation.tsv", "predictions.tsv")}
    code, out, err = gi_jax("evaluate", trained)
    assert (code, err) == (0, "")
    assert "10 test genotypes (random split)" in out
    assert before == {name: (trained / name).read_bytes() for name in before}


def test_evaluate_on_a_file_says_what_was_trained_on(
    trained: Path, small_world: Path, tmp_path: Path, gi_jax
) -> None:
    first_eleven = (small_world / "scores.tsv").read_text().splitlines()[:11]
    (tmp_path / "some.tsv").write_text("\n".join(first_eleven) + "\n")
    trained_on = int((load_split(trained / "split.npz").train < 10).sum())  # rows are lines of the file
    code, out, _ = gi_jax("evaluate", trained, "--genotypes", tmp_path / "some.tsv")
    assert code == 0
    assert f"{trained_on} of 10 genotypes were trained on" in out
    assert f"10 genotypes of {tmp_path / 'some.tsv'}" in out


def test_predict_takes_genotypes_by_any_name_or_from_a_file(trained: Path, tmp_path: Path, gi_jax) -> None:
    code, out, err = gi_jax("predict", trained, "g03,N07", "G12")
    assert (code, err) == (0, "")
    header, *rows = [line.split("\t") for line in out.splitlines()]
    assert header == ["genes", "prediction", "names"]
    assert [row[0] for row in rows] == ["G03,G07", "G12"]
    assert [row[2] for row in rows] == ["N03,N07", "N12"]
    (tmp_path / "ask.tsv").write_text("genes\tnote\nG03,G07\ta\nG12\tb\n")
    target = tmp_path / "answer.tsv"
    code, out, err = gi_jax("predict", trained, "--file", tmp_path / "ask.tsv", "--out", target)
    assert (code, out) == (0, "")
    assert "columns not read: note" in err
    assert target.read_text().splitlines() == ["\t".join(header), *("\t".join(row) for row in rows)]


def test_screen_writes_the_extremes_beside_what_was_measured(
    trained: Path, small_world: Path, tmp_path: Path, gi_jax
) -> None:
    target = tmp_path / "screen.tsv"
    arguments = ("screen", trained, "--out", target, "--top", 40)
    code, out, err = gi_jax(*arguments, "--measured")
    assert (code, out) == (0, "")
    assert "435 genotypes of 2 genes to predict" in err
    assert f"80 of 435 predictions in {target}" in err
    header, *rows = [line.split("\t") for line in target.read_text().splitlines()]
    columns = ("rank", "genes", "prediction", "names", "measured", "training_genotypes")
    assert tuple(header[:6]) == columns
    assert len(rows) == 80
    scores = [float(row[2]) for row in rows]
    assert scores == sorted(scores)
    measured = dict(line.split("\t") for line in (small_world / "scores.tsv").read_text().splitlines()[1:])
    measured = {frozenset(genes.split(",")): float(score) for genes, score in measured.items()}
    for _, genes, _, _, score, *_ in rows:
        assert measured.get(frozenset(genes.split(","))) == (float(score) if score else None)
    code, out, _ = gi_jax("predict", trained, rows[0][1])
    assert float(out.split()[-2]) == pytest.approx(scores[0], rel=1e-4)

    (tmp_path / "some.txt").write_text("G01\nG02\nN03\n")
    code, _, _ = gi_jax(*arguments, "--genes", tmp_path / "some.txt", "--size", 3, "--including", "G09")
    assert code == 0
    found = {line.split("\t")[1] for line in target.read_text().splitlines()[1:]}
    assert found == {"G01,G02,G09", "G01,G03,G09", "G02,G03,G09"}


def test_a_screen_that_is_interrupted_keeps_what_it_found(
    trained: Path, tmp_path: Path, gi_jax, monkeypatch
) -> None:
    def two_tiles(self: Screen) -> Iterator[int]:
        yield from itertools.islice(run(self), 2)
        raise KeyboardInterrupt

    run = Screen.run
    monkeypatch.setattr("gi_jax.models.neural.screening.SIDE", 4)
    monkeypatch.setattr(Screen, "run", two_tiles)
    code, _, err = gi_jax("screen", trained, "--out", tmp_path / "screen.tsv")
    assert code == 130
    done = len((tmp_path / "screen.tsv").read_text().splitlines()) - 1
    assert f"stopped after {done} genotypes; the extremes of these are in" in err
    assert 0 < done < 435


def test_inspect_counts_parameters_memory_and_operations(small_overrides: list[str], gi_jax) -> None:
    code, out, _ = gi_jax("inspect", CONFIG, *small_overrides)
    assert code == 0
    counts = {
        cells[0].strip(): cells[1].strip()
        for cells in (line.strip("│┃").split("│") for line in out.splitlines())
        if len(cells) == 2
    }
    # Derived by hand for the five-gene, two-network, 8-channel example of one layer; here N is 30
    # (30 * 8 = 240 in place of 40).
    assert counts["gene_embedding"] == "240"
    assert counts["preprocessor"] == "160"
    assert counts["convs"] == "322"
    assert counts["gene_interaction_predictor"] == "370"
    assert counts["global_aggregator"] == "113"
    assert counts["global_interaction_predictor"] == "81"
    assert counts["gate_mlp"] == "42"
    assert counts["total"] == "1,328"
    assert float(counts["of those per genotype"]) > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("train", "--config", "nowhere.yaml", "--out", "x"), "nowhere.yaml: no such configuration file"),
        (
            ("train", "--config", CONFIG, "--out", "x", "model.layers=1"),
            "nearest valid key is model.num_layers",
        ),
        (("train", "--config", CONFIG, "--out", "x", "data.genotypes=[]"), "no genotypes are named"),
        (("train", "--config", CONFIG, "--out", "x", "cell_dataset.graphs=[]"), "names no gene network"),
        (("train", "--config", CONFIG, "--out", "x", "cell_dataset.graphs=[fusion]"), "string9_1_fusion"),
        (("evaluate", "nowhere"), "nowhere: no such folder"),
        (("predict", "nowhere", "YAL001C"), "nowhere: no such folder"),
        (("predict", "nowhere"), "give genotypes such as"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(
    arguments: tuple[str, ...], message: str, gi_jax, monkeypatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, err = gi_jax(*arguments)
    assert code == 2
    assert err.startswith("error: ")
    assert message in err
    assert err.count("\n") == 1
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


def test_a_run_folder_that_cannot_be_made_is_one_sentence(
    small_overrides: list[str], tmp_path: Path, gi_jax
) -> None:
    (tmp_path / "file").write_text("")
    out = tmp_path / "file" / "run"
    code, _, err = gi_jax("train", "--config", CONFIG, "--out", out, *small_overrides)
    assert code == 2
    assert err.startswith("error: ")
    assert str(tmp_path / "file") in err
    assert err.count("\n") == 1
