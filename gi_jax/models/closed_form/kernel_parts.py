"""What the kernel of a pair-kernel process is made of, kept so that a prediction can be taken apart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from gi_jax.errors import GiJaxError

DIFFUSION = " (diffusion)"  # behind the name of a network whose kernel is one
KEPT = ("kernel_names", "kernel_weights", "gene_scale")  # arrays of a model, absent from those of 0.1


class KernelParts(NamedTuple):
    """`K_ij = s_i s_j (sum_k w_k K_k + w_I I + w_C C)_ij + a`, see `fit_pair_kernel`: all but the kernels."""

    names: tuple[str, ...]  # [k] of networks and tables of features
    weights: np.ndarray  # [k + 2] w_k, then w_I of own effects and w_C of the fitted profiles
    gene_scale: np.ndarray  # [N] s

    def arrays(self) -> dict[str, np.ndarray]:
        """Arrays that a file can keep; names are bytes of UTF-8."""
        names = np.frombuffer("\n".join(self.names).encode(), np.uint8)
        return dict(zip(KEPT, (names, self.weights, self.gene_scale), strict=True))


def shapes_of_parts(arrays: Mapping[str, Any], num_genes: int) -> dict[str, tuple[int | None, ...]]:
    """The shapes that these arrays must have where one of them is there."""
    if not any(name in arrays for name in KEPT):
        return {}
    return dict(zip(KEPT, ((None,), (None,), (num_genes,)), strict=True))


def restore_parts(arrays: Mapping[str, np.ndarray]) -> KernelParts | None:
    """The parts from their arrays; None for a model of an earlier version, which kept none.

    Raises:
      GiJaxError: names and weights do not fit each other.
    """
    if KEPT[0] not in arrays:
        return None
    raw, weights, scale = (arrays[name] for name in KEPT)
    text = raw.astype(np.uint8).tobytes().decode("utf-8", "replace")
    names = tuple(text.split("\n")) if text else ()
    if len(weights) != len(names) + 2:
        raise GiJaxError(
            f"the pair_kernel model names {len(names)} kernels and has {len(weights)} weights, expected two "
            "more than names; restore the weights from a copy or train again"
        )
    return KernelParts(names, weights.astype(np.float64), scale.astype(np.float64))
