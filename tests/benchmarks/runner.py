"""Runs measurements one after another, each in a process of its own, and keeps what they found."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from tests.benchmarks.child import Task
from tests.benchmarks.workload import MODES, Workload

ROOT = Path(__file__).parents[2]
Row = dict[str, Any]
# Device memory as it is used, and compile times of a first run.
ENVIRONMENT = {
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
    "JAX_ENABLE_COMPILATION_CACHE": "false",
    "TORCHINDUCTOR_FORCE_DISABLE_CACHES": "1",
}


class Runner:
    """Args: folder: for the worlds; patience: seconds after which a measurement is ended."""

    def __init__(self, folder: Path, patience: float) -> None:
        self.folder, self.patience = folder, patience
        self.worlds: dict[str, Path] = {}
        self.failures: list[Row] = []

    def measure(self, workload: Workload, engine: str, mode: str) -> Row:
        """One row of the tables; `failed` in it says why there are no numbers."""
        identity = {"engine": engine, "mode": mode, **asdict(workload)}
        known = next(self._implied(identity), None)
        if known is not None:
            where = f"batch {known['batch']}, {known['mode']}"
            return identity | {"failed": f"not run after {where}: {known['failed']}"}
        row = identity | self._run(Task("measure", workload, self._world(workload), engine, mode))
        if "failed" in row:
            self.failures.append(row)
        return row

    def classes(self, workload: Workload) -> Row:
        """Time and floor of every operation class of this project."""
        return asdict(workload) | self._run(Task("classes", workload, self._world(workload)))

    def screen(self, config: str) -> Row:
        """Pairs per second of a screen and of plain predictions, with the model of a configuration."""
        return {"config": config} | self._run(Task("screen", Workload(config, batch=0), str(self.folder)))

    def _implied(self, identity: Row) -> Iterator[Row]:
        """Failures that leave no hope for this one: the same at a smaller batch or in a lighter mode."""
        for failure in self.failures:
            same = all(
                failure[key] == identity[key] for key in identity if key not in ("batch", "mode", "local")
            )
            lighter = MODES.index(failure["mode"]) <= MODES.index(identity["mode"])
            if same and lighter and failure["batch"] <= identity["batch"]:
                yield failure

    def _world(self, workload: Workload) -> str:
        key = workload.world_key
        if key not in self.worlds:
            folder = self.folder / f"world_{len(self.worlds)}"
            made = self._run(Task("world", replace(workload, batch=0), str(folder)))
            if "failed" in made:
                raise RuntimeError(f"the networks of {workload.case} could not be made: {made['failed']}")
            self.worlds[key] = folder
        return str(self.worlds[key])

    def _run(self, task: Task) -> Row:
        result = self.folder / "result.json"
        result.unlink(missing_ok=True)
        command = [sys.executable, "-m", "tests.benchmarks.child", task.to_json(), str(result)]
        environment = os.environ | ENVIRONMENT
        try:
            ended = subprocess.run(
                command, cwd=ROOT, env=environment, timeout=self.patience, capture_output=True, text=True
            )
        except subprocess.TimeoutExpired:
            return {"failed": f"not done in {self.patience:.0f} s"}
        if result.exists():
            return json.loads(result.read_text())
        last = (ended.stderr.strip().splitlines() or ["no message"])[-1]
        return {"failed": f"ended with status {ended.returncode}: {last[:120]}"}
