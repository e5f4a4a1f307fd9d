"""The study's page: tables and a picture from whatever lies in the run folder."""

from __future__ import annotations

import os
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from gi_jax.config.study import StudyConfig
from gi_jax.errors import GiJaxError
from gi_jax.evaluation.coverage import ALL, NEVER, OFTEN, SELDOM
from gi_jax.files import check_folder, check_writable, read_text, replacing_together, write_text
from gi_jax.study.cells import Cell, State
from gi_jax.study.kept import write_kept
from gi_jax.study.picture import plot_study
from gi_jax.study.results import Result
from gi_jax.study.summary import summary

BEGIN, END = "<!-- study: written by gi-jax study from here -->", "<!-- study: to here -->"

Block = dict[str, list[Result | None]]  # a dataset and split: row -> a result per seed, None where missing


def write_report(study: StudyConfig, cells: Sequence[Cell]) -> None:
    """Writes the picture, the file of results and, between the markers of the document, the tables.

    A document that is not there yet is created.

    Raises:
      GiJaxError: the document has no markers, or not in this order.
    """
    states = [cell.state() for cell in cells]
    if study.results:
        done = [cell for cell, state in zip(cells, states, strict=True) if state is State.DONE]
        write_kept(study.results, {c.name: (c.relevant(c.config), c.results()) for c in done})
    blocks = collect(study, cells, states)
    run = {title: block for title, block in blocks.items() if any(map(any, block.values()))}
    document, picture = Path(study.document), Path(study.picture)
    before, after = surroundings(document)
    for path in (document, picture):
        path.parent.mkdir(parents=True, exist_ok=True)
    with replacing_together(picture.parent) as new:
        plot_study(new / picture.name, {title: pearsons(block) for title, block in (run or blocks).items()})
    link = f"![Test Pearson by dataset and split]({os.path.relpath(picture, document.parent)})"
    parts = [count(states), *_leads(blocks), link, *(_section(title, block) for title, block in run.items())]
    write_text(document, f"{before}{BEGIN}\n\n" + "\n\n".join(parts) + f"\n\n{END}{after}")


def surroundings(document: Path) -> tuple[str, str]:
    """What stands before and after the tables in the document; a title if it is not there yet.

    Raises:
      GiJaxError: the document has no markers, not in this order, or is no text.
    """
    try:
        text = read_text(document) if document.exists() else f"# Accuracy\n\n{BEGIN}\n{END}\n"
    except UnicodeDecodeError as error:
        raise GiJaxError(f"{document}: is no UTF-8 text ({error.reason}); save it as such") from None
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise GiJaxError(
            f"{document}: has no place for the tables; put these lines where they shall go: {BEGIN} and {END}"
        )
    return before, after


def check_report(study: StudyConfig) -> None:
    """Tries, before the work, whether the files of the report can be written; makes their folders.

    Raises:
      GiJaxError: one of them cannot.
    """
    written = (study.document, study.picture, *filter(None, [study.results]))
    for path in map(Path, written):
        check_folder(path.parent, create=True)
        check_writable(path)
    surroundings(Path(study.document))


def collect(study: StudyConfig, cells: Sequence[Cell], states: Sequence[State]) -> dict[str, Block]:
    """The results of all cells that are done, by dataset and split, baselines first."""
    blocks: dict[str, Block] = {}
    for cell, state in zip(cells, states, strict=True):
        block = blocks.setdefault(f"{cell.dataset}, {cell.split} split", {})
        results, seeds = cell.results() if state is State.DONE else {}, study.seeds_for(cell.split)
        for row in cell.rows:
            block.setdefault(row, [None] * len(seeds))[seeds.index(cell.seed)] = results.get(row)
    return blocks


def pearsons(block: Block) -> dict[str, list[float]]:
    """Test Pearson of every seed that was run, by row."""
    return {row: _present(results, lambda result: result.pearson) for row, results in block.items()}


def count(states: Sequence[State]) -> str:
    """How many of the planned cells the tables hold, in a sentence or two."""
    sentence = (
        f"{states.count(State.DONE):,} of {len(states):,} planned cells were run (a cell: one row, or all "
        "baselines together, on one dataset, split and seed)."
    )
    if changed := states.count(State.CHANGED):
        sentence += f" {changed:,} more were run with other settings and are not shown."
    return sentence


