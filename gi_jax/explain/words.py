"""An explanation as lines of text."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from gi_jax.explain.explanation import Removal, Similar, Term
from gi_jax.explain.genotype import Explained

WIDTH = 100


def lines_of(found: Explained) -> Iterator[str]:
    """What `gi-jax explain` prints."""
    ids = ", ".join(found.gene_list.names(found.genes))
    names = " x ".join(found.names(found.genes))
    std = "" if found.std is None else f", standard deviation {found.std:.3g}"
    yield f"{names} ({ids}): {found.prediction:+.4g}{std}"
    measured = found.score_of(found.genes)
    if measured is not None:
        yield f"measured: {measured:+.4g}"
    for one in found.parts.sums:
        yield ""
        yield f"By {one.name}, which add up to {one.total:+.4g}:"
        yield from textwrap.wrap(one.equation, WIDTH, initial_indent="  ", subsequent_indent="  ")
        yield from (f"  {term.value:+10.4g}  {said_of_term(found, term)}" for term in one.terms)
    if found.parts.removals:
        yield ""
        yield "Without, the prediction loses:"
        yield from (f"  {one.change:+10.3g}  {said_of_removal(found, one)}" for one in found.parts.removals)
    if found.parts.similar:
        yield ""
        yield "Genes that the model takes for alike (correlation of effects before any measurement):"
        yield from (f"  {one.similarity:10.3f}  {said_of_similar(found, one)}" for one in found.parts.similar)
    for note in found.parts.notes:
        yield ""
        yield from textwrap.wrap(f"note: {note}", WIDTH)


def said_of_term(found: Explained, term: Term) -> str:
    """What a term is."""
    genes = " x ".join(found.names(term.genes))
    if term.kind == "genotype":
        score = found.score_of(term.genes)
        return genes if score is None else f"{genes}, measured {score:+.3g}"
    return f"{genes}: {term.name}" if genes else term.name


def said_of_removal(found: Explained, removal: Removal) -> str:
    """What is taken away."""
    names = found.names(removal.genes)
    if removal.kind == "network":
        return f"the network {removal.name}"
    if removal.kind == "neighbour":
        return f"all edges with {names[0]}"
    if removal.kind == "features":
        return f"the features of {' and '.join(names)}"
    arrow = " - " if removal.kind == "edge" else " -> "
    return f"the edge {arrow.join(names)} of {removal.name}"


def said_of_similar(found: Explained, similar: Similar) -> str:
    """Which genes are alike, and by what."""
    first, second = found.names([similar.gene, similar.other])
    shares = ", ".join(f"{name} {share:.0%}" for name, share in similar.shares[:4])
    return f"{first} and {second}" + (f": {shares}" if shares else "")
