"""Flax variables -> PyTorch state dict."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from flax.traverse_util import flatten_dict

from conversion.architecture import Architecture
from conversion.report import check_variables
from conversion.torch_keys import Slot, counters, slots


def to_torch(
    variables: Mapping[str, Any], architecture: Architecture, steps: Mapping[str, int] | None = None
) -> dict[str, np.ndarray]:
    """The PyTorch state dict of Flax variables, the exact inverse of `to_flax`.

    Tied tensors are written under all their keys. Loads into the original with `strict=True`.

    Args:
      steps: BatchNorm step counters by key, as `step_counters` found them; 0 where not given.

    Raises:
      GiJaxError: leaves are missing, unexpected or misshapen; all are listed.
    """
    layout = slots(architecture)
    check_variables(variables, layout, architecture)
    state_dict = named_tensors(variables, layout)
    for keys in counters(layout):
        value = np.array((steps or {}).get(keys[0], 0), np.int64)
        state_dict |= dict.fromkeys(keys, value)
    return state_dict


def named_tensors(
    variables: Mapping[str, Any], layout: tuple[Slot, ...], *, tied: bool = True
) -> dict[str, np.ndarray]:
    """Leaves of a tree of the variables' form by PyTorch key.

    Args:
      variables: all collections or some of them.
      tied: write tied tensors under all their keys, else under the first.
    """
    leaves = {path: np.asarray(leaf) for path, leaf in flatten_dict(dict(variables)).items()}
    return {
        key: slot.to_torch(leaves[slot.path])
        for slot in layout
        if slot.path in leaves
        for key in (slot.keys if tied else slot.keys[:1])
    }
