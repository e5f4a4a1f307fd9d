"""Whether an ensemble's spread tells its error."""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np

from gi_jax.evaluation.metrics import rank_correlation
from gi_jax.files import write_text

FILE = "calibration.tsv"


class Calibration(NamedTuple):
    """Genotypes in bins of rising spread, and how wrong the mean prediction is in each.

    Where the spread tells the error exactly, `rmse` equals `spread` in every bin.
    """

    spread: np.ndarray  # [bins], mean standard deviation over members, in the units of the scores
    rmse: np.ndarray  # [bins], of the mean prediction, in the same units
    genotypes: np.ndarray  # [bins]
    spearman: float  # of spread and absolute error over all genotypes, NaN if either does not vary

    def __str__(self) -> str:
        rank = "-" if math.isnan(self.spearman) else f"{self.spearman:.3f}"
        ends = (f"spread {self.spread[i]:.3g}: RMSE {self.rmse[i]:.3g}" for i in (0, -1))
        return f"calibration: Spearman of spread and absolute error {rank}; {', '.join(ends)}"


def calibrate(
    prediction: np.ndarray, spread: np.ndarray, measured: np.ndarray, bins: int = 10
) -> Calibration:
    """Bins genotypes by predicted spread and compares it with the error.

    Args:
      prediction, spread, measured: `[M]`, in the units of the scores.
      bins: of equally many genotypes (deciles); one genotype each if there are fewer.
    """
    error = prediction - measured
    parts = np.array_split(np.argsort(spread, kind="stable"), min(bins, len(spread)))
    return Calibration(
        spread=np.array([spread[part].mean() for part in parts]),
        rmse=np.array([math.sqrt(np.mean(error[part] ** 2)) for part in parts]),
        genotypes=np.array([len(part) for part in parts]),
        spearman=rank_correlation(spread, np.abs(error)),
    )


def write_calibration(calibration: Calibration, folder: Path) -> None:
    """Writes `calibration.tsv`: one row per bin, columns `spread`, `rmse`, `genotypes`."""
    rows = zip(calibration.spread, calibration.rmse, calibration.genotypes, strict=True)
    lines = [f"{spread:.6g}\t{rmse:.6g}\t{genotypes}" for spread, rmse, genotypes in rows]
    write_text(folder / FILE, "\n".join(["spread\trmse\tgenotypes", *lines]) + "\n")
