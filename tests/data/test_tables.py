"""Tab-separated files: what is read, and every complaint with file and line."""

from __future__ import annotations

import gzip

import pytest

from gi_jax.data.tables import read_table
from gi_jax.errors import GiJaxError


def test_columns_are_found_by_name_and_rows_keep_their_lines(tmp_path):
    path = tmp_path / "table.tsv"
    path.write_text("\ufeffextra\tB\ta\r\n1\t2\t3\r\n\r\n4\t\t6\r\n", encoding="utf-8")
    table = read_table(path, required=("a",), optional=("b", "c"))
    assert table.columns == {"a": ["3", "6"], "b": ["2", ""]}
    assert table.lines == [2, 4] and table.unread == ("extra",)
    assert table.where(1) == f"{path}, line 4"


def test_gzip_is_told_by_content(tmp_path):
    path = tmp_path / "table.tsv"
    path.write_bytes(gzip.compress(b"a\n1\n"))
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
        (b"a\tb\n\xff\t2\n", "byte 4 is not UTF-8"),
        (gzip.compress(b"a\tb\n1\t2\n" * 99)[:-9], "does not unpack"),
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
