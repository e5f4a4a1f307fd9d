"""What best weights and early stopping go by."""

from __future__ import annotations

import io
import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from gi_jax.config import EarlyStoppingConfig, RunConfig
from gi_jax.data.splits import load_split
from gi_jax.evaluation.metrics import RegressionMetrics
from gi_jax.experiment.experiment import load_experiment
from gi_jax.report.curves import best_validation
from gi_jax.runs.run import train
from gi_jax.training import loop
from gi_jax.training.criterion import choose_criterion
from gi_jax.training.logging import read_records
from gi_jax.training.progress import Progress


def metrics(pearson: float, rmse: float) -> RegressionMetrics:
    return RegressionMetrics(pearson, pearson, rmse, rmse**2, rmse)


@pytest.mark.parametrize(
    ("scores", "metric", "note"),
    [
        ([1.0, 2.0], "pearson", None),
        ([1.0], "rmse", "the validation split is one genotype, so a correlation with it is undefined"),
        ([2.0, 2.0, 2.0], "rmse", "is 3 genotypes of the same score, .* go by the validation RMSE"),
    ],
)
def test_the_rmse_decides_where_pearson_is_undefined(
    scores: list[float], metric: str, note: str | None
) -> None:
    criterion = choose_criterion(np.array(scores))
    assert criterion.metric == metric
    assert criterion.note is None if note is None else re.search(note, criterion.note)


def test_values_are_compared_in_the_right_direction() -> None:
    by_pearson, by_rmse = (choose_criterion(np.arange(n)) for n in (2.0, 1.0))
    for criterion, better, worse in (
        (by_pearson, metrics(0.5, 9.0), metrics(0.4, 1.0)),
        (by_rmse, metrics(math.nan, 1.0), metrics(math.nan, 1.5)),
    ):
        progress = Progress()
        assert criterion.improves(worse, progress)
        criterion.note_best(worse, progress)
        criterion.note_validation(worse, progress, 0.0)
        progress.best_step = 1
        assert criterion.improves(better, progress) and not criterion.improves(worse, progress)
        criterion.note_validation(better, progress, 0.7)  # better, but not by so much
        assert progress.stale_epochs == 1
        criterion.note_validation(better, progress, 0.0)
        assert progress.stale_epochs == 0


def test_the_record_that_says_so_is_the_best_one_and_old_ones_go_by_pearson() -> None:
    told = [{"val_pearson": p, "best": b} for p, b in ((None, True), (None, True), (0.9, False))]
    assert best_validation(told) == 1
    assert best_validation([{"val_pearson": p} for p in (None, 0.1, 0.3, 0.3)]) == 2
    assert best_validation([{"val_pearson": None}] * 2) == 0


@pytest.fixture(scope="module")
def constant(small_config: RunConfig, tmp_path_factory: pytest.TempPathFactory) -> RunConfig:
    """The small world, all its validation genotypes with one score."""
    val = set(load_experiment(small_config).split.val.tolist())
    header, *lines = Path(small_config.data.genotypes[0]).read_text().splitlines()
    rows = [f"{line.split()[0]}\t0.25" if row in val else line for row, line in enumerate(lines)]
    path = tmp_path_factory.mktemp("constant") / "scores.tsv"
    path.write_text("\n".join([header, *rows]) + "\n")
    trainer = replace(
        small_config.trainer, max_epochs=3, early_stopping=EarlyStoppingConfig(patience=1, min_delta=100.0)
    )
    data = replace(small_config.data, genotypes=(str(path),))
    return replace(small_config, data=data, trainer=trainer)


def test_a_run_on_constant_validation_scores_says_what_it_goes_by(
    constant: RunConfig, tmp_path: Path
) -> None:
    out = io.StringIO()
    result = train(
        constant, tmp_path / "run", resume=False, console=Console(file=out, width=200), baselines=()
    )
    said = out.getvalue()
    start = said.index("the validation split is 10 genotypes of the same score")
    assert start < said.index("epoch 1/3")
    assert result.ended == "no better validation RMSE in 1 validations"
    epochs = read_records(tmp_path / "run" / "metrics.jsonl", "epoch")
    rmse = [record["val_rmse"] for record in epochs]
    assert [record["best"] for record in epochs] == [r == min(rmse[: i + 1]) for i, r in enumerate(rmse)]
    assert f"best validation RMSE {min(rmse):.4f} in epoch" in said
    assert "the lowest validation RMSE" in (tmp_path / "run" / "report.html").read_text()
    assert len(load_split(tmp_path / "run" / "split.npz").val) == 10


def test_predictions_that_do_not_vary_count_as_the_lowest_and_are_told_once(
    small_config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measure, pearsons = loop.regression_metrics, iter([math.nan, -0.5, math.nan])
    monkeypatch.setattr(
        loop, "regression_metrics", lambda *both: measure(*both)._replace(pearson=next(pearsons))
    )
    out = io.StringIO()
    train(small_config, tmp_path / "run", resume=False, console=Console(file=out, width=200), baselines=())
    assert out.getvalue().count("the predictions of all validation genotypes are equal") == 1
    epochs = read_records(tmp_path / "run" / "metrics.jsonl", "epoch")
    assert [record["best"] for record in epochs] == [True, True, False]
    assert "best validation Pearson -0.5000 in epoch 2" in out.getvalue()
