"""What a model folder from elsewhere may be: plain files of honest sizes that name nothing outside it."""

from __future__ import annotations

import math
import zipfile
import zlib
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from gi_jax.config import RunConfig
from gi_jax.errors import GiJaxError

# The most bytes of a file of text: of what is written here, none comes near.
LIMITS = {".json": 4 << 20, ".yaml": 4 << 20, ".txt": 64 << 20}
MOST = 4 << 30  # bytes of all arrays of a file, decompressed
READERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
_REMEDY = "get the folder anew from whoever made it"


def check_plain_files(folder: Path) -> None:
    """Refuses what reading the folder could be misled by, before anything of it is read.

    Raises:
      GiJaxError: a file is a link or no regular file, or is larger than any that is written here.
    """
    for path in sorted(folder.iterdir()):
        if path.is_dir() and not path.is_symlink():
            continue
        if path.is_symlink() or not path.is_file():
            raise GiJaxError(f"{path}: is a link or no regular file; {_REMEDY}")
        size, limit = path.stat().st_size, LIMITS.get(path.suffix)
        if limit is not None and size > limit:
            raise GiJaxError(f"{path}: has {size:,} bytes, expected at most {limit:,}; {_REMEDY}")


def check_names_nothing_outside(config: RunConfig, path: Path) -> None:
    """Refuses a configuration that would read or write files beside its folder.

    Raises:
      GiJaxError: it names one.
    """
    data, trainer = config.data, config.trainer
    named = {
        "data.genes": data.genes,
        "data.networks": next((source.path for source in data.networks.values()), None),
        "data.features": next((source.path for source in data.features.values()), None),
        "data.split.files": next(iter(data.split.files.values()), None),
        "data.model_folder": data.model_folder,
        "model.checkpoint_path": config.model.checkpoint_path,
        "data.genotypes": _path_among(data.genotypes),
        "data.additional_training": _path_among(data.additional_training),
        "trainer.compilation_cache": (
            None
            if trainer.compilation_cache == type(trainer).compilation_cache
            else trainer.compilation_cache
        ),
    }
    for key, value in named.items():
        if value is not None:
            raise GiJaxError(f"{path}: {key} is {value}, but a model folder names no other files; {_REMEDY}")


def _path_among(sources: Sequence[str]) -> str | None:
    return next((name for name in sources if "/" in name or "\\" in name), None)


def read_integers(
    path: Path, names: Collection[str], optional: Collection[str] = ()
) -> dict[str, np.ndarray]:
    """The int32 arrays of a compressed `.npz` file, none of them larger than it says.

    Args:
      names: arrays that must be there.
      optional: arrays that may be.

    Raises:
      GiJaxError: the file is damaged, holds other arrays or objects, or lies about sizes.
    """
    found: dict[str, np.ndarray] = {}
    try:
        with zipfile.ZipFile(path) as file:
            entries = {info.filename.removesuffix(".npy"): info for info in file.infolist()}
            if unknown := set(entries) - {*names, *optional}:
                raise GiJaxError(
                    f"{path}: holds `{sorted(unknown)[0][:60]}`, which belongs to no model; {_REMEDY}"
                )
            if missing := set(names) - set(entries):
                raise GiJaxError(f"{path}: lacks `{sorted(missing)[0]}`; {_REMEDY}")
            if sum(info.file_size for info in entries.values()) > MOST:
                raise GiJaxError(f"{path}: is larger than {MOST:,} bytes when decompressed; {_REMEDY}")
            for name, info in entries.items():
                with file.open(info) as stream:
                    shape, _, dtype = READERS[npy.read_magic(stream)](stream)
                    size = math.prod(shape) * 4
                    if dtype != np.dtype("<i4") or len(shape) not in (1, 2) or size > info.file_size:
                        raise GiJaxError(
                            f"{path}: `{name}` is said to be {dtype} {list(shape)} in {info.file_size:,} "
                            f"bytes, expected whole numbers of 4 bytes that fit; {_REMEDY}"
                        )
                    content = stream.read(size + 1)
                if len(content) != size:
                    raise GiJaxError(f"{path}: `{name}` is not as long as it says; {_REMEDY}")
                found[name] = np.frombuffer(content, "<i4").reshape(shape).astype(np.int32)
    except (
        OSError,
        ValueError,
        KeyError,
        EOFError,
        zipfile.BadZipFile,
        zlib.error,
        NotImplementedError,
    ) as error:
        raise GiJaxError(f"{path}: cannot be read ({error}); {_REMEDY}") from None
    return found
