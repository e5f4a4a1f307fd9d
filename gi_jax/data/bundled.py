"""Where the data that comes with the package lies, and what it is called."""

from __future__ import annotations

import difflib
import re
from functools import cache
from pathlib import Path

from gi_jax.data.formats.tables import read_table
from gi_jax.data.gene_list import GeneList, load_gene_list
from gi_jax.errors import GiJaxError
from gi_jax.files import read_text

YEAST = Path(__file__).parent / "yeast"
# What one must know of a bundled set of genotypes before training on it.
_NOTES = {
    "costanzo2010_significant": (
        "significant pairs only (p < 0.05 and an epsilon beyond 0.08 either way): no sample of all pairs, so "
        "not for a regression by itself"
    )
}


@cache
def bundled_gene_list() -> GeneList:
    """The 6,674 yeast ORFs that all bundled files are about."""
    return load_gene_list(YEAST / "genes.txt")


@cache
def bundled_networks() -> dict[str, bool]:
    """The bundled networks: name -> whether its edges have a direction."""
    table = read_table(YEAST / "networks.tsv", required=("name", "directed"))
    return {name: directed == "yes" for name, directed in zip(*table.columns.values(), strict=True)}


@cache
def bundled_studies() -> tuple[str, ...]:
    """The names of the bundled sets of measured genotypes."""
    return tuple(sorted(path.name.removesuffix(".tsv.gz") for path in (YEAST / "genotypes").iterdir()))


def study_file(name: str) -> Path:
    """The file of a bundled set of measured genotypes."""
    return YEAST / "genotypes" / f"{name}.tsv.gz"


@cache
def bundled_models() -> tuple[str, ...]:
    """The names of the bundled models, each that of the study it was fitted to."""
    folder = YEAST / "models"
    return tuple(sorted(path.name for path in folder.iterdir())) if folder.is_dir() else ()


def model_folder(name: str) -> Path:
    """The folder of a bundled model."""
    return YEAST / "models" / name


def model_card(name: str) -> str:
    """What a bundled model is, and what it is worth."""
    return read_text(model_folder(name) / "README.md")


def study_notes(name: str) -> tuple[str, ...]:
    """What stands in the report of a load of a bundled set of genotypes."""
    return (_NOTES[name],) if name in _NOTES else ()


@cache
def bundled_features() -> dict[str, str]:
    """The bundled tables of gene features: name -> file."""
    files = sorted(path.name for path in (YEAST / "features").iterdir())
    return {name.removesuffix(".npz").removesuffix(".tsv.gz"): name for name in files}


def not_bundled(what: str, name: str, known: tuple[str, ...], remedy: str) -> GiJaxError:
    """The error for a name that is neither bundled nor a file."""
    near = next((other for other in known if _misspelled(name, other)), None)
    guess = f"did you mean `{near}`? " if near else ""
    return GiJaxError(f"`{name}` is not a bundled {what}; {guess}bundled are {', '.join(known)}; {remedy}")


def _misspelled(name: str, other: str) -> bool:
    """Whether two names are those of the same data but for a slip of the hand.

    Another source, version, year or kind is other data: taken for one another, they change every number and
    nothing tells. So the digits must be equal, and of the words all, but that a few letters of one may
    differ.
    """
    words, others = (re.findall(r"\d+|[^\W\d_]+", text.lower()) for text in (name, other))
    if len(words) != len(others):
        return False
    unequal = [pair for pair in zip(words, others, strict=True) if pair[0] != pair[1]]
    if any(word.isdigit() or own.isdigit() for word, own in unequal):
        return False
    return len(unequal) <= 1 and all(
        difflib.SequenceMatcher(None, word, own).ratio() >= 0.75 for word, own in unequal
    )
