"""What a training says: one JSON per line in a file, a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TextColumn
from rich.table import Column
from rich.text import Text

from gi_jax.files import write_text
from gi_jax.training.sinks import Sink

SECONDS_BETWEEN_LINES = 15.0  # of plain progress


class JsonLines:
    """Appends every record to a file as one line of JSON; a number that is not finite becomes null.

    Args:
      path: the file.
      keep_until: drops what a run resumed at this step is about to repeat: later steps and the test.
    """

    def __init__(self, path: Path, keep_until: int = -1) -> None:
        self.path = path
        kept = [
            json.dumps(record) + "\n"
            for record in _records(path)
            if record["step"] <= keep_until and record["kind"] != "test"
        ]
        write_text(path, "".join(kept))

    def write(self, record: Mapping[str, Any]) -> None:
        plain = {
            key: None if isinstance(value, float) and not math.isfinite(value) else value
            for key, value in record.items()
        }
        with self.path.open("ab+") as file:
            # A disk that was full leaves half a line; what follows is to stand on one of its own.
            cut = file.tell() > 0 and file.seek(-1, os.SEEK_END) >= 0 and file.read(1) != b"\n"
            file.write(b"\n" * cut + json.dumps(plain).encode() + b"\n")

    def close(self) -> None:
        """Every line is on disk already."""


def read_records(path: Path, kind: str) -> list[dict[str, Any]]:
    """The records of one kind in a metrics file; none if there is no file.

    Lines that are no records are passed over: a process that was killed leaves half a line, a machine
    that lost its power a row of NUL bytes.
    """
    return [record for record in _records(path) if record["kind"] == kind]


def _records(path: Path) -> Iterator[dict[str, Any]]:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return
    for line in content.split(b"\n"):
        try:
            record = json.loads(line.strip(b"\0\r"))
        except ValueError:
            continue
        if isinstance(record, dict) and "kind" in record and type(record.get("step")) is int:
            yield record


class Reporter:
    """Tells people and files how a training goes; a context manager that owns the progress bar.

    Args:
      console: the terminal or file to speak to.
      sinks: receive every record.
    """

    def __init__(self, console: Console, sinks: tuple[Sink, ...] = ()) -> None:
        self.console, self.sinks = console, sinks
        self._bar: Progress | None = None
        self._task: Any = None
        self._last_line = time.monotonic()

    def say(self, text: str) -> None:
        """Prints a message, above the bar if there is one."""
        self.console.print(text, highlight=False, markup=False, emoji=False, soft_wrap=True)

    def record(self, kind: str, step: int, **values: Any) -> None:
        """Hands one record to every sink."""
        for sink in self.sinks:
            sink.write({"kind": kind, "step": step, **values})

    def close(self) -> None:
        """Closes every sink."""
        for sink in self.sinks:
            sink.close()

    def __enter__(self) -> Reporter:
        if self.console.is_terminal:
            columns = (
                SpinnerColumn(),
                TextColumn("{task.description}", markup=False),
                BarColumn(10),
                _Figures(),
            )
            self._bar = Progress(*columns, console=self.console, transient=True)
            self._bar.start()
            self._task = self._bar.add_task("compiling", total=None)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def advance(
        self,
        *,
        epoch: str,
        done: int,
        total: int,
        loss: float,
        pearson: float,
        rate: float,
        seconds_left: float,
    ) -> None:
        """Shows where the training stands: batches done, loss, Pearson, genotypes/s, time left."""
        # Fits into 80 columns together with the bar.
        figures = f"loss {loss:.3f} Pearson {pearson:.3f} {rate:,.0f} genotypes/s {clock(seconds_left)} left"
        if self._bar is not None:
            self._bar.update(
                self._task, description=f"epoch {epoch}", completed=done, total=total, figures=figures
            )
        elif time.monotonic() - self._last_line > SECONDS_BETWEEN_LINES:
            self._last_line = time.monotonic()
            self.say(f"epoch {epoch}  batch {done:,}/{total:,}  {figures}")


class _Figures(ProgressColumn):
    def get_table_column(self) -> Column:
        return Column(no_wrap=True)

    def render(self, task: Task) -> Text:
        return Text(task.fields.get("figures", ""))


def clock(seconds: float | None) -> str:
    """Seconds as `h:mm:ss` or `m:ss`; `?` if unknown."""
    if seconds is None or not math.isfinite(seconds):
        return "?"
    minutes, rest = divmod(round(max(seconds, 0)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
