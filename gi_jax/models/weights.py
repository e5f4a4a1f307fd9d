"""Arrays on disk through Orbax, checked by their SHA-256 when they are read."""

from __future__ import annotations

import hashlib
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp
import tensorstore as ts

from gi_jax.errors import GiJaxError
from gi_jax.files import PlainPath
from gi_jax.numbers import plain_integer

RECORD = "record"  # the JSON beside the arrays; holds their digest under "sha256"
FIXED = "fixed"  # arrays of a model that no step of a training changes
FORMATS = "arrays"  # in the record: dtype and shape of every array, by its place in the tree


class FormatError(GiJaxError):
    """Arrays of a checkpoint that are whole, but of other dtypes or shapes than can be restored here."""


class ArrayFolder:
    """Checkpoints `folder/STEP`, each there whole or not at all.

    Belongs to the process that opens it: no other one is waited for. Orbax's manager of such folders
    is not used, as it opens none of the checkpoints where one of them is damaged.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        # Orbax takes a path for a pattern, and TensorStore writes it in UTF-8 whatever the locale is.
        self._plain = PlainPath(folder)
        own = jax.process_index()
        alone = ocp.options.MultiprocessingOptions(primary_host=own, active_processes={own})
        handler = ocp.CompositeCheckpointHandler(
            composite_options=ocp.CompositeOptions(multiprocessing_options=alone)
        )
        self._checkpointer = ocp.Checkpointer(handler, multiprocessing_options=alone)

    def all_steps(self) -> list[int]:
        """The steps that were saved, increasing."""
        names = (path.name for path in self.folder.iterdir() if path.is_dir())
        return sorted(step for step in map(plain_integer, names) if step is not None)

    def newest(self) -> int | None:
        """The highest step that was saved, None if there is none."""
        return max(self.all_steps(), default=None)

    def save(self, step: int, **items: ocp.args.CheckpointArgs) -> None:
        """Writes a checkpoint of several items; there must be none of this step."""
        self._checkpointer.save(self._path(step), args=ocp.args.Composite(**items))

    def restore(self, step: int, name: str, how: ocp.args.CheckpointArgs) -> Any:
        """Reads one item of a checkpoint; raises errors of Orbax's own for broken files."""
        if name != RECORD:
            self.dtypes(step, name)
        return self._checkpointer.restore(self._path(step), args=ocp.args.Composite(**{name: how}))[name]

    def dtypes(self, step: int, name: str) -> set[str]:
        """The dtypes of the arrays of a checkpoint; reads them one after the other.

        Raises for the first that cannot be read. Orbax reads them side by side; of several that fail it
        raises one error, and the interpreter prints a traceback for each of the others.
        """
        store = {
            "driver": "ocdbt",
            "base": {"driver": "file", "path": f"{self._path(step) / name}/"},
        }
        keys = [key.decode() for key in ts.KvStore.open(store).result().list().result()]
        arrays = [key.removesuffix("/.zarray") for key in keys if key.endswith("/.zarray")]
        if not arrays:
            raise ValueError("it holds no arrays")
        specs = [{"driver": "zarr", "kvstore": store | {"path": f"{array}/"}} for array in arrays]
        return {str(ts.open(spec).result().read().result().dtype) for spec in specs}

    def delete(self, step: int) -> None:
        """Takes a checkpoint away."""
        shutil.rmtree(self.folder / str(step))

    def reason(self, error: Exception) -> str:
        """The first line of an error's text, with this folder as its user calls it."""
        return first_line(error).replace(str(self._plain.path), str(self.folder))

    def _path(self, step: int) -> Path:
        if not self._plain.path.exists():  # temporary files are cleared away on some systems
            self._plain = PlainPath(self.folder)
        return self._plain.path / str(step)


def digest(tree: Any) -> str:
    """SHA-256 of the arrays of a pytree, in its order: dtypes, shapes and bytes."""
    sha = hashlib.sha256()
    for leaf in jax.tree.leaves(tree):
        array = np.asarray(leaf)
        sha.update(f"{array.dtype.str}{array.shape}".encode())
        sha.update(np.ascontiguousarray(array).tobytes())
    return sha.hexdigest()


