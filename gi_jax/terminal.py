"""Speaking to people: text as it is, on terminals of any width, whoever has stopped listening."""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress
from typing import Any, TextIO

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table


def make_console(*, stderr: bool = False, quiet: bool = False) -> Console:
    """A console that takes nothing in a text for markup, an emoji code or a number to colour."""
    return Console(stderr=stderr, quiet=quiet, markup=False, emoji=False, highlight=False, soft_wrap=True)


def show_table(console: Console, table: Table) -> None:
    """Prints a table whole: wider than a narrow terminal rather than with numbers cut off."""
    unlimited = console.options.update(max_width=10_000)
    needed = Measurement.get(console, unlimited, table).maximum
    console.print(table, width=max(needed, console.width), crop=False, soft_wrap=False)


class Listener(io.TextIOBase):
    """A standard stream that may close at any time: from then on what is written is dropped.

    Args:
      stream: None for one that was closed from the beginning.
      number: its file descriptor.
    """

    def __init__(self, stream: TextIO | None, number: int) -> None:
        self.stream, self.number, self.gone = stream, number, stream is None
        if isinstance(stream, io.TextIOWrapper):
            terminal = not self.gone and stream.isatty()
            encoding = stream.encoding if terminal else "utf-8"
            stream.reconfigure(encoding=encoding, errors="backslashreplace")

    def write(self, text: str) -> int:
        self._try("write", text)
        return len(text)

    def flush(self) -> None:
        self._try("flush")

    def isatty(self) -> bool:
        return not self.gone and self.stream.isatty()

    def fileno(self) -> int:
        return self.number

    def writable(self) -> bool:
        return True

    @property
    def encoding(self) -> str:
        return "utf-8" if self.stream is None else self.stream.encoding

    def _try(self, method: str, *arguments: Any) -> None:
        if self.gone:
            return
        try:
            getattr(self.stream, method)(*arguments)
        except (OSError, ValueError):
            self.gone = True
            with suppress(OSError):  # so that what is still in buffers can be written when Python ends
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, self.number)
                os.close(nowhere)


def protect_streams() -> None:
    """Makes standard output and error streams that never fail, and leaves no standard descriptor closed.

    A closed one would be given to the next file that is opened, and messages written into it.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    sys.stdout = sys.stdout if isinstance(sys.stdout, Listener) else Listener(sys.stdout, 1)
    sys.stderr = sys.stderr if isinstance(sys.stderr, Listener) else Listener(sys.stderr, 2)
