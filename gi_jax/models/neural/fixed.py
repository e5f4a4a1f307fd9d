"""What a neural model keeps beside its weights: arrays that no step of a training changes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gi_jax.models.weights import FIXED
from gi_jax.ops.trees import take

PRIOR = "prior"  # among the fixed arrays: those of the model to which this one adds
ADDED = "added"  # beside the weights: how much is added, `scale` [] or [K]
__all__ = ["ADDED", "FIXED", "PRIOR", "take_member", "trained_part"]


def trained_part(arrays: Mapping[str, Any]) -> dict[str, Any]:
    """The weights and running statistics alone."""
    return {name: tree for name, tree in arrays.items() if name not in (FIXED, ADDED)}


def take_member(arrays: Mapping[str, Any], index: int) -> dict[str, Any]:
    """The arrays of one member of an ensemble."""
    shared = {FIXED: arrays[FIXED]} if FIXED in arrays else {}
    return take({name: tree for name, tree in arrays.items() if name != FIXED}, index) | shared
