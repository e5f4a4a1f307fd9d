"""Every format with its quirks, in files that say what must come of them."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from gi_jax.data import GeneList, bundled_gene_list, load_genotypes, load_networks
from gi_jax.data.formats.feature_files import FeatureSource, load_features
from gi_jax.data.formats.network_files import NetworkSource
from gi_jax.data.gene_list import load_gene_list
from gi_jax.data.importers.importer import Imported
from gi_jax.data.importers.importing import import_files
from gi_jax.errors import GiJaxError
from tests.data.importers.foreign import (
    BIOGRID,
    KUZMIN,
    SGA,
    TFLINK,
    biogrid_row,
    kuzmin_row,
    lines,
    sga_row,
    write_xlsx,
)

GENES = bundled_gene_list()
A, B, C, D = "YAL001C", "YBL007C", "YCR011C", "YDR334W"
SGA_ROWS = (
    SGA,
    sga_row(f"{A}_sn1", "tfc3Δ", f"{B}_dma1", "sla1Δ", -0.1, "1.0e-02"),
    sga_row(f"{B}_sn2", "sla1", f"{A}_dma2", "tfc3", -0.3, "2.0e-02"),  # exchanged
    sga_row(f"{A}_tsq3", "tfc3-1", f"{B}_dma1", "sla1", 0.5, "1.0e-03"),
    sga_row(f"{A}_tsq3", "tfc3-1", f"{C}_dma4", "adp1", 0.1, "NaN"),
    sga_row(f"{A}_damp9", "tfc3-damp", f"{C}_dma4", "adp1", 0.3),
    sga_row(f"{C}_sn5", "adp1", f"{D}_dma6", "swr1", "NaN", "NaN"),
    sga_row(f"{C}_S7", "adp1-supp1", f"{D}_dma6", "swr1", 0.1),
    sga_row("YDL227C_sn8", "ho", f"{D}_dma6", "swr1", 0.1),
    sga_row("URA3control_sn4757", "URA3control", f"{D}_dma6", "swr1", 0.1),
    sga_row(f"{D}_sn9", "swr1", "YOR202W_dma1", "his3", 0.1),
    sga_row(f"{D}_sn9", "swr1", f"{D}_dma6", "swr1", 0.1),
    sga_row("YXX999C_sn9", "no1", f"{D}_dma6", "swr1", 0.1),
)


def imported(tmp_path: Path, content: str | bytes, kind: str = "auto", **options: object) -> Imported:
    path = tmp_path / "file.txt"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return import_files(kind, path, tmp_path / "out", **options)


def scores(found: Imported) -> dict[tuple[str, ...], float]:
    """Study and genes of each genotype, with its score."""
    table = found.genotypes
    return {
        (table.studies[code], *GENES.names(genes)): round(float(score), 9)
        for code, genes, score in zip(table.study, table.genes, table.score, strict=True)
    }


def left_out(found: Imported) -> dict[str, int]:
    return {part.why.split(" (")[0]: part.count for report in found.reports for part in report.left_out}


def edges(found: Imported, k: int = 0) -> dict[tuple[str, str], float]:
    network = found.networks[k]
    return {
        tuple(GENES.names(pair)): w for pair, w in zip(network.edges, network.weights.tolist(), strict=True)
    }


def test_sga_strains_become_genes_by_choices_that_are_counted(tmp_path: Path) -> None:
    found = imported(tmp_path, lines(*SGA_ROWS))
    hypomorphic = "costanzo2016_hypomorphic"
    assert scores(found) == {
        ("costanzo2016", A, B): -0.2,  # query and array exchanged, one deletion in both
        (hypomorphic, A, B): 0.5,
        (hypomorphic, A, C): 0.2,
    }
    assert found.genotypes.p_value[0] == pytest.approx(0.02)
    assert left_out(found) == {
        "without a score": 1,
        "of suppressor strains, which carry a second mutation": 1,
        "of the ho deletion": 1,
        "of control strains": 1,
        "of the border strain of the plates": 1,
        "of a strain crossed to a strain that lacks the same gene": 1,
        "of a gene that is not in the gene list, or of an ambiguous name": 1,
        "merged with another measurement of the same genotype": 2,
    }
    report = (tmp_path / "out" / "import_report.tsv").read_text()
    assert "1 were measured with query and array exchanged, 1 with several alleles" in report
    assert (
        "\tdropped\t1\tof a gene that is not in the gene list, or of an ambiguous name\tYXX999C_sn9\n"
        in report
    )


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("deletion", {("costanzo2016", A, B): -0.2}),
        ("all", {("costanzo2016", A, B): 0.033333333, ("costanzo2016", A, C): 0.2}),
        # tfc3Δ has 2 measurements and so has tfc3-1; the first that stands in the file is taken.
        ("best-covered", {("costanzo2016", A, B): -0.2}),
    ],
)
def test_alleles_count_by_the_rule_asked_for(tmp_path: Path, rule: str, expected: dict) -> None:
    assert scores(imported(tmp_path, lines(*SGA_ROWS), alleles=rule)) == expected


@pytest.mark.parametrize(
    ("rule", "second", "expected"),
    [
        ("mean", -0.3, -0.2),
        ("lowest-p", -0.3, -0.1),
        ("consistent", -0.3, -0.1),
        ("consistent", 0.3, None),  # both significant, of opposite sign
        ("consistent", 0.05, -0.1),  # not strong
    ],
)
def test_repeats_become_one_by_the_rule_asked_for(
    tmp_path: Path, rule: str, second: float, expected: float | None
) -> None:
    rows = [
        SGA,
        sga_row(f"{A}_sn1", "tfc3", f"{B}_dma1", "sla1", -0.1, 0.01),
        sga_row(f"{B}_sn1", "sla1", f"{A}_dma1", "tfc3", second, 0.02),
        sga_row(f"{C}_sn1", "adp1", f"{A}_dma1", "tfc3", 0.7, 0.02),
    ]
    found = scores(imported(tmp_path, lines(*rows), repeats=rule))
    assert found.get(("costanzo2016", A, B)) == expected
    assert found["costanzo2016", A, C] == 0.7


@pytest.mark.parametrize("columns", [7, 13])
def test_costanzo_2010_has_no_header(tmp_path: Path, columns: int) -> None:
    more = "\t1\t0\t1\t0\t1\t0" if columns == 13 else ""
    rows = [
        f"{A}\tTFC3\t{B}\tSLA1\t-0.1071\t0.0184\t1.8780e-05{more}",
        f"{B}_damp\tSLA1\t{C}\tADP1\t0.2\t0.01\t0.5{more}",
        f"{C}_tsq12\tADP1\t{D}\tSWR1\t0.3\t0.01\t0.5{more}",
    ]
    assert scores(imported(tmp_path, lines(*rows))) == {
        ("costanzo2010", A, B): -0.1071,
        ("costanzo2010_hypomorphic", B, C): 0.2,
        ("costanzo2010_hypomorphic", C, D): 0.3,
    }


def test_triple_mutants_of_the_pipeline_table_are_no_tau(tmp_path: Path) -> None:
    header = (
        "Query Strain ID\tArray Strain ID\tAdjusted genetic interaction score (epsilon or tau)\tP-value\tx\ty"
    )
    rows = [header, f"{A}+YDL227C_tm1\t{B}_dma1\t0.1\t0.3\t1\t0", f"{A}+{C}_tm2\t{B}_dma1\t0.2\t0.3\t1\t0"]
    found = imported(tmp_path, lines(*rows))
    assert scores(found) == {("sga_scored_triples", A, B): 0.1}
    assert "of triple mutants, whose column says tau but holds scores" in next(iter(left_out(found)))


KUZMIN_ROWS = (
    KUZMIN,
    kuzmin_row(f"{A}+YDL227C_tm461", "tfc3Δ+hoΔ", f"{B}_dma91", "sla1Δ", "digenic", 0.1, 0.11),
    kuzmin_row(f"YDL227C+{C}_tm9", "ho_+adp1-ph", f"{B}_dma91", "sla1Δ", "digenic", 0.2, 0.22),
    kuzmin_row(f"{A}+{C}_tm5", "tfc3Δ+adp1Δ", f"{B}_dma91", "sla1Δ", "trigenic", 0.9, -0.3),
    kuzmin_row(f"{C}+{A}_tm6", "adp1∆+tfc3∆", f"{B}_dma91", "sla1Δ", "trigenic", 0.9, -0.5),
    kuzmin_row(f"{C}+{A}_tm6", "adp1∆+tfc3∆", f"{D}_dma91", "swr1Δ", "digenic", 0.9, -0.5),
)
KUZMIN_SCORES = {
    ("kuzmin_digenic", A, B): 0.11,
    ("kuzmin_digenic_hypomorphic", B, C): 0.22,
    ("kuzmin_trigenic", A, B, C): -0.4,
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_kuzmin_text_drops_ho_from_either_side(tmp_path: Path, encoding: str) -> None:
    found = imported(tmp_path, lines(*KUZMIN_ROWS).replace("\n", "\r\n").encode(encoding))
    assert scores(found) == KUZMIN_SCORES
    assert left_out(found)["called digenic, whose query lacks another number of genes than that"] == 1


def test_kuzmin_workbook_has_a_title_above_its_header(tmp_path: Path) -> None:
    rows: list[list[object]] = [["Data S1. Raw genetic interaction dataset"], []]
    for k, row in enumerate(KUZMIN_ROWS):
        fields: list[object] = list(row.split("\t"))
        rows.append(fields if not k else [*fields[:5], *map(float, fields[5:8]), *fields[8:]])
    write_xlsx(tmp_path / "S1.xlsx", {"Data S1": rows, "empty": []})
    assert scores(import_files("auto", tmp_path / "S1.xlsx", tmp_path / "out")) == KUZMIN_SCORES
    write_xlsx(tmp_path / "two.xlsx", {"one": rows, "two": rows})
    with pytest.raises(GiJaxError, match=r"two.xlsx: has 2 sheets with content \(one, two\); save the sheet"):
        import_files("kuzmin", tmp_path / "two.xlsx", tmp_path / "two")


def test_matrices_have_alleles_in_their_labels(tmp_path: Path) -> None:
    rows = [
        f"Gene\t{A}\tSLA1 - DAmP\tYCR011\tWT HIS3D::KAN - WT\tSLA1 - A180T",
        f"{A}\t\t-1.5\t2\t9\t",
        f"{D} - {D}\t3\t\t\t\t4",
        f"{A}\t\t-2.5\t\t\t",
    ]
    found = imported(tmp_path, lines(*rows), name="map")
    assert scores(found) == {
        ("map_hypomorphic", A, B): -2.0,
        ("map", A, C): 2.0,
        ("map_hypomorphic", A, D): 3.0,
        ("map_hypomorphic", B, D): 4.0,
    }
    assert left_out(found)["of control strains"] == 1
    assert "`YCR011` is read as YCR011C" in found.reports[0].notes


def test_three_header_rows_and_columns_of_collins_2007(tmp_path: Path) -> None:
    rows = [
        f"Gene\t\t\t{A}\tSLA1\tADP1",
        "Mutation\t\t\tDELETION\tDAMP\tDELETION",
        "Marker\t\t\tKAN\tKAN\tKAN",
        f"{D}\tDELETION\tNAT\t1.5\t2.5\t",
        f"{C}\tadp1-3\tNAT\t0.5\t\t",
    ]
    assert scores(imported(tmp_path, lines(*rows), name="c")) == {
        ("c", A, D): 1.5,
        ("c_hypomorphic", B, D): 2.5,
        ("c_hypomorphic", A, C): 0.5,
    }


def test_pcl_has_blanks_and_cdt_has_zeros_for_what_was_not_measured(tmp_path: Path) -> None:
    pcl = [f"ORF\tNAME\tGWEIGHT\t{A}\t{B}\t{C}", "EWEIGHT\t\t\t1\t1\t1", f"{D}\tSWR1\t1\t-0.5\t\t0.25"]
    expected = {("file", A, D): -0.5, ("file", C, D): 0.25}
    assert scores(imported(tmp_path, lines(*pcl))) == expected
    cdt = [
        f"GID\tORF\tNAME\tGWEIGHT\t{A}\t{B}\t{C}",
        "AID\t\t\t\tARRY0X\tARRY1X\tARRY2X",
        "EWEIGHT\t\t\t\t1\t1\t1",
        f"GENE1X\t{D}\tSWR1\t1\t-0.500000\t0.000000\t0.250000",
    ]
    with pytest.raises(
        GiJaxError, match="line 4: 1 of 3 scores are 0, and a .cdt file has 0 where nothing was"
    ):
        imported(tmp_path, lines(*cdt))
    assert scores(imported(tmp_path, lines(*cdt), missing=0)) == expected
    assert len(scores(imported(tmp_path, lines(*cdt), zeros_are_measured=True))) == 3


def test_a_score_for_missing_values_is_taken_out_on_request(tmp_path: Path) -> None:
    rows = [f"Gene\t{A}\t{B}\t{C}", f"{D}\t-2.0\t1\t0.5"]
    found = imported(tmp_path, lines(*rows), missing=-2)
    assert len(scores(found)) == 2
    assert left_out(found)["with the score -2, which stands for a missing value"] == 1


BIOGRID_ROWS = (
    BIOGRID,
    biogrid_row(A, B, "Affinity Capture-MS", "physical", "PUBMED:1", "-"),
    biogrid_row(B, A, "Two-hybrid", "physical", "PUBMED:2", "9"),
    biogrid_row("-", C, "Two-hybrid", "physical", "PUBMED:2", "-", f"SWR1\t{C}"),
    biogrid_row(C, C, "Two-hybrid", "physical", "PUBMED:2", "-"),
    biogrid_row(C, "human1", "Two-hybrid", "physical", "PUBMED:2", "-"),
    biogrid_row(A, D, "Negative Genetic", "genetic", "PUBMED:20093466", "-0.25"),
    biogrid_row(D, A, "Negative Genetic", "genetic", "PUBMED:20093466", "-0.35"),
    biogrid_row(A, C, "Negative Genetic", "genetic", "PUBMED:20093466", "-"),
    biogrid_row(A, C, "Synthetic Lethality", "genetic", "PUBMED:3", "12.5"),
)


def test_biogrid_is_a_network_and_labels_of_one_publication(tmp_path: Path) -> None:
    found = imported(tmp_path, lines(*BIOGRID_ROWS))
    assert edges(found) == {(A, B): 1.0, (C, D): 1.0} and found.genotypes is None
    assert left_out(found) == {
        "of genetic interactions: no publication was asked for": 4,
        "with a gene that is not in the gene list, or of an ambiguous name": 1,
        "between a gene and itself": 1,
        "merged with an edge between the same genes; the largest weight was kept": 1,
    }
    assert found.reports[0].read == 9
    found = imported(tmp_path, lines(*BIOGRID_ROWS), publication="PUBMED:20093466")
    assert scores(found) == {("biogrid_pubmed20093466", A, D): -0.3}
    assert left_out(found)["of other publications"] == 1 and left_out(found)["without a score"] == 1
    graph, _ = load_networks(
        GENES, [NetworkSource("x", tmp_path / "out" / "biogrid_physical.tsv", directed=False)]
    )
    assert graph["x"].num_edges == 4


def test_biogrid_tab_2_has_other_names_of_columns(tmp_path: Path) -> None:
    old = [
        row.replace("Publication Source", "Pubmed ID")
        .replace("Organism ID", "Organism")
        .replace("PUBMED:", "")
        for row in BIOGRID_ROWS
    ]
    assert scores(imported(tmp_path, lines(*old), publication="PUBMED:20093466")) == {
        ("biogrid_pubmed20093466", A, D): -0.3
    }


def test_string_channels_are_networks(tmp_path: Path) -> None:
    header = "protein1 protein2 neighborhood fusion experimental combined_score"
    rows = [
        header,
        f"4932.{A} 4932.{B} 0 100 900 950",
        f"4932.{B} 4932.{A} 0 100 800 950",
        "4932.Q9 4932.X 1 1 1 1",
    ]
    found = imported(tmp_path, gzip.compress(lines(*rows, f"4932.{C} 4932.{B} 5 0 0 9").encode()))
    assert {network.name: edges(found, k) for k, network in enumerate(found.networks)} == {
        "string_neighborhood": {(B, C): 0.005},
        "string_fusion": {(A, B): 0.1},
        "string_experimental": {(A, B): 0.9},
    }
    physical = ["protein1 protein2 combined_score", f"4932.{A} 4932.{B} 500"]
    found = imported(tmp_path, lines(*physical), name="bound")
    assert found.networks[0].name == "bound_combined_score" and edges(found) == {(A, B): 0.5}


def test_string_actions_are_networks_by_mode(tmp_path: Path) -> None:
    header = "item_id_a\titem_id_b\tmode\taction\tis_directional\ta_is_acting\tscore"
    rows = [
        header,
        f"4932.{B}\t4932.{A}\tbinding\t\tf\tf\t300",
        f"4932.{B}\t4932.{A}\tactivation\tactivation\tt\tt\t400",
        f"4932.{A}\t4932.{B}\tactivation\tactivation\tt\tf\t400",
    ]
    found = imported(tmp_path, lines(*rows))
    assert [(n.name, n.directed) for n in found.networks] == [
        ("string_binding", False), ("string_activation", True),
    ]  # fmt: skip
    assert edges(found) == {(A, B): 0.3} and edges(found, 1) == {(B, A): 0.4}


def test_tflink_and_yeastract_are_directed(tmp_path: Path) -> None:
    rows = [
        TFLINK,
        "P1\tP2\t1\t2\tTFC3\tnobody;SLA1\tChIP\t1\tYeast\tx\tYes",
        "P\tP\t1\t2\t-\tSLA1\t-\t-\tY\tx\tNo",
    ]
    assert edges(imported(tmp_path, lines(*rows))) == {(A, B): 1.0}
    tabs = [f"SystematicName\t{A}\t{C}", f"{B}\t1\t0", f"{D}\t0\t1"]
    found = imported(tmp_path, lines(*tabs))
    assert edges(found) == {(A, B): 1.0, (C, D): 1.0} and found.networks[0].directed
    semicolons = [";SLA1;SWR1", "Tfc3p;1;0", "Adp1p;0;1"]
    found = imported(tmp_path, lines(*semicolons))
    assert edges(found) == {(A, B): 1.0, (C, D): 1.0}
    assert "file.txt: rows are taken for transcription factors" in found.reports[0].notes


@pytest.mark.parametrize(
    "content",
    [
        f"{A}\t{B}\t0.5\n{B}\t{C}\t0.25\n",
        f"source,target,weight\ntfc3,sla1,0.5\n{B},{C},0.25\n",
        f"# comment\n{A} {B} 0.5\n{B} {C} 0.25\n{A} nobody 1\n",
    ],
)
def test_plain_edges(tmp_path: Path, content: str) -> None:
    assert edges(imported(tmp_path, content, name="own")) == {(A, B): 0.5, (B, C): 0.25}


def test_graphml_nodes_go_by_whatever_names_genes(tmp_path: Path) -> None:
    text = f"""<?xml version="1.0"?><graphml xmlns="http://graphml.graphdrawing.org/xmlns">
    <key id="d0" for="node" attr.name="orf"/><key id="d1" for="edge" attr.name="weight"/>
    <graph edgedefault="directed"><node id="n0"><data key="d0">{B}</data></node>
    <node id="n1"><data key="d0">{A}</data></node>
    <edge source="n0" target="n1"><data key="d1">0.75</data></edge></graph></graphml>"""
    found = imported(tmp_path, text)
    assert edges(found) == {(B, A): 0.75} and found.networks[0].directed


def gaf(name: str, symbol: str, qualifier: str, term: str, evidence: str, synonyms: str) -> str:
    head = ["SGD", name, symbol, qualifier, term, "PMID:1", evidence, "", "P", "text", synonyms]
    return "\t".join([*head, "protein", "taxon:559292", "20200101", "SGD", "", ""])


def test_gaf_is_sets_of_genes(tmp_path: Path) -> None:
    rows = [
        "!gaf-version: 2.2",
        gaf("S000000001", "TFC3", "involved_in", "GO:1", "IDA", f"{A}|FUN24"),
        gaf("S000000001", "TFC3", "involved_in", "GO:1", "IMP", f"{A}|FUN24"),
        gaf("S000000103", "x", "involved_in", "GO:2", "IDA", ""),  # SLA1 by its identifier
        gaf("S000000103", "x", "NOT|involved_in", "GO:3", "IDA", f"{B}|x"),
        gaf("S000000103", "x", "involved_in", "GO:4", "IGI", f"{B}|x"),
        gaf("S9", "nobody", "involved_in", "GO:4", "IDA", "nobody"),
    ]
    found = imported(tmp_path, lines(*rows))
    assert [(GENES.ids[gene], name) for gene, name in found.gene_sets] == [(A, "GO:1"), (B, "GO:2")]
    assert left_out(found) == {
        "that say NOT": 1,
        "inferred from genetic interactions": 1,
        "of genes that are not in the gene list": 1,
        "merged with the same gene and term": 1,
    }
    (table,), _ = load_features(GENES, [FeatureSource("go", tmp_path / "out" / "gene_sets.tsv")])
    assert table.columns == ("GO:1", "GO:2")


def test_sgd_features_are_a_gene_list_read_without_quotation_marks(tmp_path: Path) -> None:
    def row(identifier: str, kind: str, orf: str, name: str, aliases: str) -> str:
        return "\t".join([identifier, kind, "Verified", orf, name, aliases, *[""] * 9, "what it does"])

    rows = [
        row("S000000001", "ORF", "YXA001C", "ABC1", 'B"|old name of it|FUN99'),
        row("S000000002", "CDS", "", "", ""),
        row("S000000003", "ORF", "YXA002W", "ADE5,7", ""),
        row("S000000004", "telomere", "TEL01L", "", ""),
    ]
    found = imported(tmp_path, lines(*rows))
    genes = load_gene_list(tmp_path / "out" / "genes.txt")
    assert [genes.find(name) for name in ('b"', "FUN99", "ade5,7", "YXA002W", "old name of it")] == [
        0,
        0,
        1,
        1,
        None,
    ]
    assert found.reports[0].kept == 2 and left_out(found) == {
        "without a systematic name": 1, "of the type telomere": 1,
    }  # fmt: skip


def test_parquet_belongs_to_its_gene_list(tmp_path: Path) -> None:
    imported(tmp_path, lines(*SGA_ROWS), table="parquet")
    path = tmp_path / "out" / "genotypes.parquet"
    table, report = load_genotypes(GENES, path)
    assert len(table) == 3 and str(report) == "genotypes: kept 3 genotypes"
    with pytest.raises(
        GiJaxError, match=r"was imported with another gene list \(6,674 genes\) than this one \(2\)"
    ):
        load_genotypes(GeneList((A, B)), path)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(GiJaxError, match="is a damaged Parquet file"):
        load_genotypes(GENES, path)
