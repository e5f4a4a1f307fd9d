"""The section of `screen.html` on enriched sets of genes."""

from __future__ import annotations

from collections.abc import Sequence

from gi_jax.report.blocks import Section, Table, number
from gi_jax.report.screen.concentration import SURE
from gi_jax.report.screen.enrichment import Enrichment, without_echoes
from gi_jax.report.screen.outcome import ScreenOutcome

SHOWN, SHOWN_GENES = 15, 6  # rows of a table of enriched sets; genes named in a row
FEW_PAIRS = 5  # listed genotypes within a set, from which the page shows it


def enrichment_section(
    outcome: ScreenOutcome,
    collections: Sequence[str],
    tested: dict[str, dict[str, list[Enrichment]]],
    sizes: dict[str, int],
    known_to_model: Sequence[str],
) -> Section:
    """Enriched sets among the genes that stand out, among partners, and in groups of alike profiles.

    Args:
      collections: where the sets come from.
      tested: kind of list (`genes`, `pairs`, `partners`, `groups`) -> end, or "" for both -> tests, the
        smallest p first.
      sizes: end -> how many genes stand out.
      known_to_model: collections that the model has as features.
    """
    free = outcome.candidates.free
    stand_out = "that stand out (above)" if free > 1 else "listed"
    caption = (
        f"Sets of genes ({', '.join(collections)}) that a list of genes is rich in: Fisher's exact test, "
        f"one-sided, beside the {len(outcome.candidates.pool):,} genes that could have been listed and not "
        "beside the genome, so that what these genes have in common anyway is not counted again. q is the "
        "share of false ones among all sets with a q as small (Benjamini and Hochberg, over all tests of a "
        f"table); shown are those of {SURE:g} or less, but for sets of whose genes one before has shown four "
        "fifths. All tests are in enrichment.tsv."
    )
    blocks: list[str | Table] = [caption]
    if known_to_model:
        blocks.append(
            f"Mind that this model was given {', '.join(known_to_model)} as a feature of genes: that its "
            "predictions gather in such sets is partly its own assumption, and no evidence for them."
        )
    for end, tests in tested["genes"].items():
        words = f"The {sizes[end]:,} genes {stand_out} among the {end} predictions"
        blocks += _enriched(words, tests, outcome, ())
    for end, tests in tested["pairs"].items():
        words = (
            f"Sets whose genes are joined with each other among the {end} predictions, counted in genotypes, "
            f"{FEW_PAIRS} or more, the most beyond chance first. Genotypes that share a gene are not "
            "independent of each other, so take q for an order"
        )
        often = sorted((one for one in tests if one.hits >= FEW_PAIRS), key=lambda one: -one.fold)
        blocks += _enriched(words, often, outcome, ())
    for end, tests in tested["partners"].items():
        words = f"For the genes that are most often among the {end} predictions: their partners there"
        blocks += _enriched(words, tests, outcome, ("gene",))
    for tests in tested["groups"].values():
        blocks += _enriched("The groups of genes with alike profiles (below)", tests, outcome, ("group",))
    return Section("Enriched gene sets", tuple(blocks))


def _enriched(
    words: str, tests: list[Enrichment], outcome: ScreenOutcome, first: tuple[str, ...]
) -> list[str | Table]:
    sure = without_echoes([one for one in tests if one.q <= SURE])
    if not sure:
        return [f"{words}. No set is enriched."]
    rows = []
    for one in sure[:SHOWN]:
        genes = outcome.genes.labelled(one.found)
        shown = ", ".join(genes[:SHOWN_GENES]) + (
            f" and {len(genes) - SHOWN_GENES} more" if len(genes) > SHOWN_GENES else ""
        )
        name = (_named(outcome, one.name),) if first else ()
        counts = (
            f"{one.hits:,} of {one.listed:,}",
            number(one.expected, 1),
            f"{one.fold:.1f}",
            small(one.q),
        )
        rows.append((*name, one.term, shown, *counts))
    more = f" The first {SHOWN} of {len(sure):,} sets." if len(sure) > SHOWN else ""
    head = (*first, "set", "genes", "in list", "by chance", "fold", "q")
    return [f"{words}.{more}", Table(head, tuple(rows), words=2 + len(first))]


def _named(outcome: ScreenOutcome, text: str) -> str:
    gene = outcome.genes.find(text)
    return text if gene is None else outcome.genes.labels[gene]


def small(value: float) -> str:
    """A q-value: three decimals, or two digits and a power of ten."""
    return f"{value:.1e}".replace("-", "−") if value < 0.001 else f"{value:.3f}"
