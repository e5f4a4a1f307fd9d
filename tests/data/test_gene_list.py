"""The gene list: lookup, nearest names, complaints with line numbers."""

from __future__ import annotations

import pytest

from gi_jax.data import GeneList, load_gene_list
from gi_jax.errors import GiJaxError


def test_genes_are_found_by_either_name_in_any_case():
    genes = GeneList(("YAL001C", "YBL002W"), ("TFC3", ""))
    assert [genes.index(name) for name in ("YAL001C", "yal001c", "TFC3", " tfc3 ", "ybl002w")] == [
        0,
        0,
        0,
        0,
        1,
    ]
    assert genes.find("") is None


def test_an_unknown_gene_is_named_with_the_nearest_one():
    genes = GeneList(("YAL001C", "YBL002W"))
    with pytest.raises(GiJaxError, match=r"gene `YBL002C` is not among the 2 genes .*nearest is YBL002W"):
        genes.index("YBL002C")


def test_names_leave_padding_out():
    assert GeneList(("YAL001C", "YBL002W")).names([1, 2, 2]) == ["YBL002W"]


def test_the_fingerprint_tells_the_order():
    assert GeneList(("A", "B")).fingerprint == GeneList(("A", "B"), ("x", "y")).fingerprint
    assert GeneList(("A", "B")).fingerprint != GeneList(("B", "A")).fingerprint


def test_loads_systematic_and_standard_names(tmp_path):
    path = tmp_path / "genes.txt"
    path.write_text("YAL001C\tTFC3\n\nYBL002W\r\n")
    genes = load_gene_list(path)
    assert genes == GeneList(("YAL001C", "YBL002W"), ("TFC3", ""))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("YAL001C\nYBL002W\nyal001c\n", "line 3: `YAL001C` stands already on line 1"),
        ("YAL001C\tTFC3\nYBL002W\ttfc3\n", "line 2: `TFC3` stands already on line 1"),
        ("YAL001C TFC3\n", "line 1: found `YAL001C TFC3`; expected one gene name"),
        ("YAL001C\tTFC3\tFUN24\tmore\n", "line 1: found"),
        ("YAL001C,YBL002W\n", "line 1: found"),
    ],
)
def test_a_bad_gene_list_is_refused_with_its_line(tmp_path, text, message):
    path = tmp_path / "genes.txt"
    path.write_text(text)
    with pytest.raises(GiJaxError) as error:
        load_gene_list(path)
    assert str(path) in str(error.value) and message in str(error.value)


HEADERS = (
    "gene genes GENE gene_id geneID ORF systematic_name systematic_name\tstandard_name locus locus_tag symbol"
)
HEADERS = [
    *HEADERS.split(" "),
    "name",
    "id",
    "Gene Symbol",
    "gene name",
    "Gene\tName",
    "# my genes",
    "#YAL001C",
]


@pytest.mark.parametrize("header", HEADERS)
def test_a_header_is_named_and_not_taken_for_a_gene(tmp_path, header):
    path = tmp_path / "genes.txt"
    path.write_text(f"\n{header}\nYAL001C\n")
    with pytest.raises(
        GiJaxError, match="line 2: found `.*`, which is a header and no gene; remove this line"
    ):
        load_gene_list(path)


@pytest.mark.parametrize("gene", ["YAL001C", "GENE1", "orf19.1", "ID2", "unnamed_0", "NAM7", "gene-x"])
def test_genes_that_sound_like_a_header_are_genes(tmp_path, gene):
    path = tmp_path / "genes.txt"
    path.write_text(f"{gene}\nB\n")
    assert load_gene_list(path).ids == (gene, "B")


def test_a_gene_further_down_may_be_called_like_a_header(tmp_path):
    path = tmp_path / "genes.txt"
    path.write_text("YAL001C\nsymbol\n")
    assert load_gene_list(path).ids == ("YAL001C", "symbol")
