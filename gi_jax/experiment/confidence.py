"""Intervals around predictions, that as many measurements lie in as they promise."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import NamedTuple

import numpy as np

from gi_jax.errors import GiJaxError
from gi_jax.files import read_text, write_text

FILE = "confidence.json"
LEVEL = 0.9  # of measurements that an interval is to have


class Confidence(NamedTuple):
    """How many of a model's standard deviations an interval reaches to either side.

    Split-conformal prediction (Papadopoulos et al. 2002; Lei et al. 2018): with the errors of m validation
    genotypes in units of their standard deviations, the `ceil((m + 1) level)`-th smallest. A new measurement
    that is drawn like the validation genotypes lies in the interval with at least that probability, whether
    the deviations are right or not; right ones make it hold in every group of genotypes.
    """

    factor: float
    level: float
    genotypes: int  # m

    def interval(self, mean: np.ndarray, std: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper ends `[M]`."""
        return mean - self.factor * std, mean + self.factor * std


def fit_confidence(mean: np.ndarray, std: np.ndarray, measured: np.ndarray) -> Confidence | None:
    """The factor from predictions, deviations and measurements `[m]` of genotypes that were not fitted.

    None if there are too few genotypes for the level, or too many without a deviation.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        errors = np.sort(np.abs(measured - mean) / std)
    rank = math.ceil((len(errors) + 1) * LEVEL)
    if rank > len(errors) or not np.isfinite(errors[rank - 1]):
        return None
    return Confidence(float(errors[rank - 1]), LEVEL, len(errors))


def write_confidence(confidence: Confidence, folder: Path) -> None:
    """Writes `confidence.json`."""
    write_text(folder / FILE, json.dumps(confidence._asdict(), indent=1) + "\n")


def read_confidence(folder: Path) -> Confidence | None:
    """Reads `confidence.json` of a run folder or a model folder; None if there is none.

    Raises:
      GiJaxError: the file is damaged.
    """
    path = folder / FILE
    if not path.exists():
        return None
    try:
        values = json.loads(read_text(path))
        found = Confidence(float(values["factor"]), float(values["level"]), int(values["genotypes"]))
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise GiJaxError(
            f"{path}: is no readable confidence of a model ({error}); restore it from a copy of the folder, "
            "or remove it to predict without intervals"
        ) from None
    if not (0 < found.factor < math.inf and 0 < found.level < 1):
        raise GiJaxError(
            f"{path}: says factor {found.factor} and level {found.level}, expected a positive number and one "
            "between 0 and 1; restore it from a copy of the folder, or remove it to predict without intervals"
        )
    return found
