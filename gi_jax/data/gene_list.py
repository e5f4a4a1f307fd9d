"""The genes of a cell in their fixed order: the meaning of every gene id."""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from gi_jax.data.formats.tables import read_lines
from gi_jax.errors import GiJaxError

# How tables call a column of genes, blanks and `_` taken out.
_HEADER = re.compile(
    "(gene|orf|locus|systematic|standard|common|ensembl|ensemblgene|sgd|primary|secondary)?"
    "(id|name|tag|symbol|identifier)?s?"
)


@dataclass(frozen=True)
class GeneList:
    """N gene names; the position of a name is its id, and N itself is the padding id.

    Looked up by systematic name or, where the list carries them, by standard name (`YAL001C` or
    `TFC3`), in upper or lower case.
    """

    ids: tuple[str, ...]  # [N] systematic names
    standard_names: tuple[str, ...] = ()  # [N] or empty; "" where a gene has none

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def _index(self) -> dict[str, int]:
        by_name = {name.upper(): index for index, name in enumerate(self.standard_names) if name}
        return by_name | {name.upper(): index for index, name in enumerate(self.ids)}

    def find(self, name: str) -> int | None:
        """The id of a gene, or None if the list does not hold it."""
        index = self._index.get(name)
        return self._index.get(name.strip().upper()) if index is None else index

    def index(self, name: str) -> int:
        """The id of a gene.

        Raises:
          GiJaxError: the list does not hold it.
        """
        index = self.find(name)
        if index is None:
            raise GiJaxError(f"{self.unknown(name)}; correct the name or add it to the gene list")
        return index

    def unknown(self, name: str) -> str:
        """The words for a gene that is not here, with the nearest one that is."""
        text = f"gene `{name.strip()}` is not among the {len(self):,} genes of the gene list"
        near = difflib.get_close_matches(name.strip().upper(), self._index, n=1, cutoff=0.6)
        return f"{text} (the nearest is {near[0]})" if near else text

    def names(self, indices: Iterable[int]) -> list[str]:
        """The systematic names of gene ids, padding left out."""
        return [self.ids[i] for i in indices if i < len(self)]

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the systematic names in order: two lists with the same one give the same ids."""
        return hashlib.sha256("\n".join(self.ids).encode()).hexdigest()


def load_gene_list(path: str | Path) -> GeneList:
    """Reads one gene a line: its systematic name and, after a tab, perhaps its standard name. No header.

    Raises:
      GiJaxError: an empty or unreadable file, a name on two lines, or a line of another form.
    """
    path = Path(path)
    ids, standard, seen = [], [], {}
    for number, line in enumerate(read_lines(path), 1):
        if not line.strip():
            continue
        fields = [field.strip() for field in line.split("\t")]
        header = not ids and all(_HEADER.fullmatch(re.sub(r"[\W_]", "", field.lower())) for field in fields)
        if header or fields[0].startswith("#"):
            raise GiJaxError(
                f"{path}, line {number}: found `{line.strip()[:60]}`, which is a header and no gene; remove "
                "this line, a gene list has none"
            )
        if len(fields) > 2 or not fields[0] or any(" " in field or "," in field for field in fields):
            raise GiJaxError(
                f"{path}, line {number}: found `{line.strip()[:60]}`; expected one gene name, "
                f"or a systematic and a standard name separated by a tab"
            )
        ids.append(fields[0])
        standard.append(fields[1] if len(fields) == 2 else "")
        for name in {field.upper() for field in fields if field}:
            if name in seen:
                raise GiJaxError(
                    f"{path}, line {number}: `{name}` stands already on line {seen[name]}; remove one"
                )
            seen[name] = number
    return GeneList(tuple(ids), tuple(standard) if any(standard) else ())
