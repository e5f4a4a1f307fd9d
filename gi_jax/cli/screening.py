"""The parts of `gi-jax screen`: what was measured, and a screen that is shown while it runs."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from gi_jax.data.genotype_table import GenotypeTable
from gi_jax.predict.screen import Screen


def measured_scores(table: GenotypeTable) -> dict[frozenset[int], float]:
    """Mean measured score of every set of genes, over studies."""
    total = np.bincount(table.set_ids, table.score) / np.bincount(table.set_ids)
    first = np.unique(table.set_ids, return_index=True)[1]
    sets = (gene_set(genotype, table.num_genes) for genotype in table.genes[first])
    return dict(zip(sets, total.tolist(), strict=True))


def gene_set(genotype: np.ndarray, num_genes: int) -> frozenset[int]:
    """The gene ids of a padded row."""
    return frozenset(gene for gene in genotype.tolist() if gene < num_genes)


def run_shown(work: Screen, console: Console) -> int:
    """Runs a screen under a progress bar, or a line for every tenth; returns how many genotypes it did."""
    total, done, tenth = work.num_genotypes, 0, 0
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
