"""What genes are called beside their systematic names, and how a name that somebody wrote is understood."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import NamedTuple

from gi_jax.data.formats.tables import read_table

SEPARATOR = "|"  # between the aliases of a gene, in files
_YEAST_FILE = Path(__file__).parent / "yeast" / "names.tsv.gz"
_YEAST_NAME = re.compile(r"Y[A-P][LR]\d{3}[WC](-[A-Z])?|Q\d{4}|R00\d\d[WC]", re.IGNORECASE)
# A deletion is written swr1Δ, swr1-delta, Δswr1, swr1Δ0 or swr1Δ::kanMX; both letters look alike.
_DELETED = re.compile(r"(.+?)[-_ ]?(?:Δ|∆|delta)\d*(?:::.*)?|(?:Δ|∆|delta[-_ ])(.+)", re.IGNORECASE)
_MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
_MONTH = "|".join(_MONTHS)
# What spreadsheets make of OCT1: 1-Oct, Oct-1, 1-Oct-2021, 2021-10-01 00:00:00.
_DATES = (
    re.compile(rf"(?P<day>\d\d?)[-. /](?P<month>{_MONTH})(?:[-. /]\d\d(?:\d\d)?)?", re.IGNORECASE),
    re.compile(rf"(?P<month>{_MONTH})[-. /](?P<day>\d\d?)(?:[-. /]\d\d(?:\d\d)?)?", re.IGNORECASE),
    re.compile(r"\d{4}-(?P<month>\d\d)-(?P<day>\d\d)(?:[ T]00:00(?::00)?)?"),
)


class GeneRecord(NamedTuple):
    """What is known of one gene."""

    systematic: str
    standard: str = ""
    status: str = ""
    aliases: tuple[str, ...] = ()
    identifier: str = ""  # in the database of the organism
    description: str = ""


@dataclass(frozen=True)
class GeneNames:
    """The names of the genes of an organism, found in any case."""

    records: tuple[GeneRecord, ...]

    @cached_property
    def by_systematic(self) -> dict[str, GeneRecord]:
        """Upper-case systematic name -> record."""
        return {record.systematic.upper(): record for record in self.records}

    @cached_property
    def by_standard(self) -> dict[str, GeneRecord]:
        """Upper-case standard name -> record."""
        return {record.standard.upper(): record for record in self.records if record.standard}

    @cached_property
    def by_alias(self) -> dict[str, tuple[GeneRecord, ...]]:
        """Upper-case alias -> all genes that have it."""
        found: dict[str, dict[str, GeneRecord]] = {}
        for record in self.records:
            for alias in record.aliases:
                found.setdefault(alias.upper(), {})[record.systematic] = record
        return {alias: tuple(records.values()) for alias, records in found.items()}

    @cached_property
    def by_identifier(self) -> dict[str, GeneRecord]:
        """Upper-case identifier of the database -> record."""
        return {record.identifier.upper(): record for record in self.records if record.identifier}


def read_gene_names(path: Path) -> GeneNames:
    """Reads a table of names: columns `orf name status aliases sgdid description`, aliases separated by `|`.

    Raises:
      GiJaxError: it is no such table.
    """
    table = read_table(path, required=("orf", "name", "status", "aliases", "sgdid", "description"))
    rows = zip(*(table.columns[name] for name in table.columns), strict=True)
    return GeneNames(
        tuple(
            GeneRecord(orf, name, status, split_aliases(aliases), identifier, text)
            for orf, name, status, aliases, identifier, text in rows
        )
    )


def split_aliases(text: str) -> tuple[str, ...]:
    """The names in a field of aliases."""
    return tuple(alias.strip() for alias in text.split(SEPARATOR) if alias.strip())


@cache
def yeast_gene_names() -> GeneNames:
    """The 6,713 features of *S. cerevisiae* with their names (SGD, March 2021, CC BY 4.0)."""
    return read_gene_names(_YEAST_FILE)


def is_yeast_table(names: GeneNames) -> bool:
    """Whether these are the names that come with the package."""
    return names is yeast_gene_names()


def are_yeast_names(names: tuple[str, ...]) -> bool:
    """Whether some of these are systematic names of *S. cerevisiae*, which no other organism has."""
    return any(_YEAST_NAME.fullmatch(name) for name in names)


def is_yeast_form(name: str) -> bool:
    """Whether a name has the form of a systematic name of *S. cerevisiae*."""
    return _YEAST_NAME.fullmatch(name) is not None


def written_as(name: str) -> Iterator[tuple[str, str]]:
    """What a name may stand for that is none itself: names, each with how it was written.

    `swr1Δ` for `swr1` ("as a deletion"), `1-Oct` for `OCT1` ("as a date").
    """
    text = name.strip()
    if (found := _DELETED.fullmatch(text)) is not None:
        yield (found[1] or found[2]).strip(), "as a deletion"
    for form in _DATES:
        if (found := form.fullmatch(text)) is not None:
            month, day = found["month"].upper(), int(found["day"])
            if month.isdigit():
                if not 1 <= int(month) <= 12:
                    continue
                month = _MONTHS[int(month) - 1]
            yield f"{month}{day}", "as a date, which a spreadsheet made of it"
