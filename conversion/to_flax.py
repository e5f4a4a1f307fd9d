"""PyTorch state dict -> Flax variables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from flax.traverse_util import unflatten_dict

from conversion.architecture import Architecture
from conversion.report import check_state_dict
from conversion.torch_keys import Slot, slots


def to_flax(state_dict: Mapping[str, np.ndarray], architecture: Architecture) -> dict[str, Any]:
    """Flax variables with the values and dtypes of a PyTorch state dict.

    Linear weights are transposed, networks and pairs of networks stacked along a leading axis;
    nothing is ever reshaped to fit.

    Raises:
      GiJaxError: keys are missing, unexpected or misshapen, or tied tensors differ; all are listed.
    """
    layout = slots(architecture)
    check_state_dict(state_dict, layout)
    return assemble({slot.keys[0]: state_dict[slot.keys[0]] for slot in layout}, layout)


def assemble(tensors: Mapping[str, np.ndarray], layout: tuple[Slot, ...]) -> dict[str, Any]:
    """Places tensors, by the first key of their slot, into a tree of the form of the variables."""
    leaves: dict[tuple[str, ...], Any] = {}
    for slot in layout:
        value = slot.to_flax(np.asarray(tensors[slot.keys[0]]))
        if slot.index is None:
            leaves[slot.path] = np.ascontiguousarray(value)
        else:
            leaves.setdefault(slot.path, []).append(value)
    return unflatten_dict({path: np.stack(v) if isinstance(v, list) else v for path, v in leaves.items()})
