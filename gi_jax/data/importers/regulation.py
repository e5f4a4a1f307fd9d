"""Factors of transcription and their targets as directed networks: TFLink tables, YEASTRACT matrices."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gi_jax.data.formats.columns import CATEGORY, MISSING, Layout, read_parts
from gi_jax.data.formats.tables import read_lines
from gi_jax.data.gene_list import GeneList
from gi_jax.data.importers.edge_rows import EdgeRows, use_lines
from gi_jax.data.importers.importer import Head, Imported, Importer, ImportOptions, not_this, read_head
from gi_jax.errors import GiJaxError
from gi_jax.numbers import plain_number

FACTOR, TARGET = "name.tf", "name.target"


def recognises_tflink(head: Head) -> bool:
    """Whether a file is a table of TFLink."""
    return FACTOR in head.fields() and TARGET in head.fields()


def read_tflink(files: Sequence[Path], options: ImportOptions) -> Imported:
    """Reads TFLink's simple format: an edge for each row, from factor to target.

    A field that lists several names (`;`) stands for the first gene of the list among them; a row of which
    all names are unknown is dropped.

    Raises:
      GiJaxError: a file of another layout, or no edge between listed genes.
    """
    edges = EdgeRows(options.genes)
    for path in files:
        head = read_head(path)
        if not recognises_tflink(head):
            raise not_this(path, "a table of TFLink with the columns Name.TF and Name.Target", head.lines[0])
        places = [head.fields().index(name) for name in (FACTOR, TARGET)]
        layout = Layout(tuple(head.lines[0].split("\t")), dict.fromkeys(places, CATEGORY))
        for part in read_parts(path, layout, skip=head.numbers[0]):
            columns = [part.categories(k) for k in places]
            src, dst = (
                edges.ids(meant, lambda text: _first(options.genes, text))[codes] for codes, meant in columns
            )
            edges.add(
                src,
                dst,
                np.ones(len(src)),
                lambda row, c=columns: " ".join(meant[codes[row]] for codes, meant in c),
            )
    return _network(edges, files, options.name or "tflink")


def recognises_yeastract(head: Head) -> bool:
    """Whether a file is a matrix of 0 and 1 with names of genes around it."""
    delimiter = _delimiter(head)
    first, second = head.fields(0, delimiter), head.fields(1, delimiter)
    if len(first) < 3 or len(second) not in (len(first), len(first) + 1):
        return False
    return all(text in ("0", "1", "0.0", "1.0") for text in second[1:])


def read_yeastract(files: Sequence[Path], options: ImportOptions) -> Imported:
    """Reads matrices of YEASTRACT.

    Separated by tabs, the columns are factors and the rows targets; separated by `;`, as YEASTRACT itself
    gives them, rows are factors. Factors may be written as proteins (`Abf1p`).

    Raises:
      GiJaxError: a file of another layout, a field that is neither 0 nor 1, or no edge between listed genes.
    """
    edges, notes = EdgeRows(options.genes), []
    for path in files:
        head = read_head(path)
        if not recognises_yeastract(head):
            raise not_this(path, "a matrix of 0 and 1 with names of genes around it", head.lines[0])
        delimiter = _delimiter(head)
        by_rows = delimiter == ";"
        notes.append(f"{path.name}: {'rows' if by_rows else 'columns'} are taken for transcription factors")
        rows, columns, values = _matrix(path, delimiter)
        row_ids, column_ids = (
            edges.ids(names, lambda n: _protein(options.genes, n)) for names in (rows, columns)
        )
        r, c = np.nonzero(values)
        src, dst = (row_ids[r], column_ids[c]) if by_rows else (column_ids[c], row_ids[r])
        edges.add(
            src,
            dst,
            np.ones(len(src)),
            lambda k, r=r, c=c, rows=rows, columns=columns: f"{rows[r[k]]} {columns[c[k]]}",
        )
    edges.notes = notes + edges.notes
    return _network(edges, files, options.name or "yeastract")


def _network(edges: EdgeRows, files: Sequence[Path], name: str) -> Imported:
    network, report = edges.network(name, ", ".join(path.name for path in files), directed=True)
    return Imported((report,), networks=(network,), hints=use_lines([network]))


def _delimiter(head: Head) -> str:
    return ";" if head.lines[0].count(";") > head.lines[0].count("\t") else "\t"


def _matrix(path: Path, delimiter: str) -> tuple[list[str], list[str], np.ndarray]:
    lines = [(number, line) for number, line in enumerate(read_lines(path), 1) if line.strip()]
    header = [text.strip().strip('"') for text in lines[0][1].split(delimiter)]
    width = len(lines[1][1].split(delimiter)) - 1
    columns = header[-width:]
    names, values = [], []
    for number, line in lines[1:]:
        name, *fields = (text.strip().strip('"') for text in line.split(delimiter))
        if len(fields) != width:
            raise GiJaxError(
                f"{path}, line {number}: found {len(fields) + 1} fields, expected {width + 1} as in the "
                "second line; correct this line"
            )
        numbers = [0.0 if text.lower() in MISSING else plain_number(text) for text in fields]
        if wrong := [text for text, value in zip(fields, numbers, strict=True) if value not in (0, 1)]:
            raise GiJaxError(
                f"{path}, line {number}: found `{wrong[0][:40]}`, expected 0 or 1; correct this line"
            )
        names.append(name)
        values.append(numbers)
    return names, columns, np.array(values, float)


def _first(genes: GeneList, text: str) -> str:
    """The first of several names that the list knows, or the text as it is."""
    names = [name.strip() for name in text.split(";")]
    return next((name for name in names if genes.find(name) is not None), text)


def _protein(genes: GeneList, name: str) -> str:
    """`Abf1` for `Abf1p` where that is the gene."""
    short = name.strip()[:-1]
    protein = name.strip().endswith("p") and genes.find(name) is None and genes.find(short) is not None
    return short if protein else name


TFLINK = Importer("TFLink tables (simple format)", recognises_tflink, read_tflink)
YEASTRACT = Importer("YEASTRACT matrices", recognises_yeastract, read_yeastract)
