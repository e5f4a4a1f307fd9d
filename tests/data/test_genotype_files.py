"""Genotype tables: what is read, averaged, filtered and refused."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest

from gi_jax.data import GeneList, GenotypeFilter, genotypes_from_names, load_genotypes, load_query_genotypes
from gi_jax.errors import GiJaxError

GENES = GeneList(("A", "B", "C", "D"), ("alpha", "", "", ""))


@pytest.fixture
def write(tmp_path):
    def write_file(text: str, name: str = "mine.tsv"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write_file


def test_reads_sorted_padded_sets(write):
    path = write("genes\tscore\tp_value\tstudy\nC,alpha\t-1.5\t0.01\tx\nb\t2\t\ty\nD, A,B\t0.5\tNA\t\n")
    table, report = load_genotypes(GENES, [path])
    np.testing.assert_array_equal(table.genes, [[0, 2, 4], [1, 4, 4], [0, 1, 3]])
    np.testing.assert_array_equal(table.sizes, [2, 1, 3])
    np.testing.assert_array_equal(table.score, [-1.5, 2.0, 0.5])
    np.testing.assert_array_equal(table.p_value, np.float32([0.01, np.nan, np.nan]))
    assert [table.studies[code] for code in table.study] == ["x", "y", "mine"] and table.num_genes == 4
    assert [getattr(table, name).dtype for name in ("genes", "sizes", "study", "score")] == [
        np.int32, np.int8, np.int16, np.float64,
    ]  # fmt: skip
    assert str(report) == "mine: kept 3 genotypes"


def test_several_files_become_one_table(write):
    one, two = (
        write("genes\tscore\nA,B\t1\n", "one.tsv"),
        write("genes\tscore\nB,A\t3\nA,B,C\t2\n", "two.tsv"),
    )
    table, _ = load_genotypes(GENES, [one, two])
    assert table.studies == ("one", "two") and table.study.tolist() == [0, 1, 1]
    np.testing.assert_array_equal(table.genes, [[0, 1, 4], [0, 1, 4], [0, 1, 2]])


def test_repeats_within_a_study_are_averaged_and_reported(write):
    path = write("genes\tscore\tp_value\nC,D\t7\t\nA,B\t1\t0.2\nB,A\t2\t0.1\nalpha,B\t6\t\n")
    table, report = load_genotypes(GENES, [path])
    np.testing.assert_array_equal(table.genes, [[2, 3], [0, 1]])
    np.testing.assert_array_equal(table.score, [7.0, 3.0])  # mean of 1, 2, 6
    np.testing.assert_array_equal(table.p_value, np.float32([np.nan, 0.2]))
    assert "in all: kept 2 of 4 genotypes" in str(report)
    assert "left out: 2 repeat a genotype of the same study (1 genotypes have such repeats" in str(report)


def test_filters_count_what_they_take_out(write):
    path = write(
        "genes\tscore\tp_value\tstudy\nA\t1\t0\ts\nA,B\t2\t0.5\ts\nA,C\t3\t\ts\nB,C\t4\t0.01\ts\nC,D\t5\t0\tt\n"
    )
    keep = GenotypeFilter(studies=("s",), min_genes=2, max_genes=2, max_p_value=0.05)
    table, report = load_genotypes(GENES, [path], keep=keep)
    assert table.score.tolist() == [4.0] and table.studies == ("s",)
    for part in (
        "1 of other studies",
        "1 with fewer than 2 genes",
        "1 without a p-value",
        "1 with a p-value above 0.05",
    ):
        assert f"left out: {part}" in str(report)


def test_an_empty_rest_is_refused_with_the_reasons(write):
    path = write("genes\tscore\nA,B\t1\nA,C\t2\nA\t3\n")
    with pytest.raises(
        GiJaxError, match="no genotype is left.*of 3 left out 1 with fewer than 2 genes; 2 without a p"
    ):
        load_genotypes(GENES, [path], keep=GenotypeFilter(min_genes=2, max_p_value=0.05))
    with pytest.raises(GiJaxError, match="no genotype is of study `other`; the loaded studies are mine"):
        load_genotypes(GENES, [path], keep=GenotypeFilter(studies=("other",)))


def test_genotypes_of_unknown_genes_are_left_out_on_request_only(write):
    path = write("genes\tscore\nA,B\t1\nA,X\t2\n")
    table, report = load_genotypes(GENES, [path], keep=GenotypeFilter(leave_out_unknown_genes=True))
    assert table.score.tolist() == [1.0]
    assert "left out: 1 with a gene that is not in the gene list (such as X on line 3)" in str(report)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("genes\tscores\nA\t1\n", "line 1: found the columns `genes\tscores` but no `score`"),
        ("genes\tscore\nA,B\t1\nA,BB\t1\n", "line 3: gene `BB` is not among the 4 genes"),
        ("genes\tscore\nA,X\t1\nY\t1\nX\t2\n", "; 2 later rows name genes like that too; correct the name"),
        ("genes\tscore\nA,B,a\t1\n", "line 2: gene `A` stands twice in the genotype `A,B,a`"),
        ("genes\tscore\nA,alpha\t1\n", "line 2: gene `A` stands twice"),
        ("genes\tscore\nA,,B\t1\n", "line 2: found `A,,B`, where a gene name is empty"),
        ("genes\tscore\nA\t1\nB\tnan\n", "line 3: the score is `nan`, expected a finite number"),
        ("genes\tscore\nA\t-inf\n", "line 2: the score is `-inf`"),
        (
            "genes\tscore\nA\t\n",
            "line 2: the score is ``, expected a finite number; leave unmeasured genotypes out",
        ),
        ("genes\tscore\nA\t0,5\n", "line 2: the score is `0,5`"),
        ("genes\tscore\nA\t1_0\n", "line 2: the score is `1_0`"),
        ("genes\tscore\nA\t\u0661\n", "line 2: the score is `\u0661`"),
        ("genes\tscore\nA\t0x10\n", "line 2: the score is `0x10`"),
        ("genes\tscore\nA\tinfinity\n", "line 2: the score is `infinity`"),
        (
            "genes\tscore\nA\t1\nB\t1.8e308\n",
            "line 3: the score is `1.8e308`, expected a number from -1,000,000 to 1,000,000 (interaction",
        ),
        ("genes\tscore\nA\t1\nB\t-3.4e38\n", "line 3: the score is `-3.4e38`, expected a number from"),
        ("genes\tscore\nA\t1e30\n", "line 2: the score is `1e30`, expected a number from"),
        ("genes\tscore\n\nA\t-2\nB\t-2.0\nC\t-2\n", "line 3: the score is -2, here and in all 3 rows"),
        ("genes\tscore\nA\t0\nB\t0.0\nC\t-0\n", "line 2: the score is 0, here and in all 3 rows"),
        ("genes\tscore\tp_value\nA\t1\t0x1\n", "line 2: the p_value is `0x1`, expected a finite number"),
        ("genes\tscore\tp_value\nA\t1\t1e999\n", "line 2: the p_value is `1e999`"),
        ("genes\tscore\tp_value\nA\t1\t1.5\n", "line 2: the p_value is 1.5, expected a number from 0 to 1"),
        ("genes\tscore\tp_value\nA\t1\t<0.1\n", "line 2: the p_value is `<0.1`"),
    ],
)
def test_a_bad_genotype_file_is_refused_with_its_line(write, text, message):
    path = write(text)
    with pytest.raises(GiJaxError) as error:
        load_genotypes(GENES, [path])
    assert str(error.value).startswith(str(path)) and message in str(error.value)


def test_an_unknown_study_is_answered_with_the_nearest():
    with pytest.raises(GiJaxError, match="`colins2007` is not a bundled study; did you mean `collins2007`"):
        load_genotypes(GENES, ["colins2007"])
    with pytest.raises(GiJaxError, match="`collins2006` is not a bundled study; bundled are"):  # another year
        load_genotypes(GENES, ["collins2006"])
    with pytest.raises(GiJaxError, match="no genotypes are named"):
        load_genotypes(GENES, [])


def test_query_genotypes_keep_order_and_repeats(write):
    table, report = load_query_genotypes(GENES, write("genes\tnote\nb,A\thi\nC\t\nA,B\t\n"))
    np.testing.assert_array_equal(table.genes, [[0, 1], [2, 4], [0, 1]])
    assert np.isnan(table.score).all() and "columns not read: note" in str(report)
    with pytest.raises(GiJaxError, match="line 2: gene `X` is not among"):
        load_query_genotypes(GENES, write("genes\nX\n"))


def test_genotypes_from_the_command_line():
    table = genotypes_from_names(GENES, ["alpha,d", "B"])
    np.testing.assert_array_equal(table.genes, [[0, 3], [1, 4]])
    with pytest.raises(GiJaxError, match="genotype `A,E`: gene `E` is not among"):
        genotypes_from_names(GENES, ["A,E"])
    with pytest.raises(GiJaxError, match="genotype `A,a`: gene `A` stands twice"):
        genotypes_from_names(GENES, ["A,a"])


@pytest.mark.parametrize(("value", "rows"), [("0", 7), ("-2", 30)])
def test_a_score_that_stands_suspiciously_often_is_noted(value, rows):
    genes = GeneList(tuple(f"G{i}" for i in range(60)))
    table, report = _load_scores(genes, [f"{0.013 * i - 0.3:.4f}" for i in range(23)] + [value] * rows)
    assert len(table) == 23 + rows
    (note,) = report.sources[0].notes
    assert note.startswith(
        f"the score {value} stands in {rows} of {23 + rows} rows ({rows / (23 + rows):.0%})"
    )
    assert "first on line 25, and no other in more than 1; if it stands for a missing value" in note


@pytest.mark.parametrize(
    "scores",
    [
        [0, 1] * 20,  # classes
        [round(i / 40, 1) for i in range(40)],  # rounded
        [i / 40 for i in range(36)] + [0.0] * 6,  # a seventh of the rows
        [0.0] * 5 + [0.1, 0.2],  # few rows
    ],
)
def test_scores_of_few_steps_are_not_noted(scores):
    genes = GeneList(tuple(f"G{i}" for i in range(60)))
    assert not _load_scores(genes, scores)[1].sources[0].notes


def test_one_source_needs_no_list(write):
    path = write("genes\tscore\nA,B\t1\n")
    for source in (path, str(path)):
        assert load_genotypes(GENES, source)[0].score.tolist() == [1.0]
    np.testing.assert_array_equal(genotypes_from_names(GENES, "A,B").genes, [[0, 1]])


def _load_scores(genes, scores):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "many.tsv"
        rows = [f"{gene}\t{score}" for gene, score in zip(genes.ids, scores, strict=False)]
        path.write_text("\n".join(["genes\tscore", *rows]) + "\n")
        return load_genotypes(genes, [path])
