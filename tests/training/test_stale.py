"""What a finished run notices when its data changed, moved or were cut."""

from __future__ import annotations

import io
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from gi_jax.cli.evaluate import evaluate
from gi_jax.cli.screen import screen
from gi_jax.config import RunConfig, load_config
from gi_jax.data.splits import load_split
from gi_jax.errors import GiJaxError
from gi_jax.runs.resume import check_same_scores
from gi_jax.runs.run import train


def with_world(config: RunConfig, world: Path, **model: object) -> RunConfig:
    """The configuration on files of another folder."""
    networks = {
        name: replace(source, path=str(world / Path(source.path).name))
        for name, source in config.data.networks.items()
    }
    genes, scores = str(world / "genes.txt"), (str(world / "scores.tsv"),)
    data = replace(config.data, genes=genes, genotypes=scores, networks=networks)
    trainer = replace(config.trainer, max_epochs=1)
    return replace(config, data=data, trainer=trainer, model=replace(config.model, **model))


def run(config: RunConfig, folder: Path, *, resume: bool = False) -> str:
    out = io.StringIO()
    train(config, folder, resume=resume, console=Console(file=out, width=200), baselines=())
    return out.getvalue()


@pytest.fixture(scope="module")
def trained(
    small_config: RunConfig, small_world: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, RunConfig]:
    """A folder with a world and a run of one epoch on it."""
    home = tmp_path_factory.mktemp("stale")
    shutil.copytree(small_world, home / "world")
    config = with_world(small_config, home / "world")
    run(config, home / "run")
    return home, config


@pytest.fixture
def home(trained: tuple[Path, RunConfig]) -> Path:
    """The same; whatever a test does to it is undone."""
    folder, kept = trained[0], trained[0].with_name(trained[0].name + "-kept")
    shutil.copytree(folder, kept)
    yield folder
    shutil.rmtree(folder)
    kept.rename(folder)


def flip_scores(path: Path) -> None:
    header, *lines = path.read_text().splitlines()
    rows = [f"{genes}\t{-float(score)}" for genes, score in (line.split("\t") for line in lines)]
    path.write_text("\n".join([header, *rows]) + "\n")


def drop_an_edge(path: Path) -> None:
    path.write_text("\n".join(path.read_text().splitlines()[:-1]) + "\n")


def draw_anew(path: Path) -> None:
    split = load_split(path)
    replace(split, test=split.val, val=split.test).save(path)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("world/scores.tsv", flip_scores, "run: the measured genotypes changed since the run began; restore"),
        ("run/split.npz", draw_anew, "run: the split changed since the run began; restore the data"),
        ("world/dense.tsv", drop_an_edge, "the network 'dense' has other edges"),
    ],
)
def test_evaluate_notices_changed_data_and_keeps_the_report(
    home: Path, name: str, change: object, message: str
) -> None:
    change(home / name)
    before = {path.name: path.read_bytes() for path in (home / "run").iterdir() if path.is_file()}
    with pytest.raises(GiJaxError, match=message):
        evaluate(home / "run")
    assert before == {path.name: path.read_bytes() for path in (home / "run").iterdir() if path.is_file()}


def test_a_screen_with_measurements_notices_changed_scores(home: Path) -> None:
    flip_scores(home / "world" / "scores.tsv")
    with pytest.raises(GiJaxError, match="run: the measured genotypes changed since the run began"):
        screen(home / "run", home / "screen.tsv", measured=True)
    assert not (home / "screen.tsv").exists()


def test_a_model_folder_remembers_no_scores(tmp_path: Path) -> None:
    check_same_scores(tmp_path, None)  # a model folder has no checkpoints to compare with


def test_a_run_goes_on_where_its_files_have_moved(home: Path, trained: tuple[Path, RunConfig]) -> None:
    (home / "world").rename(home / "moved")
    config = with_world(trained[1], home / "moved")
    longer = replace(config, trainer=replace(config.trainer, max_epochs=2))
    assert "continuing from step 5" in run(longer, home / "run", resume=True)
    assert load_config(home / "run" / "config.yaml").config == longer
    flip_scores(home / "moved" / "scores.tsv")
    with pytest.raises(GiJaxError, match="the measured genotypes changed since the run began"):
        run(longer, home / "run", resume=True)
    bundled = replace(longer, data=replace(longer.data, genotypes=("collins2007",)))
    with pytest.raises(GiJaxError, match="was started with data.genotypes"):
        run(bundled, home / "run", resume=True)


def test_weights_to_start_from_may_go_once_there_is_a_checkpoint(
    home: Path, trained: tuple[Path, RunConfig]
) -> None:
    shutil.copytree(home / "run", home / "start")
    config = with_world(trained[1], home / "world", checkpoint_path=str(home / "start"))
    run(config, home / "second")
    shutil.rmtree(home / "start")
    longer = replace(config, trainer=replace(config.trainer, max_epochs=2))
    assert "continuing from step 5" in run(longer, home / "second", resume=True)


def test_a_cut_or_foreign_file_of_a_run_is_one_sentence(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("evaluate_table", "write_report", "print_evaluation"):  # the work itself is not asked for
        monkeypatch.setattr(f"gi_jax.runs.evaluate.{name}", lambda *_: None)
    ends = {"whole": 0, "described": 0}
    names = ("config.yaml", "genes.txt", "labels.json", "networks.json", "split.npz")
    best = [path for path in (home / "run" / "checkpoints" / "best").rglob("*") if path.is_file()]
    for path in (*(home / "run" / name for name in names), *best):
        content = path.read_bytes()
        for spoiled in (b"", b"\0" * len(content), content[: len(content) // 2], b"[1]"):
            path.write_bytes(spoiled)
            try:
                evaluate(home / "run")
                ends["whole"] += 1
            except (GiJaxError, OSError) as error:
                ends["described"] += 1
                assert "\n" not in str(error)
        path.write_bytes(content)
    evaluate(home / "run")
    assert ends["described"] > 20
    np.testing.assert_array_less(ends["whole"], 4 * len(best))  # of some files of Orbax nothing is needed
