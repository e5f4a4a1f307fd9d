"""The command line in rooms that are not as it wishes: names, homes, streams, files that moved or are cut."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from gi_jax.config import RunConfig
from gi_jax.runs import run as train_run
from gi_jax.runs.run import train
from gi_jax.terminal import make_console

TINY = str(Path(__file__).parents[1] / "configs" / "tiny.yaml")
REPORT = ("evaluation.tsv", "predictions.tsv", "report.png", "report.html")


@pytest.fixture(scope="module")
def trained(small_config: RunConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one epoch, whose baseline is named by a text in place of a list."""
    config = replace(small_config, trainer=replace(small_config.trainer, max_epochs=1))
    folder = tmp_path_factory.mktemp("surroundings") / "run"
    train(config, folder, resume=False, console=make_console(quiet=True), baselines="mean")
    assert [line.split("\t")[0] for line in (folder / "evaluation.tsv").read_text().splitlines()] == [
        "model",
        "model",
        "mean",
    ]
    return folder


@pytest.fixture
def copied(trained: Path, tmp_path: Path) -> Path:
    """A copy of the run that may be spoiled."""
    return Path(shutil.copytree(trained, tmp_path / "run"))


def one_sentence(result: tuple[int, str, str], *parts: str) -> None:
    code, _, err = result
    assert code == 2, err
    assert err.startswith("error: ") and err.count("\n") == 1, err
    for part in parts:
        assert part in err


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.mark.parametrize("name", ["v[old]", "v[/x]", "[red]", ":x:", "a$b$", "\\foo", "Müller"])
def test_names_are_shown_as_they_are(name: str, trained: Path, tmp_path: Path, gi_jax) -> None:
    folder = tmp_path / name
    folder.mkdir(parents=True)
    (folder / "f.tsv").write_text(f"genes\tscore\t{name}\nG01,G02\t1\tx\nG01,G03\t2\tx\n", encoding="utf-8")
    code, out, err = gi_jax("evaluate", trained, "--genotypes", folder / "f.tsv")
    assert (code, err) == (0, "")
    assert f"2 genotypes of {folder}/f.tsv" in out
    assert f"columns not read: {name.lower()}" in out
    code, _, err = gi_jax("predict", trained, "--file", folder / "f.tsv", "--out", folder / "p.tsv")
    assert code == 0
    assert f"2 predictions in {folder}/p.tsv" in err
    assert f"columns not read: score, {name.lower()}" in err
    assert len((folder / "p.tsv").read_text().splitlines()) == 3


def test_a_sentence_stays_one_line_when_a_name_in_it_has_two(tmp_path: Path, gi_jax) -> None:
    one_sentence(gi_jax("predict", tmp_path / "a\nb", "G01"), f"{tmp_path}/a\\nb: no such folder")


def test_a_run_called_like_the_home_folder_is_reached_by_a_dot(copied: Path, gi_jax, monkeypatch) -> None:
    copied.rename(copied.with_name("~"))
    monkeypatch.chdir(copied.parent)
    assert gi_jax("predict", "./~", "G01")[0] == 0


def test_evaluate_leaves_out_unknown_genes_as_the_run_does(copied: Path, tmp_path: Path, gi_jax) -> None:
    (tmp_path / "f.tsv").write_text("genes\tscore\nG01,G02\t1\nG01,XYZ\t2\n")
    one_sentence(gi_jax("evaluate", copied, "--genotypes", tmp_path / "f.tsv"), "line 3", "XYZ")
    config = (copied / "config.yaml").read_text()
    told = config.replace("leave_out_unknown_genes: false", "leave_out_unknown_genes: true")
    (copied / "config.yaml").write_text(told)
    code, out, _ = gi_jax("evaluate", copied, "--genotypes", tmp_path / "f.tsv")
    assert code == 0
    assert "left out: 1 with a gene that is not in the gene list (such as XYZ on line 3)" in out
    assert "1 genotypes of" in out


def test_outputs_are_tried_before_the_work(trained: Path, tmp_path: Path, gi_jax, monkeypatch) -> None:
    def never(*arguments: object, **options: object) -> None:
        raise AssertionError("worked before it tried the output")

    for module in ("gi_jax.experiment.bundle", "conversion.convert"):
        monkeypatch.setattr(f"{module}.load_bundle", never)
    (tmp_path / "x.safetensors").mkdir()
    for target, said in ((tmp_path, "is a folder"), (tmp_path / "no" / "x", "does not exist")):
        one_sentence(gi_jax("screen", trained, "--out", target), str(target), said)
        one_sentence(gi_jax("predict", trained, "G01", "--out", target), str(target), said)
    one_sentence(gi_jax("convert", trained, tmp_path), "expected a name in .safetensors")
    one_sentence(gi_jax("convert", trained, tmp_path / "x.safetensors"), "is a folder")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.safetensors"]


