"""The checks that every section of a configuration makes of its values."""

from __future__ import annotations

from collections.abc import Collection

from gi_jax.errors import GiJaxError


def one_of(key: str, value: str, allowed: Collection[str]) -> None:
    """Raises a `GiJaxError` unless `value` is one of `allowed`."""
    if value not in allowed:
        raise GiJaxError(f"{key} is '{value}', expected one of {', '.join(allowed)}")


def at_least(key: str, value: float | None, least: float) -> None:
    """Raises a `GiJaxError` if `value` is given and smaller than `least`."""
    if value is not None and not value >= least:
        raise GiJaxError(f"{key} is {value}, expected at least {least}")
