"""A run from its first step to its report, and every way in which it can be interrupted."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import chex
import numpy as np
import pytest
from rich.console import Console

from gi_jax.config import EarlyStoppingConfig, RunConfig, load_config
from gi_jax.errors import GiJaxError
from gi_jax.runs.lock import lock_folder
from gi_jax.runs.run import RunResult, train
from gi_jax.training import stepper
from gi_jax.training.logging import read_records

TINY = Path(__file__).parents[2] / "configs" / "tiny.yaml"
STEPS_PER_EPOCH = 5  # 80 training genotypes in batches of 16

# Starts the command line in a process that sends itself a signal after a number of steps.
INTERRUPTED = """
import os, sys
from gi_jax.training.stepper import Stepper
steps, call = 0, Stepper.__call__
def counted(self, state, inputs):
    global steps
    steps += 1
    result = call(self, state, inputs)
    if steps == {step}:
        os.kill(os.getpid(), {signal})
    return result
Stepper.__call__ = counted
from gi_jax.cli import main
sys.argv[1:] = {arguments}
main()
"""


def run(config: RunConfig, folder: Path, *, resume: bool = False) -> tuple[RunResult, str]:
    out = io.StringIO()
    result = train(config, folder, resume=resume, console=Console(file=out, width=200))
    return result, out.getvalue()


def with_trainer(config: RunConfig, **values: object) -> RunConfig:
    return replace(config, trainer=replace(config.trainer, **values))


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of all arrays of the final state and of the best weights."""
    found = {}
    for kind in ("last", "best"):
        newest = max((folder / "checkpoints" / kind).iterdir(), key=lambda path: int(path.name))
        found[f"{kind}/{newest.name}"] = json.loads((newest / "record" / "metadata").read_text())["sha256"]
    return found


def records(folder: Path) -> list[dict]:
    """The metrics, without what depends on the clock."""
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    timed = ("seconds", "genotypes_per_second")
    return [{k: v for k, v in json.loads(line).items() if k not in timed} for line in lines]


def assert_same_run(folder: Path, reference: Path) -> None:
    assert digests(folder) == digests(reference)
    assert records(folder) == records(reference)
    assert (folder / "predictions.tsv").read_bytes() == (reference / "predictions.tsv").read_bytes()


