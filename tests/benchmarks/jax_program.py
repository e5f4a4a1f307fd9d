"""JAX programs of the three modes, compiled with the time that takes and the memory they ask for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from gi_jax.config import RegressionTaskConfig
from gi_jax.heap import return_heap
from gi_jax.losses import log_cosh
from gi_jax.training.optimizer import make_optimizer
from tests.benchmarks.measure import Engine, available_bytes, timed

TASK = RegressionTaskConfig()
LEARNING_RATE = np.float32(TASK.optimizer.lr)


class Program(NamedTuple):
    """A compiled function and what its compilation said."""

    call: Callable[..., Any]
    traces: Callable[[], int]
    trace_seconds: float
    compile_seconds: float
    facts: dict[str, float]

    def engine(self, run: Callable[[], Any], moved: Any, prepare_seconds: float = 0.0) -> Engine:
        """Args: run: one repetition; moved: what it moves to the device."""
        return Engine(
            run=run,
            values=values,
            moved_bytes=sum(np.asarray(leaf).nbytes for leaf in jax.tree.leaves(moved)),
            prepare_seconds=prepare_seconds,
            traces=self.traces,
            device_peak=lambda: _memory_stats().get("peak_bytes_in_use"),
            trace_seconds=self.trace_seconds,
            compile_seconds=self.compile_seconds,
            facts=self.facts,
        )


def compiled(function: Callable[..., Any], arguments: tuple, donate: tuple[int, ...] = ()) -> Program:
    """Compiles for these arguments; later calls use the same program."""
    count = [0]

    def counted(*arguments: Any) -> Any:
        count[0] += 1
        return function(*arguments)

    jitted = jax.jit(counted, donate_argnums=donate)
    trace_seconds, lowered = timed(lambda: jitted.lower(*arguments))
    compile_seconds, program = timed(lowered.compile)
    costs = program.cost_analysis() or {}
    facts = {
        "temp_bytes": program.memory_analysis().temp_size_in_bytes,
        "compiler_operations": costs.get("flops", 0.0),
    }
    return_heap()
    return Program(program, lambda: count[0], trace_seconds, compile_seconds, facts)


def mode_function(apply: Callable[..., jax.Array], labels: np.ndarray, mode: str) -> Callable[..., Any]:
    """`forward` gives predictions, `backward` also loss and gradient, `step` new weights, moments and loss.

    Args:
      apply: `apply(params, *inputs)` gives predictions `[B, 1]`.
    """

    def objective(params: Any, *inputs: Any) -> tuple[jax.Array, jax.Array]:
        predictions = apply(params, *inputs)
        return log_cosh(predictions, labels), predictions

    def backward(params: Any, *inputs: Any) -> tuple[jax.Array, jax.Array, Any]:
        (loss, predictions), gradient = jax.value_and_grad(objective, has_aux=True)(params, *inputs)
        return predictions, loss, gradient

    def step(params: Any, moments: Any, *inputs: Any) -> tuple[Any, Any, jax.Array]:
        _, loss, gradient = backward(params, *inputs)
        direction, moments = make_optimizer(TASK, params).update(gradient, moments, params)
        params = jax.tree.map(lambda p, d: p - LEARNING_RATE * d, params, direction)
        return params, moments, loss

    return {"forward": lambda *arguments: (apply(*arguments),), "backward": backward, "step": step}[mode]


def values(result: Any) -> list[float]:
    """Predictions, then loss and norm of the gradient; nothing of a step, as each engine takes its own."""
    if not isinstance(result, tuple):
        return []
    predictions, *rest = result
    found = np.asarray(predictions)[:, 0].tolist()
    if rest:
        loss, gradient = rest
        squares = sum(np.square(np.asarray(leaf, np.float64)).sum() for leaf in jax.tree.leaves(gradient))
        found += [float(loss), float(np.sqrt(squares))]
    return found


def room() -> int:
    """Bytes that a program may ask for."""
    stats = _memory_stats()
    return int(0.9 * stats["bytes_limit"]) if stats else available_bytes() - 2**30


def _memory_stats() -> dict[str, int]:
    return jax.local_devices()[0].memory_stats() or {}
