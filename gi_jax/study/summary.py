"""The table a study's page begins with: who is ahead where, and by how much more than the spread."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from gi_jax.models.registry import COMPETITORS
from gi_jax.study.results import Result

Block = Mapping[str, Sequence[Result | None]]  # row -> a result per seed, None where missing


class Lead(NamedTuple):
    """The best row of a kind, by mean test Pearson over its seeds."""

    row: str
    pearson: list[float]  # of the seeds it was run with


class Difference(NamedTuple):
    """Test Pearson of one row less that of another, on the seeds that both were run with."""

    mean: float
    deviation: float | None  # over the seeds (n - 1); None for one seed
    seeds: int

    def __str__(self) -> str:
        text = f"{self.mean:+.3f}"
        return text if self.deviation is None else f"{text} ± {self.deviation:.3f}"

    @property
    def verdict(self) -> str:
        """Whether the difference is more than its spread, in words."""
        if self.deviation is None:
            return "one seed"
        if abs(self.mean) <= self.deviation:
            return "within the spread"
        ratio = f"{abs(self.mean) / self.deviation:.1f} times the spread" if self.deviation else "no spread"
        return f"{'ahead' if self.mean > 0 else 'behind'}, {ratio}"


def is_baseline(row: str) -> bool:
    """Whether a row of a table is one of the competitors that every study has."""
    return row in COMPETITORS


def best(block: Block, *, baseline: bool) -> Lead | None:
    """The best baseline of a block, or the best other row; None if none has a correlation."""
    found = []
    for row, results in block.items():
        values = [r.pearson for r in results if r is not None and r.pearson is not None]
        if values and is_baseline(row) == baseline:
            found.append(Lead(row, values))
    return max(found, key=lambda lead: statistics.mean(lead.pearson), default=None)


def difference(block: Block, row: str, other: str) -> Difference | None:
    """How far a row is ahead of another; None if no seed has both."""
    paired = [
        a.pearson - b.pearson
        for a, b in zip(block[row], block[other], strict=True)
        if a is not None and b is not None and a.pearson is not None and b.pearson is not None
    ]
    if not paired:
        return None
    deviation = statistics.stdev(paired) if len(paired) > 1 else None
    return Difference(statistics.mean(paired), deviation, len(paired))


def summary(blocks: Mapping[str, Block]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Header and rows of the table: a row for every dataset and split that has both kinds of results."""
    header = ("", "best baseline", "Pearson", "best model", "Pearson", "difference", "seeds", "")
    rows = []
    for title, block in blocks.items():
        ours, theirs = best(block, baseline=False), best(block, baseline=True)
        if ours is None or theirs is None:
            continue
        lead = difference(block, ours.row, theirs.row)
        if lead is None:
            continue
        means = [f"{statistics.mean(which.pearson):.3f}" for which in (theirs, ours)]
        names = [which.row.replace("_", " ") for which in (theirs, ours)]
        rows.append((title, names[0], means[0], names[1], means[1], str(lead), str(lead.seeds), lead.verdict))
    return header, rows
