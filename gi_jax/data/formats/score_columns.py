"""Numbers in a table of measured genotypes: what cannot be meant is an error, what hardly is meant a note."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from gi_jax.data.formats.tables import Table
from gi_jax.errors import GiJaxError
from gi_jax.numbers import plain_number

# Interaction scores epsilon and tau lie below 2, S-scores and other units rarely above some 100. Beyond
# this stand only marks for a missing value (1e30, the largest number of a format).
LARGEST = 1e6
FEWEST_EQUAL = 3  # rows; so many equal scores and no other are no measurement
FEWEST_NOTED = 20  # rows; in fewer a frequent value says nothing
_MISSING = ("", "na", "nan")


def read_scores(table: Table) -> np.ndarray:
    """The column `score` as float64 `[M]`.

    Raises:
      GiJaxError: a score that is no number or cannot be meant, or the same one in every row of three or more.
    """
    scores = np.array([_score(table, row, text) for row, text in enumerate(table.columns["score"])])
    if len(scores) >= FEWEST_EQUAL and np.ptp(scores) == 0:
        raise GiJaxError(
            f"{table.where(0)}: the score is {scores[0]:g}, here and in all {len(scores):,} rows, so it "
            "stands for a missing value; leave unmeasured genotypes out, or name the file with the scores"
        )
    return scores


def read_p_values(table: Table) -> np.ndarray:
    """The column `p_value` as float64 `[M]`, NaN where it is empty or not there.

    Raises:
      GiJaxError: one that is no number from 0 to 1.
    """
    values = np.full(len(table.lines), np.nan)
    for row, text in enumerate(table.columns.get("p_value", ())):
        if text.strip().lower() in _MISSING:
            continue
        value = plain_number(text)
        if value is None or not math.isfinite(value):
            raise GiJaxError(
                f"{table.where(row)}: the p_value is `{text}`, expected a finite number; leave it empty "
                "where it is unknown"
            )
        if not 0 <= value <= 1:
            raise GiJaxError(
                f"{table.where(row)}: the p_value is {text}, expected a number from 0 to 1; correct it"
            )
        values[row] = value
    return values


def frequent_scores(table: Table, scores: np.ndarray) -> Iterator[str]:
    """A note for each score that stands in more than a fifth of the rows though others hardly recur.

    Such as 0 for pairs that were never measured. Scores of few steps (classes, roundings) are left alone.
    """
    values, first, counts = np.unique(scores, return_index=True, return_counts=True)
    often = 5 * counts > len(scores)
    usual = counts[~often]
    if len(scores) < FEWEST_NOTED or len(usual) < FEWEST_NOTED // 2:
        return
    for value, row, count in zip(values[often], first[often], counts[often], strict=True):
        if count > 5 * usual.max():
            yield (
                f"the score {value:g} stands in {count:,} of {len(scores):,} rows "
                f"({count / len(scores):.0%}), first on line {table.lines[row]}, and no other in more than "
                f"{usual.max():,}; if it stands for a missing value, leave those rows out"
            )


def _score(table: Table, row: int, text: str) -> float:
    value = plain_number(text)
    if value is None:
        raise GiJaxError(
            f"{table.where(row)}: the score is `{text}`, expected a finite number; leave unmeasured "
            "genotypes out"
        )
    if abs(value) > LARGEST:
        raise GiJaxError(
            f"{table.where(row)}: the score is `{text}`, expected a number from {-LARGEST:,.0f} to "
            f"{LARGEST:,.0f} (interaction scores are small), so it stands for a missing value; leave "
            "unmeasured genotypes out"
        )
    return value
