"""One process per run folder, also where the file system has no locks."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from gi_jax.runs.lock import FolderInUseError, lock_folder


def test_a_folder_is_one_process_s_until_it_lets_go(tmp_path: Path) -> None:
    said: list[str] = []
    lock = lock_folder(tmp_path / "run", said.append)
    with pytest.raises(FolderInUseError, match="another process is training into it"):
        lock_folder(tmp_path / "run", said.append)
    lock.release()
    lock_folder(tmp_path / "run", said.append).release()
    assert said == []


@pytest.mark.parametrize("number", [37, 38, 95, 524])
def test_without_locks_it_says_so_once_and_goes_on(number: int, tmp_path: Path, monkeypatch) -> None:
    def refused(*arguments: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refused)
    for _ in range(2):  # a killed process leaves nothing behind that keeps the next one out
        said: list[str] = []
        lock = lock_folder(tmp_path / "run", said.append)
        assert len(said) == 1
        assert said[0].startswith(f"{tmp_path / 'run'}: its file system has no locks")
    lock.release()


def test_any_other_failure_is_one(tmp_path: Path, monkeypatch) -> None:
    def refused(*arguments: object) -> None:
        raise OSError(5, os.strerror(5))

    monkeypatch.setattr(fcntl, "flock", refused)
    with pytest.raises(OSError, match="Input/output error"):
        lock_folder(tmp_path / "run")
