"""One process per run folder: two that train into the same one would write over each other."""

from __future__ import annotations

from pathlib import Path

from filelock import FileLock, Timeout

from gi_jax.errors import GiJaxError

LOCK = ".lock"


class FolderInUseError(GiJaxError):
    """Another process trains into the run folder."""


def lock_folder(folder: Path) -> FileLock:
    """Keeps other processes out of a run folder until the lock is released or this process ends.

    Raises:
      FolderInUseError: another process holds the folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise FolderInUseError(
            f"{folder}: another process is training into it; wait until it has ended and continue with "
            "--resume, or name another folder"
        ) from None
    return lock
