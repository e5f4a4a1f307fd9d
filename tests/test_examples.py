"""The examples run from anywhere, as they stand in the documentation."""

from __future__ import annotations

import runpy
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# A line that each example prints when it comes to its end.
LAST_LINES = {
    "fine_tune": "on test triples: Pearson",
    "from_torchcell": "'YBR009C,YNL030W,YLR455W':",
    "own_data": "on all measurements: Pearson",
    "own_organism": "abc1 and old2: ",
    "predict": "gene `NO_SUCH_GENE` is not among the 6,674 genes",
    "screen": "lowest triple:",
}


def test_every_example_is_tested_and_shown() -> None:
    examples = {path.stem for path in (ROOT / "examples").glob("*.py")}
    assert examples == set(LAST_LINES)
    menu = (ROOT / "mkdocs.yml").read_text()
    assert all(f"examples/{name}.md" in menu for name in examples)


@pytest.mark.parametrize("name", LAST_LINES)
def test_example(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    runpy.run_path(str(ROOT / "examples" / f"{name}.py"), run_name="__main__")
    assert LAST_LINES[name] in capsys.readouterr().out.splitlines()[-1]
