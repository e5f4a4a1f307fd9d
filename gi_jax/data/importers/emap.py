"""Matrices of scores: exports of the E-MAP toolbox, `.pcl` and `.cdt` files of clustering programs.

Rows are queries and columns arrays. A blank is a missing measurement, and everything else a score. Labels
carry the allele after a dash (`CDC27 - DAmP`, `YAR007C - YAR007C` for one that is no deletion, `GSP1 -
A180T`); in the supplement of Collins et al. 2007 gene, mutation and marker stand in three rows and columns.
A `.cdt` file has 0.000000 where its `.pcl` has a blank, so its zeros are refused unless they are said to be
measured or missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from gi_jax.data.formats.columns import MISSING
from gi_jax.data.formats.tables import read_lines
from gi_jax.data.gene_list import GeneList
from gi_jax.data.importers.importer import Head, Imported, Importer, ImportOptions, not_this
from gi_jax.data.importers.mutations import (
    DELETION,
    Measurements,
    Mutation,
    Mutations,
    ReadStrain,
    to_genotypes,
)
from gi_jax.data.importers.strains import NO_GENE
from gi_jax.errors import GiJaxError
from gi_jax.numbers import plain_number

_WEIGHTS = ("gweight", "eweight", "aid")
_DELETIONS = ("deletion", "del", "delta", "Δ", "ko", "")


class _Matrix(NamedTuple):
    """Where things stand in the lines of a file, from 0."""

    header: int  # the line of column labels
    first_row: int
    labels: tuple[int, ...]  # columns that label a row
    first_column: int
    deep: int = 1  # lines that label a column


def recognises(head: Head) -> bool:
    """Whether a file is a matrix of scores."""
    return len(head.fields()) > 2 and _layout(head.lines) is not None


def _layout(lines: Sequence[str]) -> _Matrix | None:
    rows = [[text.strip() for text in line.split("\t")] for line in lines]
    if not rows or len(rows[0]) < 2:
        return None
    first = [name.lower() for name in rows[0]]
    if "gweight" in first[:5]:
        start = first.index("gweight") + 1
        label = first.index("orf") if "orf" in first[:start] else 0 if first[0] != "gid" else 1
        body = next((k for k, row in enumerate(rows) if k and row[0].lower() not in _WEIGHTS), len(rows))
        return _Matrix(0, body, (label,), start)
    if first[0] in ("gene", "", "orf", "query", "id") and len(rows) > 1:
        deep = 1
        while deep < min(3, len(rows)) and rows[deep][0].lower() in ("mutation", "marker", "allele"):
            deep += 1
        if deep > 1 and len(rows) > deep:
            # The corner names the label columns too: Gene, Mutation, Marker.
            side = next((k for k, text in enumerate(rows[0]) if k and text), 1)
            side = max(side, deep) if _is_number_or_missing(rows[deep][deep:]) else side
            return _Matrix(0, deep, tuple(range(min(side, 2))), side, deep)
        if _is_number_or_missing(rows[1][1:]) and not _is_number_or_missing(rows[0][1:]):
            return _Matrix(0, 1, (0,), 1)
    return None


def _is_number_or_missing(texts: Sequence[str]) -> bool:
    return all(text.lower() in MISSING or plain_number(text) is not None for text in texts)


def read(files: Sequence[Path], options: ImportOptions) -> Imported:
    """Reads matrices; all of them become one table of genotypes.

    Raises:
      GiJaxError: a file that is no such matrix, a row with too few or too many fields, a field that is no
        number, zeros of a `.cdt` file, or no measurement left.
    """
    measured = Measurements(Mutations(_labels(options.genes)))
    for path in files:
        _read_matrix(path, measured, options)
    study = files[0].name.split(".")[0]
    table, report = to_genotypes(measured, options, ", ".join(path.name for path in files), study)
    return Imported((report,), genotypes=table)


def _read_matrix(path: Path, measured: Measurements, options: ImportOptions) -> None:
    lines = read_lines(path)
    numbers = [number for number, line in enumerate(lines) if line.strip()]
    rows = [lines[number].split("\t") for number in numbers]
    form = _layout([lines[number] for number in numbers[:40]])
    if form is None:
        raise not_this(path, "a matrix with names of genes in its first row and column", lines[numbers[0]])
    header = rows[form.header : form.header + form.deep]
    arrays = [
        _label([row[k] if k < len(row) else "" for row in header])
        for k in range(form.first_column, len(header[0]))
    ]
    array = np.array([measured.mutations.code(label) for label in arrays], np.int32)
    scores, queries, line_numbers = [], [], []
    for number, fields in zip(numbers[form.first_row :], rows[form.first_row :], strict=True):
        if len(fields) != len(header[0]):
            raise GiJaxError(
                f"{path}, line {number + 1}: found {len(fields)} fields, expected {len(header[0])} as in the "
                "first line, separated by tabs; correct this line"
            )
        scores.append(_numbers(path, number + 1, fields, form.first_column))
        queries.append(measured.mutations.code(_label([fields[k] for k in form.labels])))
        line_numbers.append(number + 1)
    if not scores:
        raise GiJaxError(f"{path}: has column labels but no row of scores")
    values = np.array(scores)
    is_cdt = rows[0][0].strip().upper() == "GID" or path.name.lower().endswith((".cdt", ".cdt.gz"))
    zeros = int((values == 0).sum())
    if is_cdt and zeros and options.missing != 0 and not options.zeros_are_measured:
        raise GiJaxError(
            f"{path}, line {line_numbers[int((values == 0).any(axis=1).argmax())]}: {zeros:,} of "
            f"{values.size:,} scores are 0, and a .cdt file has 0 where nothing was measured; import the "
            ".pcl file it was made of, or say --missing 0 or --zeros-are-measured"
        )
    count = len(array)
    query = np.repeat(np.array(queries, np.int32), count)
    unknown = np.full(values.size, np.nan, np.float32)
    line = np.repeat(np.array(line_numbers, np.int32), count)
    measured.add(query, np.tile(array, len(queries)), values.reshape(-1), unknown, line)


def _numbers(path: Path, line: int, fields: Sequence[str], start: int) -> list[float]:
    found = []
    for column, text in enumerate(fields[start:], start + 1):
        value = np.nan if text.strip().lower() in MISSING else plain_number(text)
        if value is None or np.isinf(value):
            comma = " with a decimal point" if plain_number(text.replace(",", ".")) is not None else ""
            raise GiJaxError(
                f"{path}, line {line}, column {column}: found `{text.strip()[:40]}`, expected a "
                f"score{comma}, or nothing where none was measured; correct this field"
            )
        found.append(value)
    return found


def _label(parts: Sequence[str]) -> str:
    """Gene and mutation of a label, with a tab between them where they stand apart."""
    return "\t".join(part.strip().strip('"') for part in parts[:2])


def _labels(genes: GeneList) -> ReadStrain:
    """Reads labels such as `YAL011W`, `CDC27 - DAmP` or gene and mutation with a tab between them."""

    def read(label: str, _: str) -> Mutation:
        if "\t" in label:
            name, mutation = label.split("\t", 1)
        else:
            name, _, mutation = label.partition(" - ")
        name, mutation = name.strip(), mutation.strip()
        if name.upper().startswith("WT") or mutation.upper().startswith("WT"):
            return Mutation(dropped="of control strains")
        found, note = genes.look_up(name), ""
        if found.gene is None and not found.how:
            both = [genes.look_up(name + strand).gene for strand in "WC"]  # YLR176 for YLR176C
            ids = [gene for gene in both if gene is not None]
            if len(ids) != 1:
                return Mutation(dropped=NO_GENE)
            found, note = found._replace(gene=ids[0]), f"`{name}` is read as {genes.ids[ids[0]]}"
        if found.gene is None:
            return Mutation(dropped=NO_GENE)
        note = note or (found.note if found.how != "systematic name" else "")
        if mutation.lower() in _DELETIONS:
            return Mutation((found.gene,), DELETION, "", note)
        allele = "damp" if "damp" in mutation.lower() else mutation.lower()
        return Mutation((found.gene,), allele, "", note)

    return read


IMPORTER = Importer("matrices of scores: E-MAP toolbox exports, .pcl, .cdt", recognises, read)
