"""The importers on samples of real files."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from gi_jax.data import bundled_gene_list, load_genotypes
from gi_jax.data.importers.importing import import_files

SAMPLES = Path(__file__).parent / "samples"
GENES = bundled_gene_list()


def rows_of(name: str) -> list[dict[str, str]]:
    with (SAMPLES / name).open(encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t"))


@pytest.mark.parametrize(
    ("name", "study", "kept"),
    [
        ("SGA_NxN.txt", "costanzo2016", 44),
        ("SGA_ExN_NxE.txt", "costanzo2016", 50),
        ("SGA_ExE.txt", "costanzo2016", 48),
        ("sga_pilot_digenic_60rows.txt", "sga_pipeline", 61),
        ("sga_pilot_trigenic_60rows.txt", "sga_scored_triples", 60),
        ("emap_toolbox_export_SHUFFLED.txt", "emap_toolbox_export_SHUFFLED", 251),
    ],
)
@pytest.mark.parametrize("table", ["tsv", "parquet"])
def test_a_sample_is_told_and_read(name: str, study: str, kept: int, table: str, tmp_path: Path) -> None:
    imported = import_files("auto", SAMPLES / name, tmp_path / "out", table=table)
    (report,) = imported.reports
    assert report.kept == kept
    assert report.read == report.kept + sum(part.count for part in report.left_out)
    assert {studies.removesuffix("_hypomorphic") for studies in imported.genotypes.studies} == {study}
    loaded, _ = load_genotypes(GENES, tmp_path / "out" / f"genotypes.{table}")
    for field in ("genes", "score", "p_value", "sizes"):
        np.testing.assert_array_equal(getattr(loaded, field), getattr(imported.genotypes, field))
    assert [loaded.studies[code] for code in loaded.study] == [
        imported.genotypes.studies[code] for code in imported.genotypes.study
    ]


def test_every_row_of_costanzo_2016_is_what_the_file_says(tmp_path: Path) -> None:
    table = import_files("sga", SAMPLES / "SGA_NxN.txt", tmp_path / "out", table="parquet").genotypes
    expected = {}
    for row in rows_of("SGA_NxN.txt"):
        strains = [row["Query Strain ID"], row["Array Strain ID"]]
        alleles = row["Query allele name"] + row["Array allele name"]
        if "supp" not in alleles and "YAR040C_dma77" not in strains:
            genes = frozenset(GENES.index(strain.split("_")[0]) for strain in strains)
            expected[genes] = (float(row["Genetic interaction score (ε)"]), np.float32(row["P-value"]))
    found = {
        frozenset(genes.tolist()): (score, p_value)
        for genes, score, p_value in zip(table.genes, table.score, table.p_value, strict=True)
    }
    assert found == expected and len(found) == 44


def test_the_score_of_the_pipeline_is_a_difference_of_fitness_and_not_column_3(tmp_path: Path) -> None:
    name = "sga_pilot_digenic_60rows.txt"
    table = import_files("sga", SAMPLES / name, tmp_path / "out", alleles="all").genotypes
    line = (SAMPLES / name).read_text().splitlines()[0].split("\t")
    # YAL015C+YDL227C_tm461 x YDR006C_dma836: ho goes, observed 0.858510 less expected 0.856.
    wanted = sorted((GENES.index("YAL015C"), GENES.index("YDR006C")))
    row = int((table.genes == wanted).all(axis=1).argmax())
    assert table.genes[row].tolist() == wanted
    assert table.score[row] == pytest.approx(float(line[10]) - float(line[9]), abs=1e-12)
    assert table.score[row] == pytest.approx(0.00251, abs=1e-6)


def test_odd_labels_of_the_emap_toolbox(tmp_path: Path) -> None:
    """Four columns of one allele, a plasmid gene, alleles that are no deletion, blanks."""
    imported = import_files("emap", SAMPLES / "emap_toolbox_export_SHUFFLED.txt", tmp_path / "out")
    table, report = imported.genotypes, imported.reports[0]
    lines = [
        line.split("\t") for line in (SAMPLES / "emap_toolbox_export_SHUFFLED.txt").read_text().splitlines()
    ]
    values: dict[frozenset[str], list[float]] = {}
    for fields in lines[1:]:
        for label, text in zip(lines[0][1:], fields[1:], strict=True):
            pair = frozenset((fields[0].split(" - ")[0], label.split(" - ")[0]))
            if text and len(pair) == 2:
                values.setdefault(pair, []).append(float(text))
    assert len(values) == len(table)
    for genes, score in zip(table.genes, table.score, strict=True):
        names = {GENES.ids[gene] for gene in genes}
        names = {"REP1" if name == "R0020C" else name for name in names}
        assert score == pytest.approx(np.mean(values[frozenset(names)]), rel=1e-12)
    assert len(table.studies) == 2 and table.studies[1].endswith("_hypomorphic")
    assert any("merged with another measurement" in part.why for part in report.left_out)
