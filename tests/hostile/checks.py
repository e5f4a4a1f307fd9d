"""What must hold after every command: one sentence or none, nothing lost, half or left behind."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np

from gi_jax.models.weights import ArrayFolder, read_arrays
from tests.hostile.draws import Example
from tests.hostile.room import Result
from tests.hostile.world import World

REPORT = ("evaluation.tsv", "predictions.tsv", "report.png", "report.html")
TEXT = {".tsv", ".txt", ".json", ".jsonl", ".yaml", ".html"}


def snapshot(folder: Path) -> dict[Path, bytes | None]:
    """The bytes of every file under a folder; None for a folder."""
    return {path: path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def check_said(result: Result, example: Example) -> None:
    """One error sentence with exit code 2, none otherwise, and never a traceback."""
    assert result.code in (0, 2, 130)
    assert "Traceback" not in result.out + result.err
    assert (result.code == 0) or not example.must_work
    sentences = [line for line in result.err.splitlines() if line.startswith("error: ")]
    if "Usage: " not in result.err and example.surroundings != "standard error closed":
        assert len(sentences) == (result.code == 2)
        if sentences:
            assert len(sentences[0]) < 1500
            assert result.err.split("\n")[-2].startswith("error: ")  # the last word, and in one line


def check_files(before: dict, after: dict, world: World, example: Example, result: Result) -> None:
    """What was not to be written is as it was; what was written is whole."""
    changed = {path for path in before | after if path not in before or before[path] != after.get(path)}
    for path in changed:
        assert not re.fullmatch(r"\.new-\w{8}", path.name), f"{path} is left over"
        assert may_change(path, world, example), f"{path} was changed"
        assert path in after or path.is_relative_to(world.run / "checkpoints"), f"{path} is gone"
        if path.suffix in TEXT and after.get(path) is not None:
            after[path].decode("utf-8")
    report = {world.run / name for name in REPORT} & changed
    assert result.code == 0 or not report, "a command that failed replaced a part of the report"
    for path in report:
        check_whole(path)
    if world.output in changed:
        assert result.code == 0, "a command that failed wrote its output"


def may_change(path: Path, world: World, example: Example) -> bool:
    """Whether a command has a reason to write this file."""
    command = example.command
    if command.startswith("train"):
        return path == world.run or path.is_relative_to(world.run)
    if command == "evaluate":
        return path.parent == world.run and path.name in REPORT
    if command == "convert to folder":
        return path.is_relative_to(world.root / "o" / "model")
    return command in ("predict --file", "screen", "convert to torch") and path == world.output


def check_whole(path: Path) -> None:
    """A file of a report that ends where it should."""
    content = path.read_bytes()
    if path.suffix == ".tsv":
        assert len({line.count(b"\t") for line in content.splitlines()}) == 1
    ends = {".html": b"</html>", ".png": b"IEND\xaeB`\x82", ".tsv": b"\n"}
    assert content.rstrip(b"\n" * (path.suffix == ".html")).endswith(ends[path.suffix])


def restorable(run: Path) -> dict[str, list[int]]:
    """The steps of a run's checkpoints that can be read."""
    found: dict[str, list[int]] = {}
    for kind, item in (("best", "variables"), ("last", "state")):
        saved = ArrayFolder(run / "checkpoints" / kind)
        for step in saved.all_steps():
            try:
                read_arrays(saved, step, item)
            except Exception:
                continue
            found.setdefault(kind, []).append(step)
    return found


def check_checkpoints(before: dict[str, list[int]], run: Path) -> None:
    """There is one to restore wherever there was one, and none is older than the oldest before."""
    after = restorable(run)
    for kind, steps in before.items():
        assert after.get(kind), f"no {kind} checkpoint can be restored any more"
        assert max(after[kind]) >= min(steps)


def check_metrics(run: Path) -> None:
    """Every line of a new metrics file is a record with finite numbers or nulls."""
    for line in (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines():
        values = [value for value in json.loads(line).values() if isinstance(value, float)]
        assert np.isfinite(values).all()
