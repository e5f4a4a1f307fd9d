"""What is meant by an argument that is almost of the expected form."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import TypeVar, cast

Value = TypeVar("Value")


def as_sequence(given: Value | Iterable[Value]) -> Sequence[Value]:
    """One thing where several are expected stands for a list of it: a text for one name, not its letters."""
    one = isinstance(given, (str, bytes, os.PathLike)) or not isinstance(given, Iterable)
    return (cast(Value, given),) if one else tuple(cast(Iterable[Value], given))
