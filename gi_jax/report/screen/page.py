"""`screen.html` and the files beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gi_jax.data.gene_collections import GeneCollection
from gi_jax.data.gene_list import GeneList
from gi_jax.files import check_folder, replacing_together, write_text
from gi_jax.predict.predictor import Predictor
from gi_jax.report.blocks import Section, rendered
from gi_jax.report.screen import sections
from gi_jax.report.screen.concentration import (
    Concentration,
    concentrations,
    hit_lists,
    partner_lists,
    top_genes,
)
from gi_jax.report.screen.enriched import enrichment_section
from gi_jax.report.screen.enrichment import Enrichment, HitList, enrich
from gi_jax.report.screen.network import GRAPHML, SIF, groups_of, similarity_network, write_network
from gi_jax.report.screen.outcome import ScreenOutcome
from gi_jax.report.screen.pair_enrichment import enrich_pairs
from gi_jax.report.screen.plates import FILE as PLATES
from gi_jax.report.screen.plates import check_wells, choose, crosses, write_plates
from gi_jax.report.screen.profiles import TOP_GENES, predicted_profiles
from gi_jax.report.screen.treeview import FILES as TREEVIEW
from gi_jax.report.screen.treeview import write_treeview
from gi_jax.report.screen.trust import trust_section

PAGE, GENES, ENRICHMENT = "screen.html", "genes.tsv", "enrichment.tsv"


@dataclass(frozen=True)
class Bench:
    """How the crosses to make are laid out."""

    wells: int = 96  # of a plate, or 384
    crosses: int = 192  # at most, without those of the query strains alone

    def __post_init__(self) -> None:
        check_wells(self.wells)


def write_screen_report(
    folder: Path,
    outcome: ScreenOutcome,
    predictor: Predictor,
    run: Path,
    *,
    collections: Sequence[GeneCollection] = (),
    bench: Bench | None = None,
    name: str | None = None,
) -> list[str]:
    """Writes `screen.html`, `genes.tsv`, `enrichment.tsv`, `plates.tsv`, `network.graphml`, `network.sif`
    and, where there are profiles to cluster, `profiles.cdt`, `.gtr` and `.atr`; all or none of them.

    The same outcome always gives the same bytes. The page is one file that loads nothing.

    Args:
      folder: made if it is not there; other files in it stay.
      predictor: predicts the profiles of the genes that are listed most.
      run: folder of the run or model, whose records of test genotypes the page shows.
      collections: the gene sets to look for.
      name: of the screen; that of the run's folder if not given.

    Returns:
      The names of the files.

    Raises:
      GiJaxError: files cannot be written into the folder.
    """
    bench, genes = bench or Bench(), outcome.genes
    check_folder(folder, create=True)
    everything, outcome = outcome, outcome.among_measured()
    found = concentrations(outcome)
    top = top_genes(found, TOP_GENES)
    profiles = predicted_profiles(predictor, outcome.candidates, top, outcome.study)
    network = None if profiles is None else similarity_network(profiles)
    hits, partners = hit_lists(outcome, found), partner_lists(outcome, found)
    groups = [HitList(str(k), own, top) for k, own in enumerate(groups_of(network), 1)] if network else []
    ends = outcome.ends.items() if outcome.candidates.free == 2 else ()
    tested = {
        "genes": {end: enrich(own, collections) for end, own in hits.items()},
        "pairs": {end: enrich_pairs(outcome.rows[own], outcome.candidates, collections) for end, own in ends},
        "partners": {end: enrich(own, collections) for end, own in partners.items() if own},
        "groups": {"": enrich(groups, collections)} if groups else {},
    }
    made = crosses(everything, choose(everything, bench.crosses))
    features = predictor.bundle.config.cell_dataset.features
    with replacing_together(folder) as new:
        write_text(new / GENES, _genes_text(found, genes))
        write_text(new / ENRICHMENT, _enrichment_text(tested, genes))
        of_partners = [one for tests in tested["partners"].values() for one in tests]
        plates = write_plates(new / PLATES, everything, made, of_partners, bench.wells)
        write_network(new, everything, found, network)
        if profiles is not None:
            write_treeview(new, profiles, genes)
        bench_text = (
            f"the {len(made):,} most extreme unmeasured crosses in {plates:,} plate{'s' * (plates != 1)} of "
            f"{bench.wells} wells, query by query, and why each was picked"
        )
        shown = (
            sections.distribution_section(everything),
            sections.list_section(outcome),
            sections.concentration_section(outcome, found),
            _enriched(outcome, collections, tested, hits, features),
            sections.network_section(outcome, network),
            sections.heat_map_section(outcome, profiles),
            trust_section(outcome, run, predictor.bundle.confidence),
            sections.files_section(_files(bench_text, profiles is not None)),
        )
        page = rendered(
            "screen.html.jinja",
            name=name or run.absolute().name,
            summary=sections.in_short(everything, found),
            sections=[own for own in shown if own is not None],
        )
        write_text(new / PAGE, page)
        names = sorted(path.name for path in new.iterdir())
    return names


def _enriched(
    outcome: ScreenOutcome,
    collections: Sequence[GeneCollection],
    tested: dict[str, dict[str, list[Enrichment]]],
    hits: dict[str, list[HitList]],
    features: Sequence[str],
) -> Section | None:
    """The section on gene sets; None without any."""
    names = [own.name for own in collections]
    sizes = {end: len(own[0].genes) for end, own in hits.items()}
    known = [name for name in names if name in features]
    return enrichment_section(outcome, names, tested, sizes, known) if names else None


def _files(plates: str, clustered: bool) -> list[tuple[str, str]]:
    files = [
        (PLATES, plates),
        (GENES, "how many listed genotypes every gene is in, beside chance"),
        (ENRICHMENT, "all tests of gene sets, with counts, p, q and the genes"),
        (f"{GRAPHML}, {SIF}", "the listed interactions and the alike profiles, for Cytoscape"),
    ]
    return files + ([(", ".join(TREEVIEW), "the clustered profiles, for Java TreeView")] if clustered else [])


def _genes_text(found: dict[str, Concentration], genes: GeneList) -> str:
    """Counts of every gene of the pool at every end, as a table, the most listed first."""
    head = ["gene", "name", *(f"{end}_{what}" for end in found for what in ("hits", "expected", "q"))]
    order = {int(gene): place for place, gene in enumerate(top_genes(found, len(genes)))}
    rows = {}
    for own in found.values():
        for gene, hits, expected, q in zip(own.genes.tolist(), own.hits, own.expected, own.q, strict=True):
            rows.setdefault(gene, []).extend((str(hits), f"{expected:.6g}", f"{q:.6g}"))
    listed = sorted(rows, key=lambda gene: (order.get(gene, len(order)), gene))
    lines = ["\t".join((genes.ids[gene], genes.labels[gene], *rows[gene])) for gene in listed]
    return "\n".join(["\t".join(head), *lines]) + "\n"


def _enrichment_text(tested: dict[str, dict[str, list[Enrichment]]], genes: GeneList) -> str:
    """All tests with a gene in common, as a table."""
    head = "lists end name collection set in_list list_size in_background background expected fold p q"
    lines = ["\t".join((*head.split(), "genes", "names"))]
    for kind, ends in tested.items():
        for end, tests in ends.items():
            for one in tests:
                counts = (one.hits, one.listed, one.in_background, one.background)
                numbers = (f"{value:.6g}" for value in (one.expected, one.fold, one.p, one.q))
                named = (",".join(genes.names(one.found)), ",".join(genes.labelled(one.found)))
                fields = (
                    kind,
                    end,
                    one.name,
                    one.collection,
                    one.term,
                    *map(str, counts),
                    *numbers,
                    *named,
                )
                lines.append("\t".join(fields))
    return "\n".join(lines) + "\n"
