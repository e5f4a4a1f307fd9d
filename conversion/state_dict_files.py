"""State dicts in files: `.safetensors`, `.pt`, `.pth` and Lightning `.ckpt`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from gi_jax.errors import GiJaxError
from gi_jax.files import check_writable, replacing

TORCH_SUFFIXES = (".pt", ".pth", ".ckpt")
SUFFIXES = (".safetensors", *TORCH_SUFFIXES)
# Under what key training scripts put a model into a file of several things, the usual ones first.
PLACES = ("state_dict", "model_state_dict", "model", "net", "network", "weights", "module", "params")
ANCHORS = ("pretrain_model.gene_embedding.weight", "gene_embedding.weight")
# Lightning, data parallel, torch.compile; what people call the model in a module of their own.
WRAPPERS = ("model", "module", "_orig_mod", "net", "network")


class StateDictFile(NamedTuple):
    """The model's tensors of a file, without the prefix of whatever wrapped the model."""

    tensors: dict[str, np.ndarray]
    prefix: str  # such as `model._orig_mod.`
    others: tuple[str, ...]  # keys beside the wrapped model: loss buffers, metrics
    place: str = ""  # key of the file's content under which the tensors lay, of several that hold a model


def read_state_dict(path: str | Path) -> StateDictFile:
    """Reads a PyTorch state dict, on its own or inside a Lightning checkpoint.

    PyTorch files are read with `weights_only=True`, so nothing in them is executed.

    Raises:
      GiJaxError: no such file, another kind of file, or one without a model of these systems.
    """
    path = Path(path)
    if not path.is_file():
        raise GiJaxError(f"{path}: no such file; expected a state dict ({', '.join(SUFFIXES)})")
    if path.suffix == ".safetensors":
        return _unwrapped(_read_safetensors(path), path)
    if path.suffix in TORCH_SUFFIXES:
        tensors, place = _read_torch(path)
        return _unwrapped(tensors, path)._replace(place=place)
    raise GiJaxError(f"{path}: is of no known kind, expected one of {', '.join(SUFFIXES)}")


def check_target(path: str | Path) -> None:
    """Tries, before the work, whether a state dict can be written.

    Raises:
      GiJaxError: a file of another kind, or one that cannot be written.
    """
    path = Path(path)
    if path.suffix not in (".safetensors", ".pt", ".pth"):
        raise GiJaxError(f"{path}: cannot be written, expected a name in .safetensors, .pt or .pth")
    check_writable(path)


def write_state_dict(tensors: Mapping[str, np.ndarray], path: str | Path) -> None:
    """Writes `.safetensors`, `.pt` or `.pth` for `load_state_dict(..., strict=True)`.

    Raises:
      GiJaxError: see `check_target`.
    """
    path = Path(path)
    check_target(path)
    # The content goes through Python's own files: both libraries read names of files in their own ways.
    if path.suffix == ".safetensors":
        # A file holds every tensor once; PyTorch's tied ones become equal copies.
        content = save({key: np.asarray(value, order="C") for key, value in tensors.items()})
        with replacing(path) as new:
            new.write_bytes(content)
    else:
        torch = _torch(path)
        with replacing(path) as new, new.open("wb") as file:
            torch.save({key: _to_tensor(torch, value) for key, value in tensors.items()}, file)


def _read_safetensors(path: Path) -> dict[str, np.ndarray]:
    try:
        with safe_open(path, framework="numpy") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a mapping
            notes = file.metadata() or {}
    except (OSError, SafetensorError) as error:
        raise GiJaxError(f"{path}: is no readable safetensors file ({error})") from None
    # safetensors.torch.save_model keeps one of several tied tensors and notes the others' names.
    return tensors | {key: tensors[kept] for key, kept in notes.items() if kept in tensors}


def _torch(path: Path) -> ModuleType:
    try:
        import torch  # only users of PyTorch files have it
    except ImportError:
        raise GiJaxError(
            f"{path}: PyTorch files need PyTorch; run `pip install torch`, or use a .safetensors file"
        ) from None
    return torch


def _read_torch(path: Path) -> tuple[dict[str, np.ndarray], str]:
    """The tensors of a PyTorch file, and where in it they were, if several places hold a model."""
    torch = _torch(path)
    try:
        with path.open("rb") as file:
            content = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # unpickling raises whatever it likes
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise GiJaxError(
            f"{path}: cannot be read as weights alone ({reason[:160]}); a file that holds objects of "
            "torchcell can only be read where torchcell is: get the exporter with `gi-jax exporter > "
            "gi_jax_export.py`, run it there, and convert what it writes; or save its state dict by itself "
            "with torch.save(model.state_dict(), FILE) and convert that"
        ) from None
    content = content if isinstance(content, Mapping) else {}
    places = {
        place: _tensors(torch, content[place])
        for place in sorted(
            content, key=lambda place: PLACES.index(place) if place in PLACES else len(PLACES)
        )
        if isinstance(content[place], Mapping)
    }
    models = {place: tensors for place, tensors in places.items() if _anchor(tensors)}
    own, place = _tensors(torch, content), ""
    if models:
        taken, tensors = next(iter(models.items()))
        place = str(taken) if len(models) > 1 or _anchor(own) else ""
    else:  # what is said of that names keys from where a model would have been
        tensors = own or next(filter(None, places.values()), {})
    if not tensors:
        raise GiJaxError(f"{path}: holds no state dict; expected tensors by key, or such under `state_dict`")
    return {key: _to_numpy(torch, tensor) for key, tensor in tensors.items()}, place


def _tensors(torch: ModuleType, content: Mapping[Any, Any]) -> dict[str, Any]:
    return {
        key: value
        for key, value in content.items()
        if isinstance(key, str) and isinstance(value, torch.Tensor)
    }


def _anchor(tensors: Mapping[str, Any]) -> str | None:
    """How the embedding of genes is called, which every model of these systems has."""
    return next((a for a in ANCHORS if any(key.endswith(a) for key in tensors)), None)


def _to_numpy(torch: ModuleType, tensor: Any) -> np.ndarray:
    tensor = tensor.detach()
    if tensor.dtype == torch.bfloat16:  # NumPy has no such type of its own
        return tensor.contiguous().view(torch.int16).numpy().view(ml_dtypes.bfloat16)
    return tensor.numpy()


def _to_tensor(torch: ModuleType, array: np.ndarray) -> Any:
    if array.dtype == ml_dtypes.bfloat16:
        return torch.from_numpy(array.view(np.int16).copy()).view(torch.bfloat16)
    return torch.from_numpy(np.array(array))


def _unwrapped(tensors: dict[str, np.ndarray], path: Path) -> StateDictFile:
    anchor = _anchor(tensors)
    prefixes = sorted({key.removesuffix(anchor) for key in tensors if anchor and key.endswith(anchor)})
    known = [p for p in prefixes if all(part in WRAPPERS for part in p.split(".")[:-1])]
    if not known:
        found = ", ".join(list(tensors)[:3])
        raise GiJaxError(
            f"{path}: holds no gene_embedding.weight, so no model of these systems; its keys start with "
            f"{found}"
        )
    prefix = known[0]
    own = {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
    return StateDictFile(own, prefix, tuple(key for key in tensors if not key.startswith(prefix)))
