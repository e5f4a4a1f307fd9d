"""Checkpoints on disk: at any path, read back, and told apart when they cannot be restored."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gi_jax.errors import GiJaxError
from gi_jax.models import weights
from gi_jax.models.weights import ArrayFolder, read_arrays, read_best, write_arrays
from gi_jax.training import checkpoint
from gi_jax.training.checkpoint import Checkpoints
from gi_jax.training.progress import Progress
from gi_jax.training.state import EpochSums, TrainState
from tests.training.test_step import TASK, begin

IDENTITY = {"genes_sha256": "0"}
NAMES = [
    "graphs=[sparse,dense]",
    "[1]",
    "[!b]/run",
    "a\\b",
    "Müller",
    os.fsdecode(b"M\xfcller"),  # as a Latin-1 system writes it
    "two\nlines",
    "a b%d {x} ?*#'~",
]


@pytest.fixture(scope="module")
def state() -> TrainState:
    return begin(TASK, 4)[0]


def host(tree: Any, dtype: type | None = None) -> Any:
    """Host arrays, those of floating-point numbers in another dtype."""

    def convert(leaf: Any) -> np.ndarray:
        array = np.asarray(leaf)
        return array.astype(dtype) if dtype and array.dtype.kind == "f" else array

    return jax.tree.map(convert, tree)


def spoiled(monkeypatch: pytest.MonkeyPatch, of: str) -> list[str]:
    """Makes the disk keep only half of the arrays called `of`; returns the names of all that are written."""
    write, written = checkpoint.write_arrays, []

    def write_half(folder: weights.ArrayFolder, step: int, name: str, *rest: Any) -> None:
        write(folder, step, name, *rest)
        written.append(name)
        if name == of:
            files = [path for path in (folder.folder / str(step)).rglob("*") if path.is_file()]
            largest = max(files, key=lambda path: path.stat().st_size)
            largest.write_bytes(largest.read_bytes()[: largest.stat().st_size // 2])

    monkeypatch.setattr(checkpoint, "write_arrays", write_half)
    return written


@pytest.mark.parametrize("name", NAMES)
def test_a_run_folder_may_have_any_name(state: TrainState, tmp_path: Path, name: str) -> None:
    run = tmp_path / name
    saved = Checkpoints(run, IDENTITY)
    for step in (1, 2, 3):
        saved.save(state, Progress(step=step))
    saved.save_best(state.variables, Progress(step=2))
    assert sorted(path.name for path in (run / "checkpoints" / "last").iterdir()) == ["2", "3"]
    restored = Checkpoints(run, IDENTITY).restore(state)
    assert restored.progress.step == 3
    jax.tree.map(np.testing.assert_array_equal, restored.state, state)
    jax.tree.map(np.testing.assert_array_equal, read_best(run)[0], state.variables)
    assert [path.name for path in tmp_path.iterdir()] == [name.split("/")[0]]


@pytest.mark.parametrize("name", ["run", "[1]"])
def test_a_first_checkpoint_that_cannot_be_read_back_ends_the_training_and_keeps_the_one_before(
    state: TrainState, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    run = tmp_path / name
    earlier = Checkpoints(run, IDENTITY)
    earlier.save(state, Progress(step=1))
    earlier.save_best(state.variables, Progress(step=5))
    now = Checkpoints(run, IDENTITY)
    spoiled(monkeypatch, "state")
    with pytest.raises(GiJaxError, match=r"step 2 could not be written.*written, but it cannot") as caught:
        now.save(state, Progress(step=2))
    assert str(run) in str(caught.value) and f"{tempfile.gettempdir()}/gi_jax-" not in str(caught.value)
    assert Checkpoints(run, IDENTITY).restore(state).progress.step == 1
    monkeypatch.undo()
    spoiled(monkeypatch, "variables")
    for step in (2, 5, 7):  # also in place of one of the same step, or older than the one there
        with pytest.raises(GiJaxError, match="cannot be read back"):
            now.save_best(state.variables, Progress(step=step))
        jax.tree.map(np.testing.assert_array_equal, read_best(run)[0], state.variables)
    assert sorted(path.name for path in (run / "checkpoints").iterdir()) == ["best", "last"]


def test_temporary_files_may_be_cleared_away_during_a_long_training(
    state: TrainState, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    saved = Checkpoints(tmp_path / "[1]", IDENTITY)
    for step in (1, 2):
        saved.save(state, Progress(step=step))
        for link in (tmp_path / "tmp").iterdir():
            shutil.rmtree(link)
    assert Checkpoints(tmp_path / "[1]", IDENTITY).restore(state).progress.step == 2


def test_only_the_first_checkpoint_of_a_session_is_read_back(
    state: TrainState, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, calls = checkpoint.read_arrays, []
    monkeypatch.setattr(checkpoint, "read_arrays", lambda *a: calls.append(a[1:3]) or read(*a))
    saved = Checkpoints(tmp_path, IDENTITY)
    for step in (1, 2):
        saved.save(state, Progress(step=step))
        saved.save_best(state.variables, Progress(step=step))
    assert calls == [(1, "state"), (1, "variables")]


def test_going_back_replaces_checkpoints_of_the_same_and_later_steps(
    state: TrainState, tmp_path: Path
) -> None:
    saved = Checkpoints(tmp_path, IDENTITY)
    saved.save_best(state.variables, Progress(step=10))
    other = jax.tree.map(lambda leaf: leaf + 1, state.variables)
    for step in (10, 5):
        saved.save_best(other, Progress(step=step))
        variables, record = read_best(tmp_path)
        jax.tree.map(np.testing.assert_array_equal, variables, other)
        assert record["progress"]["step"] == step


@pytest.mark.parametrize(
    ("was", "now", "message"),
    [
        (
            np.float64,
            np.float32,
            "last/1: was saved with JAX_ENABLE_X64 on, .*; set JAX_ENABLE_X64=1 to continue",
        ),
        (np.float32, np.float64, "last/1: was saved with JAX_ENABLE_X64 off, .*; unset it to continue"),
    ],
)
def test_a_switched_x64_is_named_and_no_damage(
    state: TrainState, tmp_path: Path, was: type, now: type, message: str
) -> None:
    Checkpoints(tmp_path, IDENTITY).save(host(state, was), Progress(step=1))
    for _ in range(2):
        with pytest.raises(GiJaxError, match=message):
            Checkpoints(tmp_path, IDENTITY).restore(host(state, now))
        path = tmp_path / "checkpoints" / "last" / "1" / "record" / "metadata"
        record = json.loads(path.read_text())
        record.pop("arrays", None)  # as earlier versions wrote it
        path.write_text(json.dumps(record))
    with jax.enable_x64(True):
        restored = Checkpoints(tmp_path, IDENTITY).restore(host(state, was))  # it is still there
    jax.tree.map(np.testing.assert_array_equal, restored.state, host(state, was))


def test_weights_in_double_precision_are_read_as_they_are(state: TrainState, tmp_path: Path) -> None:
    wide = host(state.variables, np.float64)
    Checkpoints(tmp_path, IDENTITY).save_best(wide, Progress(step=1))
    found, _ = read_best(tmp_path)
    assert {leaf.dtype for leaf in jax.tree.leaves(found)} == {np.dtype(np.float64)}
    jax.tree.map(np.testing.assert_array_equal, found, wide)


def test_a_checkpoint_of_another_model_is_named_so(state: TrainState, tmp_path: Path) -> None:
    Checkpoints(tmp_path, IDENTITY).save(state, Progress(step=1))
    longer = state.replace(failure=state.failure._replace(genotypes=jnp.zeros(9, bool)))
    with pytest.raises(GiJaxError, match=r"last/1: holds another model: .*genotypes is bool \[4\], .* \[9\]"):
        Checkpoints(tmp_path, IDENTITY).restore(longer)


def test_a_checkpoint_of_an_earlier_version_goes_on_with_moments_around_the_mean(
    state: TrainState, tmp_path: Path
) -> None:
    # Predictions 1 2 3 of labels 2 4 6: then, plain sums.
    sums = EpochSums(*map(jnp.float32, (3, 6, 6, 12, 14, 56, 28)))
    saved = Checkpoints(tmp_path, IDENTITY)
    saved.save(state.replace(sums=sums), Progress(step=1))
    path = tmp_path / "checkpoints" / "last" / "1" / "record" / "metadata"
    record = json.loads(path.read_text())
    early = {key: value for key, value in record.items() if key not in ("arrays", "centred_sums")}
    for field in ("best_rmse", "early_stopping_rmse"):
        del early["progress"][field]
    path.write_text(json.dumps(early))
    restored = Checkpoints(tmp_path, IDENTITY).restore(state)
    assert [float(value) for value in restored.state.sums] == [3, 2, 2, 4, 2, 8, 4]


def test_an_array_without_entries_comes_back_as_it_was(tmp_path: Path) -> None:
    """A low-rank model of rank 0 and a pair-kernel model without draws have some."""
    tree = {"left": np.zeros((5, 0), np.float32), "draws": np.zeros((0, 3), np.float16), "b": np.arange(2)}
    folder = ArrayFolder(tmp_path / "arrays")
    write_arrays(folder, 1, "variables", tree, {})
    for template in (None, tree):
        found, _ = read_arrays(folder, 1, "variables", template)
        assert {name: (x.shape, x.dtype) for name, x in found.items()} == {
            name: (x.shape, x.dtype) for name, x in tree.items()
        }
