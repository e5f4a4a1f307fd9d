"""One process per run folder: two that train into the same one would write over each other."""

from __future__ import annotations

import errno
import warnings
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock, SoftFileLock, Timeout

from gi_jax.errors import GiJaxError

LOCK = ".lock"
_NFS_UNSUPPORTED = 524  # of the Linux kernel, which has no name for it elsewhere
_UNSUPPORTED = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, _NFS_UNSUPPORTED)


class FolderInUseError(GiJaxError):
    """Another process trains into the run folder."""


def lock_folder(folder: Path, say: Callable[[str], object] = warnings.warn) -> FileLock:
    """Keeps other processes out of a run folder until the lock is released or this process ends.

    Where the file system has no locks (NFS without a lock daemon, some FUSE), it goes on without.

    Args:
      folder: made if it is not there.
      say: is told if there is no lock.

    Raises:
      FolderInUseError: another process holds the folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / LOCK)
    without = (
        f"{folder}: its file system has no locks, so nothing keeps a second process from training into it; "
        "start none"
    )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the words about a soft lock are said below, as our own
            lock.acquire(blocking=False)
    except Timeout:
        if isinstance(lock, SoftFileLock):
            say(without)
            return lock
        raise FolderInUseError(
            f"{folder}: another process is training into it; wait until it has ended and continue with "
            "--resume, or name another folder"
        ) from None
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise
        say(without)
    if isinstance(lock, SoftFileLock):
        # What filelock falls back to is the mere presence of a file, which a killed process leaves behind.
        lock.release()
        say(without)
    return lock
