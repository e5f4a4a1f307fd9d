"""Digenic and trigenic scores of Kuzmin et al. 2018 and 2020: 12 columns, as text or workbook.

Columns are matched by the first eight names; in workbooks a title stands above them. `digenic` rows cross a
query pair with the neutral ho deletion, which is dropped; their score is epsilon. `trigenic` rows have tau.
Both go by the column of adjusted scores, and are studies of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from gi_jax.data.formats.columns import CATEGORY, NUMBER, Layout, read_parts
from gi_jax.data.genotype_table import joined
from gi_jax.data.importers.importer import Head, Imported, Importer, ImportOptions, not_this, read_head
from gi_jax.data.importers.mutations import Measurements, Mutations, to_genotypes
from gi_jax.data.importers.sga import numbers_of, strain_codes
from gi_jax.data.importers.strains import sga_strain
from gi_jax.errors import GiJaxError

COLUMNS = (
    "query strain id",
    "query allele name",
    "array strain id",
    "array allele name",
    "combined mutant type",
    "raw genetic interaction score (epsilon)",
    "adjusted genetic interaction score (epsilon or tau)",
    "p-value",
)
QUERY, QUERY_ALLELE, ARRAY, ARRAY_ALLELE, TYPE, SCORE, P_VALUE = 0, 1, 2, 3, 4, 6, 7
TYPES = ("digenic", "trigenic")
_SIZES = {"digenic": 2, "trigenic": 3}


def recognises(head: Head) -> bool:
    """Whether a file is one of these tables."""
    return _header(head) is not None


def _header(head: Head) -> int | None:
    """Which of the first lines names the columns."""
    for line in range(min(5, len(head.lines))):
        fields = [_plain(name) for name in head.fields(line)]
        if len(fields) >= 8 and fields[:5] == list(COLUMNS[:5]) and fields[7] == "p-value":
            return line
    return None


def _plain(name: str) -> str:
    return name.replace("ε", "epsilon").replace("τ", "tau").strip('"')


def read(files: Sequence[Path], options: ImportOptions) -> Imported:
    """Reads the tables; digenic and trigenic rows become studies of their own.

    Raises:
      GiJaxError: a file of another layout, a type that is neither digenic nor trigenic, a score that is no
        number, or no measurement left.
    """
    found = {kind: Measurements(Mutations(sga_strain(options.genes))) for kind in TYPES}
    for path in files:
        head = read_head(path)
        line = _header(head)
        if line is None:
            raise not_this(
                path, "the columns of Kuzmin et al., from Query strain ID to P-value", head.lines[0]
            )
        names = tuple(head.lines[line].split("\t"))
        types = dict.fromkeys((QUERY, QUERY_ALLELE, ARRAY, ARRAY_ALLELE, TYPE), CATEGORY)
        layout = Layout(names, types | {SCORE: NUMBER, P_VALUE: NUMBER})
        for part in read_parts(path, layout, skip=head.numbers[line]):
            codes, kinds = part.categories(TYPE)
            kinds = [kind.lower() for kind in kinds]
            for code, kind in enumerate(kinds):
                if kind not in TYPES:
                    row = int((codes == code).argmax())
                    raise GiJaxError(
                        f"{part.where(row)}: the combined mutant type is `{kind}`, expected digenic or "
                        "trigenic; correct this line"
                    )
            score, p_value = numbers_of(part, SCORE, "score"), numbers_of(part, P_VALUE, "p-value")
            for kind in TYPES:
                rows = np.isin(codes, [code for code, own in enumerate(kinds) if own == kind])
                if not rows.any():
                    continue
                into = found[kind]
                query = strain_codes(into.mutations, part, QUERY, QUERY_ALLELE)
                array = strain_codes(into.mutations, part, ARRAY, ARRAY_ALLELE)
                into.add(query[rows], array[rows], score[rows], p_value[rows], part.lines[rows])
    tables, reports = [], []
    for kind, measured in found.items():
        if not measured.read:
            continue
        _check_sizes(measured, _SIZES[kind] - 1, kind)
        source = f"{', '.join(path.name for path in files)}, {kind}"
        name = f"{options.name or 'kuzmin'}_{kind}"
        own = replace(options, name=name)
        table, report = to_genotypes(measured, own, source, name)
        tables.append(table)
        reports.append(report)
    if not tables:
        names = ", ".join(path.name for path in files)
        raise GiJaxError(f"{names}: has no row; it needs one for each measurement")
    return Imported(tuple(reports), genotypes=joined(tables))


def _check_sizes(measured: Measurements, query_genes: int, kind: str) -> None:
    """Marks queries with another number of genes than their rows say."""
    found = measured.mutations.found
    why = f"called {kind}, whose query lacks another number of genes than that"
    for row in np.unique(np.concatenate(measured.query)).tolist():
        if not found[row].dropped and len(found[row].genes) != query_genes:
            found[row] = found[row]._replace(genes=(), dropped=why)


IMPORTER = Importer("digenic and trigenic scores of Kuzmin et al. 2018 and 2020", recognises, read)
