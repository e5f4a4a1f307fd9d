"""Configurations that come with the package, found by their names."""

from __future__ import annotations

import difflib
import logging
import os
import re
from pathlib import Path

import gi_jax
from gi_jax.errors import GiJaxError
from gi_jax.files import user_path

LOGGER = logging.getLogger(__name__)
_NAME = re.compile(r"\w+")  # anything else is a path


def packaged_folder() -> Path:
    """The folder of the configurations: in an installed package its own, in a checkout beside it."""
    package = Path(gi_jax.__file__).parent
    installed = package / "configs"
    return installed if installed.is_dir() else package.parent / "configs"


def packaged_configs() -> dict[str, Path]:
    """The files that come with the package, by name."""
    return {path.stem: path for path in sorted(packaged_folder().glob("*.yaml"))}


def config_file(path: str | Path) -> Path:
    """The file that a path or a name such as `quickstart` means; whatever lies at the path goes first.

    Raises:
      GiJaxError: neither a file nor a configuration that comes with the package has this name.
    """
    text, path = os.fspath(path), user_path(path)
    if os.path.lexists(path) or not _NAME.fullmatch(text):
        return path
    known = packaged_configs()
    if text not in known:
        near = difflib.get_close_matches(text, known, n=1, cutoff=0.5)
        guess = f"did you mean `{near[0]}`? " if near else ""
        raise GiJaxError(
            f"{text}: no such configuration file; {guess}the package has {', '.join(known)}, and a path "
            "names any other file"
        )
    LOGGER.info("%s is %s", text, known[text])
    return known[text]
