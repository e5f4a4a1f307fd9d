"""What a finished cell is remembered by: a few numbers per row, in a JSON file beside the run."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from gi_jax.data.genotype_table import GenotypeTable
from gi_jax.errors import GiJaxError
from gi_jax.evaluation.metrics import RegressionMetrics
from gi_jax.evaluation.ranking import rankings
from gi_jax.files import read_text, write_text

RESULTS = "study.json"


@dataclass(frozen=True)
class Result:
    """How one row did on one dataset, split and seed; None where there is no such number."""

    pearson: float | None  # on the test split, as the next two; None for constant predictions
    spearman: float | None
    rmse: float | None  # in the units of the scores
    val_pearson: float | None  # of the weights or settings that validation chose
    train_pearson: float | None = None  # running, in the epoch that validation chose
    seconds: float | None = None  # of training with validation and compilation, or of fitting
    epochs: int | None = None
    genotypes_per_second: float | None = None  # median over the logged stretches of training steps
    parameters: int | None = None
    chosen: str | None = None  # by a baseline, on the validation split
    global_share: float | None = None  # see `gi_jax.study.paths`, as those below
    local_share: float | None = None
    global_pearson: float | None = None
    local_pearson: float | None = None
    global_weight: float | None = None
    pooled_spread: float | None = None
    negative_precision: float | None = None  # average precision, see `gi_jax.evaluation.ranking`
    positive_precision: float | None = None
    negative_enrichment: float | None = None  # of the first hundred
    positive_enrichment: float | None = None
    covered: dict[str, float] | None = None  # share of measurements in their intervals, by group


def on_test_split(metrics: RegressionMetrics) -> dict[str, float | None]:
    """The part of a result that the test split gives."""
    return {name: finite(getattr(metrics, name)) for name in ("pearson", "spearman", "rmse")}


def at_the_top(table: GenotypeTable, predictions: np.ndarray) -> dict[str, float | None]:
    """The part of a result that the tops of the lists of predictions give."""
    return {
        f"{end}_{name}": finite(value)
        for end, ranking in rankings(table, predictions).items()
        for name, value in (("precision", ranking.average_precision), ("enrichment", ranking.enrichment))
    }


def finite(value: float | None) -> float | None:
    """The number itself, None if it is not finite: JSON has no NaN."""
    return float(value) if value is not None and math.isfinite(value) else None


def write_results(folder: Path, results: Mapping[str, Result]) -> None:
    """Writes the results of a cell by row; the file is there whole or not at all."""
    text = json.dumps({row: asdict(result) for row, result in results.items()}, indent=1)
    write_text(folder / RESULTS, text + "\n")


def read_results(folder: Path) -> dict[str, Result]:
    """The results of a cell by row.

    Raises:
      GiJaxError: the file is not what `write_results` writes.
    """
    path = folder / RESULTS
    try:
        return {row: Result(**values) for row, values in json.loads(read_text(path)).items()}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise GiJaxError(
            f"{path}: holds no results of a cell ({error}); remove it, and the study evaluates the cell anew"
        ) from None
