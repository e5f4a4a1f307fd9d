"""Crosses in wells, query by query."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gi_jax import GiJaxError
from gi_jax.data.formats.tables import read_table
from gi_jax.report.screen.candidates import Combined, Listed
from gi_jax.report.screen.enrichment import Enrichment
from gi_jax.report.screen.page import Bench
from gi_jax.report.screen.plates import choose, crosses, well, write_plates
from tests.report.screen.world import GENES, LISTED, NUM, outcome


def test_both_ends_in_turn_without_what_was_measured() -> None:
    measured = [-6.0, None, None, None, -2.0, None, None]  # of the lowest and of the fifth
    own = outcome(LISTED, measured=measured)
    assert [own.score[row] for row in choose(own, 4)] == [-4.5, 2.5, -4.0, 2.0]
    assert sorted(choose(own, 99)) == [1, 2, 3, 5, 6]


def test_the_query_with_most_crosses_comes_first() -> None:
    own = outcome(LISTED)
    made = crosses(own, np.arange(7))
    assert [cross.query for cross in made] == [(0,)] * 4 + [(5,), (7,), (9,)]
    assert sorted(own.score[cross.row] for cross in made) == sorted(LISTED.values())
    for cross in made:
        assert {*cross.query, cross.array} == set(own.rows[cross.row].tolist())


def test_a_query_strain_has_the_genes_that_all_genotypes_have() -> None:
    listed = {(1, 2, 11): -3.0, (1, 4, 11): -2.0, (3, 5, 11): -1.0}
    own = outcome(listed, Combined(np.arange(11), 2, np.array([11]), NUM))
    made = crosses(own, np.arange(3))
    assert [(cross.query, cross.array) for cross in made] == [((1, 11), 2), ((1, 11), 4), ((3, 11), 5)]


def test_query_strains_of_the_screen_are_kept() -> None:
    listed = {(0, 1): -3.0, (0, 2): -2.0, (0, 3): -1.5, (1, 3): -1.0}  # gene 0 alone would make three of them
    rows = np.array(sorted(listed))
    own = outcome(listed, Listed(rows, NUM, frozenset({(1,), (2,), (3,)})))
    made = crosses(own, np.arange(4))
    assert [(cross.query, cross.array) for cross in made] == [((1,), 0), ((1,), 3), ((2,), 0), ((3,), 0)]


def test_every_cross_has_a_well_of_its_own_behind_that_of_its_query(tmp_path: Path) -> None:
    columns = {
        "low": [-9.0] * 7,
        "high": [1.0] * 7,
        "training_genotypes": ["40,7", *["8,9"] * 6],
    }
    own = outcome(LISTED, **columns)
    term = Enrichment("G00", "go", "repair", np.array([1, 2]), 2, 4, 4, 11, 1e-4, 1e-3)
    unsure = term._replace(term="noise", found=np.array([3]), q=0.5)
    plates = write_plates(tmp_path / "plates.tsv", own, crosses(own, np.arange(7)), [term, unsure], wells=96)
    assert plates == 1
    lines = [line.split("\t") for line in (tmp_path / "plates.tsv").read_text("utf-8").splitlines()]
    assert {len(line) for line in lines} == {13}
    table = read_table(tmp_path / "plates.tsv", required=lines[0])
    assert table.columns["well"] == ["A1", "A2", "A3", "A4", "A5", "A6", "A7", "A8", "A9", "A10", "A11"]
    assert [k for k, array in enumerate(table.columns["array"]) if array == "control"] == [0, 5, 7, 9]
    first = {name: column[1] for name, column in table.columns.items()}
    assert (first["query"], first["query_name"], first["array"], first["array_name"]) == (
        "G00",
        "N0<&",
        "G01",
        "N1<&",
    )
    assert (first["genes"], first["prediction"], first["end"], first["place"]) == (
        "G00,G01",
        "-5",
        "lowest",
        "1",
    )
    assert first["why"] == (
        "number 1 of the lowest predictions of 66; not measured in the run's data; rarest gene in 7 training "
        "genotypes; one of 2 partners of the query in `repair`"
    )
    assert "noise" not in (tmp_path / "plates.tsv").read_text()


def test_wells_run_along_the_rows_of_plates() -> None:
    assert [well(k, 96) for k in (0, 11, 12, 95, 96)] == [
        (1, "A1"),
        (1, "A12"),
        (1, "B1"),
        (1, "H12"),
        (2, "A1"),
    ]
    assert [well(k, 384) for k in (23, 383, 384)] == [(1, "A24"), (1, "P24"), (2, "A1")]
    assert len({well(k, 384) for k in range(800)}) == 800
    with pytest.raises(GiJaxError, match="--wells is 100, expected 96 or 384"):
        Bench(wells=100)


def test_no_cross_left_is_an_empty_list(tmp_path: Path) -> None:
    own = outcome(LISTED, measured=[0.0] * 7)
    assert len(choose(own, 9)) == 0
    assert write_plates(tmp_path / "plates.tsv", own, [], [], wells=96) == 0
    assert (tmp_path / "plates.tsv").read_text().count("\n") == 1
    assert GENES.ids[0] not in (tmp_path / "plates.tsv").read_text()
