"""Segment reductions, from jraph: sums, means and softmax over rows that share an id."""

from __future__ import annotations

from jraph import segment_max, segment_mean, segment_softmax, segment_sum

__all__ = ["segment_max", "segment_mean", "segment_softmax", "segment_sum"]
