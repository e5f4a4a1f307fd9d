"""Genetic interactions of the SGA screens: Costanzo et al. 2016 and 2010, and the output of the SGA pipeline.

* 2016 (`SGA_NxN.txt` and its sisters): 11 columns under a header; epsilon and its p-value. A score or a
  fitness that is missing is `NaN` or nothing.
* 2010: no header; 13 columns (raw) or 7 (cut off): query ORF and name, array ORF and name, epsilon, SD, p.
  The further columns of the raw file are not used, and their meaning was not checked on a file.
* Pipeline: no header, 12 columns. Column 3 is a score on colony sizes and not epsilon, which is
  column 11 (fitness of the double mutant) less column 10 (expected fitness).
* Scored table of the pipeline: 6 columns under a header. Its header says "epsilon or tau", but the numbers of
  triple mutants are epsilon, not corrected for the pairs inside; so triple mutants are dropped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gi_jax.data.formats.columns import CATEGORY, NUMBER, Layout, Part, read_parts
from gi_jax.data.importers.importer import Head, Imported, Importer, ImportOptions, not_this, read_head
from gi_jax.data.importers.mutations import (
    Measurements,
    Mutation,
    Mutations,
    ReadStrain,
    to_genotypes,
)
from gi_jax.data.importers.strains import sga_strain
from gi_jax.errors import GiJaxError
from gi_jax.numbers import plain_number

EXPECTED = "a table of SGA scores (11, 13, 12, 7 or 6 columns, tab separated)"


@dataclass(frozen=True)
class _Form:
    """Where a layout has what; `minus` is a column to take from the score."""

    study: str
    skip: int  # lines of header
    columns: int
    query: int
    query_allele: int | None
    array: int
    array_allele: int | None
    score: int
    p_value: int
    minus: int | None = None
    singles_only: bool = False


_FORMS = (
    _Form("costanzo2016", 1, 11, 0, 1, 2, 3, 5, 6),
    _Form("costanzo2010", 0, 13, 0, None, 2, None, 4, 6),
    _Form("costanzo2010", 0, 7, 0, None, 2, None, 4, 6),
    _Form("sga_pipeline", 0, 12, 0, None, 1, None, 10, 4, minus=9),
    _Form("sga_scored_triples", 1, 6, 0, None, 1, None, 2, 3, singles_only=True),
)


def recognises(head: Head) -> bool:
    """Whether a file is one of these tables."""
    return _form(head) is not None


def _form(head: Head) -> _Form | None:
    fields = head.fields()
    header = fields[:1] == ["query strain id"]
    for form in _FORMS:
        if form.columns != len(fields) or header != bool(form.skip):
            continue
        if header:
            return form if any("genetic interaction score" in name for name in fields) else None
        numbers = [plain_number(fields[k]) is not None for k in (form.score, form.p_value)]
        return form if all(numbers) and plain_number(fields[0]) is None else None
    return None


def read(files: Sequence[Path], options: ImportOptions) -> Imported:
    """Reads tables of one form or of several; all of them become one table of genotypes.

    Raises:
      GiJaxError: a file of another layout, a line with too few or too many fields, a score that is no number,
        or no measurement left.
    """
    form, strain, study = None, sga_strain(options.genes), ""
    measured = Measurements(Mutations(strain))
    for path in files:
        head = read_head(path)
        form = _form(head)
        if form is None:
            raise not_this(path, EXPECTED, head.lines[0])
        if study and form.study != study:
            raise GiJaxError(
                f"{path}: is of {form.study}, the files before it of {study}; import each by itself"
            )
        study = form.study
        if form.singles_only:
            measured.mutations.read = _singles(strain)
        for part in read_parts(path, _layout(form, head), skip=form.skip):
            _add(measured, form, part)
    table, report = to_genotypes(measured, options, ", ".join(path.name for path in files), study)
    return Imported((report,), genotypes=table)


def _singles(read_all: ReadStrain) -> ReadStrain:
    """Strains of which only single mutants count."""

    def read(strain: str, allele: str) -> Mutation:
        found = read_all(strain, allele)
        if len(found.genes) < 2:
            return found
        why = "of triple mutants, whose column says tau but holds scores that are not corrected for pairs"
        return Mutation(dropped=why)

    return read


def _layout(form: _Form, head: Head) -> Layout:
    types = {
        k: CATEGORY for k in (form.query, form.query_allele, form.array, form.array_allele) if k is not None
    }
    types |= {k: NUMBER for k in (form.score, form.p_value, form.minus) if k is not None}
    names = tuple(head.lines[0].split("\t")) if form.skip else ("",) * form.columns
    return Layout(names, types)


def _add(measured: Measurements, form: _Form, part: Part) -> None:
    score = numbers_of(part, form.score, "score")
    if form.minus is not None:
        score = score - numbers_of(part, form.minus, "expected fitness")
    query = strain_codes(measured.mutations, part, form.query, form.query_allele)
    array = strain_codes(measured.mutations, part, form.array, form.array_allele)
    measured.add(query, array, score, numbers_of(part, form.p_value, "p-value"), part.lines)


def numbers_of(part: Part, column: int, what: str) -> np.ndarray:
    """A column of numbers, NaN where one is missing.

    Raises:
      GiJaxError: a text that is neither a number nor known to stand for a missing one.
    """
    for row in part.odd.get(column, ())[:1]:
        text = part.text(row, column)
        comma = " with a decimal point" if plain_number(text.replace(",", ".", 1)) is not None else ""
        raise GiJaxError(
            f"{part.where(row)}: the {what} is `{text.strip()[:60]}`, expected a number{comma}, or nothing "
            "or NaN where it is missing; correct this line"
        )
    return part.numbers(column)


def strain_codes(mutations: Mutations, part: Part, strain: int, allele: int | None) -> np.ndarray:
    """The numbers of the strains in a column `[M]` int32, each read once with the allele beside it."""
    codes, meant = part.categories(strain)
    if allele is None:
        known = [mutations.code(name) for name in meant]
    else:
        own, names = part.categories(allele)
        first = np.full(len(meant), -1, np.int64)
        first[codes[::-1]] = np.arange(len(codes) - 1, -1, -1)
        known = [
            mutations.code(name, names[own[row]]) if row >= 0 else 0
            for name, row in zip(meant, first.tolist(), strict=True)
        ]
    return np.array(known, np.int32)[codes]


IMPORTER = Importer("SGA scores: Costanzo et al. 2016 and 2010, pipeline output", recognises, read)
