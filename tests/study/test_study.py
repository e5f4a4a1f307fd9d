"""A small study from its first cell to its page: what is done stays done, what is interrupted goes on."""

from __future__ import annotations

import io
import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from signal import SIGTERM

import jax
import numpy as np
import pytest
from rich.console import Console
from scipy.stats import pearsonr, spearmanr

from gi_jax.config import load_config, to_yaml
from gi_jax.config.paths import with_absolute_paths
from gi_jax.config.study import StudyConfig, load_study
from gi_jax.data.genotypes import GenotypeBatch
from gi_jax.errors import GiJaxError
from gi_jax.experiment.experiment import load_experiment
from gi_jax.predict.predictor import Predictor
from gi_jax.runs.lock import lock_folder
from gi_jax.study import plan_cells, read_results, run_study, select_cells
from gi_jax.study import run as study_run
from gi_jax.study.paths import path_numbers
from gi_jax.study.report import BEGIN, END
from gi_jax.study.results import write_results
from gi_jax.training.step import StepInputs
from gi_jax.training.stepper import Stepper

SMALL = Path(__file__).parents[2] / "configs" / "study_small.yaml"
GROUP = "small-random-0"


def run(study: StudyConfig, *only: str) -> tuple:
    """What ended the study, and what it said."""
    out, cells = io.StringIO(), plan_cells(study)
    ended = run_study(study, cells, select_cells(cells, only), Console(file=out, width=200))
    return ended, out.getvalue()


def states(study: StudyConfig) -> list[str]:
    return [cell.state().value for cell in plan_cells(study)]


def in_folder(study: StudyConfig, folder: Path) -> StudyConfig:
    document, picture = str(folder / "docs" / "accuracy.md"), str(folder / "docs" / "accuracy.png")
    return replace(study, out=str(folder / "study"), document=document, picture=picture)


def table_row(study: StudyConfig, row: str) -> list[str]:
    """The cells of the first row of the page that is about `row`."""
    lines = Path(study.document).read_text().splitlines()
    line = next(line for line in lines if line.startswith(f"| {row} |"))
    return [cell.strip() for cell in line.strip("|").split("|")]


@pytest.fixture(scope="module")
def planned(small_overrides: list[str], small_world: Path, tmp_path_factory) -> StudyConfig:
    """`configs/study_small.yaml` on the small world."""
    study = load_study(SMALL)
    (dataset,) = study.datasets
    scores = (str(small_world / "scores.tsv"),)
    dataset = replace(dataset, name="small", genotypes=scores, overrides=tuple(small_overrides))
    return in_folder(replace(study, datasets=(dataset,)), tmp_path_factory.mktemp("planned"))


@pytest.fixture(scope="module")
def done(planned: StudyConfig, tmp_path_factory) -> StudyConfig:
    """The small study, run whole."""
    study = in_folder(planned, tmp_path_factory.mktemp("done"))
    assert states(study) == ["planned"] * 3
    ended, _ = run(study)
    assert ended is None
    assert states(study) == ["done"] * 3
    return study


def test_a_row_takes_part_in_its_splits_only(planned: StudyConfig) -> None:
    (dataset,), (concat, *others) = planned.datasets, planned.rows
    study = replace(
        planned,
        datasets=(replace(dataset, splits=("random", "gene_disjoint_1"), baselines=()),),
        rows=(replace(concat, splits=("gene_disjoint_1",)), *others),
    )
    assert [(cell.split, cell.row) for cell in plan_cells(study)] == [
        ("random", "local_no_networks"),
        ("gene_disjoint_1", "concat"),
        ("gene_disjoint_1", "local_no_networks"),
    ]


def test_splits_may_have_seeds_of_their_own(planned: StudyConfig) -> None:
    (dataset,) = planned.datasets
    study = replace(
        planned,
        datasets=(replace(dataset, splits=("random", "gene_disjoint_1"), baselines=()),),
        rows=planned.rows[:1],
        seeds=(0, 1),
        seeds_of_splits={"random": (5,)},
    )
    found = [(cell.split, cell.seed) for cell in plan_cells(study)]
    assert found == [("gene_disjoint_1", 0), ("gene_disjoint_1", 1), ("random", 5)]


@pytest.fixture
def copied(done: StudyConfig, tmp_path: Path) -> StudyConfig:
    """The finished study in a folder that a test may change."""
    shutil.copytree(Path(done.out).parent, tmp_path, dirs_exist_ok=True)
    return in_folder(done, tmp_path)


