"""Several processes that train one model: every one runs the same program, the first one writes.

Whatever could differ between them (files, clocks, signals) is asked of one and told to all, so that
all take the same turns; a failure in one ends all with a sentence.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any, TypeVar, cast

import jax
import numpy as np
from jax.experimental import multihost_utils

from gi_jax.errors import GiJaxError

Value = TypeVar("Value")
_ENCODED = 1024  # bytes; messages are padded to multiples of it, so that few programs are compiled


def start_processes(coordinator: str | None, num_processes: int | None, process_id: int | None) -> None:
    """Joins the other processes (`jax.distributed`), before anything is computed.

    Args:
      coordinator: `HOST:PORT` of the first process, or `auto` where JAX knows its cluster (Slurm,
        Open MPI, Cloud TPU); None for a process by itself.
      num_processes, process_id: this process counts from 0; not needed with `auto`.

    Raises:
      GiJaxError: something is missing or impossible, or the others cannot be reached.
    """
    if coordinator is None:
        if num_processes is None and process_id is None:
            return
        raise GiJaxError("--num-processes and --process-id say nothing without --coordinator HOST:PORT")
    if coordinator != "auto" and None in (num_processes, process_id):
        raise GiJaxError("--coordinator needs --num-processes and --process-id, the first process being 0")
    # SIGTERM is the training's own affair: it saves and ends in all processes.
    jax.config.update("jax_enable_preemption_service", False)
    try:
        jax.distributed.initialize(None if coordinator == "auto" else coordinator, num_processes, process_id)
    except (ValueError, RuntimeError) as error:
        raise GiJaxError(
            f"process {process_id} of {num_processes} could not join the coordinator {coordinator} ({error})"
        ) from error


def is_first() -> bool:
    """Whether this process is the one that writes and speaks; true for a process by itself."""
    return jax.process_index() == 0


def first_process(action: Callable[[], Value]) -> Value:
    """What an action of the first process returns, plain values as JSON knows them, in all processes.

    Raises:
      GiJaxError: in all processes, if the action fails.
    """
    if jax.process_count() == 1:
        return action()
    answer, failure = {}, None
    if is_first():
        try:
            answer = {"value": action()}
        except Exception as error:
            answer, failure = {"error": str(error) or type(error).__name__}, error
    answer = _broadcast(answer)
    if failure is not None:
        raise failure
    if "error" in answer:
        raise GiJaxError(answer["error"])
    return answer["value"]


def every_process(action: Callable[[], Value]) -> Value:
    """What an action returns, once it has succeeded in every process.

    Raises:
      GiJaxError: in all processes, if the action fails in one.
    """
    if jax.process_count() == 1:
        return action()
    value, failure = None, None
    try:
        value = action()
    except Exception as error:
        failure = error
    failed = np.flatnonzero(multihost_utils.process_allgather(np.int32(failure is not None)))
    if failure is not None:
        raise failure
    if len(failed):
        raise GiJaxError(f"process {failed[0]} could not go on; see what it says")
    return cast(Value, value)


def check_alike(what: str, value: Any) -> None:
    """Raises a `GiJaxError` in all processes unless a value, plain as JSON knows it, is the same in all."""
    if jax.process_count() == 1:
        return
    own = np.frombuffer(hashlib.sha256(json.dumps(value, sort_keys=True).encode()).digest(), np.uint8)
    every = multihost_utils.process_allgather(own)  # [processes, 32]
    differing = np.flatnonzero((every != every[0]).any(axis=1))
    if len(differing):
        raise GiJaxError(
            f"process {differing[0]} has another {what} than process 0; start all processes with the same "
            "command, on the same files"
        )


def highest(*values: int) -> tuple[int, ...]:
    """The highest of each value over all processes."""
    if jax.process_count() == 1:
        return values
    every = multihost_utils.process_allgather(np.array(values, np.int32))  # [processes, values]
    return tuple(every.max(axis=0).tolist())


def from_first(tree: Value) -> Value:
    """The arrays of the first process; those given in other processes say their shapes."""
    if jax.process_count() == 1:
        return tree
    return jax.tree.map(jax.numpy.asarray, multihost_utils.broadcast_one_to_all(tree))


def _broadcast(answer: dict) -> dict:
    text = json.dumps(answer).encode()
    (length,) = highest(len(text) if is_first() else 0)
    message = np.zeros(-(-length // _ENCODED) * _ENCODED, np.uint8)
    if is_first():
        message[:length] = np.frombuffer(text, np.uint8)
    return json.loads(bytes(multihost_utils.broadcast_one_to_all(message)[:length]))
