"""One report of everything that keeps weights from fitting a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import jax
import numpy as np
from flax.traverse_util import flatten_dict
from jax import Array

from conversion.architecture import Architecture
from conversion.torch_keys import Slot, counters
from gi_jax.errors import GiJaxError


def state_dict_complaints(state_dict: Mapping[str, np.ndarray], layout: tuple[Slot, ...]) -> list[str]:
    """One line per missing, unexpected or misshapen key and per tied tensor that differs from its twin.

    BatchNorm step counters may be absent, since nothing is computed from them.
    """
    lines = []
    for slot in layout:
        lines += _compare_shapes({key: slot.shape for key in slot.keys}, state_dict)
        present = [key for key in slot.keys if key in state_dict]
        lines += [
            f"unequal     {key} differs from {present[0]}, with which it is tied"
            for key in present[1:]
            if np.asarray(state_dict[key]).tobytes() != np.asarray(state_dict[present[0]]).tobytes()
        ]
    known = {key for slot in layout for key in slot.keys} | {key for keys in counters(layout) for key in keys}
    return lines + [
        f"unexpected  {key} {list(np.shape(value))}" for key, value in state_dict.items() if key not in known
    ]


def check_state_dict(state_dict: Mapping[str, np.ndarray], layout: tuple[Slot, ...]) -> None:
    """Raises one error with all complaints about a state dict, if there are any."""
    _raise(state_dict_complaints(state_dict, layout), "the state dict does not fit the model")


def check_variables(
    variables: Mapping[str, Any], layout: tuple[Slot, ...], architecture: Architecture
) -> None:
    """Raises one error with all missing, unexpected and misshapen leaves of Flax variables."""
    expected = cast(dict[str, Array], flatten_dict(jax.eval_shape(architecture.initialise), sep="/"))
    found = cast(dict[str, Any], flatten_dict(dict(variables), sep="/"))
    lines = _compare_shapes({path: leaf.shape for path, leaf in expected.items()}, found)
    lines += [f"unexpected  {path} {list(np.shape(found[path]))}" for path in found if path not in expected]
    _raise(lines, "the variables do not fit the model")


def _compare_shapes(expected: Mapping[str, tuple[int, ...]], found: Mapping[str, Any]) -> list[str]:
    lines = []
    for name, shape in expected.items():
        if name not in found:
            lines.append(f"missing     {name} {list(shape)}")
        elif np.shape(found[name]) != shape:
            lines.append(f"misshapen   {name} is {list(np.shape(found[name]))}, expected {list(shape)}")
    return lines


def _raise(lines: list[str], what: str) -> None:
    if lines:
        keys = "1 key" if len(lines) == 1 else f"{len(lines)} keys"
        raise GiJaxError(f"{what} ({keys}); nothing was written:\n  " + "\n  ".join(lines))
