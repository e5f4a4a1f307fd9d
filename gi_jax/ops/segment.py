"""Segment reductions, from jraph: sums, maxima and softmax over rows that share an id."""

from __future__ import annotations

from jraph import segment_max, segment_softmax, segment_sum

__all__ = ["segment_max", "segment_softmax", "segment_sum"]
