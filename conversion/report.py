"""One report of everything that is wrong with a state dict."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from conversion.torch_keys import Slot, counters
from gi_jax.errors import GiJaxError


def complaints(state_dict: Mapping[str, np.ndarray], layout: tuple[Slot, ...]) -> list[str]:
    """One line per missing, unexpected or misshapen key and per pair of tied keys that differ.

    BatchNorm step counters may be absent: nothing is computed from them.
    """
    lines = []
    for slot in layout:
        here = [key for key in slot.keys if key in state_dict]
        lines += [f"missing     {key} {list(slot.shape)}" for key in slot.keys if key not in state_dict]
        lines += [
            f"misshapen   {key} is {list(np.shape(state_dict[key]))}, expected {list(slot.shape)}"
            for key in here
            if np.shape(state_dict[key]) != slot.shape
        ]
        lines += [
            f"unequal     {key} differs from {here[0]}, with which it is tied"
            for key in here[1:]
            if not _same(state_dict[key], state_dict[here[0]])
        ]
    known = {key for slot in layout for key in slot.keys} | {key for keys in counters(layout) for key in keys}
    lines += [f"unexpected  {key} {list(np.shape(state_dict[key]))}" for key in state_dict if key not in known]
    return lines


def check_state_dict(state_dict: Mapping[str, np.ndarray], layout: tuple[Slot, ...]) -> None:
    """Raises one error with all `complaints`, if there are any."""
    lines = complaints(state_dict, layout)
    if lines:
        raise GiJaxError(
            f"the state dict does not fit the model ({len(lines)} keys), nothing was written:\n  "
            + "\n  ".join(lines)
        )


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    return np.asarray(a).tobytes() == np.asarray(b).tobytes() and np.shape(a) == np.shape(b)
