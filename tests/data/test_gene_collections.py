"""Sets of genes from the package, GMT, GAF and tables."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from gi_jax import GiJaxError
from gi_jax.data.bundled import bundled_gene_list
from gi_jax.data.gene_collections import GeneCollection, load_gene_collection
from gi_jax.data.gene_list import GeneList

GENES = GeneList(("G00", "G01", "G02", "G03"), ("ABC1", "", "", ""))
FIELDS = "SGD S0{k} {symbol} {qualifier} {term} REF {evidence} - P name {synonym} protein taxon 1 SGD - -"
GAF_LINE = FIELDS.replace(" ", "\t").replace("-", "")


def sets_of(collection: GeneCollection) -> dict[str, list[int]]:
    return {
        term: row.nonzero()[0].tolist()
        for term, row in zip(collection.terms, collection.members, strict=True)
    }


def test_the_bundled_processes_are_sets_of_yeast_genes() -> None:
    genes = bundled_gene_list()
    collection, report = load_gene_collection(genes, "go_process")
    assert (len(collection.terms), report.kept) == (3484, 5899)
    held = sets_of(collection)["histone exchange"]
    assert genes.index("SWR1") in held and 5 < len(held) < 40
    assert genes.index("SEC22") not in held


@pytest.mark.parametrize("zipped", [False, True])
def test_gmt_is_a_set_a_line(tmp_path: Path, zipped: bool) -> None:
    text = "repair\thttp://x\tG00\tG02\t\n\ntransport\t\tabc1\tG03\tWHO\nelsewhere\t\tWHO\n"
    path = tmp_path / ("sets.gmt.gz" if zipped else "sets.gmt")
    path.write_bytes(gzip.compress(text.encode()) if zipped else text.encode())
    collection, report = load_gene_collection(GENES, path)
    assert sets_of(collection) == {"repair": [0, 2], "transport": [0, 3]}
    assert (report.read, report.kept, str(report.left_out[0])) == (
        6,
        4,
        "2 of genes that are not in the gene list (such as WHO)",
    )


def test_gaf_and_tables_are_read_as_elsewhere(tmp_path: Path) -> None:
    rows = [
        ("G00", "", "GO:1", "IDA"),
        ("G01", "", "GO:1", "IGI"),
        ("G02", "NOT|", "GO:1", "IDA"),
        ("G03", "", "GO:2", "IEA"),
    ]
    lines = [
        GAF_LINE.format(k=k, symbol=gene, qualifier=qualifier, term=term, evidence=evidence, synonym=gene)
        for k, (gene, qualifier, term, evidence) in enumerate(rows)
    ]
    (tmp_path / "own.gaf").write_text("!gaf-version: 2.2\n" + "\n".join(lines) + "\n")
    collection, report = load_gene_collection(GENES, tmp_path / "own.gaf")
    assert sets_of(collection) == {"GO:1": [0], "GO:2": [3]}  # not what genetic interactions have told
    assert (report.read, report.kept) == (4, 2)
    (tmp_path / "own.tsv").write_text("gene\tset\nG00\trepair\nG01\trepair\nG03\tfat\n")
    collection, _ = load_gene_collection(GENES, tmp_path / "own.tsv")
    assert sets_of(collection) == {"fat": [3], "repair": [0, 1]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("repair\tG00\n", r"sets.gmt, line 1: found 2 fields, expected those of GMT"),
        ("a\t\tG00\n\na\t\tG01\n", r"line 3: the set `a` stands already on line 1"),
        ("a\t\tWHO\nb\t\tWHO\n", r"gene `WHO` is not among the 4 genes .*, and none of its genes is"),
    ],
)
def test_a_mistake_in_gmt_is_one_sentence(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "sets.gmt").write_text(text)
    with pytest.raises(GiJaxError, match=message):
        load_gene_collection(GENES, tmp_path / "sets.gmt")


def test_what_holds_no_sets_is_refused(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("G00\nG01\n")
    with pytest.raises(GiJaxError, match="list.txt, line 1: begins with `G00`, expected GMT"):
        load_gene_collection(GENES, tmp_path / "list.txt")
    with pytest.raises(GiJaxError, match="nowhere.gmt: no such file; expected sets of genes"):
        load_gene_collection(GENES, tmp_path / "nowhere.gmt")
    with pytest.raises(GiJaxError, match="single_mutant_fitness is a table of numbers and holds no sets"):
        load_gene_collection(bundled_gene_list(), "single_mutant_fitness")
