"""Speaking to people: text as it is, on terminals of any width, whoever has stopped listening."""

from __future__ import annotations

import codecs
import io
import locale
import logging
import os
import sys
from contextlib import suppress
from typing import IO, Any, TextIO, cast

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

_VISIBLE = {
    code: chr(code).encode("unicode_escape").decode()
    for code in (*range(32), *range(127, 160))
    if chr(code) not in "\n\t"
}


class PlainConsole(Console):
    """A console that shows texts as they are, their control characters as escapes."""

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(text.translate(_VISIBLE), **options)


def make_console(*, stderr: bool = False, quiet: bool = False) -> Console:
    """The console through which everything is said."""
    return PlainConsole(
        stderr=stderr, quiet=quiet, markup=False, emoji=False, highlight=False, soft_wrap=True
    )


def show_title(console: Console, title: str) -> None:
    """Prints a line over what follows, with the whole title in it."""
    if len(title) + 6 > console.width:
        console.print(f"── {title} ──", style="rule.line")
    else:
        console.rule(title, align="left")


def show_table(console: Console, table: Table) -> None:
    """Prints a table whole: wider than a narrow terminal rather than with numbers cut off."""
    unlimited = console.options.update(width=10_000)
    needed = Measurement.get(console, unlimited, table).maximum
    if needed > console.width:
        table.width = needed
    console.print(table, crop=False)


class Listener(io.TextIOBase):
    """A standard stream that may close at any time: from then on what is written is dropped.

    Args:
      stream: None for one that was closed from the beginning.
      number: its file descriptor.
    """

    def __init__(self, stream: TextIO | None, number: int) -> None:
        self.stream, self.number, self.gone = stream, number, stream is None
        if isinstance(stream, io.TextIOWrapper):
            # Python's UTF-8 mode speaks UTF-8 to a terminal of another encoding too. A terminal that is
            # said to know ASCII only, as LC_ALL=C has it, knows UTF-8 nowadays.
            terminal = codecs.lookup(locale.getencoding()).name if stream.isatty() else "ascii"
            encoding = "utf-8" if terminal == "ascii" else terminal
            stream.reconfigure(encoding=encoding, errors="backslashreplace")

    def write(self, text: str) -> int:
        self._try("write", text)
        return len(text)

    def flush(self) -> None:
        self._try("flush")

    def isatty(self) -> bool:
        return not self.gone and self.stream is not None and self.stream.isatty()

    def fileno(self) -> int:
        return self.number

    def writable(self) -> bool:
        return True

    @property
    def encoding(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride] # is only read
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


class ConsoleHandler(logging.Handler):
    """Prints log messages on a console, one a line, without a date: they are meant for who sits there."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self.console = console

    def emit(self, record: logging.LogRecord) -> None:
        self.console.print(self.format(record))


class _LogStream(io.TextIOBase):
    """A text file whose lines become messages of a logger, of level INFO."""

    def __init__(self, logger: logging.Logger) -> None:
        self.logger, self._begun = logger, ""

    def write(self, text: str) -> int:
        *lines, self._begun = (self._begun + text).split("\n")
        for line in lines:
            self.logger.info("%s", line)
        return len(text)

    def writable(self) -> bool:
        return True


def logging_console(logger: logging.Logger) -> Console:
    """A console whose lines become messages of a logger, of level INFO."""
    return PlainConsole(
        file=cast(IO[str], _LogStream(logger)),  # typeshed's IO is no base of io's classes
        width=120,
        markup=False,
        emoji=False,
        highlight=False,
        soft_wrap=True,
    )


def speak_utf8() -> None:
    """Starts the program anew in Python's UTF-8 mode, if the locale is of another encoding.

    There arguments and file names would mean other letters than in the files that name them.
    """
    utf8 = codecs.lookup(sys.getfilesystemencoding()).name == "utf-8"
    if (utf8 and codecs.lookup(locale.getpreferredencoding(False)).name == "utf-8") or sys.flags.utf8_mode:
        return
    if os.environ.get("PYTHONUTF8") == "1":  # and Python was told not to look at it
        return
    os.environ["PYTHONUTF8"] = "1"
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


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
