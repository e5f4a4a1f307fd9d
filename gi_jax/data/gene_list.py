"""The genes of a cell in their fixed order: the meaning of every gene id."""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from gi_jax.data.formats.tables import read_lines
from gi_jax.data.gene_names import (
    SEPARATOR,
    GeneNames,
    GeneRecord,
    are_yeast_names,
    is_yeast_form,
    is_yeast_table,
    split_aliases,
    written_as,
    yeast_gene_names,
)
from gi_jax.errors import GiJaxError

# How tables call a column of genes, blanks and `_` taken out.
_HEADER = re.compile(
    "(gene|orf|locus|systematic|standard|common|ensembl|ensemblgene|sgd|primary|secondary)?"
    "(id|name|tag|symbol|identifier)?s?"
)

MOST_REMEMBERED = 2**16  # names whose meaning is kept
_COMMA = re.compile(r"[^,]+(,\d+)+")  # ADE5,7 is one gene; YAL001C,YBL002W are two


class LookUp(NamedTuple):
    """How a name was understood: the gene's id and a note worth telling, or None and the reason."""

    gene: int | None
    how: str = ""  # "systematic name", "standard name", "alias"
    note: str = ""


@dataclass(frozen=True)
class GeneList:
    """N gene names; the position of a name is its id, and N itself is the padding id.

    Looked up in upper or lower case by systematic name, then by standard name, then by an alias that one
    gene alone has (`YAL001C`, `TFC3`, `FUN24`); also as deletions (`tfc3Δ`) and in what spreadsheets make
    of names (`1-Oct`).
    """

    ids: tuple[str, ...]  # [N] systematic names
    standard_names: tuple[str, ...] = ()  # [N] or empty; "" where a gene has none
    known: GeneNames | None = field(default=None, compare=False, repr=False)  # further names of any genes

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def _position(self) -> dict[str, int]:
        return {name.upper(): index for index, name in enumerate(self.ids)}

    @cached_property
    def _index(self) -> dict[str, int]:
        by_name = {name.upper(): index for index, name in enumerate(self.standard_names) if name}
        if self.known is not None:
            for name, record in self.known.by_standard.items():
                index = self._position.get(record.systematic.upper())
                if index is not None:
                    by_name.setdefault(name, index)
        return by_name | self._position

    @cached_property
    def _looked_up(self) -> dict[str, LookUp]:
        return {}

    @property
    def has_labels(self) -> bool:
        """Whether some gene is called otherwise than by its systematic name."""
        return self.labels != self.ids

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """[N] What people call the genes: the standard name, or the systematic one where there is none."""
        named = self.standard_names or ("",) * len(self)
        known = {} if self.known is None else self.known.by_systematic
        return tuple(
            name or (known[gene.upper()].standard if gene.upper() in known else "") or gene
            for gene, name in zip(self.ids, named, strict=True)
        )

    def find(self, name: str) -> int | None:
        """The id of a gene, or None if the list does not hold it or the name is that of several genes."""
        index = self._index.get(name)
        if index is None:
            index = self._index.get(name.strip().upper())
        return self.look_up(name).gene if index is None else index

    def look_up(self, name: str) -> LookUp:
        """How a name is understood: systematic name before standard name before alias, as it is written
        before what it may stand for.
        """
        key = name.strip().upper()
        found = self._looked_up.get(key)
        if found is None:
            found = self._as_it_is(key)
            for meant, written in written_as(name) if not found.how else ():
                other = self._as_it_is(meant.upper())
                if other.how:
                    note = f"`{name.strip()}` is read as {meant}, written {written}"
                    date = note if "date" in written else ""
                    found = other._replace(note=other.note or date)
                    break
            if len(self._looked_up) >= MOST_REMEMBERED:  # of a server, which anybody may ask for any name
                self._looked_up.clear()
            self._looked_up[key] = found
        return found

    def _as_it_is(self, key: str) -> LookUp:
        """Of an upper-case name; `how` is empty for one that nobody knows."""
        if key in self._position:
            gene, others = self._position[key], self.known.by_alias.get(key, ()) if self.known else ()
            note = ""
            if self.known is not None and key not in self.known.by_systematic and len(others) == 1:
                note = f"{self.ids[gene]} is a retired name of {_named(others[0])}, which the list has too"
                note = note if others[0].systematic.upper() in self._position else ""
            return LookUp(gene, "systematic name", note)
        if self.known is not None and key in self.known.by_systematic:
            return LookUp(None, "systematic name", f"{_named(self.known.by_systematic[key])} is not in it")
        if key in self._index:
            return LookUp(self._index[key], "standard name")
        if self.known is None:
            return LookUp(None)
        if key in self.known.by_standard:
            return LookUp(None, "standard name", f"it is {_named(self.known.by_standard[key])}")
        records = self.known.by_alias.get(key, ())
        if len(records) > 1:
            candidates = ", ".join(map(_named, records))
            return LookUp(None, "ambiguous alias", f"it is an alias of {candidates}; write one of these")
        if not records:
            return LookUp(None)
        gene, retired = self._position.get(records[0].systematic.upper()), is_yeast_form(key)
        how = "retired name" if retired else "alias"
        if gene is None:
            return LookUp(None, how, f"it is a former or other name of {_named(records[0])}")
        return LookUp(gene, how, f"{key} is a retired name of {_named(records[0])}" if retired else "")

    def index(self, name: str) -> int:
        """The id of a gene.

        Raises:
          GiJaxError: the list does not hold it, or several genes have this alias.
        """
        index = self.find(name)
        if index is None:
            raise GiJaxError(f"{self.unknown(name)}; correct the name or add it to the gene list")
        return index

    def unknown(self, name: str) -> str:
        """The words for a gene that is not here, with what it is elsewhere or the nearest that is here."""
        text, found = name.strip(), self.look_up(name)
        if found.how == "ambiguous alias":
            return f"gene `{text}` is ambiguous: {found.note}"
        missing = f"gene `{text}` is not among the {len(self):,} genes of the gene list"
        if found.how:
            return f"{missing} ({found.note})"
        near = difflib.get_close_matches(text.upper(), self._index, n=1, cutoff=0.6)
        return f"{missing} (the nearest is {near[0]})" if near else missing

    def split(self, text: str) -> list[str]:
        """The names in a text such as `YAL001C,ADE5,7,"DUR1,2"`: separated by commas, which a few names have.

        A name with commas may stand in quotation marks; without them the longest known name is taken.
        """
        parts, names, start = text.split(","), [], 0
        while start < len(parts):
            for stop in range(min(len(parts), start + 6), start, -1):
                name = ",".join(parts[start:stop]).strip()
                quoted = len(name) > 2 and name[0] == name[-1] == '"'
                if stop == start + 1 or quoted or (name.upper() in self._with_commas):
                    names.append(name[1:-1] if quoted else name)
                    start = stop
                    break
        return names

    @cached_property
    def _with_commas(self) -> frozenset[str]:
        known = self._index if self.known is None else self._index | self.known.by_alias
        return frozenset(name for name in known if "," in name)

    def notes(self, names: Iterable[str]) -> tuple[str, ...]:
        """What is worth telling of how names were understood, such as retired names and dates."""
        return tuple(dict.fromkeys(found.note for found in map(self.look_up, names) if found.note))

    def translations(self, names: Iterable[str]) -> tuple[str, ...]:
        """The notes on names that stand for a gene of another name, in a table of many."""
        others = (name for name in names if name.strip().upper() not in self._index)
        return self.notes(others)

    def names(self, indices: Iterable[int]) -> list[str]:
        """The systematic names of gene ids, padding left out."""
        return [self.ids[i] for i in indices if i < len(self)]

    def labelled(self, indices: Iterable[int]) -> list[str]:
        """What people call the genes of these ids, padding left out."""
        return [self.labels[i] for i in indices if i < len(self)]

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the systematic names in order: two lists with the same one give the same ids."""
        return hashlib.sha256("\n".join(self.ids).encode()).hexdigest()


def _named(record: GeneRecord) -> str:
    return f"{record.systematic} ({record.standard})" if record.standard else record.systematic


def gene_list_text(genes: GeneList) -> str:
    """The file that `load_gene_list` reads: names and aliases, but for those that come with the package."""
    own = genes.known if genes.known is not None and not is_yeast_table(genes.known) else GeneNames(())
    named = genes.standard_names or ("",) * len(genes)
    lines = []
    for gene, name in zip(genes.ids, named, strict=True):
        record = own.by_systematic.get(gene.upper(), GeneRecord(gene))
        fields = (gene, name or record.standard, SEPARATOR.join(record.aliases))
        lines.append("\t".join(fields).rstrip("\t"))
    return "\n".join(lines) + "\n"


def load_gene_list(path: str | Path) -> GeneList:
    """Reads one gene a line: its systematic name and, after tabs, perhaps its standard name and its aliases,
    separated by `|`. No header.

    Where the file gives no aliases, genes of *S. cerevisiae* go by all names that SGD has for them.

    Raises:
      GiJaxError: an empty or unreadable file, a name on two lines, or a line of another form.
    """
    path = Path(path)
    records, seen = [], {}
    for number, line in enumerate(read_lines(path), 1):
        if not line.strip():
            continue
        fields = [field.strip() for field in line.split("\t")]
        header = not records and all(_HEADER.fullmatch(re.sub(r"[\W_]", "", f.lower())) for f in fields)
        if header or fields[0].startswith("#"):
            raise GiJaxError(
                f"{path}, line {number}: found `{line.strip()[:60]}`, which is a header and no gene; remove "
                "this line, a gene list has none"
            )
        several = "," in fields[0] and not _COMMA.fullmatch(fields[0])
        odd = several or any(" " in name for name in fields[:2])
        if len(fields) > 3 or not fields[0] or odd:
            raise GiJaxError(
                f"{path}, line {number}: found `{line.strip()[:60]}`; expected one gene name, "
                f"or a systematic name, a standard name and aliases (with | between them) separated by tabs"
            )
        systematic, standard, aliases = (*fields, "", "")[:3]
        records.append(GeneRecord(systematic, standard, "", split_aliases(aliases)))
        for name in {own.upper() for own in (systematic, standard) if own}:
            if name in seen:
                raise GiJaxError(
                    f"{path}, line {number}: `{name}` stands already on line {seen[name]}; remove one"
                )
            seen[name] = number
    ids, standard = (tuple(record[k] for record in records) for k in (0, 1))
    if any(record.aliases for record in records):
        known = GeneNames(tuple(records))
    else:
        known = yeast_gene_names() if are_yeast_names(ids) else None
    return GeneList(ids, standard if any(standard) else (), known)
