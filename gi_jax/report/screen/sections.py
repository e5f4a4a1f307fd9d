"""The sections of `screen.html`, each with a sentence on what it shows and how to read it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import networkx as nx
import numpy as np

from gi_jax.report.blocks import Section, Table, number
from gi_jax.report.screen.concentration import SURE, Concentration, top_genes
from gi_jax.report.screen.drawings import BARS, distribution, heat_map, hits_of_genes, network_drawing
from gi_jax.report.screen.enriched import small
from gi_jax.report.screen.network import ALIKE, LEAST, NEAREST, groups_of
from gi_jax.report.screen.outcome import LOWEST, ScreenOutcome
from gi_jax.report.screen.palette import themed
from gi_jax.report.screen.profiles import Profiles
from gi_jax.report.screen.ranking import ranking

TABLED = 10  # genes with their numbers


def in_short(outcome: ScreenOutcome, found: dict[str, Concentration]) -> list[str]:
    """What was screened, and where the list lies, in two sentences."""
    candidates, predicted = outcome.candidates, outcome.histogram.counts.sum()
    size = candidates.free + len(candidates.fixed)
    shared = ", ".join(outcome.genes.labelled(candidates.fixed))
    what = f"genotypes of {size} gene{'s' * (size > 1)}{f', each with {shared},' if shared else ''}"
    text = [
        f"{predicted:,} {what} of {len(candidates.pool):,} genes were predicted; {len(outcome.score):,} are "
        "in the list."
    ]
    if (seen := outcome.measured_genes) is not None:
        text.append(
            f"Nearly all genes of the list are among the {len(seen):,} of the {len(candidates.pool):,} that "
            "were measured, as a model dares less of genes that it never saw. So what stands out is counted "
            "and tested beside these alone."
        )
    for end, own in found.items():
        if candidates.free < 2 or not own.listed:
            continue
        order = np.argsort(-own.hits, kind="stable")
        covered = np.cumsum(np.sort(own.hits)[::-1])
        half = int(np.searchsorted(covered, own.hits.sum() / 2)) + 1
        names = ", ".join(outcome.genes.labelled(own.genes[order[:5]]))
        text.append(
            f"The {own.listed:,} {end} predictions fall most on {names}; {half:,} of the {len(own.genes):,} "
            "genes fill half of their places."
        )
    return text


def distribution_section(outcome: ScreenOutcome) -> Section:
    """All predictions beside the measured scores of genotypes like them."""
    measured, histogram = _measured_alike(outcome), outcome.histogram
    cuts = {
        end: float(outcome.score[own].max() if end == LOWEST else outcome.score[own].min())
        for end, own in outcome.ends.items()
    }
    centers = (histogram.edges[:-1] + histogram.edges[1:]) / 2
    mean = float(np.average(centers, weights=histogram.counts))
    spread = float(np.sqrt(np.average((centers - mean) ** 2, weights=histogram.counts)))
    beside = f", beside the {len(measured):,} measured scores of such genotypes" if len(measured) else ""
    caption = (
        f"All {histogram.counts.sum():,} predictions of the screen, whatever was kept{beside}. "
        "To the left are mutants sicker than expected from their parts, to the right healthier ones. The "
        "upright lines are where the list begins; each step up is ten times as many."
    )
    if len(measured):
        caption += (
            f" The standard deviation is {number(spread, 2)} for predictions and "
            f"{number(float(measured.std()), 2)} for measurements: a model that cannot know everything "
            "predicts less extreme scores than there are."
        )
    else:
        caption += " There are no measured scores of such genotypes to show beside them."
    draw = partial(distribution, predicted=histogram, measured=measured, cuts=cuts)
    return Section("Distribution", (caption, themed(draw, "Histogram of predicted and measured scores")))


def _measured_alike(outcome: ScreenOutcome) -> np.ndarray:
    """The measured scores of genotypes that the screen is made of, or would be."""
    table, candidates = outcome.measured, outcome.candidates
    if table is None:
        return np.zeros(0)
    inside = np.zeros(len(outcome.genes) + 1, bool)
    inside[[*candidates.pool, *candidates.fixed, len(outcome.genes)]] = True
    alike = (table.sizes == candidates.free + len(candidates.fixed)) & inside[table.genes].all(axis=1)
    for gene in candidates.fixed:
        alike &= (table.genes == gene).any(axis=1)
    score = table.score[alike]
    return score[np.isfinite(score)]


def list_section(outcome: ScreenOutcome) -> Section:
    """The table to search and to sort."""
    interval = " From and to are the ends of the interval." if "low" in outcome.table.column_names else ""
    caption = (
        f"The {len(outcome.score):,} genotypes of the list, rank 1 the lowest prediction. Type a gene or "
        "words of its description to search, several words to ask for all of them; press the head of a "
        f"column to sort by it, again to turn it round.{interval} Press a gene to read what it does."
    )
    return Section("The list", (caption, ranking(outcome)))


def concentration_section(outcome: ScreenOutcome, found: dict[str, Concentration]) -> Section | None:
    """How the list falls on genes; None where each can be there only once."""
    if outcome.candidates.free < 2 or not found:
        return None
    genes = top_genes(found, BARS)
    text = "; ".join(f"{len(own.stand_out):,} at the {end} end" for end, own in found.items())
    caption = (
        "How many listed genotypes each gene is in: those with the lowest predictions to the left, with the "
        "highest to the right. The mark on a bar is what a list drawn at random would have, given how many "
        "genotypes of the screen have the gene. A gene far beyond its mark drives the list: either it really "
        "interacts widely, or the model leans on it; look at its rows. More often than by chance (q of "
        f"{SURE:g}): {text} of {len(outcome.candidates.pool):,} genes. The {len(genes)} most listed are "
        "shown, on a phone 15; genes.tsv has all."
    )
    draw = partial(hits_of_genes, found=found, genes=genes, names=outcome.genes)
    rows = []
    for gene in genes[:TABLED]:
        cells = [outcome.genes.labels[gene]]
        for own in found.values():
            at = int(np.searchsorted(own.genes, gene))
            cells += [f"{own.hits[at]:,}", number(float(own.expected[at]), 1), small(float(own.q[at]))]
        rows.append(tuple(cells))
    head = ("gene", *(text for end in found for text in (end, "by chance", "q")))
    return Section(
        "Genes of the list",
        (caption, themed(draw, "Bars of listed genotypes by gene"), Table(head, tuple(rows))),
    )


def network_section(outcome: ScreenOutcome, network: nx.Graph | None) -> Section:
    """Genes with alike profiles, joined."""
    title = "Genes with alike profiles"
    if network is None or not network.number_of_edges():
        return Section(
            title, (f"No two of the most listed genes have predicted profiles that correlate by {ALIKE:g}.",)
        )
    joined = sum(1 for _, degree in network.degree() if degree)
    caption = (
        f"Genes that would behave alike in crosses, and so may work together: two of the {len(network):,} "
        "most listed genes are joined where their predicted profiles, the scores with all other genes, "
        f"correlate by {ALIKE:g} or more and one is among the {NEAREST} most alike of the other. {joined:,} "
        f"have such a neighbour; the thicker the line, the more alike. Colours are groups of {LEAST} genes "
        "or more, found by Louvain's method; where things lie means nothing else."
    )
    draw = partial(network_drawing, network=network, names=outcome.genes)
    rows = tuple(
        (str(number), ", ".join(outcome.genes.labelled(own)), f"{len(own):,}")
        for number, own in enumerate(groups_of(network), 1)
    )
    table = (Table(("group", "genes", "size"), rows, words=2),) if rows else ()
    return Section(title, (caption, themed(draw, "Network of genes with alike predicted profiles"), *table))


def heat_map_section(outcome: ScreenOutcome, profiles: Profiles | None) -> Section | None:
    """The profiles themselves."""
    if profiles is None:
        return None
    every = len(profiles.partners) == len(outcome.candidates.pool)
    beside = (
        "every gene of the screen"
        if every
        else f"{len(profiles.partners):,} genes drawn evenly from the screen"
    )
    caption = (
        f"The predicted scores of the {len(profiles.genes):,} most listed genes (rows) with {beside} "
        "(columns): blue is sicker than expected, orange healthier. Rows and columns with alike scores lie "
        "side by side, and the tree at the left says how alike: blocks of one colour are modules that "
        "interact as wholes. The scale ends where half a percent of the scores lie beyond. profiles.cdt has "
        "all numbers, for Java TreeView."
    )
    draw = partial(heat_map, profiles=profiles, names=outcome.genes)
    return Section("Predicted profiles", (caption, themed(draw, "Clustered heat map of predicted profiles")))


def files_section(files: Sequence[tuple[str, str]]) -> Section:
    """What lies beside the page."""
    caption = "These files lie beside this page."
    return Section(
        "For the bench and other programs", (caption, Table(("file", "what it is"), tuple(files), words=2))
    )