def formats(tree: Any) -> dict[str, list[Any]]:
    """Dtype and shape of every array of a pytree, by its place there, as JSON knows them."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(tree)
    return {jax.tree_util.keystr(path): [str(leaf.dtype), list(leaf.shape)] for path, leaf in leaves}


def write_arrays(folder: ArrayFolder, step: int, name: str, tree: Any, record: dict[str, Any]) -> None:
    """Saves a pytree and a JSON record as checkpoint `step`."""
    # As host arrays: Orbax takes device arrays for pieces of arrays that all processes are to save,
    # and would want the same devices to restore them.
    tree = jax.tree.map(np.asarray, tree)
    record = record | {"sha256": digest(tree), FORMATS: formats(tree)}
    filled = jax.tree.map(_placeholder, tree)
    folder.save(step, **{name: ocp.args.StandardSave(filled), RECORD: ocp.args.JsonSave(record)})


def _placeholder(array: np.ndarray) -> np.ndarray:
    """What is written of an array: one zero for an array without entries, which Orbax refuses."""
    return array if array.size else np.zeros(1, array.dtype)


def _emptied(tree: Any, shapes: dict[str, list[Any]]) -> Any:
    """The arrays as they were before `_placeholder`, by the formats that were recorded."""

    def one(path: tuple, array: Any) -> Any:
        _, shape = shapes.get(jax.tree_util.keystr(path), ("", [1]))
        return array if math.prod(shape) else np.zeros(shape, array.dtype)

    return jax.tree_util.tree_map_with_path(one, tree)


def read_arrays(
    folder: ArrayFolder, step: int, name: str, template: Any = None
) -> tuple[Any, dict[str, Any]]:
    """Reads what `write_arrays` saved, as NumPy arrays of the dtypes in which they were saved.

    Args:
      template: the pytree to expect, of arrays with dtypes and shapes; nested dictionaries if not given.

    Raises:
      FormatError: the arrays are of other dtypes or shapes than those of the template.
      ValueError: the arrays are not those that were saved. Orbax raises errors of its own for broken files.
    """
    record = read_record(folder, step)
    if template is not None:
        path, wanted = folder.folder / str(step), formats(template)
        _check_width(path, folder.dtypes(step, name), {dtype for dtype, _ in wanted.values()})
        _check_formats(path, record.get(FORMATS, wanted), wanted)  # earlier versions did not record it
        template = jax.tree.map(_placeholder, template)
    how = ocp.args.StandardRestore() if template is None else ocp.args.StandardRestore(template)
    tree = _emptied(folder.restore(step, name, how), record.get(FORMATS, {}))
    if digest(tree) != record["sha256"]:
        raise ValueError("the arrays differ from those that were saved")
    return tree, record


def read_record(folder: ArrayFolder, step: int) -> dict[str, Any]:
    """The JSON record of a checkpoint; raises errors of Orbax's own for broken files."""
    record = folder.restore(step, RECORD, ocp.args.JsonRestore())
    if not isinstance(record, dict):
        raise ValueError("its record is no JSON object")
    return record


def read_best(run: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The best weights of a run folder, as NumPy arrays, with what is fixed beside them, and their record.

    Raises:
      GiJaxError: there are none yet, or they are damaged.
    """
    variables, record = _of_best(run, lambda folder, step: read_arrays(folder, step, "variables"))
    fixed = read_fixed(run, FIXED)
    return (variables | {FIXED: fixed} if fixed else variables), record


def write_fixed(run: Path, name: str, tree: Any) -> None:
    """Keeps arrays in a run folder that its training does not change; nothing if there are none.

    Raises:
      GiJaxError: they could not be written.
    """
    if not tree:
        return
    path = run / "checkpoints" / name
    shutil.rmtree(path, ignore_errors=True)
    folder = ArrayFolder(path)
    try:
        write_arrays(folder, 0, "arrays", tree, {})
    except Exception as error:  # a full disk surfaces as OSError, ValueError or TensorStore's own
        raise GiJaxError(
            f"{path}: cannot be written ({folder.reason(error)}); make room or mend the folder, then "
            "continue with --resume"
        ) from error


def read_fixed(run: Path, name: str) -> Any:
    """What `write_fixed` kept, as NumPy arrays; None if that was nothing, or was not finished.

    Raises:
      GiJaxError: the arrays are damaged.
    """
    path = run / "checkpoints" / name
    folder = ArrayFolder(path) if path.is_dir() else None
    if folder is None or folder.newest() is None:
        return None
    try:
        return read_arrays(folder, 0, "arrays")[0]
    except Exception as error:  # as for the weights
        raise GiJaxError(
            f"{path}: the arrays are damaged ({folder.reason(error)}); restore the folder from a copy or "
            "train again"
        ) from None


def read_best_record(run: Path) -> dict[str, Any]:
    """The record of the best weights alone; raises as `read_best`."""
    return _of_best(run, read_record)


def _of_best(run: Path, read: Callable[[ArrayFolder, int], Any]) -> Any:
    folder = run / "checkpoints" / "best"
    saved = ArrayFolder(folder) if folder.is_dir() else None
    step = saved.newest() if saved else None
    if saved is None or step is None:
        raise GiJaxError(f"{run}: has no weights yet, the training was not validated so far; let it go on")
    try:
        return read(saved, step)
    except Exception as error:  # Orbax, TensorStore and JSON each raise their own for broken files
        raise GiJaxError(
            f"{folder / str(step)}: the weights are damaged ({saved.reason(error)}); restore the folder "
            "from a copy or train again"
        ) from None


def first_line(error: Exception) -> str:
    """The first line of an error's text, short enough for a sentence."""
    lines = str(error).splitlines()
    return lines[0][:200] if lines else type(error).__name__


def _check_width(path: Path, saved: set[str], wanted: set[str]) -> None:
    """Raises a `FormatError` if one side is in double precision and the other is not."""
    if ("float64" in saved) != ("float64" in wanted):
        before, remedy = ("on", "set JAX_ENABLE_X64=1") if "float64" in saved else ("off", "unset it")
        raise FormatError(
            f"{path}: was saved with JAX_ENABLE_X64 {before}, so its numbers are of other precision than "
            f"here; {remedy} to continue"
        )


def _check_formats(path: Path, saved: dict[str, list[Any]], wanted: dict[str, list[Any]]) -> None:
    for name in saved | wanted:
        was, needed = saved.get(name), wanted.get(name)
        if was != needed:
            raise FormatError(
                f"{path}: holds another model: {name} is {_shown(was)}, this configuration needs "
                f"{_shown(needed)}; continue with the configuration and the version of gi-jax that it was "
                "saved with, or start anew in another folder"
            )


def _shown(array: list[Any] | None) -> str:
    return "absent" if array is None else f"{array[0]} {array[1]}"
