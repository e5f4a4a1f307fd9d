"""Compares recorded PyTorch values with this implementation, array by array."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jax.typing import DTypeLike
from safetensors.numpy import load_file

from conversion.golden import Arrays, GoldenCase, run_case
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
OUTPUT_TOLERANCE, GRADIENT_TOLERANCE, FLOAT32_TOLERANCE = 1e-11, 1e-10, 1e-5


@dataclass(frozen=True)
class ArrayResult:
    """How far one array is from its recorded value."""

    kind: str  # output | gradient | state
    name: str
    error: float  # largest absolute difference
    scale: float  # largest recorded entry
    allowed: float

    @property
    def passed(self) -> bool:
        return self.error <= self.allowed

    @property
    def relative(self) -> float:
        return self.error / self.scale if self.scale else self.error


def verify_case(
    folder: str | Path, dtype: DTypeLike = np.float64, *, first_layer_shortcut: bool = False
) -> list[ArrayResult]:
    """All arrays of a recorded case, outputs first and in the order of computation."""
    folder = Path(folder)
    case = GoldenCase.load(folder)
    run = run_case(case, dtype, first_layer_shortcut=first_layer_shortcut)
    exact = np.dtype(dtype) == np.float64
    recorded = {} if exact else case.meta["float32_max_abs_error"]
    outputs = dict(np.load(folder / "outputs.npz"))
    tolerance = OUTPUT_TOLERANCE if exact else FLOAT32_TOLERANCE
    results = [
        _compare("output", name, run.outputs.get(name), outputs[name], tolerance, 2 * recorded.get(name, 0.0))
        for name in sorted(outputs, key=stage)
    ]
    grads = load_file(folder / "grads.safetensors")
    largest = max((np.abs(g).max(initial=0) for g in grads.values()), default=0.0)
    # Gradients that vanish in exact arithmetic hold rounding noise of the size of the others.
    noise = largest * np.finfo(dtype).eps * 64
    if not exact:
        noise = max(noise, 2 * case.meta["float32_grad_max_abs_error"])
    tolerance = GRADIENT_TOLERANCE if exact else FLOAT32_TOLERANCE
    for name, grad in run.grads.items():
        expected = grads.get(name, np.zeros_like(grad))
        results.append(_compare("gradient", name, grad, expected, tolerance, noise))
    if run.post_state is not None and (folder / "post_state.safetensors").exists():
        state = load_file(folder / "post_state.safetensors")
        tolerance = OUTPUT_TOLERANCE if exact else FLOAT32_TOLERANCE
        for name, expected in state.items():
            if not name.endswith(COUNTER):
                results.append(_compare("state", name, run.post_state.get(name), expected, tolerance, 0.0))
    return results


def stage(name: str) -> tuple[int, str]:
    """Sorts arrays by when they are computed."""
    return next((i for i, prefix in enumerate(STAGES) if name.startswith(prefix)), len(STAGES)), name


def _compare(
    kind: str, name: str, actual: np.ndarray | None, expected: np.ndarray, relative: float, absolute: float
) -> ArrayResult:
    scale = float(np.abs(expected).max(initial=0.0))
    allowed = relative * scale + absolute
    if actual is None or actual.shape != expected.shape:
        return ArrayResult(kind, name, float("inf"), scale, allowed)
    error = np.abs(actual - expected).max(initial=0.0)
    return ArrayResult(kind, name, float(error) if np.isfinite(error) else float("inf"), scale, allowed)


def main(folders: list[str]) -> int:
    bad = 0
    for folder in folders:
        for shortcut in (False, True):
          for dtype in (np.float64, np.float32):
            results = verify_case(folder, dtype, first_layer_shortcut=shortcut)
            failed = [r for r in results if not r.passed]
            bad += bool(failed)
            worst = {
                kind: max((r.relative for r in results if r.kind == kind), default=0.0)
                for kind in ("output", "gradient", "state")
            }
            first = "" if not failed else f"first: {failed[0].name} {failed[0].error:.2e} of {failed[0].scale:.2e} "
            print(
                f"{'FAIL' if failed else 'PASS'} {Path(folder).name:40s} shortcut={shortcut!s:5} {np.dtype(dtype)}"
                f" {({k: f'{v:.1e}' for k, v in worst.items()})} {first}{len(failed)}/{len(results)}", flush=True
            )
    return 1 if bad else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
