"""The parts of `gi-jax screen`: which genotypes are meant, and a screen that is shown while it runs."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import numpy as np
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from gi_jax.data.formats.genotype_files import load_query_genotypes
from gi_jax.data.formats.query_files import load_queries
from gi_jax.data.gene_list import GeneList, load_gene_list
from gi_jax.data.gene_table import ESSENTIAL, Condition, GeneTable, read_condition
from gi_jax.errors import GiJaxError
from gi_jax.numbers import plain_integer
from gi_jax.predict.screen import Screen


class Asked(NamedTuple):
    """What the command line says of the genotypes to predict."""

    genes: Path | None
    measured: np.ndarray | None  # gene ids, with --measured-genes
    including: str
    pairs: Path | None
    queries: Path | None
    arrays: Path | None
    where: tuple[Condition, ...]
    gene_tables: Sequence[Path]


def conditions(where: Sequence[str], essential: bool | None) -> tuple[Condition, ...]:
    """Those of --where, --essential and --nonessential.

    Raises:
      GiJaxError: one has no such form.
    """
    own = () if essential is None else (Condition(ESSENTIAL, "=", "yes" if essential else "no"),)
    return (*map(read_condition, where), *own)


def check_one_source(asked: Asked, measured_genes: bool, size: int | None) -> None:
    """Raises a `GiJaxError` if options say in two ways which genotypes to predict."""
    if asked.genes is not None and measured_genes:
        raise GiJaxError("--genes and --measured-genes both say which genes to combine; give one of the two")
    if (asked.queries is None) != (asked.arrays is None):
        raise GiJaxError("--queries and --arrays go together: every query is crossed to every array gene")
    combined = (
        asked.genes is not None or measured_genes or bool(asked.including.strip(" ,")) or size is not None
    )
    ways = {
        "--pairs": asked.pairs is not None,
        "--queries": asked.queries is not None,
        "--genes, --measured-genes, --size or --including": combined,
    }
    if len(given := [name for name, used in ways.items() if used]) > 1:
        raise GiJaxError(
            f"{given[0]} and {given[1]} both say which genotypes to predict; give one of the two"
        )


def genotypes_asked_for(asked: Asked, known: GeneList, size: int | None, console: Console) -> dict[str, Any]:
    """The arguments of `Screen` that say which genotypes; notes on names go to the console.

    Raises:
      GiJaxError: a file has a mistake, or nothing meets the conditions.
    """
    wanted = _meeting(asked, known)
    if asked.pairs is not None:
        table, report = load_query_genotypes(known, asked.pairs)
        console.print(str(report))
        rows = np.asarray(np.append(wanted, True)[table.genes].all(axis=1))
        _say(asked.where, int(rows.sum()), len(table), "genotypes of genes that", console)
        return {"genotypes": table.take(rows)}
    if asked.queries is not None:
        assert asked.arrays is not None, "both are given, or none"
        queries = load_queries(known, asked.queries)
        arrays = _names(known, load_gene_list(asked.arrays).ids, wanted, asked.where, console)
        return {"queries": queries, "arrays": arrays}
    fixed = known.split(asked.including) if asked.including.strip(" ,") else []
    _tell(known, fixed, console)
    given = None
    if asked.genes is not None:
        given = load_gene_list(asked.genes).ids
    elif asked.measured is not None:
        given = known.names(asked.measured)
    elif asked.where:
        given = known.ids
    names = None if given is None else _names(known, given, wanted, asked.where, console)
    return {"genes": names, "size": 2 if size is None else size, "including": fixed}


def _meeting(asked: Asked, known: GeneList) -> np.ndarray:
    """Which genes meet all conditions: `[N]` bool."""
    wanted = np.ones(len(known), bool)
    if asked.where:
        table = GeneTable(known, asked.gene_tables)
        for condition in asked.where:
            wanted &= table.where(condition)
    elif asked.gene_tables:
        raise GiJaxError("--gene-table gives columns that --where asks for; say which genes with --where")
    return wanted


def _names(
    known: GeneList, names: Sequence[str], wanted: np.ndarray, where: Sequence[Condition], console: Console
) -> list[str]:
    """Those of some genes that meet the conditions."""
    _tell(known, names, console)
    kept = [name for name in names if wanted[known.index(name)]]
    _say(where, len(kept), len(names), "genes", console)
    return kept


def _tell(known: GeneList, names: Sequence[str], console: Console) -> None:
    for note in known.notes(names):
        console.print(f"note: {note}")


def _say(where: Sequence[Condition], kept: int, of: int, what: str, console: Console) -> None:
    if where:
        console.print(f"{kept:,} of {of:,} {what} meet {' and '.join(map(str, where))}")


def shard_of(text: str) -> tuple[int, int]:
    """Reads `2/8`."""
    number, _, of = text.partition("/")
    found = plain_integer(number), plain_integer(of)
    if found[0] is None or found[1] is None:
        raise typer.BadParameter(f"{text!r} is no part of a whole such as 2/8.")
    return found[0], found[1]


def state_file(out: Path, shard: tuple[int, int] | None) -> Path | None:
    """Where a screen that writes to `out` keeps how far it is; None beside a pipe."""
    if shard is not None:
        return out.with_name(f"{out.name}.shard-{shard[0]}-of-{shard[1]}")
    return None if out.exists() and not out.is_file() else out.with_name(f"{out.name}.state")


def described(work: Screen) -> str:
    """How many genotypes a screen predicts, and about how long that takes."""
    size, seconds = work.wanted.size, work.seconds()
    what = f"{work.num_genotypes:,} genotypes of {size} gene{'s' if size > 1 else ''} to predict"
    if work.num_done:
        what += f", {work.num_done:,} of them done"
    return what if seconds < 1 else f"{what}, in about {duration(seconds)}"


def duration(seconds: float) -> str:
    """`40 seconds`, `12 minutes`, `3.5 hours` or `9 days`."""
    for unit, length, most in (("seconds", 1, 90), ("minutes", 60, 5400), ("hours", 3600, 172_800)):
        if seconds < most:
            amount = seconds / length
            return f"{amount:.1f} {unit}" if unit == "hours" and amount < 10 else f"{amount:.0f} {unit}"
    return f"{seconds / 86_400:.0f} days"


def run_shown(work: Screen, console: Console) -> int:
    """Runs a screen under a progress bar, or a line for every tenth; returns how many genotypes are done."""
    total, done = work.num_genotypes, work.num_done
    tenth = 10 * done // max(total, 1)
    shown = (BarColumn(), MofNCompleteColumn(), TextColumn("genotypes", markup=False), TimeRemainingColumn())
    with Progress(*shown, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("screen", total=total)
        try:
            for done in work.run():
                bar.update(task, completed=done)
                if not console.is_terminal and 10 * done // total > tenth:
                    tenth = 10 * done // total
                    console.print(f"{done:,} of {total:,} genotypes")
        except KeyboardInterrupt:
            pass
    return done


@contextmanager
def sigterm_as_interrupt() -> Iterator[list[signal.Signals]]:
    """Within it SIGTERM is a `KeyboardInterrupt`, as Ctrl-C is; the list holds it once it has come."""
    received: list[signal.Signals] = []

    def interrupt(number: int, frame: FrameType | None) -> None:
        received.append(signal.Signals(number))
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield received
    finally:
        signal.signal(signal.SIGTERM, before)