def _section(title: str, block: Block) -> str:
    """The table of one dataset and split, and below it what lies behind the predictions of its models."""
    seeds = len(next(iter(block.values())))
    run = sum(result is not None for results in block.values() for result in results)
    accuracy = _table(
        ("", "Pearson", "Spearman", "RMSE", "validation Pearson", "training Pearson", "seconds", "seeds"),
        (
            (
                _words(row),
                spread(results, lambda result: result.pearson),
                spread(results, lambda result: result.spearman),
                spread(results, lambda result: result.rmse, "#.3g"),
                spread(results, lambda result: result.val_pearson),
                spread(results, lambda result: result.train_pearson),
                spread(results, lambda result: result.seconds, ",.0f", deviation=False),
                f"{sum(result is not None for result in results)} of {seeds}",
            )
            for row, results in block.items()
        ),
    )
    parts = [f"### {title}", f"{run} of {len(block) * seeds} results.", accuracy]
    done = {row: [r for r in results if r] for row, results in block.items()}
    parts.append(_table(*_columns({row: found for row, found in done.items() if found}, _LISTS)))
    trained = {row: [r for r in results if r.parameters] for row, results in done.items()}
    if any(trained.values()):
        parts.append(_table(*_columns(trained, _INSIDE)))
    return "\n\n".join(parts)


def _leads(blocks: Mapping[str, Block]) -> list[str]:
    """Who is ahead where, if anything can be compared yet."""
    header, rows = summary(blocks)
    return [_table(header, rows)] if rows else []


def _columns(
    results: Mapping[str, list[Result]], columns: Mapping[str, Callable[[list[Result]], str]]
) -> tuple[tuple[str, ...], Iterable[tuple[str, ...]]]:
    """Those columns of the rows that have results, but for columns in which no row has a number."""
    rows = {
        row: {name: column(found) for name, column in columns.items()}
        for row, found in results.items()
        if found
    }
    used = [name for name in columns if any(values[name] != "-" for values in rows.values())]
    return ("", *used), ((_words(row), *(values[name] for name in used)) for row, values in rows.items())


def _covered(group: str) -> Callable[[list[Result]], str]:
    return lambda r: spread(r, lambda one: (one.covered or {}).get(group), ".1%", deviation=False)


# Of lists of strong interactions (average precision, enrichment of the first hundred), and of intervals.
_LISTS: dict[str, Callable[[list[Result]], str]] = {
    "precision neg.": lambda r: spread(r, lambda one: one.negative_precision),
    "precision pos.": lambda r: spread(r, lambda one: one.positive_precision),
    "enrichment neg.": lambda r: spread(r, lambda one: one.negative_enrichment, ".1f"),
    "enrichment pos.": lambda r: spread(r, lambda one: one.positive_enrichment, ".1f"),
    **{f"covered, {group}": _covered(group) for group in (ALL, OFTEN, SELDOM, NEVER)},
}
# What goes on inside a model.
_INSIDE: dict[str, Callable[[list[Result]], str]] = {
    "parameters": lambda r: spread(r, lambda one: one.parameters, ",.0f", deviation=False),
    "epochs": lambda r: spread(r, lambda one: one.epochs, ".0f", deviation=False),
    "genotypes/s": lambda r: spread(r, lambda one: one.genotypes_per_second, ",.0f", deviation=False),
    "share global": lambda r: spread(r, lambda one: one.global_share, ".2f"),
    "share local": lambda r: spread(r, lambda one: one.local_share, ".2f"),
    "Pearson global": lambda r: spread(r, lambda one: one.global_pearson, ".2f"),
    "Pearson local": lambda r: spread(r, lambda one: one.local_pearson, ".2f"),
    "weight global": lambda r: spread(r, lambda one: one.global_weight, ".2f"),
    "pooled spread": lambda r: spread(r, lambda one: one.pooled_spread, ".1e", deviation=False),
}


def spread(
    results: Sequence[Result | None],
    value: Callable[[Result], float | None],
    form: str = ".3f",
    *,
    deviation: bool = True,
) -> str:
    """`mean ± standard deviation` (n - 1) over the seeds that have the number; `-` if none has."""
    values = _present(results, value)
    if not values:
        return "-"
    text = format(statistics.mean(values), form)
    return f"{text} ± {statistics.stdev(values):{form}}" if deviation and len(values) > 1 else text


def _present(results: Sequence[Result | None], value: Callable[[Result], float | None]) -> list[float]:
    found = [value(result) for result in results if result is not None]
    return [number for number in found if number is not None]


def _words(row: str) -> str:
    return row.replace("_", " ")


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Markdown, numbers to the right."""
    rule = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (header, rule, *rows))
