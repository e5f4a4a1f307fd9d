"""Files: UTF-8 whatever the locale, replaced whole or not at all, at any path."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gi_jax.errors import GiJaxError
from gi_jax.files import (
    PlainPath,
    check_folder,
    check_writable,
    read_text,
    replacing,
    replacing_together,
    user_path,
    write_text,
)


def test_a_tilde_is_the_home_folder(monkeypatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    assert user_path("~/x") == Path("/home/somebody/x")
    assert user_path("a/~/x") == Path("a/~/x")
    assert user_path("~nobody-of-this-name/x") == Path("~nobody-of-this-name/x")


def test_a_folder_named_like_the_home_folder_is_reached_by_a_dot(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert user_path("./~/x") == user_path(user_path("./~/x")) == tmp_path / "~" / "x"


def test_without_a_home_folder_a_tilde_is_one_sentence_and_other_paths_work(monkeypatch) -> None:
    def unknown(path: Path) -> Path:
        if str(path).startswith("~"):
            raise RuntimeError("Could not determine home directory.")
        return path

    monkeypatch.setattr(Path, "expanduser", unknown)
    with pytest.raises(GiJaxError, match="~/x: the home folder is unknown"):
        user_path("~/x")
    assert user_path("x") == Path("x")


def test_text_is_utf8_with_plain_line_ends_and_read_without_a_mark(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    write_text(path, "α1\n")
    assert path.read_bytes() == b"\xce\xb11\n"
    path.write_bytes(b"\xef\xbb\xbf\xce\xb11\r\n")
    assert read_text(path) == "α1\n"


def test_a_name_that_is_no_utf8_can_be_written_about(tmp_path: Path) -> None:
    write_text(tmp_path / "x.txt", "M\udcfcller")
    assert (tmp_path / "x.txt").read_bytes() == rb"M\udcfcller"


def test_text_is_utf8_in_another_locale(tmp_path: Path) -> None:
    code = f"from gi_jax.files import *; write_text({str(tmp_path / 'x')!r}, '\\u03b1')"
    surroundings = {**os.environ, "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    subprocess.run([sys.executable, "-c", code], env=surroundings, check=True, timeout=60)
    assert (tmp_path / "x").read_bytes() == b"\xce\xb1"


def test_a_file_is_replaced_whole_or_stays_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_text("old")
    path.chmod(0o640)
    with pytest.raises(ZeroDivisionError), replacing(path) as new:
        new.write_text("half")
        raise ZeroDivisionError
    assert path.read_text() == "old"
    with replacing(path) as new:
        new.write_text("whole")
        assert path.read_text() == "old"
    assert path.read_text() == "whole"
    assert path.stat().st_mode & 0o777 == 0o640
    assert list(tmp_path.iterdir()) == [path]


def test_a_new_file_has_the_usual_permissions(tmp_path: Path) -> None:
    (tmp_path / "usual").write_text("")
    write_text(tmp_path / "new", "")
    assert (tmp_path / "new").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_a_name_may_be_as_long_as_the_system_allows(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 255)
    write_text(path, "x")
    assert path.read_text() == "x"


def test_a_link_is_followed_and_a_pipe_written_to(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("old")
    (tmp_path / "link").symlink_to("target")
    write_text(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_text() == "new"
    write_text(Path(os.devnull), "x")
    assert Path(os.devnull).is_char_device()


def test_files_are_replaced_together_or_none_of_them(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old a")
    (tmp_path / "other").write_text("kept")
    with pytest.raises(ZeroDivisionError), replacing_together(tmp_path) as new:
        (new / "a").write_text("new a")
        raise ZeroDivisionError
    (tmp_path / "b").mkdir()
    with pytest.raises(GiJaxError, match="b: is a folder"), replacing_together(tmp_path) as new:
        (new / "a").write_text("new a")
        (new / "b").write_text("new b")
    assert (tmp_path / "a").read_text() == "old a"
    (tmp_path / "b").rmdir()
    with replacing_together(tmp_path) as new:
        (new / "a").write_text("new a")
        (new / "b").write_text("new b")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        "a": "new a",
        "b": "new b",
        "other": "kept",
    }


def test_what_cannot_be_written_is_said_before_the_work(tmp_path: Path) -> None:
    for path, message in (
        (tmp_path, "is a folder"),
        (tmp_path / "no" / "x", "the folder .*no does not exist"),
        (Path("/proc/x"), "cannot be written"),
    ):
        with pytest.raises(GiJaxError, match=message):
            check_writable(path)
    check_writable(tmp_path / "x")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_tried_without_making_it(tmp_path: Path) -> None:
    check_folder(tmp_path / "a" / "b")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(GiJaxError, match="as .*file is no folder"):
        check_folder(tmp_path / "file" / "run")
    with pytest.raises(GiJaxError, match="/proc cannot be written to"):
        check_folder("/proc/x/y")
    check_folder(tmp_path / "a" / "b", create=True)
    assert list((tmp_path / "a" / "b").iterdir()) == []


NAMES = st.text(
    st.one_of(st.sampled_from("[]\\!*?{}$ ~%#'\"\n"), st.characters(exclude_categories=["Cs"])),
    min_size=1,
    max_size=20,
).filter(lambda name: name not in (".", "..") and not set(name) & set("/\0"))


@settings(max_examples=60, deadline=None)
@given(NAMES)
def test_every_folder_has_a_path_of_plain_letters(
    tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    folder = tmp_path_factory.mktemp("plain") / name
    folder.mkdir()
    plain = PlainPath(folder)
    (plain.path / "x").write_bytes(name.encode())
    assert set("[]\\*?{}!$ ").isdisjoint(str(plain.path))
    assert str(plain.path).isascii()
    assert (folder / "x").read_bytes() == name.encode()


def test_a_plain_path_is_itself_and_a_link_is_taken_away(tmp_path: Path) -> None:
    assert PlainPath(tmp_path).path == tmp_path
    (tmp_path / "[1]").mkdir()
    plain = PlainPath(tmp_path / "[1]")
    link = plain.path
    assert link.is_symlink()
    del plain
    assert not link.is_symlink()
