"""Paths of a configuration: what they mean, wherever the command is run, and what moved."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gi_jax.config import RunConfig, parse_config
from gi_jax.config.paths import cache_folder, check_files, with_absolute_paths
from gi_jax.errors import GiJaxError

NAMED = """
cell_dataset: {graphs: [mine, string9_1_fusion]}
data:
  genes: genes.txt
  genotypes: [collins2007, scores.tsv, sub/scores, collinz2007]
  networks: {mine: {path: mine.tsv}, unused: {path: "~/unused.tsv"}}
model: {checkpoint_path: runs/before}
trainer: {compilation_cache: cache}
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch) -> RunConfig:
    """Relative paths to files of which none is there, read in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/somebody")
    return with_absolute_paths(parse_config(NAMED).config)


def test_files_get_their_full_paths_whether_they_are_there_or_not(config: RunConfig, tmp_path: Path) -> None:
    data = config.data
    assert data.genes == f"{tmp_path}/genes.txt"
    # A bundled study keeps its name, and so does a misspelled one, to be told from a file that is missing.
    assert data.genotypes == (
        "collins2007",
        f"{tmp_path}/scores.tsv",
        f"{tmp_path}/sub/scores",
        "collinz2007",
    )
    assert data.networks["mine"].path == f"{tmp_path}/mine.tsv"
    assert data.networks["unused"].path == "/home/somebody/unused.tsv"
    assert config.model.checkpoint_path == f"{tmp_path}/runs/before"
    assert config.trainer.compilation_cache == f"{tmp_path}/cache"
    assert with_absolute_paths(config) == config


def test_a_folder_named_like_a_study_to_be_is_a_path_once_it_is_there(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").write_text("")
    config = with_absolute_paths(parse_config("data: {genotypes: [mine]}").config)
    assert config.data.genotypes == (f"{tmp_path}/mine",)


@pytest.mark.parametrize("folder", ["~/.cache/x", "gs://bucket/x"])
def test_a_cache_of_everyone_or_elsewhere_stays(folder: str, monkeypatch) -> None:
    config = parse_config("", [f"trainer.compilation_cache={folder}"]).config
    assert with_absolute_paths(config) == config
    monkeypatch.setenv("HOME", "/home/somebody")
    assert cache_folder(config) == (Path("/home/somebody/.cache/x") if folder.startswith("~") else None)


def test_without_a_home_there_is_no_cache(monkeypatch) -> None:
    def unknown(path: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "expanduser", unknown)
    assert cache_folder(RunConfig()) is None


def test_what_moved_is_named_with_its_key(config: RunConfig, tmp_path: Path) -> None:
    source = tmp_path / "config.yaml"
    missing = {
        "data.networks.mine.path": "mine.tsv",
        "data.genes": "genes.txt",
        "data.genotypes[1]": "scores.tsv",
        "data.genotypes[2]": "sub/scores",
    }
    (tmp_path / "sub").mkdir()
    for key, file in missing.items():
        with pytest.raises(GiJaxError) as caught:
            check_files(config, source)
        said = f"{source}: {key} is {tmp_path / file}, which is not there"
        assert str(caught.value) == f"{said}; if the file moved, write its new path there"
        (tmp_path / file).write_text("")
    check_files(config, source)


def test_to_predict_takes_the_networks_alone(config: RunConfig, tmp_path: Path) -> None:
    (tmp_path / "mine.tsv").write_text("")
    check_files(config, tmp_path / "config.yaml", measured=False)
    own = replace(config, cell_dataset=replace(config.cell_dataset, graphs=("unused",)))
    with pytest.raises(GiJaxError, match="data.networks.unused.path"):
        check_files(own, tmp_path / "config.yaml", measured=False)
