"""What the commands have in common: the configuration, the cache of compiled programs, the terminal."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import jax
import typer
from rich.console import Console

from gi_jax.config import RunConfig, load_config

CONSOLE = Console(highlight=False)

Overrides = Annotated[
    list[str] | None, typer.Argument(metavar="KEY=VALUE", help="Overrides such as model.num_layers=3.")
]


def read_config(path: Path, overrides: list[str] | None) -> RunConfig:
    """Reads a configuration, says once which of its keys have no meaning here, and turns the cache on."""
    loaded = load_config(path, overrides or ())
    if loaded.unused:
        CONSOLE.print(
            f"{path}: without meaning here and not used: {', '.join(loaded.unused)}", soft_wrap=True
        )
    use_compilation_cache(loaded.config)
    return loaded.config


def use_compilation_cache(config: RunConfig) -> None:
    """Keeps compiled programs on disk, so that a second run starts at once; JAX's own setting goes first."""
    folder = config.trainer.compilation_cache
    if folder is not None and "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        jax.config.update("jax_compilation_cache_dir", str(Path(folder).expanduser()))
