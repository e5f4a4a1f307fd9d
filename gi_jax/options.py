"""What people say beside a configuration: paths and numbers on the command line, the device to use."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path

import typer

from gi_jax.errors import GiJaxError
from gi_jax.files import user_path
from gi_jax.numbers import plain_integer, plain_number


def path(text: str | Path) -> Path:
    """Reads a path argument; shells do not expand the `~` of `--out=~/run`."""
    try:
        return user_path(text)
    except GiJaxError as error:
        raise typer.BadParameter(str(error)) from None


def whole_number(least: int | None) -> Callable[[str | int], int]:
    """Reads a whole number as people write one, not smaller than `least` if that is given."""

    def read(text: str | int) -> int:
        number = plain_integer(str(text))
        if number is None or (least is not None and number < least):
            bound = "" if least is None else f" of at least {least}"
            raise typer.BadParameter(f"{text!r} is not a whole number{bound}.")
        return number

    return read


def any_number(text: str | float) -> float:
    """Reads a number as people write one."""
    number = plain_number(str(text))
    if number is None or not math.isfinite(number):
        raise typer.BadParameter(f"{text!r} is not a number.")
    return number


def check_devices() -> None:
    """Starts JAX, before any other work.

    Raises:
      GiJaxError: it finds no device of the kind that the environment names.
    """
    import jax  # a second or two, which `--help` does without

    try:
        jax.devices()
    except (RuntimeError, AssertionError) as error:  # JAX asserts that it has at least one kind of device
        reason = next(iter(str(error).splitlines()), "it has none")
        named = {name: os.environ.get(name) for name in ("JAX_PLATFORMS", "JAX_PLATFORM_NAME")}
        asked = " and ".join(f"{name} is {value}" for name, value in named.items() if value)
        raise GiJaxError(
            f"{asked or 'JAX'}, but JAX finds no such device here ({reason}); unset it, "
            "or install the JAX that has it"
        ) from None
