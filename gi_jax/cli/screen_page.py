"""What `gi-jax screen --report` adds to a screen: what it asks for beforehand, and the page afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa
from rich.console import Console

from gi_jax.data.gene_collections import GeneCollection, load_gene_collection
from gi_jax.data.gene_list import GeneList
from gi_jax.data.gene_names import are_yeast_names
from gi_jax.errors import GiJaxError
from gi_jax.files import check_folder
from gi_jax.predict.screen import Screen
from gi_jax.runs.measured import RunData

if TYPE_CHECKING:  # with Matplotlib, for which a screen without a page need not wait
    from gi_jax.report.screen import Bench

BUNDLED = "go_process"


class PageOrder(NamedTuple):
    """The page that was asked for, checked before hours of work."""

    folder: Path
    collections: tuple[GeneCollection, ...]
    bench: Bench


def order_page(
    folder: Path | None,
    run: Path,
    genes: GeneList,
    gene_sets: Sequence[str] | None,
    wells: int | None,
    crosses: int | None,
    console: Console,
    *,
    shard: bool,
) -> PageOrder | None:
    """Reads the gene sets and tries the folders; None if no page is asked for.

    Args:
      gene_sets: names and files, see `load_gene_collection`; the bundled biological processes if none is
        given and the genes are those of yeast.
      wells, crosses: see `Bench`, whose defaults stand in for None.
      shard: whether the screen is a part of one, which has no page.

    Raises:
      GiJaxError: a page of a shard, an option of a page that is not asked for, a wrong file of gene sets, a
        folder that cannot be written to, plates of other wells, or a damaged record of test genotypes.
    """
    asked = {"--gene-sets": gene_sets, "--wells": wells, "--crosses": crosses}
    if folder is None:
        if given := [name for name, value in asked.items() if value]:
            raise GiJaxError(f"{given[0]} is about the page of a screen; name its folder with --report")
        return None
    if shard:
        raise GiJaxError("a shard is a part of a screen and has no page; leave out --report or --shard")
    from gi_jax.report.screen import Bench
    from gi_jax.report.screen.record import read_spread, read_tests

    default = Bench()
    bench = Bench(wells or default.wells, default.crosses if crosses is None else crosses)
    check_folder(folder)
    read_tests(run)  # a damaged record is told of now
    read_spread(run)
    collections = []
    for source in gene_sets or ((BUNDLED,) if are_yeast_names(genes.ids) else ()):
        collection, report = load_gene_collection(genes, source)
        collections.append(collection)
        if gene_sets:
            console.print(str(report), soft_wrap=True, markup=False)
    return PageOrder(folder, tuple(collections), bench)


def check_countable(work: Screen) -> None:
    """Raises a `GiJaxError` if the genotypes of a screen cannot be counted for a page."""
    from gi_jax.report.screen.candidates import check_candidates

    check_candidates(work.wanted)


def write_page(
    order: PageOrder,
    work: Screen,
    table: pa.Table,
    run: Path,
    data: RunData | None,
    study: str | None,
    *,
    unmeasured: bool,
    console: Console,
) -> None:
    """Writes the page of a screen that came to its end, and says where it is.

    Args:
      table: the result of the screen, see `screen_table`.
      data: what the run was trained on, where it can be read.
      unmeasured: measured genotypes were left out.
    """
    from gi_jax.report.screen import outcome_of, write_screen_report
    from gi_jax.report.screen.page import PAGE

    outcome = outcome_of(
        work,
        table,
        measured=None if data is None else data.of_study(study),
        left_out=data.table if unmeasured and data is not None else None,
        study=study,
    )
    names = write_screen_report(
        order.folder, outcome, work.predictor, run, collections=order.collections, bench=order.bench
    )
    others = ", ".join(name for name in names if name != PAGE)
    console.print(f"the page of the screen is {order.folder / PAGE}; beside it are {others}", soft_wrap=True)
