"""Names of genes: every spelling of a gene is found, or refused with the reason."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from gi_jax.data import GeneList, bundled_gene_list, genotypes_from_names, load_gene_list
from gi_jax.data.gene_search import search
from gi_jax.errors import GiJaxError

ROOT = Path(__file__).parents[2]
GENES = bundled_gene_list()


@pytest.mark.parametrize(
    ("written", "gene"),
    [
        ("SWR1", "YDR334W"),
        ("sap30", "YMR263W"),
        (" swr1Δ\u00a0", "YDR334W"),
        ("swr1∆", "YDR334W"),
        ("SWR1-delta", "YDR334W"),
        ("Δswr1", "YDR334W"),
        ("swr1Δ0::kanMX4", "YDR334W"),
        ("yDr334w", "YDR334W"),
        ("OCT1", "YKL134C"),
        ("1-Oct", "YKL134C"),
        ("2021-10-01 00:00:00", "YKL134C"),
        ("Sep-07", "YDL225W"),  # SEP7, an alias
        ("MAR1", "YDL042C"),
        ("SLT2", "YHR030C"),  # also an alias of YAL014C: the standard name goes first
        ("FUN24", "YAL001C"),
        ("YAL035C-A", "YAL034C-B"),  # retired
        ("YBR100W", "YBR100W"),  # retired, and in this list under its own id
        ("ADE5,7", "YGL234W"),
        ("DUR1,2", "YBR208C"),
        ("IMP2'", "YIL154C"),
        ("MF(ALPHA)1", "YPL187W"),
        ("AI5_ALPHA", "Q0070"),
        ('B"', "YNL039W"),
    ],
)
def test_a_gene_is_found_by_every_spelling(written: str, gene: str) -> None:
    assert GENES.ids[GENES.index(written)] == gene


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("MTF1", None),
        ("CAF20", None),
        ("YAL016C-A", "YAL016C-A is not in it"),
        ("31-Feb", "is not among the 6,674 genes"),
        ("Δ", "is not among"),
    ],
)
def test_what_is_not_unique_or_not_here_is_refused_with_the_reason(written: str, said: str | None) -> None:
    if said is None:
        assert GENES.find(written) is not None
    else:
        with pytest.raises(GiJaxError, match=re.escape(said)):
            GENES.index(written)


def test_an_ambiguous_alias_is_refused_with_its_candidates() -> None:
    known = GENES.known
    assert known is not None
    alias, records = next(
        (alias, records)
        for alias, records in known.by_alias.items()
        if len(records) == 2 and alias not in GENES._index
    )
    with pytest.raises(GiJaxError) as error:
        GENES.index(alias)
    assert "is ambiguous: it is an alias of" in str(error.value)
    assert all(record.systematic in str(error.value) for record in records)


def test_every_alias_finds_its_gene_or_the_reason_why_not_in_the_numbers_of_the_page() -> None:
    known, counts = GENES.known, Counter()
    assert known is not None
    for record in known.records:
        for alias in record.aliases:
            found = GENES.look_up(alias)
            if found.gene is None:
                assert found.how and found.note, alias
                kind = "ambiguous" if found.how == "ambiguous alias" else "not in the list"
            elif GENES.ids[found.gene] == record.systematic:
                kind = "its gene"
            else:
                kind = found.how
            counts[kind] += 1
    page = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")
    page = page[page.index("| an alias leads to |") :]
    rows = re.findall(r"^\| ([^|]+) \| ([\d,]+) \|$", page, re.MULTILINE)
    assert {name: int(count.replace(",", "")) for name, count in rows[:5]} == {
        "its gene": counts["its gene"],
        "another gene, whose standard name it is": counts["standard name"],
        "a gene of this very name in the list (retired by SGD)": counts["systematic name"],
        "a refusal: several genes have it": counts["ambiguous"],
        "a refusal: its gene is not in the list": counts["not in the list"],
    }
    assert sum(counts.values()) == sum(len(record.aliases) for record in known.records)


def test_names_with_commas_are_told_from_several_genes() -> None:
    assert GENES.split("SWR1,ADE5,7,SAP30") == ["SWR1", "ADE5,7", "SAP30"]
    assert GENES.split('"DUR1,2", imp2\'') == ["DUR1,2", "imp2'"]
    table = genotypes_from_names(GENES, ["ADE5,7,SWR1", 'arg5,6,"ADE5,7"'])
    assert [set(GENES.labelled(row)) for row in table.genes] == [{"ADE5,7", "SWR1"}, {"ARG5,6", "ADE5,7"}]
    with pytest.raises(GiJaxError, match="gene `ADE5` is not among"):
        genotypes_from_names(GENES, ["ADE5 ,7"])


def test_notes_tell_of_retired_names_and_dates() -> None:
    assert GENES.notes(["SWR1", "YAL035C-A", "1-Oct"]) == (
        "YAL035C-A is a retired name of YAL034C-B",
        "`1-Oct` is read as OCT1, written as a date, which a spreadsheet made of it",
    )


def test_a_list_has_aliases_of_its_own_and_knows_no_yeast(tmp_path: Path) -> None:
    path = tmp_path / "genes.txt"
    path.write_text("SPAC1002.03c\tgls2\tSPAC1002.03|alpha\nSPBC21D10.12\thob1\tbeta|alpha\n")
    genes = load_gene_list(path)
    assert [genes.find(name) for name in ("GLS2", "beta", "hob1Δ", "SPAC1002.03")] == [0, 1, 1, 0]
    with pytest.raises(GiJaxError, match=r"`alpha` is ambiguous.*03c \(gls2\), SPBC21D10.12 \(hob1\)"):
        genes.index("alpha")
    assert GeneList(("A", "B")).find("SWR1") is None
    assert not GeneList(("A", "B")).has_labels


def test_words_are_searched_for_in_names_and_descriptions() -> None:
    assert "YDL225W" in [GENES.ids[gene] for gene in search(GENES, "septin ring")]
    assert search(GENES, "no such words") == []


def test_the_command_looks_up_and_searches(gi_jax) -> None:
    code, out, err = gi_jax("genes", "1-Oct", "septin ring component")
    lines = [line.split("\t") for line in out.splitlines()]
    assert code == 0 and lines[0][:4] == ["asked", "found_as", "gene", "name"]
    assert lines[1][:4] == ["1-Oct", "standard name", "YKL134C", "OCT1"] and lines[2][1] == "search"
    assert err.startswith("note: `1-Oct` is read as OCT1")
    code, out, err = gi_jax("genes", "SWR1", "nowhere at all")
    assert code == 2 and "YDR334W" in out and "gene `nowhere at all` is not among" in err
