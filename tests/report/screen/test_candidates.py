"""What could have been in the list: counted, and compared with writing every genotype down."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from gi_jax import GiJaxError
from gi_jax.models.wanted import Combinations, Crosses, ListedGenotypes
from gi_jax.report.screen import candidates
from gi_jax.report.screen.candidates import Combined, Listed, candidates_of, check_candidates
from gi_jax.report.screen.concentration import concentration, concentrations, partner_lists, top_genes
from tests.report.screen.world import LISTED, NOBODY, NUM, POOL, outcome, table_of


@pytest.mark.parametrize(
    ("pool", "free", "fixed"),
    [(range(12), 2, []), (range(3, 11), 2, [0]), ([1, 4, 5, 8, 9], 3, []), (range(5), 1, [7])],
)
def test_counts_are_those_of_the_genotypes_written_down(pool: list[int], free: int, fixed: list[int]) -> None:
    measured = table_of(
        [(0, 3), (1, 4), (4, 5), (8, 9), (4, 8)] if free + len(fixed) == 2 else [(0, 3, 4), (1, 4, 5)]
    )
    combined = Combined(np.array(pool), free, np.array(fixed, np.int64), NUM, measured)
    known = {tuple(row) for row in measured.genes.tolist()}
    rows = [tuple(sorted([*fixed, *own])) for own in itertools.combinations(pool, free)]
    rows = [row for row in rows if row not in known]
    listed = Listed(np.array(rows), NUM)
    assert combined.num == len(rows) == listed.num
    np.testing.assert_array_equal(combined.of_gene, listed.of_gene)
    for gene in pool:
        if free == 2:
            np.testing.assert_array_equal(combined.partners(gene), listed.partners(gene))
    np.testing.assert_array_equal(combined.pool, listed.pool)
    assert (combined.free, combined.fixed.tolist()) == (listed.free, listed.fixed.tolist())


def test_candidates_are_what_a_screen_wants() -> None:
    measured = table_of([(0, 5), (1, 2), (0, 1)])
    combined = candidates_of(Combinations(np.array([5, 1, 0]), 1, np.array([2])), NUM, measured)
    assert (combined.num, combined.pool.tolist(), combined.fixed.tolist()) == (2, [0, 1, 5], [2])
    crossed = candidates_of(Crosses(np.array([[0], [1]]), np.array([0, 4, 5])), NUM, measured)
    assert isinstance(crossed, Listed)
    assert sorted(crossed.rows.tolist()) == [[0, 4], [1, 4], [1, 5]]
    assert crossed.queries == {(0,), (1,)}
    doubles = candidates_of(Crosses(np.array([[3, 9], [2, 9]]), np.array([4, 5])), NUM, measured)
    assert sorted(doubles.rows.tolist()) == [[2, 4, 9], [2, 5, 9], [3, 4, 9], [3, 5, 9]]
    assert (doubles.fixed.tolist(), doubles.free) == ([9], 2)
    given = np.array([[0, 1, NUM], [0, 5, 7], [2, 3, NUM]], np.int32)
    listed = candidates_of(ListedGenotypes(given), NUM, measured)
    assert sorted(listed.rows.tolist()) == [[0, 5, 7], [2, 3, NUM]]
    assert listed.of_gene[[0, 1, 2, 7, 8]].tolist() == [1, 0, 1, 1, 0]


def test_more_crosses_than_can_be_counted_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "MOST", 5)
    check_candidates(Combinations(np.arange(12), 2, NOBODY))
    with pytest.raises(GiJaxError, match="has 6 crosses or listed genotypes, and a page can count 5 at most"):
        check_candidates(Crosses(np.array([[0], [1]]), np.array([4, 5, 6])))


def test_a_list_of_measured_genes_is_held_against_these() -> None:
    measured = table_of([(0, 1), (2, 3), (4, 5), (6, 7), (8, 9), (10, 1)])  # of all genes but the last
    own = outcome(LISTED, known=measured)
    assert own.measured_genes is not None and own.measured_genes.tolist() == list(range(11))
    narrowed = own.among_measured()
    assert narrowed.candidates.num == 55
    np.testing.assert_allclose(concentrations(narrowed)["lowest"].expected, 5 * 10 / 55)
    assert len(concentrations(narrowed)["lowest"].genes) == 11
    elsewhere = outcome(LISTED | {(3, 11): -9.0}, known=measured)  # one place of 16 is more than a twentieth
    assert elsewhere.measured_genes is None and elsewhere.among_measured() is elsewhere
    rows = np.array([(0, 1), (0, 11), (2, 3)])
    assert Listed(rows, NUM).among(np.arange(11)).rows.tolist() == [[0, 1], [2, 3]]
    assert concentration(rows, narrowed.candidates).listed == 2


def test_a_gene_of_most_of_the_list_stands_out() -> None:
    found = concentrations(outcome(LISTED))
    assert list(found) == ["lowest", "highest"]
    lowest = found["lowest"]
    assert (lowest.listed, lowest.hits.tolist()) == (5, [4, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0])
    np.testing.assert_allclose(lowest.expected, 5 * 11 / 66)  # each gene is in 11 of the 66 pairs
    assert lowest.stand_out.tolist() == [0]
    assert found["highest"].stand_out.tolist() == []
    assert top_genes(found, 3).tolist() == [0, 1, 2]


def test_a_gene_that_was_measured_with_most_others_is_expected_less() -> None:
    measured = table_of([(0, gene) for gene in range(2, NUM)])  # gene 0 has one unmeasured partner left
    candidates = Combined(POOL, 2, NOBODY, NUM, measured)
    found = concentration(np.array([(0, 1), (2, 3)]), candidates)
    np.testing.assert_allclose(found.expected[:3], [2 * 1 / 56, 2 * 11 / 56, 2 * 10 / 56])


def test_partners_are_tested_beside_those_that_could_have_been_listed() -> None:
    listed = {(0, gene): -float(gene) for gene in range(1, 6)}
    measured = table_of([(0, 10), (0, 11), (3, 4)])
    lists = partner_lists(
        own := outcome(listed, Combined(POOL, 2, NOBODY, NUM, measured)), concentrations(own)
    )
    (one,) = lists["lowest"]
    assert (one.name, one.genes.tolist(), one.background.tolist()) == (
        "G00",
        [1, 2, 3, 4, 5],
        list(range(1, 10)),
    )
