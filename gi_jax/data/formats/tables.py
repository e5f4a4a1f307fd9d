"""Tab-separated files with line numbers, so that every complaint can say where it was found."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from gi_jax.data.formats.columns import TEXT, Layout, Part, first_line, read_parts
from gi_jax.data.formats.text_blocks import BLOCK, read_blocks
from gi_jax.errors import GiJaxError


def read_lines(path: Path) -> list[str]:
    """The lines of a text file, plain or gzip, in UTF-8 or with the mark of UTF-16.

    Raises:
      GiJaxError: whatever `read_blocks` finds wrong.
    """
    return b"".join(block.text for block in read_blocks(path)).decode().removesuffix("\n").split("\n")


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


@dataclass(frozen=True)
class Scan:
    """A table whose first line names its columns, to be read part by part."""

    path: Path
    position: dict[str, int]  # of the asked-for columns that the file has
    unread: tuple[str, ...]
    layout: Layout
    expected: str

    def parts(self, size: int = BLOCK) -> Iterator[Part]:
        """The rows.

        Raises:
          GiJaxError: there are none, or a row has too few or too many fields.
        """
        found = False
        for part in read_parts(self.path, self.layout, skip=1, size=size):
            found = True
            yield part
        if not found:
            raise GiJaxError(
                f"{self.path}: has a header but no rows; it needs one row per entry below the line "
                f"`{self.expected}`"
            )


def scan_table(
    path: Path,
    required: Sequence[str],
    optional: Sequence[str] = (),
    types: dict[str, pa.DataType] | None = None,
) -> Scan:
    """Finds the columns of a table by its first line, which names them in any order.

    Args:
      types: of columns that are no plain text.

    Raises:
      GiJaxError: an unreadable or empty file, a missing or repeated column.
    """
    line = first_line(path)
    header = tuple(name.strip().lower() for name in line.split("\t"))
    expected = " ".join([*required, *(f"[{name}]" for name in optional)])
    if missing := [name for name in required if name not in header]:
        raise GiJaxError(
            f"{path}, line 1: found the columns {_shown(line)} but no `{missing[0]}`; the first line "
            f"must name the columns {expected}, separated by tabs"
        )
    if len(set(header)) != len(header):
        twice = next(name for name in header if header.count(name) > 1)
        raise GiJaxError(f"{path}, line 1: the column `{twice}` stands twice; keep one of them")
    position = {name: header.index(name) for name in (*required, *optional) if name in header}
    kinds = {k: (types or {}).get(name, TEXT) for name, k in position.items()}
    unread = tuple(name for name in header if name not in position)
    return Scan(path, position, unread, Layout(header, kinds), expected)


def read_table(path: Path, required: Sequence[str], optional: Sequence[str] = ()) -> Table:
    """Reads a table whose first line names its columns, in any order; blank lines mean nothing.

    Raises:
      GiJaxError: an empty file, no rows, a missing or repeated column, a row with too few or too many fields.
    """
    scan = scan_table(path, required, optional)
    columns: dict[str, list[str]] = {name: [] for name in scan.position}
    lines: list[int] = []
    for part in scan.parts():
        lines += part.lines.tolist()
        for name, k in scan.position.items():
            columns[name] += part.columns[k].to_pylist()
    return Table(path, columns, lines, scan.unread)


def _shown(line: str) -> str:
    text = re.sub(r"\s+$", "", line.lstrip())
    return f"`{text[:80]}`" if len(text) <= 80 else f"`{text[:80]}...`"
