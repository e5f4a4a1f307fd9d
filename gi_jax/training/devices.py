"""The devices that share a batch: every one takes its genotypes, and has all of everything else.

`jax.shard_map` rather than sharding annotations alone: the list of changed rows is made by sorts and
scatters and networks are multiplied by a native sparse kernel, none of which the compiler can split
among devices; a device's own genotypes are simply a smaller batch to them.
"""

from __future__ import annotations

from typing import TypeVar

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from gi_jax.config import RunConfig
from gi_jax.errors import GiJaxError

AXIS = "genotypes"
Tree = TypeVar("Tree")


def device_mesh(config: RunConfig) -> Mesh | None:
    """The first `trainer.devices` devices of every process; None if that is a single one.

    Raises:
      GiJaxError: a process has fewer, or they cannot share a batch evenly.
    """
    wanted, batch_size = config.trainer.devices, config.data_module.batch_size
    chosen = []
    for process in range(jax.process_count()):
        there = jax.local_devices(process_index=process)
        number = len(there) if isinstance(wanted, str) else wanted  # the one text is `all`
        if number > len(there):
            raise GiJaxError(
                f"trainer.devices is {wanted}, but JAX finds {len(there)} of kind {there[0].platform}"
                f"{f' in process {process}' if jax.process_count() > 1 else ''}; use trainer.devices=all"
            )
        chosen += there[:number]
    if batch_size % len(chosen):
        below = batch_size // len(chosen) * len(chosen)
        fitting = f"{below} or {below + len(chosen)}" if below else len(chosen)
        raise GiJaxError(
            f"data_module.batch_size is {batch_size}, which {len(chosen)} devices cannot share evenly; "
            f"use {fitting}, or another trainer.devices"
        )
    if len(chosen) == 1:
        return None
    if config.ensemble > 1:
        raise GiJaxError(
            f"ensemble is {config.ensemble} and the run has {len(chosen)} devices, but an ensemble trains on "
            "one; set trainer.devices to 1, or train its members as runs of their own"
        )
    return Mesh(np.array(chosen), (AXIS,), axis_types=(AxisType.Auto,))


def on_all_devices(tree: Tree, mesh: Mesh | None) -> Tree:
    """A copy of every array on each device of the mesh; the arrays are alike in all processes."""
    if mesh is None:
        return tree
    everywhere = NamedSharding(mesh, PartitionSpec())
    return jax.tree.map(lambda x: jax.make_array_from_process_local_data(everywhere, np.asarray(x)), tree)


def one_copy(tree: Tree) -> Tree:
    """Of arrays that are on many devices the copy on this process's first one."""
    return jax.tree.map(lambda x: x.addressable_data(0), tree)


def own_part(batch: Tree, axis: str | None) -> Tree:
    """Inside a step: this device's share `[B / D, ...]` of arrays `[B, ...]`; all with one device."""
    if axis is None:
        return batch
    device, devices = jax.lax.axis_index(axis), jax.lax.axis_size(axis)
    return jax.tree.map(lambda x: x.reshape(devices, -1, *x.shape[1:])[device], batch)


def whole_batch(part: Tree, axis: str | None) -> Tree:
    """Inside a step: the inverse of `own_part`, from the shares of all devices."""
    if axis is None:
        return part
    return jax.tree.map(lambda x: jax.lax.all_gather(x, axis, tiled=True), part)
