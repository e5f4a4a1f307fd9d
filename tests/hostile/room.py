"""Running a command in this process as if in its own: real streams, and surroundings as they were drawn."""

from __future__ import annotations

import errno
import fcntl
import io
import os
import pwd
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import jax
import pytest

from gi_jax.cli import main
from tests.hostile.draws import Example

update = jax.config.update


class Result(NamedTuple):
    """How a command ended and what it said."""

    code: int
    out: str
    err: str


def run_here(given: list[str], example: Example, folder: Path) -> Result:
    """Runs `gi-jax GIVEN` in this process.

    Args:
      folder: where home, cache and what is said may be kept.
    """
    files = [folder / "said.out", folder / "said.err"]
    with pytest.MonkeyPatch.context() as patch:
        surround(patch, example, folder)
        patch.setattr(sys, "argv", ["gi-jax", *given])
        with streams(patch, files, example):
            try:
                main()
                code = 0
            except SystemExit as end:
                code = end.code or 0
            for stream in (sys.stdout, sys.stderr):
                stream.flush()
    return Result(code, *(file.read_bytes().decode() for file in files))


@contextmanager
def streams(patch: pytest.MonkeyPatch, files: list[Path], example: Example) -> Iterator[None]:
    """Standard output and error as files, or closed, broken or full ones, by their descriptors."""
    kept = [os.dup(number) for number in (1, 2)]
    for number, name, file in zip((1, 2), ("stdout", "stderr"), files, strict=True):
        how = {1: "standard output ", 2: "standard error "}[number]
        how = example.surroundings.removeprefix(how) if example.surroundings.startswith(how) else "file"
        file.touch()
        if how == "closed":
            os.close(number)
            patch.setattr(sys, name, None)
            continue
        if how == "broken":
            reading, target = os.pipe()
            os.close(reading)
        else:
            target = os.open("/dev/full" if how == "full" else file, os.O_WRONLY | os.O_TRUNC)
        os.dup2(target, number)
        os.close(target)
        patch.setattr(sys, name, io.TextIOWrapper(io.FileIO(number, "w", closefd=False), encoding="utf-8"))
    try:
        yield
    finally:
        for number, saved in zip((1, 2), kept, strict=True):
            os.dup2(saved, number)
            os.close(saved)


def surround(patch: pytest.MonkeyPatch, example: Example, folder: Path) -> None:
    """Makes the surroundings of a combination, all but the streams."""
    what = example.surroundings
    patch.setenv("HOME", str(folder / "home"))
    patch.setenv("COLUMNS", "20" if what == "20 columns" else "100")
    if "HOME" in what:  # where the folder of compiled programs is; those of the other tests stay in use
        patch.delenv("JAX_COMPILATION_CACHE_DIR", raising=False)
    if "HOME" in what or "cache" in what:
        patch.setattr("jax.config.update", lambda name, value: "cache" in name or update(name, value))
    if what == "no HOME":
        patch.delenv("HOME")
        patch.setattr(pwd, "getpwuid", lambda number: {}[number])
    elif what == "HOME not writable":
        patch.setenv("HOME", "/proc")
    elif what == "cache folder is a file":
        (folder / "cache").write_text("")
        patch.setenv("JAX_COMPILATION_CACHE_DIR", str(folder / "cache"))
    elif what.startswith("no locks"):
        number = int(what.split()[-1])

        def flock(*arguments: object) -> None:
            raise OSError(number, os.strerror(number) if number in errno.errorcode else "unknown")

        patch.setattr(fcntl, "flock", flock)
