"""What the commands have in common: the configuration, the cache of compiled programs, the terminal."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import jax
import typer

from gi_jax.config import RunConfig, load_config
from gi_jax.config.paths import is_address, with_absolute_paths
from gi_jax.errors import GiJaxError
from gi_jax.files import PlainPath, check_folder, is_letters, user_path
from gi_jax.terminal import make_console

CONSOLE, ERRORS = make_console(), make_console(stderr=True)
_LINKS: list[PlainPath] = []  # to folders that are in use until the process ends

# Read by `str`, as everything else that is a text: bytes of file names that are no UTF-8 come through.
Overrides = Annotated[
    list[str] | None,
    typer.Argument(metavar="KEY=VALUE", help="Overrides such as model.num_layers=3.", parser=str),
]


def read_config(path: Path, overrides: list[str] | None) -> RunConfig:
    """Reads a configuration, says once which of its keys have no meaning here, and turns the cache on."""
    loaded = load_config(path, overrides or ())
    if loaded.unused:
        CONSOLE.print(f"{path}: without meaning here and not used: {', '.join(loaded.unused)}")
    config = with_absolute_paths(loaded.config)
    use_compilation_cache(config)
    return config


def use_compilation_cache(config: RunConfig) -> None:
    """Keeps compiled programs on disk, so that a second run starts at once; JAX's own setting goes first.

    Where that is not possible it says so once, and every program is compiled anew.
    """
    folder = os.environ.get("JAX_COMPILATION_CACHE_DIR", config.trainer.compilation_cache)
    try:
        if folder and not is_address(folder):
            folder = str(user_path(folder))
            check_folder(folder, create=True)
            if not is_letters(folder):  # which the compiler takes for no path
                _LINKS.append(PlainPath(folder))
                folder = str(_LINKS[-1].path)
    except GiJaxError as error:
        ERRORS.print(f"compiled programs are not kept: {error}")
        folder = None
    jax.config.update("jax_compilation_cache_dir", folder or None)
