"""PyTorch state dict -> Flax variables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from flax.traverse_util import unflatten_dict

from conversion.architecture import Architecture
from conversion.report import check_state_dict
from conversion.torch_keys import counters, slots


def to_flax(state_dict: Mapping[str, np.ndarray], architecture: Architecture) -> dict[str, Any]:
    """Flax variables with the values and dtypes of a PyTorch state dict.

    Linear weights are transposed, networks and pairs of networks stacked along a leading axis;
    nothing is ever reshaped to fit.

    Raises:
      GiJaxError: keys are missing, unexpected or misshapen, or tied tensors differ; all are listed.
    """
    layout = slots(architecture)
    check_state_dict(state_dict, layout)
    leaves: dict[tuple[str, ...], Any] = {}
    for slot in layout:
        entry = slot.to_flax(np.asarray(state_dict[slot.keys[0]]))
        if slot.place is None:
            leaves[slot.path] = np.ascontiguousarray(entry)
        else:
            leaves.setdefault(slot.path, []).append(entry)
    return unflatten_dict({path: np.stack(v) if isinstance(v, list) else v for path, v in leaves.items()})


def step_counters(state_dict: Mapping[str, np.ndarray], architecture: Architecture) -> dict[str, int]:
    """BatchNorm step counters by key: no computation here uses them, `to_torch` writes them back."""
    first = (keys[0] for keys in counters(slots(architecture)))
    return {key: int(state_dict[key]) for key in first if key in state_dict}
