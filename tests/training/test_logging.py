"""Metrics files and what is said on terminals and elsewhere."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path

from rich.console import Console

from gi_jax.training.logging import JsonLines, Reporter, clock, read_records


def test_resuming_drops_what_is_about_to_be_repeated(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    sink = JsonLines(path)
    for step in (1, 2, 3):
        sink.write({"kind": "step", "step": step, "loss": float(step)})
    sink.write({"kind": "test", "step": 2})
    with path.open("a") as file:
        file.write('{"kind": "step", "st')  # killed in the middle of a line
    JsonLines(path, keep_until=2).write({"kind": "step", "step": 3, "loss": math.nan})
    records = [json.loads(line) for line in path.read_text().splitlines()]
    assert records == [
        {"kind": "step", "step": 1, "loss": 1.0},
        {"kind": "step", "step": 2, "loss": 2.0},
        {"kind": "step", "step": 3, "loss": None},
    ]
    assert read_records(path, "epoch") == []


def test_a_new_run_starts_an_empty_file(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    JsonLines(path).write({"kind": "step", "step": 0})
    JsonLines(path)
    assert path.read_text() == ""


def _advance(reporter: Reporter) -> None:
    reporter.advance(epoch="2/9", done=3, total=7, loss=0.25, pearson=0.5, rate=1234.5, seconds_left=3661.0)


def test_a_terminal_gets_a_bar_with_loss_pearson_rate_and_time_left() -> None:
    out = io.StringIO()
    with Reporter(Console(file=out, force_terminal=True, width=80)) as reporter:
        _advance(reporter)
    shown = out.getvalue()
    for part in ("epoch 2/9", "loss 0.250", "Pearson 0.500", "1,234 genotypes/s", "1:01:01 left"):
        assert part in shown


def test_elsewhere_lines_come_now_and_then_without_control_characters(monkeypatch) -> None:
    out = io.StringIO()
    with Reporter(Console(file=out, force_terminal=False, width=60)) as reporter:
        _advance(reporter)
        assert out.getvalue() == ""  # too soon after the start
        monkeypatch.setattr("gi_jax.training.logging.SECONDS_BETWEEN_LINES", 0.0)
        _advance(reporter)
    expected = "epoch 2/9  batch 3/7  loss 0.250 Pearson 0.500 1,234 genotypes/s 1:01:01 left\n"
    assert out.getvalue() == expected


def test_clock() -> None:
    assert [clock(s) for s in (0, 59.6, 3661, math.inf)] == ["0:00", "1:00", "1:01:01", "?"]


def test_lines_that_are_no_records_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    good = b'{"kind": "epoch", "step": 1, "loss": 0.5}\n'
    broken = (
        b'{"kind": "ep',
        b"\0\0\0\0",
        b"\xff\xfe{}",
        b"[1]",
        b"3",
        b'{"step": 1}',
        b'{"kind": "epoch"}',
        b"",
    )
    path.write_bytes(good + b"\n".join(broken) + b"\n" + b"\0\0" + good)
    assert read_records(path, "epoch") == [{"kind": "epoch", "step": 1, "loss": 0.5}] * 2
    JsonLines(path, keep_until=1)
    assert path.read_bytes() == good * 2


def test_without_a_metrics_file_there_are_no_records(tmp_path: Path) -> None:
    assert read_records(tmp_path / "metrics.jsonl", "epoch") == []


def test_what_follows_half_a_line_stands_on_a_line_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    sink = JsonLines(path)
    with path.open("a") as file:
        file.write('{"kind": "st')  # as far as a full disk let it come
    sink.write({"kind": "step", "step": 1})
    sink.write({"kind": "step", "step": 2})
    assert [record["step"] for record in read_records(path, "step")] == [1, 2]
