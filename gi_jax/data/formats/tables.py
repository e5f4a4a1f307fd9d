"""Tab-separated files with line numbers, so that every complaint can say where it was found."""

from __future__ import annotations

import codecs
import gzip
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path

from gi_jax.errors import GiJaxError
from gi_jax.files import user_path

_GZIP_MAGIC = b"\x1f\x8b"
# Told by their byte order mark; the longer one goes first, as it begins like the shorter.
_WIDE = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_LINE_END = re.compile("\r\n|[\n\r\x85\u2028\u2029]")


def read_lines(path: Path) -> list[str]:
    """The lines of a UTF-8 text file, plain or gzip (told by its first bytes, not by its name).

    UTF-16 with a byte order mark is read too. Lines may end as on any system.

    Raises:
      GiJaxError: no such file, a folder, unreadable, broken gzip, not UTF-8, or no character but white space.
    """
    path, wide = user_path(path), None
    try:
        content = path.read_bytes()
        if content.startswith(_GZIP_MAGIC):
            content = gzip.decompress(content)
        wide = next((name for mark, name in _WIDE.items() if content.startswith(mark)), None)
        text = content.decode(wide or "utf-8-sig")
    except FileNotFoundError:
        raise GiJaxError(
            f"{path}: no such file; check the path (relative paths start at {Path.cwd()})"
        ) from None
    except IsADirectoryError:
        raise GiJaxError(f"{path}: is a folder; name a file in it") from None
    except PermissionError:
        raise GiJaxError(f"{path}: may not be read; check its permissions") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise GiJaxError(
            f"{path}: starts like gzip but does not unpack ({error}); get the file anew"
        ) from None
    except UnicodeDecodeError as error:
        if wide is not None:
            raise GiJaxError(
                f"{path}: starts like {wide.upper()} text but is none ({error.reason}); save the file as "
                "tab-separated UTF-8 text"
            ) from None
        raise GiJaxError(
            f"{path}: byte {error.start} is not UTF-8 text; save the file as tab-separated UTF-8 text"
        ) from None
    if not text.strip():
        raise GiJaxError(f"{path}: the file is empty")
    lines = _LINE_END.split(text)
    if "\0" in text:
        number = next(number for number, line in enumerate(lines, 1) if "\0" in line)
        raise GiJaxError(
            f"{path}, line {number}: holds NUL bytes, so the file is damaged or UTF-16 without its mark; get "
            "it anew, or save it as tab-separated UTF-8 text"
        )
    return lines


@dataclass(frozen=True)
class Table:
    """The asked-for columns of one file as text; row k stood on line `lines[k]` (from 1)."""

    path: Path
    columns: dict[str, list[str]]
    lines: list[int]
    unread: tuple[str, ...]  # columns of the file that nobody asked for

    def where(self, row: int) -> str:
        """`FILE, line 12`, for a message about a row."""
        return f"{self.path}, line {self.lines[row]}"


def read_table(path: Path, required: Sequence[str], optional: Sequence[str] = ()) -> Table:
    """Reads a table whose first line names its columns, in any order; blank lines mean nothing.

    Raises:
      GiJaxError: an empty file, no rows, a missing or repeated column, a row with too few or too many fields.
    """
    lines = read_lines(path)
    header = [name.strip().lower() for name in lines[0].split("\t")]
    expected = " ".join([*required, *(f"[{name}]" for name in optional)])
    if missing := [name for name in required if name not in header]:
        raise GiJaxError(
            f"{path}, line 1: found the columns {_shown(lines[0])} but no `{missing[0]}`; the first line "
            f"must name the columns {expected}, separated by tabs"
        )
    if len(set(header)) != len(header):
        twice = next(name for name in header if header.count(name) > 1)
        raise GiJaxError(f"{path}, line 1: the column `{twice}` stands twice; keep one of them")
    rows, numbers = [], []
    for number, line in enumerate(lines[1:], 2):
        fields = line.split("\t")
        if len(fields) == len(header) and line.strip():
            rows.append(fields)
            numbers.append(number)
        elif line.strip():
            raise GiJaxError(
                f"{path}, line {number}: found {len(fields)} fields, expected {len(header)} "
                f"({' '.join(header)}) separated by tabs; correct this line"
            )
    if not rows:
        raise GiJaxError(
            f"{path}: has a header but no rows; it needs one row per entry below the line `{expected}`"
        )
    wanted = [name for name in (*required, *optional) if name in header]
    columns = {name: list(map(itemgetter(header.index(name)), rows)) for name in wanted}
    return Table(path, columns, numbers, tuple(name for name in header if name not in wanted))


def _shown(line: str) -> str:
    return f"`{line.strip()[:80]}`" if len(line.strip()) <= 80 else f"`{line.strip()[:80]}...`"
