"""One measurement in a process of its own: `python -m tests.benchmarks.child TASK RESULT`."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from tests.benchmarks.measure import limit_memory, peak_bytes, repeat
from tests.benchmarks.workload import Workload, World

OUT_OF_MEMORY = ("out of memory", "can't allocate", "not enough memory", "RESOURCE_EXHAUSTED", "bad_alloc")


@dataclass(frozen=True)
class Task:
    """What a child is to do: make the `world`, `measure` an engine, the operation `classes` or a `screen`."""

    kind: str
    workload: Workload
    folder: str  # of the world
    engine: str = "gi_jax"
    mode: str = "backward"

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Task:
        values = json.loads(text)
        return cls(**values | {"workload": Workload(**values["workload"])})


def main(task: Task) -> dict[str, Any]:
    # A CUDA context reserves far more addresses than it uses.
    limit = None if Path("/dev/nvidiactl").exists() else limit_memory()
    try:
        return KINDS[task.kind](task)
    except ModuleNotFoundError as error:
        if error.name not in ("torch", "torch_geometric"):
            raise
        return {"failed": f"{error.name} is not installed"}
    except Exception as error:
        if not isinstance(error, MemoryError) and not any(word in str(error) for word in OUT_OF_MEMORY):
            raise
        memory = "the memory" if limit is None else f"{limit / 2**30:.1f} GiB"
        return {"failed": f"does not fit {memory}"}


def _world(task: Task) -> dict[str, Any]:
    from tests.benchmarks.prepare import make_world

    world = make_world(task.workload)
    world.save(Path(task.folder))
    return {"edges": sum(edges.shape[1] for edges in world.edges.values()), "num_genes": world.num_genes}


def _measure(task: Task) -> dict[str, Any]:
    world, batch = World.load(Path(task.folder)), task.workload.batch
    # Each engine imports what it needs and nothing of the others, which would count as its memory.
    if task.engine == "gi_jax":
        from tests.benchmarks.jax_engines import gi_jax

        engine = gi_jax(world, batch, task.mode)
    elif task.engine == "jax_port":
        from tests.benchmarks.jax_engines import plain_port

        engine = plain_port(world, batch, task.mode)
    else:
        from tests.benchmarks.torch_engine import reference

        engine = reference(world, batch, task.mode, compiled=task.engine == "torch_compile")
    first, seconds, result = repeat(engine.run)
    compile_seconds = engine.compile_seconds
    return {
        "seconds": seconds,
        "median": median(seconds),
        "trace_seconds": engine.trace_seconds,
        "compile_seconds": first - median(seconds) if compile_seconds is None else compile_seconds,
        "traces": engine.traces(),
        "peak_bytes": peak_bytes(),
        "device_peak_bytes": engine.device_peak(),
        "moved_bytes": engine.moved_bytes,
        "prepare_seconds": engine.prepare_seconds,
        "values": engine.values(result),
        **(engine.facts or {}),
    }


def _classes(task: Task) -> dict[str, Any]:
    import jax

    from tests.benchmarks.operation_classes import ceilings, operation_classes

    world = World.load(Path(task.folder))
    found = [c._asdict() for c in operation_classes(world, task.workload.batch)]
    return {"classes": found, "device": jax.devices()[0].device_kind, **ceilings()._asdict()}


def _screen(task: Task) -> dict[str, Any]:
    from tests.benchmarks.screens import screen

    return screen(task.workload.case)


KINDS = {"world": _world, "measure": _measure, "classes": _classes, "screen": _screen}

if __name__ == "__main__":
    Path(sys.argv[2]).write_text(json.dumps(main(Task.from_json(sys.argv[1]))))
