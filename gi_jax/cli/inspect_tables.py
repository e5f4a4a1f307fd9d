"""The tables of `gi-jax inspect`: parameters by component, and what a step takes."""

from __future__ import annotations

import jax
from rich.table import Table

from gi_jax.training.memory import available_bytes, required_bytes
from gi_jax.training.optimizer import make_optimizer
from gi_jax.training.progress import Progress
from gi_jax.training.state import TrainState
from gi_jax.training.stepper import Stepper
from gi_jax.training.task import Task


def parameter_table(counts: dict[str, int], members: int) -> Table:
    """Numbers of parameters by component, `total` last."""
    whose = "" if members == 1 else f" of each of {members} members"
    table = Table(title=f"parameters{whose}", title_justify="left")
    table.add_column("component")
    table.add_column("count", justify="right")
    for component, count in counts.items():
        table.add_row(component, f"{count:,}", end_section=component == list(counts)[-2])
    return table


def cost_table(task: Task, state: TrainState) -> Table:
    """Sizes of what stays on the device, and what the compiled step asks for beside it."""
    optimizer = make_optimizer(task.config.regression_task, state.params)
    stepper = Stepper(task, optimizer, state, Progress())
    compiled = stepper.compile(state)
    costs, memory = compiled.cost_analysis() or {}, compiled.memory_analysis()
    assert memory is not None, "every backend says what a compiled program needs"
    batch_size, whose = stepper.device_batch, "" if stepper.mesh is None else " of each device"
    room = "all rows" if stepper.capacity is None else f"{stepper.capacity.union:,} changed rows"
    members = "" if task.config.ensemble == 1 else f", {task.config.ensemble} members"
    title = f"one step{whose}: {batch_size:,} genotypes{members}, room for {room}"
    table = Table(title=title, title_justify="left")
    table.add_column("")
    table.add_column("", justify="right")
    table.add_row("state: weights, moments, buffers", _mebibytes(_size(state)))
    table.add_row("networks", _mebibytes(_size(task.graph)))
    table.add_row("training genotypes", _mebibytes(_size(stepper.data)))
    table.add_row("work space of the step", _mebibytes(memory.temp_size_in_bytes))
    available = available_bytes()
    table.add_row("together", _mebibytes(required_bytes(compiled)), end_section=available is None)
    if available is not None:
        table.add_row("memory there is", _mebibytes(available), end_section=True)
    # Native sparse kernels are opaque to the compiler, which then counts none of their operations.
    table.add_row("floating-point operations counted by the compiler", f"{costs.get('flops', 0):.3g}")
    table.add_row("of those per genotype", f"{costs.get('flops', 0) / batch_size:.3g}")
    return table


def _size(tree: object) -> int:
    return sum(leaf.nbytes for leaf in jax.tree.leaves(tree))


def _mebibytes(size: int) -> str:
    return f"{size / 2**20:,.1f} MiB"