def test_a_run_that_could_not_write_its_report_is_refused_before_the_first_step(
    copied: Path, gi_jax, monkeypatch
) -> None:
    (copied / "report.png").unlink()
    (copied / "report.png").mkdir()
    before = contents(copied)
    one_sentence(gi_jax("evaluate", copied), "report.png: is a folder")
    command = ("train", "--config", copied / "config.yaml", "--out", copied, "--resume")
    one_sentence(gi_jax(*command, "trainer.max_epochs=2"), "report.png: is a folder")
    assert contents(copied) == before


def test_a_report_that_fails_leaves_the_old_one(copied: Path, gi_jax, monkeypatch) -> None:
    def fails(*arguments: object, **options: object) -> None:
        raise OSError("no room")

    for name in REPORT:
        (copied / name).write_text("old")
    monkeypatch.setattr(train_run, "write_page", fails)
    one_sentence(gi_jax("evaluate", copied), "no room")
    assert {name: (copied / name).read_text() for name in REPORT} == dict.fromkeys(REPORT, "old")
    assert not list(copied.glob(".new-*"))


def test_a_cut_or_lost_metrics_file_does_not_stop_a_report(copied: Path, gi_jax) -> None:
    assert gi_jax("evaluate", copied)[0] == 0
    before = (copied / "predictions.tsv").read_bytes()
    whole = (copied / "metrics.jsonl").read_bytes()
    (copied / "metrics.jsonl").write_bytes(whole[:-20] + bytes(30) + b"\xff\xfe{")
    code, _, err = gi_jax("evaluate", copied)
    assert (code, err) == (0, "")
    assert "metrics.jsonl holds none" not in (copied / "report.html").read_text(encoding="utf-8")
    (copied / "metrics.jsonl").unlink()
    code, _, err = gi_jax("evaluate", copied)
    assert (code, err) == (0, "")
    page = (copied / "report.html").read_text(encoding="utf-8")
    assert "metrics.jsonl holds none" in page
    assert "<h1>run</h1>" in page
    assert (copied / "predictions.tsv").read_bytes() == before


def test_what_moved_is_named_with_where_to_say_it(copied: Path, small_world: Path, gi_jax) -> None:
    config = copied / "config.yaml"
    text = config.read_text()
    resume = ("train", "--resume", "--config", config, "--out", copied)
    for file, key, commands in (
        ("sparse.tsv", "data.networks.sparse.path", ("predict", "evaluate", "screen", "resume")),
        ("scores.tsv", "data.genotypes[0]", ("evaluate", "measured", "resume")),
        ("genes.txt", "data.genes", ("evaluate", "resume")),
    ):
        config.write_text(text.replace(str(small_world / file), f"/old/{file}"))
        said = f"{config}: {key} is /old/{file}, which is not there; if the file moved, write its new path"
        for command in commands:
            arguments = {
                "predict": ("predict", copied, "G01"),
                "evaluate": ("evaluate", copied),
                "screen": ("screen", copied, "--out", copied / "x.tsv"),
                "measured": ("screen", copied, "--out", copied / "x.tsv", "--measured"),
                "resume": resume,
            }[command]
            one_sentence(gi_jax(*arguments), said)
    config.write_text(text.replace(str(small_world / "scores.tsv"), "/old/scores.tsv"))
    assert gi_jax("predict", copied, "G01")[0] == 0  # which needs no scores


def test_paths_begin_at_home(trained: Path, tmp_path: Path, gi_jax, monkeypatch) -> None:
    monkeypatch.setenv("HOME", str(trained.parent))
    code, _, err = gi_jax("predict", "~/run", "G01", "--out=~/p.tsv")
    assert (code, err) == (0, f"1 predictions in {trained.parent}/p.tsv\n")
    (tmp_path / "config.yaml").write_text("data: {genes: ~/no-genes.txt}\ncell_dataset: {graphs: [a]}")
    one_sentence(gi_jax("inspect", tmp_path / "config.yaml"), f"{trained.parent}/no-genes.txt: no such file")


@pytest.mark.parametrize("number", ["1_0", "١", "two"])
def test_whole_numbers_of_options_are_as_people_write_them(number: str, trained: Path, gi_jax) -> None:
    for option in ("--top", "--size"):
        code, _, err = gi_jax("screen", trained, "--out", "x.tsv", option, number)
        assert code == 2
        assert "is not a whole number" in err


