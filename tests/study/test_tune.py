"""Search of settings: what it writes, what it never looks at, and how it goes on."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from rich.console import Console

from gi_jax.config import load_config
from gi_jax.errors import GiJaxError
from gi_jax.evaluation import evaluation
from gi_jax.runs import run as runs
from gi_jax.study import tune as search
from gi_jax.study.space import Range, Space, load_space

optuna = pytest.importorskip(
    "optuna", reason="the search is an extra of the package: pip install gi-jax[tune]"
)

SPACE = Space(
    {
        "model.largest_rank": Range(low=1, high=4, whole=True),
        "model.strengths": Range(choices=([1.0], [100.0, 1.0])),
    }
)


@pytest.fixture
def config(small_world: Path, tmp_path: Path) -> Path:
    path = tmp_path / "low_rank.yaml"
    path.write_text(
        f"data:\n  genes: {small_world / 'genes.txt'}\n  genotypes: [{small_world / 'scores.tsv'}]\n"
        "model: {kind: low_rank}\n"
    )
    return path


def run(config: Path, folder: Path, trials: int, space: Space = SPACE) -> search.Found:
    return search.tune(config, space, folder, trials=trials, console=Console(file=io.StringIO()))


def table(folder: Path) -> list[dict[str, str]]:
    with (folder / search.TRIALS).open() as file:
        return list(csv.DictReader(file, delimiter="\t"))


def test_the_best_configuration_is_one_of_the_space_and_test_genotypes_stay_unseen(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*arguments: object, **named: object) -> None:
        raise AssertionError("test genotypes were looked at")

    monkeypatch.setattr(runs, "evaluate", forbidden)
    monkeypatch.setattr(evaluation, "evaluate", forbidden)
    found = run(config, tmp_path / "search", 3)
    assert found.trials == 3 and found.value is not None and found.stopped_by is None
    best = load_config(tmp_path / "search" / search.BEST).config
    assert best == load_config(config, found.overrides).config
    assert best.model.largest_rank in (1, 2, 3, 4) and best.model.strengths in ((1.0,), (100.0, 1.0))
    rows = table(tmp_path / "search")
    values = [float(row["validation_pearson"]) for row in rows]
    assert values == sorted(values, reverse=True) and values[0] == pytest.approx(found.value, rel=1e-5)
    assert not list((tmp_path / "search").glob("trial_*/evaluation.tsv"))


def test_a_search_goes_on_and_finishes_what_a_killed_process_left(config: Path, tmp_path: Path) -> None:
    folder = tmp_path / "search"
    run(config, folder, 1)
    study = search._study(folder, config, (), SPACE)
    left = study.ask()  # a process that was killed now leaves a trial that is running for ever
    SPACE.suggest(left)
    assert run(config, folder, 3).trials == 3
    assert sorted(row["trial"] for row in table(folder)) == ["0", "1", "2"]
    assert all(row["state"] == "complete" for row in table(folder))
    before = (folder / search.BEST).read_bytes()
    assert run(config, folder, 3).trials == 3  # there are enough
    assert (folder / search.BEST).read_bytes() == before
    with pytest.raises(GiJaxError, match="holds a search of another space"):
        run(config, folder, 4, Space({"model.largest_rank": Range(choices=(1, 2))}))


def test_a_training_behind_the_others_is_given_up(
    small_overrides: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(optuna.pruners.MedianPruner, "prune", lambda *_: True)
    space = Space({"regression_task.optimizer.lr": Range(low=1e-4, high=1e-2, log=True)})
    tiny = Path(__file__).parents[2] / "configs" / "tiny.yaml"
    found = search.tune(
        tiny,
        space,
        tmp_path,
        trials=1,
        overrides=tuple(small_overrides),
        console=Console(file=io.StringIO()),
    )
    assert found.trials == 1 and found.value is None and not (tmp_path / search.BEST).exists()
    (row,) = table(tmp_path)
    assert row["state"] == "pruned" and 1e-4 <= float(row["regression_task.optimizer.lr"]) <= 1e-2
    metrics = (tmp_path / "trial_0000" / "metrics.jsonl").read_text()
    assert metrics.count('"kind": "epoch"') == 1


def test_the_command_line(gi_jax, config: Path, tmp_path: Path) -> None:
    space = tmp_path / "space.yaml"
    space.write_text("settings:\n  model.largest_rank: {low: 1, high: 3, whole: true}\n")
    code, out, _ = gi_jax("tune", config, "--space", space, "--out", tmp_path / "found", "--trials", 2)
    assert code == 0 and "validation Pearson" in out and (tmp_path / "found" / "best.yaml").exists()
    space.write_text("settings:\n  model.rank: {low: 1, high: 3, whole: true}\n")
    code, _, error = gi_jax("tune", config, "--space", space, "--out", tmp_path / "other", "--trials", 2)
    assert code == 2 and "rank" in error and not (tmp_path / "other").exists()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("settings: {}\n", "names no settings"),
        ("parameters: {model.dropout: {low: 0, high: 1}}\n", "the nearest valid key is settings"),
        ("settings: {model.dropout: {low: 1, high: 0}}\n", "expected two numbers, low below high"),
        ("settings: {model.dropout: {low: 0, high: 1, log: true}}\n", "expected a number above 0"),
        ("settings: {model.dropout: {low: 0, choices: [1]}}\n", "expected either choices, or low and high"),
        ("settings: {model.num_layers: {low: 0.5, high: 2, whole: true}}\n", "expected whole numbers"),
    ],
)
def test_a_space_that_makes_no_sense_is_refused(text: str, complaint: str, tmp_path: Path) -> None:
    path = tmp_path / "space.yaml"
    path.write_text(text)
    with pytest.raises(GiJaxError, match=complaint):
        load_space(path)
