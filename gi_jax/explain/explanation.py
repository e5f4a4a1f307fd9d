"""What a prediction is made of, in units of labels: terms that add up to it, and what changes it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np


class Term(NamedTuple):
    """A summand of a prediction."""

    kind: str  # level | gene | pair | network | features | path | genotype | others | ...
    name: str  # of the network, the path; what stands for a term without one
    value: float
    genes: tuple[int, ...] = ()  # that it is about


class Sum(NamedTuple):
    """One way to write a prediction as a sum, exactly."""

    name: str
    equation: str
    terms: tuple[Term, ...]

    @property
    def total(self) -> float:
        """The prediction."""
        return float(sum(term.value for term in self.terms))


class Removal(NamedTuple):
    """What a prediction loses without something: with it less without it, predicted again."""

    kind: str  # network | edge | directed edge, sender first | neighbour, all edges with it | features
    name: str  # of the network
    genes: tuple[int, ...]
    change: float


class Similar(NamedTuple):
    """A gene that the model takes for like a deleted one."""

    gene: int  # deleted
    other: int
    similarity: float  # correlation of their effects before anything is measured
    shares: tuple[tuple[str, float], ...] = ()  # of it, by network and table, the largest first


@dataclass(frozen=True)
class Explanation:
    """All that is known of one prediction; what a kind of model does not have is empty."""

    sums: tuple[Sum, ...] = ()
    removals: tuple[Removal, ...] = ()
    similar: tuple[Similar, ...] = ()
    notes: tuple[str, ...] = ()

    def in_scores(self, center: float, scale: float) -> Explanation:
        """With `score = label * scale + center` in place of labels; the center belongs to the level."""
        sums = tuple(one._replace(terms=_scaled(one.terms, center, scale)) for one in self.sums)
        removals = tuple(one._replace(change=one.change * scale) for one in self.removals)
        return replace(self, sums=sums, removals=removals)


def _scaled(terms: tuple[Term, ...], center: float, scale: float) -> tuple[Term, ...]:
    found = [term._replace(value=term.value * scale) for term in terms]
    levels = [k for k, term in enumerate(found) if term.kind == "level"]
    if levels:
        found[levels[0]] = found[levels[0]]._replace(value=found[levels[0]].value + center)
    elif center:
        found.insert(0, Term("level", "center of the scores", center))
    return tuple(found)


def largest(terms: list[Term], most: int, others: str) -> tuple[Term, ...]:
    """The terms with the largest sizes, and the others as one, so that the sum stays."""
    order = np.argsort([-abs(term.value) for term in terms], kind="stable")
    chosen = [terms[k] for k in order[:most]]
    if len(terms) > most:
        rest = sum(terms[k].value for k in order[most:])
        chosen.append(Term("others", others.format(count=len(terms) - most), float(rest)))
    return tuple(chosen)
