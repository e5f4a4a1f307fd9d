"""Two real processes train what one process trains, and a run moves between them."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

TINY = Path(__file__).parents[2] / "configs" / "tiny.yaml"

# Starts the command line, counts its steps, sends itself a signal after one of them, notes every
# checkpoint that this process writes; in float64 throughout, so that rounding stays invisible.
PROCESS = """
import os, sys
import jax
jax.config.update("jax_enable_x64", True)
from gi_jax.training import checkpoint, start, stepper
init, call, write, steps = start.init_variables, stepper.Stepper.__call__, checkpoint.write_arrays, 0
def wide(*arguments):
    return jax.tree.map(lambda x: x.astype("float64"), init(*arguments))
def counted(self, state, inputs):
    global steps
    steps += 1
    result = call(self, state, inputs)
    if steps == {signal_after}:
        os.kill(os.getpid(), {signal})
    return result
def noted(manager, step, name, *rest):
    print("wrote", name, step, file=sys.stderr)
    write(manager, step, name, *rest)
start.init_variables, stepper.Stepper.__call__, checkpoint.write_arrays = wide, counted, noted
from gi_jax.cli import main
sys.argv[1:] = {arguments}
main()
"""


class Ended(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def written(self) -> list[tuple[str, int]]:
        lines = (line.split() for line in self.err.splitlines() if line.startswith("wrote "))
        return [(name, int(step)) for _, name, step in lines]


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("localhost", 0))
        return found.getsockname()[1]


def start(
    arguments: list[str], *, simulated: int = 1, signal_after: int = 0, number: int = signal.SIGTERM
) -> subprocess.Popen:
    flags = f"{os.environ['XLA_FLAGS']} --xla_force_host_platform_device_count={simulated}"
    code = PROCESS.format(signal_after=signal_after, signal=int(number), arguments=arguments)
    environment = {**os.environ, "XLA_FLAGS": flags}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen([sys.executable, "-c", code], text=True, env=environment, **pipes)


def end(process: subprocess.Popen) -> Ended:
    try:
        out, err = process.communicate(timeout=300)
    finally:
        process.kill()
    out = "".join(line for line in out.splitlines(keepends=True) if not line.startswith("[Gloo]"))
    return Ended(process.returncode, out, err)


def two_processes(arguments: list[str], **of_the_second: int) -> list[Ended]:
    """Both ends; keywords are about the second process."""
    together = [*arguments, "--coordinator", f"localhost:{free_port()}", "--num-processes", "2"]
    processes = [
        start([*together, "--process-id", "0"]),
        start([*together, "--process-id", "1"], **of_the_second),
    ]
    return [end(process) for process in processes]


@pytest.fixture(scope="module")
def train(small_overrides: list[str]) -> list[str]:
    """Arguments of a run with statistics over the whole batch, without its folder."""
    overrides = [
        *small_overrides,
        "trainer.max_epochs=2",
        "cell_dataset.graphs=[sparse]",
        "model.norm=batch",
        "model.norm_statistics=batch",
        "model.activation=relu",
        "model.local_predictor_config.use_local_predictor=false",
        "regression_task.optimizer.eps=1e-3",  # no noise by noise where a gradient is zero up to rounding
    ]
    return ["train", "--config", str(TINY), *overrides]


@pytest.fixture(scope="module")
def straight(train: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one process on one device."""
    folder = tmp_path_factory.mktemp("runs") / "straight"
    ended = end(start([*train, "--out", str(folder)]))
    assert ended.code == 0, ended.err
    return folder


class Moved(NamedTuple):
    folder: Path
    stopped: list[Ended]  # two processes, up to a signal to the second one
    alone: Ended  # one process on four devices, up to a signal
    finished: list[Ended]  # two processes again


@pytest.fixture(scope="module")
def moved(train: list[str], tmp_path_factory: pytest.TempPathFactory) -> Moved:
    """The same run on two processes, then on four devices of one, then on two processes again."""
    folder = tmp_path_factory.mktemp("runs") / "moved"
    train = [*train, "--out", str(folder), "--resume"]
    stopped = two_processes(train, signal_after=3)
    alone = end(start([*train, "trainer.devices=4"], simulated=4, signal_after=3))
    return Moved(folder, stopped, alone, two_processes(train))


def test_a_signal_to_one_process_saves_and_ends_all(moved: Moved) -> None:
    first, second = moved.stopped
    assert (first.code, second.code) == (143, 143), first.err + second.err
    # The signal came after step 3; processes compare notes at every second step.
    assert "stopped by SIGTERM, state saved at step 4; continue with --resume" in first.out
    assert moved.alone.code == 143, moved.alone.err
    assert "continuing from step 4: epoch 1, batch 5" in moved.alone.out
    assert "state saved at step 7" in moved.alone.out
    assert "Traceback" not in first.err + second.err + moved.alone.err


def test_only_the_first_process_writes_and_speaks(moved: Moved) -> None:
    assert [process.code for process in moved.finished] == [0, 0], moved.finished[0].err
    assert [process.out for process in (moved.stopped[1], moved.finished[1])] == ["", ""]
    assert [process.written for process in (moved.stopped[1], moved.finished[1])] == [[], []]
    steps = [
        [step for name, step in process.written if name == "state"]
        for process in (moved.stopped[0], moved.alone, moved.finished[0])
    ]
    assert steps == [[0, 3, 4], [5, 6, 7], [9, 10]]  # each once
    assert "continuing from step 7: epoch 2, batch 3" in moved.finished[0].out
    assert "training ended: all 2 epochs done" in moved.finished[0].out


def table(path: Path) -> np.ndarray:
    """The numbers of predictions.tsv."""
    return np.array([line.split("\t")[2:-1] for line in path.read_text().splitlines()[1:]], float)


def test_the_run_is_that_of_one_process_wherever_it_went(straight: Path, moved: Moved) -> None:
    timed = ("seconds", "genotypes_per_second")
    runs = [
        [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
        for folder in (straight, moved.folder)
    ]
    assert len(runs[0]) == len(runs[1])
    for expected, found in zip(*runs, strict=True):
        assert list(expected) == list(found)
        for key in set(expected) - set(timed):
            number = isinstance(expected[key], float)
            wanted = pytest.approx(expected[key], rel=1e-9, abs=1e-9) if number else expected[key]
            assert found[key] == wanted, (key, expected)
    np.testing.assert_allclose(
        table(moved.folder / "predictions.tsv"), table(straight / "predictions.tsv"), rtol=1e-5
    )
