"""What a float32 run may be off: as recorded, or derived where a case does not say."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from conversion.golden import GoldenCase, Weights, read_recorded, run_case
from conversion.to_flax import to_flax

# Parameters moved by half a unit in the last place of float32, as rounding every one of them does; a float32
# run rounds at every step besides.
HALF_UNIT, STEPS = 2.0**-24, 32


class Float32Errors(NamedTuple):
    """Largest absolute errors that a correct float32 run has."""

    outputs: dict[str, float]
    gradients: float


def float32_errors(folder: Path, meta: dict[str, Any], *, gradients: bool) -> Float32Errors:
    """From `case.json`; else from the recorder's own float32 run; else from how the case reacts to rounding.

    The last: the outputs in float64 with every parameter rounded up or down at random by half a unit of
    float32, less those without, times 32.
    """
    if "float32_max_abs_error" in meta:
        return Float32Errors(meta["float32_max_abs_error"], meta.get("float32_grad_max_abs_error", 0.0))
    path = folder / "outputs_f32.npz"
    if path.exists() and not gradients:
        single, double = read_recorded(path), read_recorded(folder / "outputs.npz")
        errors = {name: _largest(single[name] - double[name]) for name in single if name in double}
        return Float32Errors(errors, 0.0)
    case = GoldenCase.load(folder)
    variables = to_flax(case.state_dict, case.architecture)
    rng = np.random.default_rng(0)

    def rounded(leaf: np.ndarray) -> np.ndarray:
        leaf = np.asarray(leaf, np.float64)
        return leaf * (1 + HALF_UNIT * rng.choice((-1.0, 1.0), leaf.shape))

    moved = Weights(case.architecture, jax.tree.map(rounded, variables))
    still, other = (run_case(case, gradients=gradients, weights=weights) for weights in (None, moved))
    errors = {name: STEPS * _largest(other.outputs[name] - still.outputs[name]) for name in still.outputs}
    of_grads = max((_largest(other.grads[name] - still.grads[name]) for name in still.grads), default=0.0)
    return Float32Errors(errors, STEPS * of_grads)


def _largest(difference: np.ndarray) -> float:
    return float(np.abs(np.asarray(difference, np.float64)).max(initial=0.0))
