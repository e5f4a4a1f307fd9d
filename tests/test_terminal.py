"""What is said on terminals: texts as they are, whole tables, and no fear of closed streams."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
from rich.table import Table

from gi_jax import terminal
from gi_jax.terminal import Listener, make_console, show_table, show_title, speak_utf8

TEXTS = [
    "v[old]",
    "v[/x]",
    "[red]",
    "[/]",
    ":x:",
    ":smile:",
    "a$b$",
    "\\foo",
    "[link=http://x]y[/link]",
    "a\\[b",
]


@pytest.mark.parametrize("text", TEXTS)
def test_texts_are_shown_as_they_are(text: str, capsys) -> None:
    console = make_console()
    console.print(f"{text} here")
    show_title(console, text)
    table = Table(text, "", title=text)
    table.add_row(text, "1")
    show_table(console, table)
    out = capsys.readouterr().out
    assert out.count(text) == 5


def test_control_characters_are_shown_and_not_sent(capsys) -> None:
    make_console().print("a\x1b[31mb\rc\x07\x9bd\ne")
    assert capsys.readouterr().out == "a\\x1b[31mb\\rc\\x07\\x9bd\ne\n"


@pytest.mark.parametrize("columns", [1, 20, 200])
def test_tables_and_titles_are_whole_on_a_terminal_of_any_width(columns: int, capsys, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    console = make_console()
    table = Table("a long name of a column", "another one", title="parameters")
    table.add_row("gene_interaction_predictor", "1,234,567")
    show_table(console, table)
    show_title(console, "collins2007-random-0/baselines (1 of 12)")
    out = capsys.readouterr().out
    for text in ("a long name of a column", "another one", "gene_interaction_predictor", "1,234,567"):
        assert text in out
    assert "collins2007-random-0/baselines (1 of 12)" in out
    assert "…" not in out


class Broken(io.StringIO):
    """A stream whose reader has gone."""

    def write(self, text: str) -> int:
        raise BrokenPipeError


def test_a_stream_whose_reader_went_away_drops_what_is_written(tmp_path) -> None:
    with (tmp_path / "file").open("w") as file:  # stands for the descriptor, which then leads nowhere
        listener = Listener(Broken(), file.fileno())
        assert listener.write("text") == 4
        listener.write("more")
        listener.flush()
        assert listener.gone
        assert not listener.isatty()


def test_a_stream_closed_from_the_beginning_is_gone() -> None:
    listener = Listener(None, 1)
    listener.write("text")
    assert listener.gone
    assert listener.encoding == "utf-8"


PROTECTED = """
import os, sys
from gi_jax.terminal import protect_streams
protect_streams()
print("text")
os.write(2, b"")
file = open(os.devnull)
sys.exit(0 if file.fileno() > 2 and sys.stdout.gone == (sys.argv[1] == "gone") else 3)
"""


@pytest.mark.parametrize(("closing", "state"), [(">&-", "gone"), ("2>&-", "there"), (">&- 2>&- <&-", "gone")])
def test_no_file_gets_the_number_of_a_closed_stream(closing: str, state: str) -> None:
    command = f'exec "$0" -c "$1" {state} {closing}'
    process = subprocess.run(
        ["sh", "-c", command, sys.executable, PROTECTED], timeout=60, capture_output=True
    )
    assert process.returncode == 0


def test_what_cannot_be_encoded_is_written_as_an_escape() -> None:
    code = "from gi_jax.terminal import protect_streams; protect_streams(); print('M\\udcfcller \\u03b1')"
    surroundings = {**os.environ, "PYTHONIOENCODING": "latin-1"}
    process = subprocess.run([sys.executable, "-c", code], env=surroundings, capture_output=True, timeout=60)
    assert process.stdout == "M\\udcfcller α\n".encode()


def test_a_locale_of_another_encoding_starts_python_anew_in_utf8_mode() -> None:
    code = "import sys; from gi_jax.terminal import speak_utf8; speak_utf8(); print(ascii(sys.argv[1]))"
    surroundings = {**os.environ, "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    command = [sys.executable, "-c", code, "Müller"]
    process = subprocess.run(command, env=surroundings, capture_output=True, text=True, timeout=60)
    assert process.stdout == "'M\\xfcller'\n"


def test_python_is_started_anew_once_at_most(monkeypatch) -> None:
    started = []
    latin1 = {"getfilesystemencoding": lambda: "iso8859-1", "flags": SimpleNamespace(utf8_mode=0)}
    argv = ["python", "-m", "gi_jax.cli", "predict", "M\udcfcller"]
    monkeypatch.setattr(terminal.os, "execv", lambda *arguments: started.append(arguments))
    monkeypatch.setenv("PYTHONUTF8", "0")
    speak_utf8()  # tests run in UTF-8
    assert started == []
    monkeypatch.setattr(terminal, "sys", SimpleNamespace(executable="/python", orig_argv=argv, **latin1))
    speak_utf8()
    assert started == [("/python", ["/python", *argv[1:]])]
    speak_utf8()  # Python does not listen to PYTHONUTF8 (-E)
    assert len(started) == 1