@pytest.fixture(scope="module")
def reference(small_config: RunConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing interrupted, in one trace of the step."""
    folder = tmp_path_factory.mktemp("runs") / "reference"
    make = stepper.make_train_step
    chex.clear_trace_counter()
    with pytest.MonkeyPatch.context() as patch:
        traced_once = lambda *args, **kwargs: chex.assert_max_traces(make(*args, **kwargs), n=1)  # noqa: E731
        patch.setattr(stepper, "make_train_step", traced_once)
        result, _ = run(small_config, folder)
    assert result.ended == "all 3 epochs done"
    return folder


@pytest.fixture(scope="module")
def interrupted(
    small_overrides: list[str], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, tuple[Path, subprocess.CompletedProcess]]:
    """Runs stopped in the middle of the second epoch, after 8 of 15 steps, by SIGKILL and by SIGTERM."""
    found = {}
    for name in ("SIGKILL", "SIGTERM"):
        folder = tmp_path_factory.mktemp("runs") / name
        arguments = ["train", "--config", str(TINY), "--out", str(folder), *small_overrides]
        code = INTERRUPTED.format(step=8, signal=int(getattr(signal, name)), arguments=arguments)
        process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
        found[name] = (folder, process)
    return found


def saved_steps(folder: Path) -> list[int]:
    return sorted(int(path.name) for path in (folder / "checkpoints" / "last").iterdir())


def test_the_folder_holds_the_whole_story(reference: Path, small_config: RunConfig) -> None:
    assert load_config(reference / "config.yaml") == (small_config, ())
    assert (reference / "genes.txt").read_text().splitlines()[0] == "G00\tN00"
    assert set(json.loads((reference / "networks.json").read_text())) == {"sparse", "dense"}
    assert json.loads((reference / "labels.json").read_text())["kind"] == "standard"
    assert (reference / "report.png").read_bytes().startswith(b"\x89PNG")
    assert (reference / "report.html").read_text().startswith("<!doctype html>")
    header, *rows = [line.split("\t") for line in (reference / "predictions.tsv").read_text().splitlines()]
    assert header == ["genes", "study", "measured", "model", "mean", "additive", "low-rank", "names"]
    assert len(rows) == 10
    evaluation = [line.split("\t")[0] for line in (reference / "evaluation.tsv").read_text().splitlines()]
    assert evaluation == ["model", "model", "mean", "additive", "low-rank"]
    epochs = read_records(reference / "metrics.jsonl", "epoch")
    assert [record["step"] for record in epochs] == [5, 10, 15]
    assert epochs[-1]["train_loss"] < epochs[0]["train_loss"]
    # The model's reported test error is that of the predictions beside it, in the units of the scores.
    measured, predicted = np.array([[float(row[2]), float(row[3])] for row in rows]).T
    test = read_records(reference / "metrics.jsonl", "test")[0]
    np.testing.assert_allclose(test["test_mse"], np.mean((measured - predicted) ** 2), rtol=1e-4)


def test_kill_9_in_the_middle_of_an_epoch_loses_nothing(
    interrupted: dict, reference: Path, small_config: RunConfig
) -> None:
    folder, process = interrupted["SIGKILL"]
    assert process.returncode == -signal.SIGKILL
    assert saved_steps(folder) == [5, 6]
    folder = shutil.copytree(folder, folder.parent / "resumed")
    _, said = run(small_config, folder, resume=True)
    assert "continuing from step 6: epoch 2, batch 2" in said
    assert_same_run(folder, reference)


def test_sigterm_saves_and_exits_with_143(
    interrupted: dict, reference: Path, small_config: RunConfig
) -> None:
    folder, process = interrupted["SIGTERM"]
    assert process.returncode == 143
    assert "stopped by SIGTERM, state saved at step 8; continue with --resume" in process.stdout
    assert "Traceback" not in process.stderr
    assert saved_steps(folder) == [6, 8]
    run(small_config, folder, resume=True)
    assert_same_run(folder, reference)


def test_buffers_dropout_averages_and_accumulated_gradients_resume_bit_equal_too(
    small_overrides: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    overrides = [
        "trainer.max_epochs=2",
        "model.norm=batch",
        "model.norm_statistics=batch",
        "model.dropout=0.1",
        "regression_task.loss=mle_dist_supcr",
        "regression_task.loss_config={buffer_size: 24, min_samples_for_dist: 8, min_samples_for_supcr: 8}",
        "regression_task.grad_accumulation_schedule={0: 2}",
        "regression_task.ema_decay=0.9",
        "regression_task.lr_scheduler={type: CosineAnnealingLR, interval: step}",
    ]
    config = load_config(TINY, [*small_overrides, *overrides]).config
    run(config, tmp_path / "straight")
    calls, call = [], stepper.Stepper.__call__

    def stopped_after_seven(self: stepper.Stepper, *arguments: object) -> tuple:
        calls.append(arguments)
        if len(calls) == 7:
            os.kill(os.getpid(), signal.SIGTERM)
        return call(self, *arguments)

    monkeypatch.setattr(stepper.Stepper, "__call__", stopped_after_seven)
    result, _ = run(config, tmp_path / "stopped")
    assert result.ended == "stopped by SIGTERM, state saved at step 7"
    run(config, tmp_path / "stopped", resume=True)
    assert len(calls) == 2 * STEPS_PER_EPOCH
    assert_same_run(tmp_path / "stopped", tmp_path / "straight")


def damage(folder: Path, step: int) -> None:
    """Cuts the largest file of a checkpoint to half its length."""
    files = [path for path in (folder / "checkpoints" / "last" / str(step)).rglob("*") if path.is_file()]
    largest = max(files, key=lambda path: path.stat().st_size)
    largest.write_bytes(largest.read_bytes()[: largest.stat().st_size // 2])


def test_a_damaged_checkpoint_is_passed_over_and_named(
    interrupted: dict, reference: Path, small_config: RunConfig, tmp_path: Path
) -> None:
    folder = shutil.copytree(interrupted["SIGKILL"][0], tmp_path / "run")
    damage(folder, 6)
    _, said = run(small_config, folder, resume=True)
    assert "the checkpoint of step 6 is damaged" in said
    assert "continuing from step 5: epoch 2, batch 1" in said
    assert_same_run(folder, reference)


def test_when_all_checkpoints_are_damaged_the_best_weights_are_named(
    interrupted: dict, small_config: RunConfig, tmp_path: Path
) -> None:
    folder = shutil.copytree(interrupted["SIGKILL"][0], tmp_path / "run")
    for step in (5, 6):
        damage(folder, step)
    with pytest.raises(GiJaxError, match=r"every checkpoint.*step 6.*step 5.*best weights \(step 5\)"):
        run(small_config, folder, resume=True)


def test_a_changed_gene_list_is_refused(
    interrupted: dict, small_config: RunConfig, small_world: Path, tmp_path: Path
) -> None:
    before = (small_world / "genes.txt").read_text()
    first, second, *rest = before.splitlines(keepends=True)
    try:
        (small_world / "genes.txt").write_text("".join([second, first, *rest]))
        with pytest.raises(GiJaxError, match="gene list changed.*gene 1 was G00, now it is G01; restore"):
            run(small_config, interrupted["SIGKILL"][0], resume=True)
    finally:
        (small_world / "genes.txt").write_text(before)


def test_a_changed_config_is_refused_but_a_longer_run_is_not(
    reference: Path, small_config: RunConfig, tmp_path: Path
) -> None:
    with pytest.raises(GiJaxError, match=r"started with model.hidden_channels: 8, now it is 16"):
        run(
            replace(small_config, model=replace(small_config.model, hidden_channels=16)),
            reference,
            resume=True,
        )
    folder = shutil.copytree(reference, tmp_path / "longer")
    result, _ = run(with_trainer(small_config, max_epochs=4), folder, resume=True)
    assert result.ended == "all 4 epochs done"
    assert saved_steps(folder)[-1] == 20


def test_a_folder_with_a_run_is_not_overwritten(reference: Path, small_config: RunConfig) -> None:
    with pytest.raises(GiJaxError, match="holds a run already; continue it with --resume"):
        run(small_config, reference)


def test_a_folder_that_another_process_trains_into_is_left_alone(
    small_config: RunConfig, tmp_path: Path
) -> None:
    lock = lock_folder(tmp_path / "run")
    before = list((tmp_path / "run").iterdir())
    with pytest.raises(GiJaxError, match="another process is training into it; wait"):
        run(small_config, tmp_path / "run")
    assert list((tmp_path / "run").iterdir()) == before
    lock.release()
    assert run(small_config, tmp_path / "run")[0].evaluation is not None
    lock_folder(tmp_path / "run").release()  # given back


def test_a_value_that_is_not_finite_stops_the_run_and_keeps_the_state_before(
    small_config: RunConfig, tmp_path: Path
) -> None:
    task = small_config.regression_task
    wild = replace(task, optimizer=replace(task.optimizer, lr=1e30))
    folder = tmp_path / "run"
    with pytest.raises(GiJaxError, match=r"step 2 \(epoch 1/3\): `z_w` is not finite") as caught:
        run(replace(small_config, regression_task=wild), folder)
    assert "the state of step 0 is kept" in str(caught.value)
    assert saved_steps(folder) == [0]
    failure = read_records(folder / "metrics.jsonl", "not_finite")[0]
    assert failure["step"] == 2
    assert len(failure["genotypes"]) == 16
    assert all(len(genotype.split(",")) == 2 for genotype in failure["genotypes"])


def test_early_stopping_and_the_time_limit_end_a_run(small_config: RunConfig, tmp_path: Path) -> None:
    impatient = EarlyStoppingConfig(patience=1, min_delta=3.0)  # no correlation rises by 3
    result, _ = run(with_trainer(small_config, early_stopping=impatient), tmp_path / "early")
    assert result.ended == "no better validation Pearson in 1 validations"
    assert saved_steps(tmp_path / "early")[-1] == 2 * STEPS_PER_EPOCH
    result, _ = run(with_trainer(small_config, max_seconds=1e-3 + 1), tmp_path / "timed")
    assert result.ended == "the time of 0:01 is spent"
    assert (tmp_path / "timed" / "report.html").exists()


def test_a_full_disk_is_one_sentence_that_names_the_last_good_checkpoint(
    small_config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import gi_jax.training.checkpoint as checkpoint

    write = checkpoint.write_arrays

    def full(manager: object, step: int, *rest: object) -> None:
        if step > 3:
            raise OSError(28, "No space left on device")
        write(manager, step, *rest)

    monkeypatch.setattr(checkpoint, "write_arrays", full)
    with pytest.raises(
        GiJaxError, match=r"step 5 could not be written.*No space left.*last good one is of step 3"
    ):
        run(small_config, tmp_path / "run")
    assert saved_steps(tmp_path / "run") == [0, 3]