def forbid(patch: pytest.MonkeyPatch, owner: object, name: str) -> None:
    def forbidden(*args: object, **kwargs: object) -> None:
        raise AssertionError(f"{name} was called")

    patch.setattr(owner, name, forbidden)


def test_every_number_of_the_table_follows_from_the_predictions(done: StudyConfig) -> None:
    shown = {
        "concat": (f"{GROUP}/concat", "model"),
        "local no networks": (f"{GROUP}/local_no_networks", "model"),
        "additive": (f"{GROUP}/baselines", "additive"),
        "low rank": (f"{GROUP}/baselines", "low_rank"),
    }
    for row, (folder, column) in shown.items():
        path = Path(done.out) / folder / "predictions.tsv"
        header, *lines = [line.split("\t") for line in path.read_text().splitlines()]
        measured, predicted = (
            np.array([float(line[header.index(name)]) for line in lines]) for name in ("measured", column)
        )
        rmse = np.sqrt(np.mean((predicted - measured) ** 2))
        pearson = pearsonr(predicted, measured).statistic
        expected = [f"{pearson:.3f}", f"{spearmanr(predicted, measured).statistic:.3f}", f"{rmse:#.3g}"]
        assert table_row(done, row)[1:4] == expected
        assert table_row(done, row)[-1] == "1 of 1"
    assert table_row(done, "mean")[1:3] == ["-", "-"]  # a constant correlates with nothing


def test_results_that_are_kept_outlive_the_folders_of_their_runs(copied: StudyConfig) -> None:
    study = replace(copied, results=str(Path(copied.out).parent / "docs" / "results.json"))
    run(study)
    page, kept = Path(study.document).read_text(), Path(study.results).read_text()
    shutil.rmtree(study.out)
    assert states(study) == ["done"] * 3 and states(copied) == ["planned"] * 3
    run(study)  # nothing is left to do
    assert not (Path(study.out) / GROUP).exists()
    assert (Path(study.document).read_text(), Path(study.results).read_text()) == (page, kept)
    (concat, *others) = study.rows
    changed = replace(study, rows=(replace(concat, overrides=("trainer.max_epochs=7",)), *others))
    assert states(changed) == ["done", "planned", "done"]
    Path(study.results).write_text('{"a": 3}')
    with pytest.raises(GiJaxError, match="results.json: holds no results of a study"):
        plan_cells(study)


def test_validation_chose_the_epoch_that_the_table_shows(done: StudyConfig) -> None:
    metrics = Path(done.out) / GROUP / "concat" / "metrics.jsonl"
    epochs = [r for r in map(json.loads, metrics.read_text().splitlines()) if r["kind"] == "epoch"]
    best = max(epochs, key=lambda record: record["val_pearson"])
    expected = [f"{best['val_pearson']:.3f}", f"{best['train_pearson']:.3f}", f"{epochs[-1]['seconds']:.0f}"]
    assert table_row(done, "concat")[4:7] == expected
    result = read_results(metrics.parent)["concat"]
    assert result.epochs == len(epochs) == 3
    assert result.genotypes_per_second > 0


def test_the_paths_are_those_of_the_model_applied_to_the_test_genotypes(done: StudyConfig) -> None:
    folder = Path(done.out) / GROUP / "concat"
    predictor, experiment = (
        Predictor.load(folder),
        load_experiment(load_config(folder / "config.yaml").config),
    )
    test = experiment.test
    batch = GenotypeBatch(test.genes, test.sizes, np.ones(len(test), bool))
    output = jax.jit(predictor.fitted.module.apply)(predictor.bundle.variables, predictor.graph, batch)
    first, second = output.global_interaction[:, 0], output.local_interaction[:, 0]
    covariance = np.cov([first / 2, second / 2, (first + second) / 2])
    result = read_results(folder)["concat"]
    found = [result.global_share, result.local_share, result.global_pearson, result.local_pearson]
    shares = covariance[:2, 2] / covariance[2, 2]
    correlations = [np.corrcoef(path, test.score)[0, 1] for path in (first, second)]
    np.testing.assert_allclose(found, [*shares, *correlations], atol=1e-4)  # float32, cancelling in z_p
    assert result.global_weight == 0.5
    spread = np.mean(np.std(output.z_p, axis=0)) / np.linalg.norm(output.z_w)
    np.testing.assert_allclose(result.pooled_spread, spread, rtol=1e-3)
    assert result.parameters == sum(leaf.size for leaf in jax.tree.leaves(predictor.bundle.variables))


