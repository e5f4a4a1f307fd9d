"""The wheel and the source distribution, used where there is no checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import gi_jax

ROOT = Path(__file__).parents[1]


def call(*command: object, cwd: Path, **surroundings: str) -> str:
    """What a command prints on its standard output; it has to succeed."""
    env = {**os.environ, **surroundings}
    ended = subprocess.run(
        list(map(str, command)), cwd=cwd, env=env, capture_output=True, text=True, timeout=300
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def build(source: Path, target: str, into: Path) -> Path:
    """A distribution of the package in a folder."""
    call(sys.executable, "-m", "hatchling", "build", "-t", target, "-d", into, cwd=source)
    (found,) = into.iterdir()
    return found


def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(ROOT, "wheel", tmp_path_factory.mktemp("wheel"))


def test_the_wheel_has_data_and_configurations_and_no_tests(wheel: Path) -> None:
    inside = names(wheel)
    for part in ("configs", "data/yeast"):
        source = ROOT / part if part == "configs" else ROOT / "gi_jax" / part
        files = {str(path.relative_to(source)) for path in source.rglob("*") if path.is_file()}
        assert len(files) > 5
        assert {f"gi_jax/{part}/{name}" for name in files} <= inside
    assert "gi_jax/report/templates/report.html.jinja" in inside
    assert {name.split("/")[0] for name in inside} == {
        "gi_jax",
        "conversion",
        f"gi_jax-{gi_jax.__version__}.dist-info",
    }


def test_the_source_distribution_makes_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    archive = build(ROOT, "sdist", tmp_path / "sdist")
    with tarfile.open(archive) as opened:
        opened.extractall(tmp_path, filter="data")
    source = tmp_path / archive.name.removesuffix(".tar.gz")
    assert {"CHANGELOG.md", "CITATION.cff", "CONTRIBUTING.md", "LICENSE", "tests", "docs"} <= {
        path.name for path in source.iterdir()
    }
    assert names(build(source, "wheel", tmp_path / "again")) == names(wheel)


def test_an_installed_wheel_trains_and_predicts_without_the_checkout(wheel: Path, tmp_path: Path) -> None:
    site, work = tmp_path / "site", tmp_path / "work"
    work.mkdir()
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index")
    call(*pip, "--no-compile", "--target", site, wheel, cwd=work)
    command = site / "bin" / "gi-jax"
    alone = {"PYTHONPATH": str(site), "PYTHONSAFEPATH": "1"}
    where = "import gi_jax, conversion; print(gi_jax.__file__, conversion.__file__)"
    assert call(sys.executable, "-c", where, cwd=work, **alone).split() == [
        str(site / "gi_jax" / "__init__.py"),
        str(site / "conversion" / "__init__.py"),
    ]
    assert call(command, "--version", cwd=work, **alone) == f"gi-jax {gi_jax.__version__}\n"
    load = "gi_jax.load_dataset('costanzo2016_subset', 'regulatory_lee2002_chip')"
    call(sys.executable, "-c", f"import gi_jax; {load}", cwd=work, **alone)
    # Without networks there is a third as much to compile.
    small = ["trainer.max_epochs=1", "model.num_layers=0", "cell_dataset.graphs=[]"]
    small.append("model.local_predictor_config.combination_method=local")
    said = call(command, "train", "--config", "tiny", "--out", "run", *small, cwd=work, **alone)
    assert "training ended: all 1 epochs done" in said
    assert (work / "run" / "report.html").exists()
    table = call(command, "predict", "run", "YAL002W,YAL040C", cwd=work, **alone)
    assert table.startswith("genes\tprediction\tnames\nYAL002W,YAL040C\t")
