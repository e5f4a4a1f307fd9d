"""How files are read and written: UTF-8 whatever the locale, replaced whole or not at all, at any path."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gi_jax.errors import GiJaxError

_PLAIN = re.compile(r"[\w./+=@,-]*", re.ASCII)  # what every library takes for the letters that they are


def user_path(path: str | Path) -> Path:
    """The path with a leading `~` as the home folder; a `~name` that is no user's stays as it is.

    A folder of the name `~` itself is `./~`.

    Raises:
      GiJaxError: there is no home folder.
    """
    text, path = os.fspath(path), Path(path)
    if not text.startswith("~"):
        # `./~` is what people write for a folder of that name; as a path it would lose its `./`.
        return path.absolute() if str(path).startswith("~") else path
    try:
        return path.expanduser()
    except RuntimeError:
        if path.parts[0] != "~":
            return path
        raise GiJaxError(
            f"{path}: the home folder is unknown (HOME is not set); write the path without `~`"
        ) from None


def is_letters(path: str | Path) -> bool:
    """Whether a path is text, and not bytes of another encoding than the system's."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True


def read_text(path: str | Path) -> str:
    """The text of a UTF-8 file, without a byte order mark.

    Raises:
      OSError: there is no such file, or it cannot be read.
      UnicodeDecodeError: it is not UTF-8.
    """
    return Path(path).read_text(encoding="utf-8-sig")


def write_text(path: str | Path, text: str) -> None:
    """Writes a UTF-8 file that is there whole or not at all; what was there before stays until then.

    What UTF-8 has no letter for, a byte of a file's name in another encoding, is written as an escape.
    """
    with replacing(path) as new:
        new.write_text(text, encoding="utf-8", errors="backslashreplace", newline="\n")


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """A file to write in place of `path`, which it replaces when the block ends without an error.

    A link is followed, and what is no regular file (a pipe, `/dev/stdout`) is written to as it is.
    """
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        yield Path(path)
        return
    # Of a name of its own length: a name of 255 bytes has no room for more.
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".new-")
    os.close(handle)
    new = Path(name)
    try:
        yield new
        new.chmod(_mode(target))
        new.replace(target)
    finally:
        new.unlink(missing_ok=True)


@contextmanager
def replacing_together(folder: str | Path) -> Iterator[Path]:
    """A folder to write files in, which go into `folder` together when the block ends without an error.

    So a report that fails half way leaves the old one as it was.
    """
    folder = Path(folder)
    new = Path(tempfile.mkdtemp(dir=folder, prefix=".new-"))
    try:
        yield new
        files = sorted(path for path in new.iterdir())
        for file in files:
            check_writable(folder / file.name)
        for file in files:
            file.chmod(_mode(folder / file.name))
            file.replace(os.path.realpath(folder / file.name))
    finally:
        shutil.rmtree(new, ignore_errors=True)


def check_new_folder(folder: Path) -> None:
    """Tries, before the work, whether `new_folder` can make a folder.

    Raises:
      GiJaxError: it is there and not empty, or files cannot be written to where it would be.
    """
    if folder.exists() and (folder.is_file() or any(folder.iterdir())):
        raise GiJaxError(f"{folder}: exists and is not an empty folder; choose another name")
    check_folder(folder)


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """A folder to write in, which becomes `folder`, new or empty, when the block ends without an error."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    new = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".new-"))
    try:
        yield new
        new.chmod(0o755)
        if folder.exists():
            folder.rmdir()
        new.rename(folder)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def check_writable(path: str | Path) -> None:
    """Tries, before the work, whether a file can be written; changes nothing.

    Raises:
      GiJaxError: it is a folder, its folder does not exist, or one of the two may not be written to.
    """
    path = Path(path)
    if path.is_dir():
        raise GiJaxError(f"{path}: is a folder; name a file to write")
    if not path.parent.is_dir():
        raise GiJaxError(f"{path}: the folder {path.parent} does not exist; make it, or name another file")
    if path.exists() and not os.access(path, os.W_OK):
        raise GiJaxError(f"{path}: may not be written to; change its permissions, or name another file")
    if path.exists() and not path.is_file():
        return
    try:
        with tempfile.NamedTemporaryFile(dir=Path(os.path.realpath(path)).parent, prefix=".new-"):
            pass
    except OSError as error:
        raise GiJaxError(
            f"{path}: cannot be written ({error.strerror or error}); name a file in another folder"
        ) from None


def check_folder(path: str | Path, *, create: bool = False) -> None:
    """Tries whether files can be written into a folder that is there or can be made.

    Args:
      create: make it; else nothing changes.

    Raises:
      GiJaxError: it is a file, it cannot be made, or may not be written to.
    """
    folder = Path(path)
    try:
        if create:
            folder.mkdir(parents=True, exist_ok=True)
        while not os.path.lexists(folder):
            folder = folder.parent
        with tempfile.TemporaryDirectory(dir=folder, prefix=".new-"):
            pass
    except OSError as error:
        what = "is no folder" if os.path.lexists(folder) and not folder.is_dir() else "cannot be written to"
        raise GiJaxError(
            f"{path}: files cannot be written there, as {folder} {what} ({error.strerror or error}); name "
            "another folder"
        ) from None


class PlainPath:
    """Another path of a folder, of plain letters only, for libraries that read a meaning into others.

    Some take a path for a pattern (`[1]`, a backslash), and some write it in UTF-8 whatever the
    names of the file system are in. A path that is plain already is taken as it is; for any other
    one there is a link in a folder of temporary files until this object is gone.

    Args:
      folder: an existing one.

    Raises:
      GiJaxError: the link cannot be made.
    """

    def __init__(self, folder: str | Path) -> None:
        absolute = Path(folder).absolute()
        self.path = absolute
        if _PLAIN.fullmatch(str(absolute)):
            return
        for parent in (tempfile.gettempdir(), "/tmp", "/var/tmp", "/dev/shm"):
            if not _PLAIN.fullmatch(parent):
                continue
            with suppress(OSError):
                own = tempfile.mkdtemp(dir=parent, prefix="gi_jax-")
                weakref.finalize(self, shutil.rmtree, own, ignore_errors=True)
                self.path = Path(own) / "folder"
                self.path.symlink_to(absolute)
                return
        raise GiJaxError(
            f"{folder}: weights cannot be kept in a folder of such a name here, as no temporary folder can "
            "hold a link to it; use a path of letters, digits and . _ - only, or set TMPDIR"
        )


def _mode(target: Path) -> int:
    """The permissions of the file to be replaced, or those that a new file gets."""
    with suppress(OSError):
        return target.stat().st_mode & 0o7777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
