"""Repetitions, their times, and the peak memory of a process."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

MIN_REPETITIONS, MAX_REPETITIONS = 5, 50
SLOW = 30.0  # seconds; repetitions longer than this are repeated once only
ENOUGH = 3.0  # seconds; short repetitions are repeated until they add up to this


class Engine(NamedTuple):
    """One program of one engine, ready to be repeated."""

    run: Callable[[], Any]  # one repetition, done when it returns
    values: Callable[[Any], list[float]]  # of a repetition's result: what all engines must agree on
    moved_bytes: int  # to the device for every batch
    prepare_seconds: float  # on the host for every batch
    traces: Callable[[], int]
    device_peak: Callable[[], int | None]
    trace_seconds: float | None = None
    compile_seconds: float | None = None  # None: the first repetition compiles
    facts: dict[str, Any] | None = None


def repeat(run: Callable[[], Any]) -> tuple[float, list[float], Any]:
    """Seconds of the first repetition and of the following ones, and the last result."""
    first, result = timed(run)
    seconds: list[float] = []
    while not _enough(seconds):
        elapsed, result = timed(run)
        seconds.append(elapsed)
    return first, seconds, result


def _enough(seconds: list[float]) -> bool:
    if seconds and min(seconds) > SLOW:
        return len(seconds) >= 2
    if len(seconds) < MIN_REPETITIONS:
        return False
    return sum(seconds) >= ENOUGH or len(seconds) >= MAX_REPETITIONS


def timed(run: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    result = run()
    return time.perf_counter() - start, result


def peak_bytes() -> int:
    """Largest resident size of this process so far."""
    status = Path("/proc/self/status")
    if status.exists():  # getrusage counts the parent's size at the moment of the fork, this does not
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def available_bytes() -> int:
    """Memory of the machine that nothing uses."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("MemAvailable")).split()[1]) * 1024


def limit_memory(spare: int = 2**30) -> int:
    """Lets this process fail, rather than the machine swap or end others; returns the limit in bytes."""
    limit = max(available_bytes() - spare, spare)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    return limit
