"""Segment reductions, from jraph: sums, maxima and softmax over rows that share an id."""

from __future__ import annotations

from typing import cast

import jraph
from jax import Array
from jraph import segment_max, segment_sum

__all__ = ["segment_max", "segment_softmax", "segment_sum"]


def segment_softmax(
    logits: Array, segment_ids: Array, num_segments: int, indices_are_sorted: bool = False
) -> Array:
    """Softmax `[E, ...]` of logits over the entries of each segment; jraph declares any tree of arrays."""
    return cast(Array, jraph.segment_softmax(logits, segment_ids, num_segments, indices_are_sorted))
