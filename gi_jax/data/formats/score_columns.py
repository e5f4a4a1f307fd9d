"""Numbers in a table of measured genotypes: what cannot be meant is an error, what hardly is meant a note."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from gi_jax.data.formats.columns import MISSING, Part
from gi_jax.errors import GiJaxError
from gi_jax.numbers import plain_number

# Interaction scores epsilon and tau lie below 2, S-scores and other units rarely above some 100. Beyond
# this stand only marks for a missing value (1e30, the largest number of a format).
LARGEST = 1e6
FEWEST_EQUAL = 3  # rows; so many equal scores and no other are no measurement
FEWEST_NOTED = 20  # rows; in fewer a frequent value says nothing


def read_scores(part: Part, column: int) -> np.ndarray:
    """The scores of some rows as float64 `[M]`.

    Raises:
      GiJaxError: a score that is no number or cannot be meant.
    """
    scores = part.numbers(column)
    for row in np.flatnonzero(~(np.abs(scores) <= LARGEST))[:1]:
        text = part.text(row, column)
        value = plain_number(text)
        if value is None:
            comma = ", with a decimal point" if plain_number(text.replace(",", ".")) is not None else ""
            raise GiJaxError(
                f"{part.where(row)}: the score is `{text}`, expected a finite number{comma}; leave "
                "unmeasured genotypes out"
            )
        raise GiJaxError(
            f"{part.where(row)}: the score is `{text}`, expected a number from {-LARGEST:,.0f} to "
            f"{LARGEST:,.0f} (interaction scores are small), so it stands for a missing value; leave "
            "unmeasured genotypes out"
        )
    return scores


def read_p_values(part: Part, column: int) -> np.ndarray:
    """The p-values of some rows as float32 `[M]`, NaN where there is none.

    Raises:
      GiJaxError: one that is no number from 0 to 1.
    """
    for row in part.odd.get(column, ())[:1]:
        text = part.text(row, column)
        assert text.strip().lower() not in MISSING
        raise GiJaxError(
            f"{part.where(row)}: the p_value is `{text}`, expected a finite number; leave it empty "
            "where it is unknown"
        )
    values = part.numbers(column)
    for row in np.flatnonzero((values < 0) | (values > 1))[:1]:
        raise GiJaxError(
            f"{part.where(row)}: the p_value is {part.text(row, column)}, expected a number from 0 to 1; "
            "correct it"
        )
    return values.astype(np.float32)


def check_spread(scores: np.ndarray, where: str) -> None:
    """Raises a `GiJaxError` if three scores or more are all the same one; `where` stands the first."""
    if len(scores) >= FEWEST_EQUAL and np.ptp(scores) == 0:
        raise GiJaxError(
            f"{where}: the score is {scores[0]:g}, here and in all {len(scores):,} rows, so it "
            "stands for a missing value; leave unmeasured genotypes out, or name the file with the scores"
        )


def frequent_scores(scores: np.ndarray, line: Callable[[int], int]) -> Iterator[str]:
    """A note for each score that stands in more than a fifth of the rows though others hardly recur.

    Such as 0 for pairs that were never measured. Scores of few steps (classes, roundings) are left alone.

    Args:
      scores: `[M]`.
      line: on which line of the file a row stood.
    """
    if len(scores) < FEWEST_NOTED:
        return
    ordered = np.sort(scores)
    starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
    counts = np.diff(np.append(starts, len(ordered)))
    often = 5 * counts > len(scores)
    usual = counts[~often]
    if len(usual) < FEWEST_NOTED // 2:
        return
    for value, count in zip(ordered[starts[often]], counts[often], strict=True):
        if count > 5 * usual.max():
            first = int((scores == value).argmax())
            yield (
                f"the score {value:g} stands in {count:,} of {len(scores):,} rows "
                f"({count / len(scores):.0%}), first on line {line(first)}, and no other in more than "
                f"{usual.max():,}; if it stands for a missing value, leave those rows out"
            )
