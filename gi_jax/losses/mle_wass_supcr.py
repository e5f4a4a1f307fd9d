"""Buffered loss with the Sinkhorn divergence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from jax import Array

from gi_jax.errors import GiJaxError
from gi_jax.losses.mle_supcr import MleSupCR
from gi_jax.losses.wasserstein import wasserstein


@dataclass(frozen=True, kw_only=True)
class MleWassSupCR(MleSupCR):
    """`MleSupCR` with `wasserstein` as distribution term. Source: torchcell 1.8.4, `MleWassSupCR`."""

    distribution_name: ClassVar[str] = "wasserstein"

    lambda_wasserstein: float = 0.1
    wasserstein_blur: float = 0.05
    wasserstein_p: int = 2
    wasserstein_scaling: float = 0.9
    min_samples_for_wasserstein: int = 64

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.wasserstein_p not in (1, 2):
            raise GiJaxError(f"wasserstein_p must be 1 or 2, got {self.wasserstein_p}")
        if not 0 < self.wasserstein_scaling < 1:
            raise GiJaxError(f"wasserstein_scaling must lie between 0 and 1, got {self.wasserstein_scaling}")
        if self.wasserstein_blur <= 0:
            raise GiJaxError(f"wasserstein_blur must be positive, got {self.wasserstein_blur}")

    def distribution_term(self, predictions: Array, targets: Array, valid: Array) -> tuple[Array, Array]:
        return wasserstein(
            predictions,
            targets,
            valid,
            p=self.wasserstein_p,
            blur=self.wasserstein_blur,
            scaling=self.wasserstein_scaling,
            weights=self.weights,
        )
