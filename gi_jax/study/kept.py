"""The numbers of a study's finished cells in one file, so that its tables outlive the folders of its runs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from gi_jax.config.load import parse_config
from gi_jax.config.schema import plain
from gi_jax.errors import GiJaxError
from gi_jax.files import read_text, write_text
from gi_jax.runs.resume import flat
from gi_jax.study.results import Result


class Kept(NamedTuple):
    """Results of cells by name, each with a fingerprint of the settings that they were found with."""

    cells: Mapping[str, Mapping[str, Any]]

    def of(self, name: str, settings: Mapping[str, Any], rows: Iterable[str]) -> dict[str, Result] | None:
        """The results of a cell by row; None if there are none, or they are of other settings or rows."""
        entry = self.cells.get(name)
        if entry is None or entry["settings_sha256"] != _fingerprint(settings):
            return None
        results = {row: Result(**values) for row, values in entry["results"].items()}
        return results if set(rows) <= set(results) else None


def read_kept(path: str) -> Kept:
    """What `write_kept` wrote; nothing if there is no such file yet, or no name of one.

    Raises:
      GiJaxError: the file is damaged.
    """
    if not path or not Path(path).exists():
        return Kept({})
    try:
        cells = json.loads(read_text(path))
        for entry in cells.values():
            assert isinstance(entry["settings_sha256"], str)
            _ = [Result(**values) for values in entry["results"].values()]
    except (OSError, ValueError, TypeError, KeyError, AttributeError, AssertionError) as error:
        raise GiJaxError(
            f"{path}: holds no results of a study ({error}); restore it, or remove it to run the cells anew"
        ) from None
    return Kept(cells)


def write_kept(path: str, found: Mapping[str, tuple[Mapping[str, Any], Mapping[str, Result]]]) -> None:
    """Writes settings and results by name of the cell; what the file says of other cells stays.

    Raises:
      GiJaxError: the file that is there is damaged.
    """
    cells = dict(read_kept(path).cells)
    for name, (settings, results) in found.items():
        values = {row: asdict(result) for row, result in results.items()}
        cells[name] = {"settings_sha256": _fingerprint(settings), "results": values}
    lines = (f"{json.dumps(name)}: {json.dumps(cells[name])}" for name in sorted(cells))
    write_text(Path(path), "{\n" + ",\n".join(lines) + "\n}\n")


def _fingerprint(settings: Mapping[str, Any]) -> str:
    """Of what differs from the defaults, so that a new setting does not make all results strangers."""
    kind = settings["model.kind"]
    defaults = flat(plain(parse_config(f"model: {{kind: {kind}}}").config))
    own = {key: value for key, value in settings.items() if key not in defaults or value != defaults[key]}
    return hashlib.sha256(json.dumps({"model.kind": kind, **own}, sort_keys=True).encode()).hexdigest()
