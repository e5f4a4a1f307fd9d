"""Commands in two hundred rooms that are not as they wish; a failing one is repeated by its number alone."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from gi_jax.config import load_config
from gi_jax.config.yaml_text import override
from gi_jax.experiment.bundle import load_bundle, save_bundle
from tests.hostile.checks import (
    check_checkpoints,
    check_files,
    check_metrics,
    check_said,
    restorable,
    snapshot,
)
from tests.hostile.draws import NUMBERS, Example, draw
from tests.hostile.room import run_here
from tests.hostile.world import ASKED, arguments, make_world

PLAIN = replace(
    draw(0), name="plain", places=(), relative=False, surroundings="as usual", damage=None, output="new"
)
TINY = Path(__file__).parents[2] / "configs" / "tiny.yaml"


@pytest.fixture(scope="module")
def base(small_world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one epoch, the same model as a folder, their data, and what both predict."""
    folder = tmp_path_factory.mktemp("base")
    data = folder / "data"
    shutil.copytree(small_world, data)
    (data / "genes.txt").write_text((data / "genes.txt").read_text().replace("N29", "Gß29"))
    (data / "ask.tsv").write_text("genes\tnote\n" + "".join(f"{genotype}\tMüller\n" for genotype in ASKED))
    settings = [
        override("data.genes", str(data / "genes.txt")),
        override("data.genotypes", [str(data / "scores.tsv")]),
        override("data.networks.sparse.path", str(data / "sparse.tsv")),
        "cell_dataset.graphs=[sparse]",
        "data_module.batch_size=16",
        "trainer.checkpoint_every_n_steps=3",
        "trainer.max_epochs=1",
    ]
    for given in (
        ["train", f"--config={TINY}", f"--out={folder / 'run'}", *settings],
        ["convert", str(folder / "run"), str(data / "weights.safetensors")],
    ):
        result = run_here(given, PLAIN, folder)
        assert result.code == 0, result
    save_bundle(load_bundle(folder / "run"), folder / "model")
    (folder / "predicted").write_text(predicted(folder / "run", folder))
    return folder


def predicted(source: Path, folder: Path) -> str:
    result = run_here(["predict", "--", str(source), *ASKED], PLAIN, folder)
    assert result.code == 0, result
    return result.out


@pytest.mark.parametrize(
    "number", NUMBERS, ids=lambda number: f"{number}-{draw(number).command.replace(' ', '-')}"
)
def test_nothing_is_lost_and_every_failure_is_one_sentence(
    number: int, base: Path, tmp_path: Path, monkeypatch
) -> None:
    example = draw(number)
    try:
        check(example, base, tmp_path, monkeypatch)
    except Exception as error:
        error.add_note(f"\nin the combination {example}")
        raise


def check(example: Example, base: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = make_world(base, folder / "world", example)
    (folder / "home").mkdir()
    monkeypatch.chdir((world.run if example.source == "run" else world.model).parent)
    before = snapshot(folder / "world")
    writes = example.command.startswith("train")
    checkpoints = restorable(world.run) if writes and world.run.exists() else {}
    result = run_here(arguments(world, example), example, folder)
    print(f"{example}\n{result}")
    check_said(result, example)
    check_files(before, snapshot(folder / "world"), world, example, result)
    assert list((folder / "home").iterdir()) == []
    if writes:
        check_checkpoints(checkpoints, world.run)
    if result.code or not example.must_work:
        return
    expected = (base / "predicted").read_text()
    if example.command == "predict":
        assert result.out == expected
    elif example.command == "predict --file":
        assert world.output.read_text() == expected
    elif example.command == "train":
        check_metrics(world.run)
        assert predicted(world.run, folder) == expected
    elif example.command == "train --resume":
        check_metrics(world.run)
        assert load_config(world.run / "config.yaml").config.trainer.max_epochs == 2
    elif example.command.startswith("evaluate"):
        assert "│ model" in result.out or example.surroundings.startswith("standard output")
