"""Named sets of genes, such as the terms of the Gene Ontology: bundled ones, GMT, GAF and tables."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from gi_jax.data.bundled import bundled_features
from gi_jax.data.formats.feature_files import FeatureSource, load_features
from gi_jax.data.formats.tables import read_lines
from gi_jax.data.gene_list import GeneList
from gi_jax.data.importers.annotation import read_gaf, recognises_gaf
from gi_jax.data.importers.importer import ImportOptions, read_head
from gi_jax.data.load_report import LeftOut, SourceReport, examples
from gi_jax.errors import GiJaxError
from gi_jax.files import user_path


class GeneCollection(NamedTuple):
    """T sets over the N genes of a list."""

    name: str
    terms: tuple[str, ...]  # T
    members: np.ndarray  # [T, N] bool


def load_gene_collection(genes: GeneList, source: str | Path) -> tuple[GeneCollection, SourceReport]:
    """Reads named sets of genes.

    Args:
      source: the name of a bundled table of sets (`go_process`), or a file, plain or gzip: GMT (a set a
        line: its name, a remark, its genes, separated by tabs), GAF annotation (as `gi-jax import gaf`
        reads it), or a table with the columns `gene` and `set`.

    Returns:
      The sets with one known gene or more, and what was read and left out.

    Raises:
      GiJaxError: no such file or bundled table, a file of another layout, a set that stands twice, or no gene
        of the list.
    """
    if str(source) in bundled_features():
        return _from_table(genes, str(source))
    path = user_path(source)
    if not path.exists():
        raise GiJaxError(
            f"{path}: no such file; expected sets of genes as GMT, GAF or a table with the columns gene and "
            "set, or the bundled go_process"
        )
    head = read_head(path)
    if recognises_gaf(head):
        return _from_gaf(genes, path)
    if head.fields() == ["gene", "set"]:
        return _from_table(genes, FeatureSource(path.name, path))
    if ".gmt" in [suffix.lower() for suffix in path.suffixes] or len(head.fields()) > 2:
        return _from_gmt(genes, path)
    raise GiJaxError(
        f"{path}, line {head.numbers[0]}: begins with `{head.lines[0].strip()[:60]}`, expected GMT (name, "
        "remark and genes, separated by tabs), GAF, or a table with the columns gene and set"
    )


def _from_table(genes: GeneList, source: str | FeatureSource) -> tuple[GeneCollection, SourceReport]:
    (table,), report = load_features(genes, [source])
    values = table.values.T  # NaN for genes that are in no set
    if not ((values == 0.0) | (values == 1.0) | np.isnan(values)).all():
        raise GiJaxError(
            f"{table.name} is a table of numbers and holds no sets of genes; name go_process or a file"
        )
    return _collection(table.name, table.columns, values == 1.0), report.sources[0]


def _from_gaf(genes: GeneList, path: Path) -> tuple[GeneCollection, SourceReport]:
    found = read_gaf([path], ImportOptions(genes))
    terms = sorted({term for _, term in found.gene_sets})
    row = {term: k for k, term in enumerate(terms)}
    members = np.zeros((len(terms), len(genes)), bool)
    for gene, term in found.gene_sets:
        members[row[term], gene] = True
    return _collection(path.name, terms, members), found.reports[0]


def _from_gmt(genes: GeneList, path: Path) -> tuple[GeneCollection, SourceReport]:
    lines: dict[str, int] = {}
    members, unknown, read = [], [], 0
    for number, line in enumerate(read_lines(path), 1):
        if not line.strip():
            continue
        term, *rest = [field.strip() for field in line.split("\t")]
        if len(rest) < 2 or not term:
            raise GiJaxError(
                f"{path}, line {number}: found {1 + len(rest)} fields, expected those of GMT: the name of a "
                "set, a remark (which may be blank) and its genes, separated by tabs"
            )
        if term in lines:
            raise GiJaxError(
                f"{path}, line {number}: the set `{term}` stands already on line {lines[term]}; give one of "
                "them another name"
            )
        lines[term], row = number, np.zeros(len(genes), bool)
        for name in filter(None, rest[1:]):
            read += 1
            gene = genes.find(name)
            if gene is None:
                unknown.append(name)
            else:
                row[gene] = True
        members.append(row)
    if read == len(unknown):
        shown = genes.unknown(unknown[0]) if unknown else "it names no gene"
        raise GiJaxError(
            f"{path}: {shown}, and none of its genes is; use the names of the gene list, or another file"
        )
    left = (
        (LeftOut(len(unknown), "of genes that are not in the gene list", examples(unknown)),)
        if unknown
        else ()
    )
    collection = _collection(path.name, list(lines), np.array(members))
    return collection, SourceReport(path.name, "entries of gene sets", read, read - len(unknown), left)


def _collection(name: str, terms: tuple[str, ...] | list[str], members: np.ndarray) -> GeneCollection:
    """Without sets that have none of the genes."""
    kept = np.flatnonzero(members.any(axis=1))
    return GeneCollection(name, tuple(terms[k] for k in kept), members[kept])
