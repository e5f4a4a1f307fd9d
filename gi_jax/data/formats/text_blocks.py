"""Text files in blocks of whole lines: any size, plain, gzip or workbook, UTF-8 or UTF-16, any line ends."""

from __future__ import annotations

import codecs
import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from gi_jax.data.formats.workbooks import ZIP, workbook_text
from gi_jax.errors import GiJaxError
from gi_jax.files import user_path

BLOCK = 2**24  # bytes; an import of many millions of rows takes a few blocks of memory and no more
# Told by their byte order mark; the longer one goes first, as it begins like the shorter.
_WIDE = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
# What else begins a file that is no text, and what to do with it.
_OTHER = {
    b"\xd0\xcf\x11\xe0": "is an old Excel workbook; save the sheet as tab-separated text",
    b"BZh": "is compressed with bzip2; unpack it, or compress it with gzip",
    b"\xfd7zXZ": "is compressed with xz; unpack it, or compress it with gzip",
    b"(\xb5/\xfd": "is compressed with zstd; unpack it, or compress it with gzip",
    b"PAR1": "is a Parquet file, where text is expected",
    b"%PDF": "is a PDF; copy its table into a tab-separated text file",
}
_GZIP = b"\x1f\x8b"
_LINE_ENDS = (b"\xc2\x85", b"\xe2\x80\xa8", b"\xe2\x80\xa9")  # beside those of Windows and old Macs


class Block(NamedTuple):
    """Whole lines of a file as UTF-8, each ending with a line feed, and the number of the first, from 1."""

    text: bytes
    first: int


def read_blocks(path: str | Path, size: int = BLOCK) -> Iterator[Block]:
    """The lines of a text file; gzip is told by the first bytes and not by the name.

    Raises:
      GiJaxError: no such file, a folder, unreadable, broken gzip, no text, or no character but white space.
    """
    path, line, blank = user_path(path), 1, True
    for text in _whole_lines(path, size):
        if b"\0" in text:
            number = line + text[: text.index(b"\0")].count(b"\n")
            raise GiJaxError(
                f"{path}, line {number}: holds NUL bytes, so the file is damaged or UTF-16 without its mark; "
                "get it anew, or save it as tab-separated UTF-8 text"
            )
        if not text.isascii():
            text = _checked(path, line, text)
        blank = blank and text.isspace()
        yield Block(text, line)
        line += text.count(b"\n")
    if blank:
        raise GiJaxError(f"{path}: the file is empty")


def first_bytes(path: str | Path, count: int = 65536) -> bytes:
    """How a file begins, unpacked if it is gzip.

    Raises:
      GiJaxError: it cannot be read.
    """
    path = user_path(path)
    with _said(path), _opened(path) as file:
        return file.read(count)


def _whole_lines(path: Path, size: int) -> Iterator[bytes]:
    """Text with line feeds only, cut at line ends, without its byte order mark."""
    with _said(path), _opened(path) as file:
        carried = _plain(path, file.read(4))
        while True:
            read = file.read(size)
            text = carried + read
            # A carriage return at the end may be half of a line end.
            held = b"\r" if read and text.endswith(b"\r") else b""
            text = text.removesuffix(held)
            if b"\r" in text:
                text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
            if not text.isascii():
                for end in _LINE_ENDS:
                    text = text.replace(end, b"\n")
            if not read:
                if text:
                    yield text if text.endswith(b"\n") else text + b"\n"
                return
            cut = text.rfind(b"\n") + 1
            if cut:
                yield text[:cut]
            carried = text[cut:] + held


def _plain(path: Path, begin: bytes) -> bytes:
    for mark, what in _OTHER.items():
        if begin.startswith(mark[:4]):
            raise GiJaxError(f"{path}: {what}")
    return begin.removeprefix(codecs.BOM_UTF8)


def _checked(path: Path, line: int, text: bytes) -> bytes:
    try:
        text.decode()
    except UnicodeDecodeError as error:
        before = text[: error.start]
        place, number = len(before) - before.rfind(b"\n"), line + before.count(b"\n")
        raise GiJaxError(
            f"{path}, line {number}: byte {place} is not UTF-8 text; save the file as "
            "tab-separated UTF-8 text"
        ) from None
    return text


def _opened(path: Path) -> io.BufferedIOBase:
    """The bytes of a file, unpacked; of UTF-16 and UTF-32 as UTF-8."""
    file = path.open("rb")
    begin = file.read(4)
    packed = begin.startswith(_GZIP)
    file.seek(0)
    if begin == ZIP:
        file.close()
        return io.BytesIO(workbook_text(path))
    opened: io.BufferedIOBase = gzip.GzipFile(fileobj=file) if packed else file
    begin = opened.read(4)
    wide = next((name for mark, name in _WIDE.items() if begin.startswith(mark)), None)
    opened.seek(0)
    if wide is None:
        return opened
    with opened:
        content = opened.read()
    try:
        return io.BytesIO(content.decode(wide).encode())
    except UnicodeError as error:
        reason = getattr(error, "reason", error)
        raise GiJaxError(
            f"{path}: starts like {wide.upper()} text but is none ({reason}); save the file as "
            "tab-separated UTF-8 text"
        ) from None


@contextmanager
def _said(path: Path) -> Iterator[None]:
    """Errors of the system and of gzip, said in a sentence."""
    try:
        yield
    except FileNotFoundError:
        said = f"no such file; check the path (relative paths start at {Path.cwd()})"
    except IsADirectoryError:
        said = "is a folder; name a file in it"
    except PermissionError:
        said = "may not be read; check its permissions"
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        said = f"starts like gzip but does not unpack ({error}); get the file anew"
    else:
        return
    raise GiJaxError(f"{path}: {said}")
