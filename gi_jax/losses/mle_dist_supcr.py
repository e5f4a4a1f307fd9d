"""Buffered loss with the label-distribution term."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from jax import Array

from gi_jax.losses.dist import dist
from gi_jax.losses.mle_supcr import MleSupCR


@dataclass(frozen=True, kw_only=True)
class MleDistSupCR(MleSupCR):
    """`MleSupCR` with `dist` as distribution term. Source: torchcell 1.8.4, `MleDistSupCR`."""

    distribution_name: ClassVar[str] = "dist"

    lambda_dist: float = 0.1
    dist_bandwidth: float = 0.5
    min_samples_for_dist: int = 64

    def distribution_term(self, predictions: Array, targets: Array, valid: Array) -> tuple[Array, Array]:
        return dist(predictions, targets, valid, bandwidth=self.dist_bandwidth, weights=self.weights)
