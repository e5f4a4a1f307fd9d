"""Compares recorded PyTorch values with this implementation, array by array."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jax.typing import DTypeLike

from conversion.float32_errors import float32_errors
from conversion.golden import Arrays, GoldenCase, GoldenRun, Weights, read_meta, read_recorded, run_case
from conversion.replay_loss import replay_loss_case
from conversion.torch_keys import COUNTER

# In the order of computation, so that the first array that differs is where a difference begins.
STAGES = (
    "initial_embeddings",
    "h_w_",
    "network_embeddings",
    "reconstructions",
    "integrated_embeddings",
    "layer_aggregation_weights_wildtype_",
    "z_w_nodes",
    "layer_aggregation_weights_",
    "z_i_nodes",
    "z_w",
    "z_i",
    "z_p",
    "global_interaction",
    "pert_gene_embs",
    "local_static",
    "local_dynamic",
    "local_interaction",
    "gate_weights",
    "gene_interaction",
    "interaction_scores",
    "targets",
    "loss",
)
# Relative to the largest recorded entry of an array.
OUTPUT_TOLERANCE, GRADIENT_TOLERANCE, FLOAT32_TOLERANCE = 1e-11, 1e-10, 1e-5


@dataclass(frozen=True)
class ArrayResult:
    """How far one array is from its recorded value."""

    kind: str  # output | gradient | state
    name: str
    error: float  # largest absolute difference; infinite if the array is missing or has another shape
    scale: float  # largest recorded entry
    allowed: float

    @property
    def passed(self) -> bool:
        """Within the tolerance."""
        return self.error <= self.allowed


def verify_case(
    folder: str | Path,
    dtype: DTypeLike = np.float64,
    *,
    first_layer_shortcut: bool = False,
    gradients: bool = True,
    weights: Weights | None = None,
) -> list[ArrayResult]:
    """All arrays of a recorded case: outputs in the order of computation, gradients, state after training.

    Tolerances are relative to the largest recorded entry of each array: 1e-11 for values and 1e-10
    for gradients in float64, 1e-5 in float32 plus twice what PyTorch's own float32 run is off (derived where
    the case does not say, see `float32_errors`). A case without gradients is compared without.
    Values that vanish in exact arithmetic are rounding noise and compared as such; a parameter to which
    PyTorch gives no gradient must have gradient zero.

    Args:
      folder: a case of any model kind, or of a loss (docs/parity.md says what is in it).
      first_layer_shortcut, gradients, weights: see `run_case`; a loss case knows none of them.
    """
    folder = Path(folder)
    meta = read_meta(folder)
    expected = read_recorded(folder / "outputs.npz")
    if meta["model"] == "loss":
        return _verify_loss(folder, expected, dtype)
    listed = "grads.safetensors" in meta.get("files", ())  # then it is missed if it is not there
    gradients = gradients and (listed or (folder / "grads.safetensors").exists())
    run = run_case(
        GoldenCase.load(folder),
        dtype,
        first_layer_shortcut=first_layer_shortcut,
        gradients=gradients,
        weights=weights,
    )
    after = folder / "post_state.safetensors"
    recorded = GoldenRun(
        expected,
        read_recorded(folder / "grads.safetensors") if gradients else {},
        read_recorded(after) if after.exists() else {},
    )
    if np.dtype(dtype) == np.float64:
        return compare(run, recorded, dtype)
    errors = float32_errors(folder, meta, gradients=gradients)
    own = {name: 2 * error for name, error in errors.outputs.items()}
    return compare(run, recorded, dtype, own, 2 * errors.gradients)


def compare(
    run: GoldenRun,
    recorded: GoldenRun,
    dtype: DTypeLike,
    own_errors: Mapping[str, float] | None = None,
    own_gradient_error: float = 0.0,
) -> list[ArrayResult]:
    """All arrays of a run beside the recorded ones; `own_errors` is what the recorder itself is off."""
    exact = np.dtype(dtype) == np.float64
    value_tolerance = OUTPUT_TOLERANCE if exact else FLOAT32_TOLERANCE
    gradient_tolerance = GRADIENT_TOLERANCE if exact else FLOAT32_TOLERANCE
    results, noise = [], _noise(recorded.outputs)
    for name in sorted(recorded.outputs, key=stage):
        value, error = recorded.outputs[name], noise + (own_errors or {}).get(name, 0.0)
        results.append(_compare("output", name, run.outputs.get(name), value, value_tolerance, error))
    if recorded.grads:
        results += _compare_gradients(run.grads, recorded.grads, gradient_tolerance, own_gradient_error)
    for name, value in recorded.post_state.items():
        if not name.endswith(COUNTER):  # no computation here counts steps
            results.append(_compare("state", name, run.post_state.get(name), value, value_tolerance, 0.0))
    return results


def first_difference(results: list[ArrayResult]) -> ArrayResult | None:
    """The first array, in the order of computation, that is not within its tolerance."""
    return next((result for result in results if not result.passed), None)


def stage(name: str) -> tuple[int, str]:
    """Sorts arrays by when they are computed."""
    return next((i for i, prefix in enumerate(STAGES) if name.startswith(prefix)), len(STAGES)), name


def _compare_gradients(
    grads: Arrays, expected: Mapping[str, np.ndarray], tolerance: float, own_error: float
) -> list[ArrayResult]:
    noise = _noise(expected) + own_error
    results = [
        _compare("gradient", name, grad, expected[name], tolerance, noise)
        if name in expected
        else _compare("gradient", name, grad, np.zeros_like(grad), tolerance, 0.0)
        for name, grad in grads.items()
    ]
    unknown = [name for name in expected if name not in grads]
    return results + [_compare("gradient", name, None, expected[name], tolerance, noise) for name in unknown]


def _noise(recorded: Mapping[str, np.ndarray]) -> float:
    """What rounding leaves of a value that vanishes in exact arithmetic, such as z_p of no deletion."""
    return 64 * float(np.finfo(np.float64).eps) * max(map(_largest, recorded.values()), default=0.0)


def _largest(array: np.ndarray) -> float:
    finite = array[np.isfinite(array)] if array.dtype.kind == "f" else array
    return float(np.abs(finite).max(initial=0))


def _verify_loss(folder: Path, expected: Arrays, dtype: DTypeLike) -> list[ArrayResult]:
    run = replay_loss_case(folder, dtype)
    exact = np.dtype(dtype) == np.float64
    in_float32 = {} if exact else read_recorded(folder / "outputs_f32.npz")
    gradients = {name: value for name, value in expected.items() if name.startswith("grad_")}
    # The permutations are drawn by the original and given to the replay.
    values = {
        name: value
        for name, value in expected.items()
        if name not in gradients and not name.startswith("randperm_")
    }
    results = []
    for kind, recorded, in_float64 in (
        ("output", values, OUTPUT_TOLERANCE),
        ("gradient", gradients, GRADIENT_TOLERANCE),
    ):
        tolerance, noise = (in_float64 if exact else FLOAT32_TOLERANCE), _noise(recorded)
        for name, value in recorded.items():
            own_error = 2 * largest_difference(in_float32[name], value) if name in in_float32 else 0.0
            results.append(_compare(kind, name, run.get(name), value, tolerance, noise + own_error))
    return results


def _compare(
    kind: str, name: str, actual: np.ndarray | None, expected: np.ndarray, relative: float, absolute: float
) -> ArrayResult:
    scale = _largest(expected)
    error = float("inf") if actual is None else largest_difference(actual, expected)
    return ArrayResult(kind, name, error, scale, relative * scale + absolute)


def largest_difference(actual: np.ndarray, expected: np.ndarray) -> float:
    """Largest absolute difference; infinite where shapes differ or only one side is not finite."""
    if actual.shape != expected.shape:
        return float("inf")
    with np.errstate(invalid="ignore"):
        difference = np.abs(np.asarray(actual, np.float64) - np.asarray(expected, np.float64))
    same = (actual == expected) | ((actual != actual) & (expected != expected))
    difference = np.where(same, 0.0, np.where(np.isnan(difference), np.inf, difference))
    return float(difference.max(initial=0.0))
