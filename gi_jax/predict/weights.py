"""Arrays on disk through Orbax, checked by their SHA-256 when they are read."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp

from gi_jax.errors import GiJaxError

RECORD = "record"  # the JSON beside the arrays; holds their digest under "sha256"


def digest(tree: Any) -> str:
    """SHA-256 of the arrays of a pytree, in its order: dtypes, shapes and bytes."""
    sha = hashlib.sha256()
    for leaf in jax.tree.leaves(tree):
        array = np.asarray(leaf)
        sha.update(f"{array.dtype.str}{array.shape}".encode())
        sha.update(np.ascontiguousarray(array).tobytes())
    return sha.hexdigest()


def open_manager(folder: Path, keep: int) -> ocp.CheckpointManager:
    """Checkpoints `folder/STEP`, the newest `keep` of them; saving returns when all is on disk.

    Belongs to the process that opens it: no other one is waited for.
    """
    folder.mkdir(parents=True, exist_ok=True)
    own = jax.process_index()
    options = ocp.CheckpointManagerOptions(
        max_to_keep=keep,
        enable_async_checkpointing=False,
        create=False,
        multiprocessing_options=ocp.options.MultiprocessingOptions(primary_host=own, active_processes={own}),
    )
    return ocp.CheckpointManager(folder.absolute(), options=options)


def write_arrays(
    manager: ocp.CheckpointManager, step: int, name: str, tree: Any, record: dict[str, Any]
) -> None:
    """Saves a pytree and a JSON record as checkpoint `step`."""
    # As host arrays: Orbax takes device arrays for pieces of arrays that all processes are to save,
    # and would want the same devices to restore them.
    tree = jax.tree.map(np.asarray, tree)
    record = record | {"sha256": digest(tree)}
    arguments = {name: ocp.args.StandardSave(tree), RECORD: ocp.args.JsonSave(record)}
    manager.save(step, args=ocp.args.Composite(**arguments), force=True)


def read_arrays(
    manager: ocp.CheckpointManager, step: int, name: str, template: Any = None
) -> tuple[Any, dict[str, Any]]:
    """Reads what `write_arrays` saved; nested dictionaries if no template is given.

    Raises:
      ValueError: the arrays are not those that were saved. Orbax raises errors of its own for broken files.
    """
    how = ocp.args.StandardRestore() if template is None else ocp.args.StandardRestore(template)
    restored = manager.restore(step, args=ocp.args.Composite(**{name: how, RECORD: ocp.args.JsonRestore()}))
    tree, record = restored[name], restored[RECORD]
    if digest(tree) != record["sha256"]:
        raise ValueError("the arrays differ from those that were saved")
    return jax.tree.map(jnp.asarray, tree), record


def read_best(run: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The best weights of a run folder and their record.

    Raises:
      GiJaxError: there are none yet, or they are damaged.
    """
    folder = run / "checkpoints" / "best"
    manager = open_manager(folder, keep=1) if folder.is_dir() else None
    step = manager.latest_step() if manager else None
    if step is None:
        raise GiJaxError(f"{run}: has no weights yet, the training was not validated so far; let it go on")
    try:
        return read_arrays(manager, step, "variables")
    except Exception as error:  # Orbax, TensorStore and JSON each raise their own for broken files
        raise GiJaxError(
            f"{folder / str(step)}: the weights are damaged ({first_line(error)}); restore the folder "
            "from a copy or train again"
        ) from None


def first_line(error: Exception) -> str:
    """The first line of an error's text, short enough for a sentence."""
    lines = str(error).splitlines()
    return lines[0][:200] if lines else type(error).__name__
