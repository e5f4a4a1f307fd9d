"""BioGRID downloads, TAB 3.0 and 2.0.

Physical rows become an undirected network. Scores of genetic rows mix scales between publications (and are
p-values or confidences in some), so they are labels only for the one publication that is asked for. `-` is a
missing value.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gi_jax.data.formats.columns import CATEGORY, TEXT, Layout, Part, read_parts
from gi_jax.data.importers.edge_rows import EdgeRows, use_lines
from gi_jax.data.importers.importer import Head, Imported, Importer, ImportOptions, not_this, read_head
from gi_jax.data.importers.mutations import (
    Measurements,
    Mutation,
    Mutations,
    ReadStrain,
    to_genotypes,
)
from gi_jax.data.importers.strains import NO_GENE
from gi_jax.data.load_report import LeftOut
from gi_jax.errors import GiJaxError
from gi_jax.numbers import plain_number

NAMES = ("systematic name interactor a", "systematic name interactor b")
SYMBOLS = ("official symbol interactor a", "official symbol interactor b")
TYPE, SCORE = "experimental system type", "score"
PUBLICATIONS = ("publication source", "pubmed id")
SYSTEM = "experimental system"


def recognises(head: Head) -> bool:
    """Whether a file is a BioGRID table."""
    return head.fields()[:1] in (["#biogrid interaction id"], ["biogrid interaction id"])


def read(files: Sequence[Path], options: ImportOptions) -> Imported:
    """Reads tables: physical rows as the network `biogrid_physical`, genetic ones of a publication as
    genotypes.

    Raises:
      GiJaxError: a file of another layout, a score that is no number, or neither an edge nor a genotype.
    """
    edges, dropped = EdgeRows(options.genes), {}
    measured = Measurements(Mutations(_gene(options)))
    read_rows = 0
    for path in files:
        head = read_head(path)
        position, layout = _layout(path, head)
        for part in read_parts(path, layout, skip=head.numbers[0]):
            read_rows += len(part)
            codes, kinds = part.categories(position[TYPE])
            physical = np.array([kind.lower() == "physical" for kind in kinds], bool)[codes]
            names = [_names(part, position, side) for side in (0, 1)]
            _add_edges(edges, names, physical)
            genetic = np.flatnonzero(~physical)
            if options.publication is None:
                _count(dropped, "of genetic interactions: no publication was asked for", len(genetic))
            else:
                _add_scores(measured, part, position, names, genetic, options.publication, dropped)
    source = ", ".join(path.name for path in files)
    networks, reports, table = [], [], None
    if edges.read:
        network, report = edges.network(f"{options.name or 'biogrid'}_physical", source, directed=False)
        networks.append(network)
        reports.append(report)
    if options.publication is not None:
        study = f"biogrid_{options.publication.lower().replace(':', '')}"
        measured.dropped.update(dropped)
        measured.read += sum(dropped.values())
        table, report = to_genotypes(measured, options, source, study)
        reports.append(report)
    elif reports and dropped:
        last = reports[-1]
        lost = tuple(LeftOut(count, why) for why, count in dropped.items())
        reports[-1] = type(last)(
            last.source, last.unit, read_rows, last.kept, (*lost, *last.left_out), last.notes
        )
    if not networks and table is None:
        raise GiJaxError(
            f"{source}: has no physical interaction; for scores of genetic ones name their publication with "
            "--publication, as PUBMED:27708008"
        )
    return Imported(tuple(reports), table, tuple(networks), hints=use_lines(networks) if networks else ())


def _layout(path: Path, head: Head) -> tuple[dict[str, int], Layout]:
    fields = head.fields()
    if not recognises(head):
        raise not_this(path, "a BioGRID table (TAB 2.0 or 3.0)", head.lines[0])
    publication = next((name for name in PUBLICATIONS if name in fields), PUBLICATIONS[0])
    wanted = (*NAMES, *SYMBOLS, TYPE, SYSTEM, SCORE, publication)
    if missing := [name for name in wanted if name not in fields]:
        raise GiJaxError(
            f"{path}, line {head.numbers[0]}: found no column `{missing[0]}`; expected those of a BioGRID "
            "table (TAB 2.0 or 3.0), separated by tabs"
        )
    position = {name: fields.index(name) for name in wanted}
    position["publication"] = position[publication]
    types = {k: TEXT if name == SCORE else CATEGORY for name, k in position.items()}
    return position, Layout(tuple(head.lines[0].split("\t")), types)


def _names(part: Part, position: dict[str, int], side: int) -> np.ndarray:
    """Systematic names `[M]`, the symbol where there is none."""
    codes, systematic = part.categories(position[NAMES[side]])
    own, symbols = part.categories(position[SYMBOLS[side]])
    found = np.array(systematic, object)[codes]
    return np.where(found == "-", np.array(symbols, object)[own], found)


def _add_edges(edges: EdgeRows, names: list[np.ndarray], rows: np.ndarray) -> None:
    if rows.any():
        src, dst = (names[side][rows] for side in (0, 1))
        edges.add(
            edges.ids(src.tolist()),
            edges.ids(dst.tolist()),
            np.ones(len(src)),
            lambda row: f"{src[row]} {dst[row]}",
        )


def _add_scores(
    measured: Measurements, part: Part, position: dict[str, int], names: list[np.ndarray], rows: np.ndarray,
    publication: str, dropped: dict[str, int],
) -> None:  # fmt: skip
    codes, meant = part.categories(position["publication"])
    wanted = {publication.lower(), publication.lower().removeprefix("pubmed:")}
    of = np.array([name.lower() in wanted for name in meant], bool)[codes]
    _count(dropped, "of other publications", int((~of[rows]).sum()))
    rows = rows[of[rows]]
    if not len(rows):
        return
    texts = part.columns[position[SCORE]]
    scores = np.empty(len(rows))
    for k, row in enumerate(rows.tolist()):
        text = texts[row].as_py().strip()
        value = np.nan if text in ("-", "") else plain_number(text)
        if value is None:
            raise GiJaxError(
                f"{part.where(row)}: the score is `{text[:60]}`, expected a number or `-`; the scores of "
                "this publication are no labels"
            )
        scores[k] = value
    query, array = (
        np.array([measured.mutations.code(name) for name in names[side][rows]], np.int32) for side in (0, 1)
    )
    measured.add(query, array, scores, np.full(len(rows), np.nan, np.float32), part.lines[rows])


def _gene(options: ImportOptions) -> ReadStrain:
    """Reads names of genes, of which all count as deletions."""

    def read(name: str, _: str) -> Mutation:
        found = options.genes.look_up(name)
        if found.gene is None:
            return Mutation(dropped=NO_GENE)
        return Mutation((found.gene,), note=found.note if found.how != "systematic name" else "")

    return read


def _count(dropped: dict[str, int], why: str, rows: int) -> None:
    if rows:
        dropped[why] = dropped.get(why, 0) + rows


IMPORTER = Importer(
    "BioGRID tables (TAB 2.0 and 3.0): physical network, scores of one publication", recognises, read
)
