"""How far a screen has come, in a file from which it goes on after whatever ended it."""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gi_jax.errors import GiJaxError
from gi_jax.files import replacing
from gi_jax.predict.screening.extremes import Found
from gi_jax.predict.screening.histogram import BINS, ScoreHistogram

FORM = 1
_FIELDS = ("genes", "score", "std")


class Progress(NamedTuple):
    """What a shard of a screen has done."""

    identity: Mapping[str, Any]  # what it was asked; plain values, see `gi_jax.predict.screening.identity`
    shard: tuple[int, int]
    tiles: int  # done, of the shard's
    genotypes: int  # in these
    complete: bool
    found: Found
    histogram: ScoreHistogram
    unwritten: Found  # genotypes of the block in work, for a part file


def write_progress(progress: Progress, path: Path) -> None:
    """Writes a file that is there whole or not at all, and on the disk when this returns."""
    about = {
        "form": FORM,
        "identity": dict(progress.identity),
        "shard": list(progress.shard),
        "tiles": progress.tiles,
        "genotypes": progress.genotypes,
        "complete": progress.complete,
        "exponent": progress.histogram.exponent,
    }
    arrays: dict[str, np.ndarray] = {"counts": progress.histogram.counts}
    for name, found in (("found", progress.found), ("unwritten", progress.unwritten)):
        held = zip(_FIELDS, found, strict=True)
        arrays |= {f"{name}_{field}": array for field, array in held if array is not None}
    content = io.BytesIO()
    np.savez(content, about=np.frombuffer(json.dumps(about).encode(), np.uint8), **arrays)  # pyright: ignore[reportArgumentType]
    with replacing(path) as new, new.open("wb") as file:
        file.write(content.getbuffer())
        file.flush()
        os.fsync(file.fileno())


def read_progress(path: Path) -> Progress:
    """Reads what `write_progress` wrote.

    Raises:
      GiJaxError: there is no such file, or it is damaged or another one.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            about = json.loads(file["about"].tobytes())
            if about["form"] != FORM:
                raise ValueError(f"its form is {about['form']}, this version reads {FORM}")
            histogram = ScoreHistogram()
            histogram.exponent, histogram.counts = int(about["exponent"]), file["counts"]
            parts = {}
            for name in ("found", "unwritten"):
                genes, score = file[f"{name}_genes"], file[f"{name}_score"]
                std = file.get(f"{name}_std")
                if (
                    genes.ndim != 2
                    or len(genes) != len(score)
                    or (std is not None and len(std) != len(score))
                ):
                    raise ValueError("its arrays have different lengths")
                parts[name] = Found(genes, score, std)
            if histogram.counts.shape != (BINS,):
                raise ValueError("its counts are of another length")
            number, of = about["shard"]
            return Progress(
                about["identity"],
                (int(number), int(of)),
                int(about["tiles"]),
                int(about["genotypes"]),
                bool(about["complete"]),
                histogram=histogram,
                **parts,
            )
    except FileNotFoundError:
        raise GiJaxError(f"{path}: no such file; expected the state of a screen") from None
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise GiJaxError(
            f"{path}: is no state of a screen that can be read ({error}); name another file, or remove it "
            "and start again"
        ) from None


def check_same(path: Path, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Raises a `GiJaxError` naming the first thing that a screen was asked otherwise."""
    for key in {**wanted, **found}:
        if found.get(key) != wanted.get(key):
            raise GiJaxError(
                f"{path}: is the state of another screen: its {key} was {_shown(found.get(key))}, now it is "
                f"{_shown(wanted.get(key))}; ask the same again, or write to another file"
            )


def _shown(value: Any) -> str:
    text = "none" if value is None else str(value)
    return text if len(text) < 60 else f"{text[:16]}..."