def test_options_that_do_not_exist_are_named_as_they_are(gi_jax) -> None:
    code, _, err = gi_jax("predict", "--no[red]pe")
    assert code == 2
    assert "--no[red]pe" in err


def test_without_a_home_nothing_is_kept_and_the_work_goes_on(trained: Path, gi_jax, monkeypatch) -> None:
    def unknown(path: Path) -> Path:
        if str(path).startswith("~"):
            raise RuntimeError("Could not determine home directory.")
        return path

    monkeypatch.setattr(Path, "expanduser", unknown)
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR")
    monkeypatch.setattr("jax.config.update", lambda name, value: None)
    code, out, err = gi_jax("predict", trained, "G01")
    assert code == 0
    assert out.startswith("genes\tprediction\tnames\nG01\t")
    assert err.startswith(
        "compiled programs are not kept: ~/.cache/gi_jax/compiled: the home folder is unknown"
    )
    assert err.count("\n") == 1


def test_a_cache_folder_that_cannot_be_written_is_one_sentence(trained: Path, gi_jax, monkeypatch) -> None:
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", "/proc/cache")
    monkeypatch.setattr("jax.config.update", lambda name, value: None)
    code, out, err = gi_jax("predict", trained, "G01")
    assert (code, out.count("\n")) == (0, 2)
    assert err.startswith("compiled programs are not kept: /proc/cache: files cannot be written there")
    assert err.count("\n") == 1


def test_a_cache_folder_may_have_bytes_that_are_no_letters(
    trained: Path, tmp_path, gi_jax, monkeypatch
) -> None:
    folder, updated = tmp_path / "M\udcfcller", {}
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(folder))
    monkeypatch.setattr("jax.config.update", updated.__setitem__)
    assert gi_jax("predict", trained, "G01")[0] == 0
    link = updated["jax_compilation_cache_dir"]
    assert link.isascii() and Path(link).samefile(folder)


def sh(command: str, *arguments: object, **surroundings: str) -> subprocess.CompletedProcess:
    """A shell command in which `$0` is Python, and `$1`, `$2`... the arguments."""
    texts = [sys.executable, *map(str, arguments)]
    env = {**os.environ, **surroundings}
    return subprocess.run(["sh", "-c", command, *texts], env=env, capture_output=True, timeout=300)


def test_a_table_that_nobody_takes_is_one_sentence(trained: Path) -> None:
    process = sh('"$0" -m gi_jax.cli predict "$1" G01 >/dev/full', trained)
    said = "error: the standard output did not take the table; write it to a file with --out FILE\n"
    assert (process.returncode, process.stderr.decode()) == (2, said)


def test_a_training_goes_on_when_its_reader_goes_away(small_overrides: list[str], tmp_path: Path) -> None:
    command = '("$0" -m gi_jax.cli train --config "$@" trainer.max_epochs=1; echo $? >"$3.rc") | head -1'
    process = sh(command, TINY, "--out", tmp_path / "run", *small_overrides)
    assert process.stdout.count(b"\n") == 1
    assert (tmp_path / "run.rc").read_text() == "0\n"
    assert (tmp_path / "run" / "report.html").exists()


def test_a_device_that_is_not_there_is_all_that_is_said_before_any_work(tmp_path: Path) -> None:
    # Matplotlib, without a folder of its own, says nothing.
    surroundings = {"JAX_PLATFORMS": "nonsense", "MPLCONFIGDIR": "/proc/none"}
    process = sh('"$0" -m gi_jax.cli predict "$1" G01', tmp_path / "none", **surroundings)
    assert process.returncode == 2
    assert process.stderr.decode().startswith(
        "error: JAX_PLATFORMS is nonsense, but JAX finds no such device"
    )
    assert process.stderr.count(b"\n") == 1


def test_bytes_that_are_no_letters_and_another_locale(trained: Path, tmp_path: Path, gi_jax) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/M\xfcller"))
    folder.mkdir()
    (folder / "f.tsv").write_text("genes\nG01\n")
    arguments = ("predict", trained, "--file", folder / "f.tsv", "--out", folder / "p.tsv")
    assert gi_jax(*arguments)[0] == 0
    (folder / "p.tsv").unlink()
    locale = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    process = sh('"$0" -m gi_jax.cli "$@"', *arguments, **locale)
    assert process.returncode == 0, process.stderr
    assert rf"1 predictions in {tmp_path}/M\udcfcller/p.tsv".encode() in process.stderr
    assert (folder / "p.tsv").exists()
