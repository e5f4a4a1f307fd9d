"""Columns of tables as arrays, block by block, with the line of every row."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as csv

from gi_jax.data.formats.text_blocks import BLOCK, Block, read_blocks
from gi_jax.errors import GiJaxError
from gi_jax.numbers import plain_number

# How people and programs write that there is no number, in any case.
MISSING = ("", "na", "nan", "n/a", "null", "none", "#n/a", "-nan", "1.#qnan")
_MISSING_NUMBERS = [s for m in MISSING for s in dict.fromkeys((m, m.upper(), m.title(), m.capitalize()))]
_MISSING_NUMBERS += ["NaN", "-NaN", "1.#QNAN"]
TEXT, CATEGORY, NUMBER = pa.string(), pa.dictionary(pa.int32(), pa.string()), pa.float64()


@dataclass(frozen=True)
class Layout:
    """How the fields of a line are cut, and what each of them holds.

    `types` has the columns to read, by position: `TEXT`, `CATEGORY` (few distinct texts) or `NUMBER`.
    """

    names: tuple[str, ...]  # all columns, in order
    types: dict[int, pa.DataType]
    delimiter: str = "\t"


@dataclass(frozen=True)
class Part:
    """Some rows of a table: a block of its lines that are not blank."""

    path: Path
    block: Block
    layout: Layout
    columns: dict[int, pa.Array]  # of numbers null where the text is no number
    lines: np.ndarray  # [M] int64, line numbers
    odd: dict[int, np.ndarray] = field(default_factory=dict)  # rows whose text is neither number nor missing

    def __len__(self) -> int:
        return len(self.lines)

    def where(self, row: int) -> str:
        """`FILE, line 12`, for a message about a row."""
        return f"{self.path}, line {self.lines[row]}"

    def text(self, row: int, column: int) -> str:
        """What stands in a field."""
        line = self._text_lines[self.lines[row] - self.block.first].decode()
        return line.split(self.layout.delimiter)[column]

    @cached_property
    def _text_lines(self) -> list[bytes]:
        return self.block.text.split(b"\n")

    def numbers(self, column: int) -> np.ndarray:
        """A column of numbers as float64 `[M]`, NaN where there is none."""
        return self.columns[column].to_numpy(zero_copy_only=False).astype(np.float64, copy=False)

    def categories(self, column: int) -> tuple[np.ndarray, list[str]]:
        """A column of categories as codes `[M]` int32 and what they mean, blanks around it taken off."""
        array = self.columns[column]
        return array.indices.to_numpy(), [text.strip() for text in array.dictionary.to_pylist()]


def first_line(path: Path) -> str:
    """The first line of a text file, which has more than white space somewhere."""
    first = None
    for block in read_blocks(path, 2**16):
        first = block.text.split(b"\n", 1)[0].decode() if first is None else first
        if block.text.strip():
            break
    assert first is not None, "a file without a line is empty"
    return first


def read_parts(path: Path, layout: Layout, *, skip: int, size: int = BLOCK) -> Iterator[Part]:
    """The rows of a table after its first `skip` lines; blank lines mean nothing.

    Raises:
      GiJaxError: an unreadable file, or a line with too few or too many fields.
    """
    for block in read_blocks(path, size):
        if block.first <= skip:
            over = skip - block.first + 1
            lines = block.text.split(b"\n", over)
            block = Block(lines[-1] if len(lines) > over else b"", skip + 1)
        if not block.text or block.text.isspace():
            continue
        yield _fast(path, block, layout) or _slow(path, block, layout)


def _fast(path: Path, block: Block, layout: Layout) -> Part | None:
    """A block read by Arrow; None if something in it is not as usual."""
    # Lines of blanks mean nothing, and only the slow way knows them from rows of empty fields.
    if block.text.startswith((b"\t", b" ")) or b"\n\t" in block.text or b"\n " in block.text:
        return None
    names = [str(k) for k in range(len(layout.names))]
    try:
        table = csv.read_csv(
            pa.py_buffer(block.text),
            read_options=csv.ReadOptions(column_names=names, block_size=2**20),
            parse_options=csv.ParseOptions(
                delimiter=layout.delimiter, quote_char=False, double_quote=False, ignore_empty_lines=True
            ),
            convert_options=csv.ConvertOptions(
                column_types={str(k): kind for k, kind in layout.types.items()},
                include_columns=[str(k) for k in layout.types],
                null_values=_MISSING_NUMBERS,
                strings_can_be_null=False,
                check_utf8=False,
            ),
        )
    except pa.ArrowInvalid:
        return None
    ends = np.flatnonzero(np.frombuffer(block.text, np.uint8) == 10)
    filled = np.flatnonzero(np.diff(ends, prepend=-1) > 1)
    if len(filled) != table.num_rows:
        return None
    columns, odd = {}, {}
    for k, kind in layout.types.items():
        chunked = table.column(str(k))
        if kind == CATEGORY:
            chunked = chunked.unify_dictionaries()
        column = chunked.combine_chunks() if chunked.num_chunks != 1 else chunked.chunk(0)
        columns[k] = column
        if kind == NUMBER:
            values = column.to_numpy(zero_copy_only=False)
            strange = ~np.isfinite(values)
            if column.null_count:
                strange &= column.is_valid().to_numpy(zero_copy_only=False)
            odd[k] = np.flatnonzero(strange)
    return Part(path, block, layout, columns, block.first + filled, odd)


def _slow(path: Path, block: Block, layout: Layout) -> Part:
    """The same line by line, which finds the line of what is wrong."""
    header = [name.strip().lower() for name in layout.names]
    rows, numbers = [], []
    for number, line in enumerate(block.text.decode().split("\n"), block.first):
        fields = line.split(layout.delimiter)
        if not line.strip():
            continue
        if [name.strip().lower() for name in fields] == header:
            raise GiJaxError(
                f"{path}, line {number}: repeats the names of the columns, as joined files do; remove it"
            )
        if len(fields) != len(header):
            wanted = {"\t": "tabs", " ": "blanks", ",": "commas", ";": "semicolons"}[layout.delimiter]
            named = f" ({' '.join(header)[:200]})" if all(header) else ""
            raise GiJaxError(
                f"{path}, line {number}: found {len(fields)} fields, expected {len(header)}{named} separated "
                f"by {wanted}; correct this line"
            )
        rows.append(fields)
        numbers.append(number)
    columns, odd = {}, {}
    for k, kind in layout.types.items():
        texts = [fields[k] for fields in rows]
        if kind != NUMBER:
            columns[k] = pa.array(texts, TEXT)
            columns[k] = columns[k].dictionary_encode() if kind == CATEGORY else columns[k]
            continue
        missing = np.array([text.strip().lower() in MISSING for text in texts], bool)
        found = [None if gone else plain_number(text) for text, gone in zip(texts, missing, strict=True)]
        values = np.array([np.nan if value is None else value for value in found], np.float64)
        odd[k] = np.flatnonzero(~np.isfinite(values) & ~missing)
        columns[k] = pa.array(np.where(np.isfinite(values), values, np.nan))
    return Part(path, block, layout, columns, np.array(numbers, np.int64), odd)
