"""`gi-jax study` where it runs nothing: the list of cells, and bad input."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from gi_jax.cli import main

SMALL = str(Path(__file__).parents[2] / "configs" / "study_small.yaml")


def study(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture, *arguments: str) -> tuple:
    """Exit code, stdout and stderr of `gi-jax study ARGUMENTS`."""
    monkeypatch.setattr(sys, "argv", ["gi-jax", "study", *arguments])
    with pytest.raises(SystemExit) as caught:
        main()
        sys.exit(0)
    return (caught.value.code or 0, *capfd.readouterr())


def test_list_shows_the_cells_and_runs_none(tmp_path: Path, monkeypatch, capfd) -> None:
    out = tmp_path / "runs"
    arguments = ("--config", SMALL, f"out={out}", "seeds=[4,5]", "--only", "*-5/*", "--list")
    code, said, _ = study(monkeypatch, capfd, *arguments)
    assert code == 0
    lines = [line.strip("│ ").split() for line in said.splitlines() if "│" in line]
    names = [f"costanzo2016_subset-random-5/{row}" for row in ("baselines", "concat", "local_no_networks")]
    assert [line[0] for line in lines] == names
    assert {line[-1] for line in lines} == {"planned"}
    assert not out.exists()


def test_a_wrong_pattern_is_one_sentence_and_exit_code_2(monkeypatch, capfd) -> None:
    code, _, said = study(monkeypatch, capfd, "--config", SMALL, "--only", "*/nothing")
    assert code == 2
    assert said.startswith("error: --only */nothing matches no cell")
    assert "Traceback" not in said
