"""Broken files: one sentence with file, line and remedy; exit code 2; nothing written."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from tests.data.importers.foreign import (
    BIOGRID,
    KUZMIN,
    SGA,
    biogrid_row,
    kuzmin_row,
    lines,
    sga_row,
    write_xlsx,
)

A, B, C = "YAL001C", "YBL007C", "YCR011C"
ONE, TWO = (sga_row(f"{A}_sn1", "tfc3", f"{name}_dma1", "x", score) for name, score in ((B, 0.1), (C, 0.2)))
GOOD = lines(SGA, ONE, TWO)
K = kuzmin_row(f"{A}+YDL227C_tm1", "tfc3Δ+hoΔ", f"{B}_dma1", "sla1Δ", "digenic", 0.1, 0.1)
MATRIX = f"Gene\t{A}\t{B}\n{C}\t1\t2\n"
PLAIN = f"genes\tscore\n{A},{B}\t0.5\n{A},{C}\t0.25\n"


def with_score(text: str, p: str = "0.5") -> str:
    return lines(SGA, ONE, sga_row(f"{A}_sn1", "tfc3", f"{C}_dma1", "adp1", text, p))


# What the file holds, how it is imported, and what is said of it.
BROKEN: dict[str, tuple[str | bytes, str, str]] = {
    "commas for tabs": (GOOD.replace("\t", ","), "sga", "line 1: begins with `Query Strain ID,Query allele"),
    "semicolons for tabs": (
        GOOD.replace("\t", ";"),
        "auto",
        "which no known kind of file does; name its kind",
    ),
    "blanks for tabs": (GOOD.replace("\t", " "), "sga", "line 1: begins with"),
    "truncated gzip": (gzip.compress(GOOD.encode() * 9)[:-12], "sga", "starts like gzip but does not unpack"),
    "gzip damaged inside": (gzip.compress(GOOD.encode() * 99)[:60] + b"\0" * 40, "sga", "does not unpack"),
    "bzip2": (b"BZh91AY&SY" + b"\x12" * 50, "sga", "is compressed with bzip2; unpack it"),
    "xz": (b"\xfd7zXZ\0" + b"\x12" * 50, "sga", "is compressed with xz; unpack it"),
    "zstd": (b"(\xb5/\xfd" + b"\x12" * 50, "auto", "is compressed with zstd; unpack it"),
    "old workbook": (b"\xd0\xcf\x11\xe0" + b"\0" * 600, "sga", "is an old Excel workbook; save the sheet"),
    "zip that is no workbook": (b"PK\x03\x04" + b"\0" * 80, "sga", "no Excel workbook that can be read"),
    "PDF": (b"%PDF-1.7 ...", "auto", "is a PDF; copy its table"),
    "binary": (bytes(range(128)) * 4, "sga", "line 1: holds NUL bytes"),
    "binary beyond ASCII": (b"\x80\x81\x82\n" * 4, "auto", "line 1: byte 1 is not UTF-8 text; save the file"),
    "UTF-16 without its mark": (GOOD.encode("utf-16-le"), "sga", "line 1: holds NUL bytes"),
    "UTF-16 cut in a letter": (GOOD.encode("utf-16")[:-1], "sga", "starts like UTF-16 text but is none"),
    "Latin-1": (
        GOOD.replace("tfc3", "tfc3\xd8").encode("latin-1", "replace"),
        "sga",
        "line 2: byte 17 is not",
    ),
    "empty": (b"", "sga", "the file is empty"),
    "blanks only": (b" \n\t\n", "auto", "the file is empty"),
    "header only": (lines(SGA), "sga", "has no row; it needs one for each measurement"),
    "a row too short": (
        lines(SGA, ONE, TWO.rsplit("\t", 1)[0]),
        "sga",
        "line 3: found 10 fields, expected 11",
    ),
    "a row too long": (lines(SGA, ONE + "\tx", TWO), "sga", "line 2: found 12 fields, expected 11"),
    "shifted columns": (lines(SGA, "\t" + ONE.rsplit("\t", 1)[0]), "sga", "line 2: the score is `DMA30`"),
    "repeated header": (lines(SGA, ONE, SGA, TWO), "sga", "line 3: repeats the names of the columns"),
    "old Mac line ends and a cut row": (
        lines(SGA, ONE, "YAL").replace("\n", "\r"),
        "sga",
        "line 3: found 1 fields, expected 11",
    ),
    "Windows line ends and a bad number": (
        with_score("x").replace("\n", "\r\n"),
        "sga",
        "line 3: the score is `x`, expected a number",
    ),
    "byte order mark and a bad number": (
        b"\xef\xbb\xbf" + with_score("x").encode(),
        "sga",
        "line 3: the score",
    ),
    "decimal comma": (
        with_score("-0,1234"),
        "sga",
        "the score is `-0,1234`, expected a number with a decimal",
    ),
    "infinite": (with_score("-inf"), "sga", "line 3: the score is `-inf`"),
    "thousands": (with_score("1,234.5"), "sga", "line 3: the score is `1,234.5`"),
    "p-value of text": (with_score("0.1", "<1e-3"), "sga", "line 3: the p-value is `<1e-3`"),
    "no score at all": (
        with_score("NaN").replace("\t0.1\t", "\tNA\t"),
        "sga",
        "no measurement is left of 2 rows",
    ),
    "no known gene": (GOOD.replace("_", "X_"), "sga", "2 of a gene that is not in the gene list"),
    "all scores alike": (lines(SGA, *[ONE.replace(B, n) for n in (B, C, "YDR334W")]), "sga", "in all 3 rows"),
    "Kuzmin of another type": (
        lines(KUZMIN, K, K.replace("digenic", "tetragenic")),
        "kuzmin",
        "line 3: the combined mutant type is `tetragenic`, expected digenic or trigenic",
    ),
    "Kuzmin without columns": (lines(K), "kuzmin", "expected the columns of Kuzmin et al."),
    "matrix with a short row": (MATRIX + f"{A}\t1\n", "emap", "line 3: found 2 fields, expected 3"),
    "matrix with text": (
        MATRIX + "YDR334W\t1\tno\n",
        "emap",
        "line 3, column 3: found `no`, expected a score",
    ),
    "matrix with decimal commas": (
        MATRIX + "YDR334W\t1,5\t2\n",
        "emap",
        "expected a score with a decimal point",
    ),
    "matrix of names": (f"{A}\t{B}\n{B}\t{C}\n", "emap", "expected a matrix with names of genes"),
    "BioGRID with a column gone": (
        lines(BIOGRID.replace("\tScore", "\tScr")),
        "biogrid",
        "no column `score`",
    ),
    "BioGRID score of text": (
        lines(BIOGRID, biogrid_row(A, B, "x", "genetic", "PUBMED:1", "strong")),
        "biogrid --publication PUBMED:1",
        "line 2: the score is `strong`",
    ),
    "BioGRID without physical rows": (
        lines(BIOGRID, biogrid_row(A, B, "x", "genetic", "PUBMED:1", "1")),
        "biogrid",
        "name their publication",
    ),
    "STRING with text": (
        f"protein1 protein2 combined_score\n4932.{A} 4932.{B} high\n",
        "string",
        "line 2: the comb",
    ),
    "STRING of another organism": (
        "protein1 protein2 combined_score\n9606.ENSP1 9606.ENSP2 900\n",
        "string",
        "none of its 1 edges lies",
    ),
    "edges of one field": (f"{A}\n{B}\n", "edges", "expected two names of genes and perhaps a weight"),
    "edges with a weight of text": (f"{A}\t{B}\t1\n{A}\t{C}\tx\n", "edges", "line 2: the weight is `x`"),
    "GraphML cut": ("<graphml>\n<graph>\n", "edges", "line 2: is no whole XML"),
    "XML of another kind": ("<html></html>", "edges", "is XML but no GraphML"),
    "YEASTRACT with a 2": (
        f"x\t{A}\t{B}\n{C}\t1\t0\n{B}\t2\t0\n",
        "yeastract",
        "line 3: found `2`, expected 0 or 1",
    ),
    "GAF with few fields": (
        "!gaf-version: 2.2\nSGD\tS1\tx\n",
        "gaf",
        "line 2: found 3 fields, expected the 17",
    ),
    "SGD with few fields": ("S000000001\tORF\n", "sgd", "line 1: found 2 fields, expected the 16"),
    "our own table": (PLAIN, "auto", "or make it a table as the project reads it (genes, score)"),
}


def test_there_are_forty_and_more() -> None:
    assert len(BROKEN) >= 40


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_one_sentence_and_nothing_is_written(name: str, tmp_path: Path, gi_jax) -> None:
    content, kind, said = BROKEN[name]
    path, out = tmp_path / "broken.txt", tmp_path / "out"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    kind, *options = kind.split(" ")
    code, shown, told = gi_jax("import", kind, path, "--out", out, *options)
    assert (code, shown) == (2, "")
    assert told.startswith("error: ") and told.count("\n") == 1
    assert said in told and "broken.txt" in told
    assert not out.exists()


@pytest.mark.parametrize(
    "text", ["nan", "NaN", "NAN", "NA", "na", "N/A", "#N/A", "null", "NULL", "None", "", " ", "-nan"]
)
def test_a_missing_score_is_one_in_every_spelling(text: str, tmp_path: Path, gi_jax) -> None:
    path = tmp_path / "scores.txt"
    path.write_text(with_score(text, text))
    code, shown, told = gi_jax("import", "sga", path, "--out", tmp_path / "out")
    assert (code, told) == (0, "") and "left out: 1 without a score" in shown


def test_folders_missing_files_and_workbooks_of_another_layout(tmp_path: Path, gi_jax) -> None:
    out = tmp_path / "out"
    for path, said in (
        (tmp_path, "is a folder; name a file in it"),
        (tmp_path / "absent.txt", "no such file"),
    ):
        code, _, told = gi_jax("import", "sga", path, "--out", out)
        assert code == 2 and said in told
    write_xlsx(tmp_path / "other.xlsx", {"Sheet": [["Title"], ["Gene", "Fitness"], ["YAL001C", 0.5]]})
    code, _, told = gi_jax("import", "kuzmin", tmp_path / "other.xlsx", "--out", out)
    assert code == 2 and "line 1: begins with `Title`, expected the columns of Kuzmin" in told
    (tmp_path / "good.txt").write_text(GOOD)
    (tmp_path / "file").write_text("in the way")
    for arguments, said in (
        (("nosuch", tmp_path / "good.txt", "--out", out), "`nosuch` is no kind of file that can be imported"),
        (("sga", tmp_path / "good.txt", "--out", tmp_path / "file"), "file"),
        (
            ("sga", tmp_path / "good.txt", "--out", out, "--alleles", "some"),
            "--alleles is `some`, expected one of",
        ),
        (("sga", tmp_path / "good.txt", "--out", out, "--table", "csv"), "--table is `csv`"),
        (("emap", tmp_path / "good.txt", "--out", out, "--missing", "x"), "--missing is `x`"),
    ):
        code, _, told = gi_jax("import", *arguments)
        assert code == 2 and said in told
    assert not out.exists()


def test_an_import_that_fails_leaves_the_earlier_one(tmp_path: Path, gi_jax) -> None:
    path, out = tmp_path / "scores.txt", tmp_path / "out"
    path.write_text(GOOD)
    assert gi_jax("import", "sga", path, "--out", out)[0] == 0
    before = {file.name: file.read_bytes() for file in out.iterdir()}
    path.write_text(with_score("x"))
    assert gi_jax("import", "sga", path, "--out", out)[0] == 2
    assert {file.name: file.read_bytes() for file in out.iterdir()} == before