def test_a_path_that_takes_no_part_is_not_looked_into(done: StudyConfig) -> None:
    result = read_results(Path(done.out) / GROUP / "local_no_networks")["local_no_networks"]
    assert (result.global_share, result.global_pearson, result.pooled_spread) == (None, None, None)


def test_of_an_ensemble_the_paths_are_the_mean_over_its_members(done: StudyConfig) -> None:
    predictor = Predictor.load(Path(done.out) / GROUP / "concat")
    bundle, table = predictor.bundle, load_experiment(predictor.bundle.config).test
    shifted = jax.tree.map(lambda leaf: 1.1 * leaf, bundle.variables)
    apart = [
        path_numbers(Predictor(replace(bundle, variables=v)), table) for v in (bundle.variables, shifted)
    ]
    stacked = jax.tree.map(lambda *leaves: np.stack(leaves), bundle.variables, shifted)
    ensemble = replace(bundle, config=replace(bundle.config, ensemble=2), variables=stacked)
    together = path_numbers(Predictor(ensemble), table)
    assert apart[0] != apart[1]
    for name, value in together.items():
        assert value == pytest.approx((apart[0][name] + apart[1][name]) / 2, rel=1e-5, abs=1e-6)


def test_what_is_done_is_not_done_again(done: StudyConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    forbid(monkeypatch, study_run, "run_cell")
    page = Path(done.document).read_text()
    ended, said = run(done)
    assert (ended, said) == (None, "")
    assert Path(done.document).read_text() == page


def test_a_cell_that_another_process_works_on_is_left_to_it(planned: StudyConfig, tmp_path: Path) -> None:
    study = in_folder(planned, tmp_path)
    lock = lock_folder(Path(study.out) / GROUP / "concat")
    ended, said = run(study)
    lock.release()
    assert ended is None
    assert f"{GROUP}/concat: another process works on it" in said
    assert states(study) == ["done", "planned", "done"]


def test_an_interrupted_cell_goes_on_and_ends_with_the_same_numbers(
    done: StudyConfig, planned: StudyConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    step, calls = Stepper.__call__, []

    def counted(self: Stepper, state: object, inputs: StepInputs) -> tuple:
        calls.append((int(inputs.epoch), int(inputs.position)))
        return step(self, state, inputs)

    def stop_after_eight(self: Stepper, state: object, inputs: StepInputs) -> tuple:
        result = counted(self, state, inputs)
        if len(calls) == 8:
            os.kill(os.getpid(), SIGTERM)
        return result

    monkeypatch.setattr(Stepper, "__call__", stop_after_eight)
    ended, _ = run(planned, "*/concat")
    assert (ended, len(calls)) == (SIGTERM, 8)
    assert states(planned) == ["planned", "started", "planned"]
    monkeypatch.setattr(Stepper, "__call__", counted)
    ended, said = run(planned, "*/concat")
    assert ended is None
    assert "continuing from step 8: epoch 2, batch 4" in said
    assert sorted(set(calls)) == calls  # no step twice
    assert len(calls) == 15
    assert states(planned) == ["planned", "done", "planned"]
    resumed, whole = (read_results(Path(study.out) / GROUP / "concat")["concat"] for study in (planned, done))
    timed = {"seconds": None, "genotypes_per_second": None}
    assert replace(resumed, **timed) == replace(whole, **timed)


def test_missing_cells_are_shown_and_counted(copied: StudyConfig) -> None:
    shutil.rmtree(Path(copied.out) / GROUP / "concat")
    study = replace(copied, seeds=(0, 7))
    run(study, f"{GROUP}/local_no_networks")
    page = Path(study.document).read_text()
    assert "2 of 6 planned cells were run" in page
    assert "4 of 10 results." in page  # three baselines and one row, with the first of two seeds
    assert table_row(study, "concat") == ["concat", *["-"] * 6, "0 of 2"]
    assert table_row(study, "additive")[-1] == "1 of 2"


def test_seeds_are_summed_up_by_mean_and_deviation(copied: StudyConfig) -> None:
    study = replace(copied, seeds=(0, 7))
    first = read_results(Path(study.out) / GROUP / "concat")["concat"]
    (second,) = select_cells(plan_cells(study), ["*-7/concat"])
    second.folder.mkdir(parents=True)
    (second.folder / "config.yaml").write_text(to_yaml(with_absolute_paths(second.config)))
    write_results(second.folder, {"concat": replace(first, pearson=first.pearson + 0.1, spearman=None)})
    run(study, "*-0/*")
    row = table_row(study, "concat")
    # Two values 0.1 apart deviate from their mean by 0.05 each: sqrt(2 * 0.05^2 / (2 - 1)) = 0.0707.
    assert row[1] == f"{first.pearson + 0.05:.3f} ± 0.071"
    assert row[2] == f"{first.spearman:.3f}"  # a constant prediction has none
    assert row[-1] == "2 of 2"


def test_the_text_around_the_tables_stays(copied: StudyConfig) -> None:
    document = Path(copied.document)
    assert (document.parent / "accuracy.png").read_bytes().startswith(b"\x89PNG")
    document.write_text(f"# Ours\n\nbefore\n\n{BEGIN}\nold\n{END}\n\nafter\n")
    run(copied)
    text = document.read_text()
    assert text.startswith(f"# Ours\n\nbefore\n\n{BEGIN}\n")
    assert text.endswith(f"{END}\n\nafter\n")
    assert "old" not in text
    assert "3 of 3 planned cells were run" in text
    document.write_text("# Ours\n")
    with pytest.raises(GiJaxError, match="has no place for the tables"):
        run(copied)


def test_a_cell_of_another_configuration_is_neither_shown_nor_overwritten(copied: StudyConfig) -> None:
    concat, local = copied.rows
    rows = (replace(concat, overrides=(*concat.overrides, "regression_task.optimizer.lr=0.5")), local)
    study = replace(copied, rows=rows)
    before = (Path(study.out) / GROUP / "concat" / "study.json").read_bytes()
    with pytest.raises(GiJaxError, match=r"concat: was run with another regression_task.optimizer.lr than"):
        run(study)
    run(study, "*/local*", "*/baselines")
    assert "1 more were run with other settings and are not shown" in Path(study.document).read_text()
    assert table_row(study, "concat")[1] == "-"
    assert (Path(study.out) / GROUP / "concat" / "study.json").read_bytes() == before


def test_one_failing_cell_does_not_stop_the_others(
    planned: StudyConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study, run_cell = in_folder(planned, tmp_path), study_run.run_cell
    ran: list[str] = []

    def failing(cell, console: Console) -> None:
        ran.append(cell.row)
        if cell.row == "concat":
            raise GiJaxError("the loss was not finite")
        if cell.row == "baselines":
            run_cell(cell, console)

    monkeypatch.setattr(study_run, "run_cell", failing)
    with pytest.raises(GiJaxError, match=f"1 of 3 cells failed; the first, {GROUP}/concat: the loss was not"):
        run(study)
    assert ran == ["baselines", "concat", "local_no_networks"]


def test_patterns_choose_cells(done: StudyConfig) -> None:
    cells = plan_cells(replace(done, seeds=(0, 1)))
    names: Sequence[str] = [cell.name for cell in select_cells(cells, ["*-0/concat", "*/baselines"])]
    assert names == [f"{GROUP}/baselines", f"{GROUP}/concat", "small-random-1/baselines"]
    with pytest.raises(
        GiJaxError, match="--only \\*/gatd matches no cell; cells are called like small-random"
    ):
        select_cells(cells, ["*/gatd"])


@pytest.mark.parametrize("spoiled", ["document", "picture", "out"])
def test_outputs_are_tried_before_the_first_cell(
    spoiled: str, planned: StudyConfig, tmp_path: Path, monkeypatch
) -> None:
    study = in_folder(planned, tmp_path)
    if spoiled == "out":
        (tmp_path / "study").write_text("")
    else:
        Path(getattr(study, spoiled)).mkdir(parents=True)
    forbid(monkeypatch, study_run, "run_cell")
    with pytest.raises(GiJaxError, match="is a folder|is no folder"):
        run(study)


def test_a_document_without_a_place_for_tables_is_refused_before_the_first_cell(
    planned: StudyConfig, tmp_path: Path, monkeypatch
) -> None:
    study = in_folder(planned, tmp_path)
    Path(study.document).parent.mkdir()
    forbid(monkeypatch, study_run, "run_cell")
    for content, message in ((b"# Mine\n", "has no place for the tables"), (b"\xff", "is no UTF-8 text")):
        Path(study.document).write_bytes(content)
        with pytest.raises(GiJaxError, match=message):
            run(study)
        assert Path(study.document).read_bytes() == content


def test_a_cell_whose_metrics_were_lost_still_has_a_result(tmp_path: Path) -> None:
    assert study_run.training_numbers(tmp_path / "metrics.jsonl") == {"val_pearson": None}
