"""What a run folder says of its test genotypes."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from gi_jax.data.formats.tables import Table, read_table
from gi_jax.errors import GiJaxError
from gi_jax.evaluation.calibration import FILE as CALIBRATION
from gi_jax.evaluation.evaluation import MODEL, PREDICTIONS

STD = f"{MODEL}_std"


class TestRecord(NamedTuple):
    """M test genotypes as they were measured and predicted."""

    study: np.ndarray  # [M] text
    measured: np.ndarray  # [M]
    predicted: np.ndarray  # [M]
    std: np.ndarray | None  # [M], of a model with standard deviations


class Spread(NamedTuple):
    """Test genotypes in bins of rising standard deviation."""

    spread: np.ndarray  # [bins]
    rmse: np.ndarray  # [bins]


def read_tests(run: Path, study: str | None = None) -> TestRecord | None:
    """Reads `predictions.tsv`; None where a folder has none.

    Args:
      study: the only one to take, if it is among those of the test genotypes.

    Raises:
      GiJaxError: the file is damaged.
    """
    path = run / PREDICTIONS
    if not path.exists():
        return None
    table = read_table(path, required=("study", "measured", MODEL), optional=(STD,))
    std = _numbers(table, STD) if STD in table.columns else None
    found = TestRecord(
        np.array(table.columns["study"]), _numbers(table, "measured"), _numbers(table, MODEL), std
    )
    own = found.study == study
    if not own.any():
        return found
    deviations = None if found.std is None else found.std[own]
    return TestRecord(found.study[own], found.measured[own], found.predicted[own], deviations)


def read_spread(run: Path) -> Spread | None:
    """Reads `calibration.tsv`; None where a folder has none.

    Raises:
      GiJaxError: the file is damaged.
    """
    if not (run / CALIBRATION).exists():
        return None
    table = read_table(run / CALIBRATION, required=Spread._fields)
    return Spread(*(_numbers(table, name) for name in Spread._fields))


def _numbers(table: Table, name: str) -> np.ndarray:
    try:
        return np.array(table.columns[name], float)
    except ValueError as error:
        raise GiJaxError(
            f"{table.path}: the column {name} holds something else than numbers ({error}); write the file "
            "anew with `gi-jax evaluate`"
        ) from None
