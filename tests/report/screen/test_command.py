"""`gi-jax screen --report`, from a trained model to the page."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from gi_jax import Screen, train
from gi_jax.data.formats.tables import read_table

CONFIG = Path(__file__).parents[3] / "configs" / "tiny.yaml"


@pytest.fixture(scope="module")
def run(small_overrides: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A low-rank model of the small world."""
    folder = tmp_path_factory.mktemp("runs") / "low_rank"
    train(CONFIG, folder, [*small_overrides, "model.kind=low_rank"])
    return folder


def test_a_screen_with_a_page(run: Path, small_world: Path, tmp_path: Path, gi_jax) -> None:
    sets = tmp_path / "own.gmt"
    sets.write_text("first\t\tG00\tG01\tG02\tN03\nothers\t\tG10\tG11\tG12\tWHO\n")
    out, folder = tmp_path / "screen.tsv", tmp_path / "page"
    arguments = (run, "--out", out, "--top", 20, "--unmeasured", "--report", folder, "--gene-sets", sets)
    code, _, err = gi_jax("screen", *arguments, "--wells", 384, "--crosses", 12)
    assert code == 0, err
    assert "own.gmt: kept 7 of 8 entries of gene sets" in err
    assert f"the page of the screen is {folder}/screen.html; beside it are enrichment.tsv, genes.tsv" in err
    text = (folder / "screen.html").read_text("utf-8")
    data = json.loads(re.findall(r'id="data">(.*?)</script>', text, re.DOTALL)[0])
    columns = [column["key"] for column in data["columns"]]
    listed = read_table(out, required=("genes", "training_genotypes"))
    shown = [",".join(data["genes"][k][0] for k in row[columns.index("genes")]) for row in data["rows"]]
    assert shown == listed.columns["genes"] and len(shown) == 40
    # 435 pairs, of which the world measured 100: that is what a list at random would be drawn from.
    genes = read_table(folder / "genes.tsv", required=("gene", "lowest_hits", "lowest_expected"))
    assert len(genes.lines) == 30
    expected = dict(zip(genes.columns["gene"], map(float, genes.columns["lowest_expected"]), strict=True))
    measured = [
        line.split("\t")[0].split(",") for line in (small_world / "scores.tsv").read_text().splitlines()
    ]
    own = 29 - sum("G05" in pair for pair in measured)
    assert expected["G05"] == pytest.approx(20 * own / 335, rel=1e-5)
    plates = read_table(folder / "plates.tsv", required=("array", "genes"))
    crossed = {genes for genes in plates.columns["genes"] if genes}
    assert len(crossed) == 12 and crossed <= set(shown)
    assert "mutants sicker than expected" in text and "test genotypes whose measurements" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--wells", 96], "--wells is about the page of a screen; name its folder with --report"),
        (["--report", "page", "--wells", 97], "--wells is 97, expected 96 or 384"),
        (["--report", "page", "--gene-sets", "no.gmt"], "no.gmt: no such file; expected sets of genes"),
        (["--report", "file.txt"], "file.txt: files cannot be written there"),
        (["--report", "page", "--shard", "1/2"], "a shard is a part of a screen and has no page"),
    ],
)
def test_a_mistake_is_told_before_the_work(
    run: Path, tmp_path: Path, gi_jax, monkeypatch: pytest.MonkeyPatch, arguments: list, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file.txt").write_text("mine")
    code, _, err = gi_jax("screen", run, "--out", "screen.tsv", *arguments)
    assert (code, err.count("\n")) == (2, 1)
    assert message in err
    assert [path.name for path in tmp_path.iterdir()] == ["file.txt"]
    assert (tmp_path / "file.txt").read_text() == "mine"


def test_a_damaged_record_of_test_genotypes_is_told_before_the_work(
    run: Path, tmp_path: Path, gi_jax
) -> None:
    damaged = tmp_path / "run"
    shutil.copytree(run, damaged)
    record = damaged / "predictions.tsv"
    record.write_text(record.read_text().replace("\t0.", "\tO.", 1))
    code, _, err = gi_jax("screen", damaged, "--out", tmp_path / "s.tsv", "--report", tmp_path / "page")
    assert code == 2
    assert f"{record}: the column" in err and "holds something else than numbers" in err
    assert not (tmp_path / "s.tsv").exists()


def test_a_screen_that_is_interrupted_has_no_page(
    run: Path, tmp_path: Path, gi_jax, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(self: Screen) -> Iterator[int]:
        yield 0
        raise KeyboardInterrupt

    monkeypatch.setattr(Screen, "run", interrupted)
    code, _, err = gi_jax("screen", run, "--out", tmp_path / "s.tsv", "--report", tmp_path / "page")
    assert code == 130
    assert "the page is made when the screen comes to its end" in err
    assert not (tmp_path / "page").exists()


def test_a_query_strain_by_all_genes_has_a_page(run: Path, tmp_path: Path, gi_jax) -> None:
    arguments = ("--size", 2, "--including", "G05", "--report", tmp_path)
    code, _, err = gi_jax("screen", run, "--out", tmp_path / "s.tsv", *arguments)
    assert code == 0, err
    plates = read_table(tmp_path / "plates.tsv", required=("query",))
    assert set(plates.columns["query"]) == {"G05"}
    text = (tmp_path / "screen.html").read_text("utf-8")
    assert "29 genotypes of 2 genes, each with N05, of 29 genes were predicted; 29 are in the list." in text
    assert "Genes of the list" not in text  # each gene is in one genotype


def test_crosses_have_a_page_without_a_network_of_their_own(run: Path, tmp_path: Path, gi_jax) -> None:
    (tmp_path / "queries.txt").write_text("G00\nG01\n")
    (tmp_path / "arrays.txt").write_text("G02\nG03\nG04\nG05\n")
    arguments = ("--queries", tmp_path / "queries.txt", "--arrays", tmp_path / "arrays.txt")
    code, _, err = gi_jax(
        "screen", run, "--out", tmp_path / "s.tsv", *arguments, "--report", tmp_path / "page"
    )
    assert code == 0, err
    plates = read_table(tmp_path / "page" / "plates.tsv", required=("query", "array"))
    assert set(plates.columns["query"]) <= {"G00", "G01"}
    assert set(plates.columns["array"]) <= {"G02", "G03", "G04", "G05", "control"}
