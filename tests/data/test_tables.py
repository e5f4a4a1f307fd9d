"""Tab-separated files: what is read, and every complaint with file and line."""

from __future__ import annotations

import gzip

import pytest

from gi_jax.data.formats.tables import read_table
from gi_jax.errors import GiJaxError


def test_columns_are_found_by_name_and_rows_keep_their_lines(tmp_path):
    path = tmp_path / "table.tsv"
    path.write_text("\ufeffextra\tB\ta\r\n1\t2\t3\r\n\r\n4\t\t6\r\n", encoding="utf-8")
    table = read_table(path, required=("a",), optional=("b", "c"))
    assert table.columns == {"a": ["3", "6"], "b": ["2", ""]}
    assert table.lines == [2, 4] and table.unread == ("extra",)
    assert table.where(1) == f"{path}, line 4"


def test_lines_of_blanks_mean_nothing(tmp_path):
    path = tmp_path / "table.tsv"
    path.write_bytes(b"a\n1\n  \n2\n")
    assert read_table(path, required=("a",)).lines == [2, 4]
    path.write_bytes(b"a\tb\n1\t2\n\t\n \n3\t\n")
    table = read_table(path, required=("a", "b"))
    assert (table.columns, table.lines) == ({"a": ["1", "3"], "b": ["2", ""]}, [2, 5])


def test_gzip_is_told_by_content(tmp_path):
    path = tmp_path / "table.tsv"
    path.write_bytes(gzip.compress(b"a\n1\n", mtime=0))
    assert read_table(path, required=("a",)).columns == {"a": ["1"]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b" \n", "the file is empty"),
        (b"a\tb\n", "has a header but no rows"),
        (
            b"a b\n1 2\n",
            "line 1: found the columns `a b` but no `a`; the first line must name the columns a b [c]",
        ),
        (b"a\tb\ta\n1\t2\t3\n", "line 1: the column `a` stands twice"),
        (b"a\tb\n1\t2\n3\n", "line 3: found 1 fields, expected 2 (a b)"),
        (b"a\tb\n1\t2\t3\n", "line 2: found 3 fields, expected 2 (a b)"),
        (b"a\tb\n\xff\t2\n", "line 2: byte 1 is not UTF-8"),
        (gzip.compress(b"a\tb\n1\t2\n" * 99, mtime=0)[:-9], "does not unpack"),
    ],
)
def test_a_bad_table_is_refused(tmp_path, content, message):
    path = tmp_path / "table.tsv"
    path.write_bytes(content)
    with pytest.raises(GiJaxError) as error:
        read_table(path, required=("a", "b"), optional=("c",))
    assert str(error.value).startswith(str(path)) and message in str(error.value)


def test_a_missing_file_and_a_folder_are_told_apart(tmp_path):
    with pytest.raises(GiJaxError, match="no such file"):
        read_table(tmp_path / "absent.tsv", required=("a",))
    with pytest.raises(GiJaxError, match="is a folder"):
        read_table(tmp_path, required=("a",))


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\x85", "\u2028", "\u2029"])
def test_lines_end_as_on_any_system(tmp_path, end):
    path = tmp_path / "table.tsv"
    path.write_bytes(end.join(["a\tb", "1\t2", "", "3\t4", ""]).encode())
    table = read_table(path, required=("a", "b"))
    assert (table.columns, table.lines) == ({"a": ["1", "3"], "b": ["2", "4"]}, [2, 4])


def test_line_ends_may_be_mixed_and_no_other_character_ends_a_line(tmp_path):
    path = tmp_path / "table.tsv"
    path.write_bytes(b"a\r1\r\n2\n3\x0b3\x0c3\x1c3\r\r4")
    table = read_table(path, required=("a",))
    assert (table.columns["a"], table.lines) == (["1", "2", "3\x0b3\x0c3\x1c3", "4"], [2, 3, 4, 6])


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_wide_text_is_told_by_its_mark(tmp_path, encoding):
    path = tmp_path / "table.tsv"
    path.write_bytes("\ufeffa\nα\n".encode(encoding))
    assert read_table(path, required=("a",)).columns == {"a": ["α"]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a\nb\n".encode("utf-16-le"), "line 1: holds NUL bytes, so the file is damaged or UTF-16 without"),
        (b"a\n1\n2\0\0\0\n", "line 3: holds NUL bytes"),
        (b"\xff\xfea", "starts like UTF-16 text but is none"),
    ],
)
def test_what_only_looks_like_text_is_refused(tmp_path, content, message):
    path = tmp_path / "table.tsv"
    path.write_bytes(content)
    with pytest.raises(GiJaxError, match=message):
        read_table(path, required=("a",))


def test_a_path_from_home_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "table.tsv").write_text("a\n1\n")
    assert read_table("~/table.tsv", required=("a",)).columns == {"a": ["1"]}
