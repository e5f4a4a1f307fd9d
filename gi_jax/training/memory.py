"""The memory that a training step asks for, beside what there is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import jax

from gi_jax.errors import GiJaxError
from gi_jax.files import read_text


def required_bytes(step: jax.stages.Compiled) -> int:
    """Bytes of a compiled step's arguments and work space; its results take the place of its arguments."""
    memory = step.memory_analysis()
    assert memory is not None, "every backend says what a compiled program needs"
    return memory.argument_size_in_bytes + memory.temp_size_in_bytes


def available_bytes() -> int | None:
    """Bytes of the first device, or of the machine, that a program may take; None where nobody says."""
    stats = jax.local_devices()[0].memory_stats()
    if stats is not None and "bytes_limit" in stats:
        return stats["bytes_limit"]
    meminfo = Path("/proc/meminfo")
    if not meminfo.exists():
        return None
    line = next(line for line in read_text(meminfo).splitlines() if line.startswith("MemAvailable"))
    return int(line.split()[1]) * 1024


def check_fits(
    batch_size: int,
    required: int,
    available: int | None,
    required_at: Callable[[int], int],
    multiple_of: int = 1,
) -> None:
    """Refuses a batch that cannot fit, before it takes the machine's memory away from everything else.

    Args:
      batch_size: B.
      required, available: bytes.
      required_at: bytes of a smaller batch; needs grow linearly between the two.
      multiple_of: devices that share a batch evenly; bytes are those of one of them.

    Raises:
      GiJaxError: with the largest batch size that fits.
    """
    if available is None or required <= available:
        return
    small = max(batch_size // 8 // multiple_of, 1) * multiple_of
    at_small = required_at(small)
    each = (required - at_small) / max(batch_size - small, 1)
    largest = small + int((available - at_small) // each) if each > 0 else 0
    largest -= largest % multiple_of
    remedy = (
        f"the largest that fits is about {largest}; set data_module.batch_size, or model.remat to full"
        if largest >= 1
        else "no batch fits; use a smaller model or fewer networks"
    )
    raise GiJaxError(
        f"data_module.batch_size is {batch_size}, for which a step needs {_gibibytes(required)} of memory, "
        f"but {_gibibytes(available)} are there: {remedy}"
    )


def _gibibytes(size: int) -> str:
    return f"{size / 2**30:.1f} GiB"
