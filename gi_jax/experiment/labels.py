"""How the labels of a model become scores, as its folder says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gi_jax.data.transforms import LabelTransform
from gi_jax.errors import GiJaxError
from gi_jax.files import read_text

LABELS = "labels.json"


def read_transform(folder: Path) -> LabelTransform:
    """The label transform of a run folder or a model folder.

    Raises:
      GiJaxError: the file is missing or damaged.
    """
    path = folder / LABELS
    try:
        return LabelTransform.from_dict(read_json(path))
    except GiJaxError as error:
        if str(error).startswith(str(path)):
            raise
        raise GiJaxError(f"{path}: {error}; restore it from a copy of the folder") from None


def read_json(path: Path) -> dict[str, Any]:
    """An object of JSON beside a model.

    Raises:
      GiJaxError: the file is missing, damaged, or holds something else.
    """
    try:
        values = json.loads(read_text(path))
    except FileNotFoundError:
        raise GiJaxError(f"{path}: is missing; restore it from a copy of the folder") from None
    except (OSError, ValueError, RecursionError) as error:
        raise GiJaxError(
            f"{path}: is no readable JSON ({error}); restore it from a copy of the folder"
        ) from None
    if not isinstance(values, dict):
        raise GiJaxError(
            f"{path}: is no JSON object, its content is a {type(values).__name__}; restore it from a copy of "
            "the folder"
        )
    return values
