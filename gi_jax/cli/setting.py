"""What the commands have in common: the terminal, library messages, the configuration.

The modules of the commands import nothing that takes long, so that `--help` and the shell's completion
answer at once; each command imports what it works with when it is called.
"""

from __future__ import annotations

import logging
from pathlib import Path
from signal import Signals
from typing import TYPE_CHECKING, Annotated

import typer

from gi_jax.terminal import ConsoleHandler, make_console

if TYPE_CHECKING:
    from gi_jax.config import RunConfig

CONSOLE, ERRORS = make_console(), make_console(stderr=True)
_HANDLER = ConsoleHandler(ERRORS)

CONFIG_HELP = "Configuration file (YAML), or the name of one of the package, such as quickstart."
# Read by `str`, as everything else that is a text: bytes of file names that are no UTF-8 come through.
Overrides = Annotated[
    list[str] | None,
    typer.Argument(metavar="KEY=VALUE", help="Overrides such as model.num_layers=3.", parser=str),
]


def show_messages(verbose: int, quiet: bool) -> None:
    """Shows the messages of the library on stderr: warnings and errors unless told otherwise.

    Args:
      verbose: 1 for what is going on too, 2 for everything.
      quiet: errors only.
    """
    logger = logging.getLogger("gi_jax")
    logger.addHandler(_HANDLER)
    logger.propagate = False  # libraries that are loaded later give the root a handler of their own
    levels = (logging.WARNING, logging.INFO, logging.DEBUG)
    logger.setLevel(logging.ERROR if quiet else levels[min(verbose, 2)])


def read_config(path: Path, overrides: list[str] | None) -> RunConfig:
    """Reads a configuration, says how one of torchcell was understood, and turns the cache on."""
    from gi_jax.config import load_config
    from gi_jax.config.paths import with_absolute_paths
    from gi_jax.config.reading import reading
    from gi_jax.runs.compilation_cache import use_compilation_cache

    loaded = load_config(path, overrides or ())
    if understood := reading(path, overrides or ()):
        CONSOLE.print("\n  ".join([f"{path}: a configuration of torchcell", *understood.lines()]))
    elif loaded.unused:
        CONSOLE.print(f"{path}: without meaning here and not used: {', '.join(loaded.unused)}")
    config = with_absolute_paths(loaded.config)
    use_compilation_cache(config)
    return config


def go_on(model: Path, config: Path | None, overrides: list[str] | None) -> RunConfig:
    """The configuration of a training that goes on from a model folder; says what it inherits and changes."""
    from gi_jax.config.paths import with_absolute_paths
    from gi_jax.runs.compilation_cache import use_compilation_cache
    from gi_jax.runs.going_on import going_on

    start = going_on(model, config, overrides or ())
    held = ("genes", "networks", "weights", *start.config.data.inherit)
    CONSOLE.print(f"from {model}: {', '.join(held)}")
    for change in start.changes:
        CONSOLE.print(f"  changed: {change}")
    use_compilation_cache(start.config)
    return with_absolute_paths(start.config)


def exit_after(signal: Signals) -> typer.Exit:
    """The end of a command that a signal stopped, with the exit code that shells expect: 130 or 143."""
    return typer.Exit(128 + signal)
