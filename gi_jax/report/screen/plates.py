"""The crosses to make, query by query, in the wells of plates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import combinations, zip_longest
from pathlib import Path
from typing import NamedTuple

import numpy as np

from gi_jax.errors import GiJaxError
from gi_jax.files import write_text
from gi_jax.report.screen.concentration import SURE
from gi_jax.report.screen.enrichment import Enrichment
from gi_jax.report.screen.outcome import ScreenOutcome

FILE = "plates.tsv"
CONTROL = "control"
COLUMNS = {96: 12, 384: 24}  # wells of a plate -> columns
_HEAD = (
    "plate", "well", "query", "query_name", "array", "array_name", "genes", "prediction", "low", "high",
    "end", "place", "why",
)  # fmt: skip


class Cross(NamedTuple):
    """A listed genotype as a cross of a query strain with a strain of the array."""

    row: int  # of the list
    query: tuple[int, ...]  # gene ids
    array: int


def check_wells(wells: int) -> None:
    """Raises a `GiJaxError` for a plate of another size than 96 or 384 wells."""
    if wells not in COLUMNS:
        raise GiJaxError(f"--wells is {wells}, expected 96 or 384")


def choose(outcome: ScreenOutcome, most: int) -> np.ndarray:
    """Rows of the list to cross: without a measurement, from both ends in turn, the most extreme first."""
    ends = [[row for row in outcome.extreme_first(end) if not outcome.known[row]] for end in outcome.ends]
    turns = [row for rows in zip_longest(*ends) for row in rows if row is not None]
    return np.array(turns[:most], np.int64)


def crosses(outcome: ScreenOutcome, rows: np.ndarray) -> list[Cross]:
    """Divides genotypes into a query strain and a strain of the array, so that few query strains are needed.

    The query strain that makes the most of the remaining genotypes comes next. It is one of those that the
    screen crossed; where the screen had none, it has all genes of a genotype but one, and among them those
    that all genotypes share.
    """
    fixed = set(outcome.candidates.fixed.tolist())
    ways: dict[int, list[Cross]] = {}
    for row in rows.tolist():
        genes = [gene for gene in outcome.rows[row].tolist() if gene < len(outcome.genes)]
        queries = [query for query in combinations(genes, len(genes) - 1) if fixed <= set(query)]
        if given := outcome.candidates.queries:
            queries = [query for query in queries if query in given] or queries
        ways[row] = [Cross(row, query, next(g for g in genes if g not in query)) for query in queries]
    made = []
    while ways:
        counts = Counter(way.query for own in ways.values() for way in own)
        query = min(counts, key=lambda own: (-counts[own], own))
        chosen = [way for own in ways.values() for way in own if way.query == query]
        made += chosen
        for way in chosen:
            del ways[way.row]
    return made


def well(place: int, wells: int) -> tuple[int, str]:
    """Plate number and well of the place-th cross, from 0: row by row, A1, A2, ..."""
    plate, inside = divmod(place, wells)
    row, column = divmod(inside, COLUMNS[wells])
    return plate + 1, f"{'ABCDEFGHIJKLMNOP'[row]}{column + 1}"


def write_plates(
    path: Path, outcome: ScreenOutcome, made: Sequence[Cross], partners: Sequence[Enrichment], wells: int
) -> int:
    """Writes the crosses, a well a line, and before those of a query strain one for the query alone.

    Args:
      partners: enriched sets among the partners of genes, to say what a cross has in common with others.

    Returns:
      How many plates there are.
    """
    genes, lines, place, before = outcome.genes, ["\t".join(_HEAD)], 0, None
    low, high = outcome.numbers("low"), outcome.numbers("high")
    reasons = _Reasons(outcome, partners)
    for cross in made:
        query = [",".join(names(cross.query)) for names in (genes.names, genes.labelled)]
        if cross.query != before and cross.query:
            why = "the query strain with a neutral marker: what the query alone does"
            fields = (*well(place, wells), *query, CONTROL, CONTROL, "", "", "", "", "", "", why)
            lines.append("\t".join(map(str, fields)))
            place, before = place + 1, cross.query
        array, row = (genes.ids[cross.array], genes.labels[cross.array]), cross.row
        numbers = ("" if np.isnan(x) else f"{x:.4g}" for x in (outcome.score[row], low[row], high[row]))
        written = outcome.table.column("genes")[row].as_py()
        rank, end = reasons.place[row]
        fields = (*well(place, wells), *query, *array, written, *numbers, end, rank, reasons.why(cross))
        lines.append("\t".join(map(str, fields)))
        place += 1
    write_text(path, "\n".join(lines) + "\n")
    return -(-place // wells)


class _Reasons:
    """Why a cross is worth making, in words."""

    def __init__(self, outcome: ScreenOutcome, partners: Sequence[Enrichment]) -> None:
        self.outcome, self.place, self.terms = outcome, {}, {}
        for end in outcome.ends:
            rows = outcome.extreme_first(end).tolist()
            self.place |= {row: (rank, end) for rank, row in enumerate(rows, 1)}
        for one in partners:
            if one.q <= SURE:
                for gene in one.found.tolist():
                    self.terms.setdefault((one.name, gene), one)

    def why(self, cross: Cross) -> str:
        rank, end = self.place[cross.row]
        text = [f"number {rank} of the {end} predictions of {self.outcome.candidates.num:,}"]
        text.append("measured before" if self.outcome.known[cross.row] else "not measured in the run's data")
        if self.outcome.training is not None:
            seen = self.outcome.training[cross.row]
            text.append(f"rarest gene in {seen[seen >= 0].min():,} training genotypes")
        one = self.terms.get((",".join(self.outcome.genes.names(cross.query)), cross.array))
        if one is not None:
            text.append(f"one of {len(one.found)} partners of the query in `{one.term}`")
        return "; ".join(text)
