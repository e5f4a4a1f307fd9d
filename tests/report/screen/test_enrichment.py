"""Enriched sets: the numbers of Fisher's exact test on a planted set, Benjamini and Hochberg, the right
background.
"""

from __future__ import annotations

import itertools
from math import comb

import numpy as np
import pytest

from gi_jax.data.gene_collections import GeneCollection
from gi_jax.report.screen.candidates import Combined, Listed
from gi_jax.report.screen.enrichment import HitList, enrich, without_echoes
from gi_jax.report.screen.pair_enrichment import enrich_pairs
from tests.report.screen.world import NOBODY, NUM, POOL, table_of


def collection(num_genes: int, **sets: list[int]) -> GeneCollection:
    members = np.zeros((len(sets), num_genes), bool)
    for row, genes in enumerate(sets.values()):
        members[row, genes] = True
    return GeneCollection("made", tuple(sets), members)


def test_a_planted_set_has_the_p_of_counting() -> None:
    # 4 of the 5 listed genes are in a set of 6, among 20 genes of the background; gene 25 is outside it.
    sets = collection(30, planted=[0, 1, 2, 3, 10, 11, 25], other=[4, 12, 13])
    found = enrich([HitList("mine", np.array([4, 0, 1, 2, 3]), np.arange(20))], [sets])
    planted, other = found
    by_counting = (comb(6, 4) * comb(14, 1) + comb(6, 5)) / comb(20, 5)
    assert planted.term == "planted"
    np.testing.assert_allclose(planted.p, by_counting, rtol=1e-12)  # 216 / 15504
    np.testing.assert_allclose(planted.p, 0.0139319, rtol=1e-5)
    assert (planted.found.tolist(), planted.in_background) == ([0, 1, 2, 3], 6)
    np.testing.assert_allclose([planted.expected, planted.fold], [1.5, 4 / 1.5])
    np.testing.assert_allclose(other.p, 1 - comb(17, 5) / comb(20, 5), rtol=1e-12)
    # Two tests: q of the smaller p is twice it, that of the larger is itself.
    np.testing.assert_allclose([planted.q, other.q], [2 * planted.p, other.p], rtol=1e-12)


def test_the_background_is_what_was_screened_and_not_the_genome() -> None:
    sets = collection(1000, ribosome=list(range(10)))
    listed = np.arange(5)
    (screened,) = enrich([HitList("", listed, np.arange(20))], [sets])
    (genome,) = enrich([HitList("", listed, np.arange(1000))], [sets])
    assert screened.p > 0.01 > 1e-6 > genome.p  # half of the screened genes are of the set anyway


def test_q_is_that_of_benjamini_and_hochberg() -> None:
    # The 15 p-values of Benjamini and Hochberg (1995), section 3.2: at a rate of 0.05 four are rejected, the
    # largest of them with q = 0.0095 * 15 / 4.
    published = [
        0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719,
        0.6528, 0.7590, 1.0,
    ]  # fmt: skip
    from gi_jax.report.screen import enrichment

    q = enrichment.false_discovery_control(np.array(published), method="bh")
    assert (q <= 0.05).sum() == 4
    np.testing.assert_allclose(q[3], 0.0095 * 15 / 4)
    # The same through the tests themselves: m tests of one list, whose q follow from their p by hand.
    rng = np.random.default_rng(0)
    sets = collection(40, **{f"s{k}": rng.choice(40, 8, replace=False).tolist() for k in range(30)})
    found = enrich([HitList("", np.arange(12), np.arange(40))], [sets])
    p = np.array([one.p for one in found] + [1.0] * (30 - len(found)))  # sets without a listed gene count too
    by_hand = np.minimum.accumulate((np.sort(p) * 30 / np.arange(1, 31))[::-1])[::-1]
    np.testing.assert_allclose([one.q for one in found], by_hand[: len(found)], rtol=1e-12)


def test_sets_too_small_or_too_large_for_the_background_are_not_tested() -> None:
    sets = collection(30, pair=[0, 1, 25, 26], most=list(range(11)), three=[0, 1, 2])
    found = enrich([HitList("", np.array([0, 1, 2]), np.arange(20))], [sets])
    assert [one.term for one in found] == ["three"]
    np.testing.assert_allclose(found[0].q, found[0].p)  # one test only


def test_nothing_to_test_is_no_error() -> None:
    sets = collection(30, three=[0, 1, 2])
    assert enrich([], [sets]) == enrich([HitList("", np.zeros(0, np.int64), np.arange(9))], [sets]) == []
    assert enrich([HitList("", np.array([1]), np.arange(9))], []) == []


@pytest.mark.parametrize(("shared", "kept"), [(4, 1), (3, 2)])
def test_a_set_that_says_the_same_again_is_left_out(shared: int, kept: int) -> None:
    narrow = list(range(5))
    wide = [*range(shared), *range(5, 10 - shared), *range(20, 26)]
    sets = collection(60, narrow=narrow, wide=wide)
    own, other = (HitList(name, np.arange(10), np.arange(60)) for name in "ab")
    assert [one.term for one in without_echoes(enrich([own], [sets]))] == ["narrow", "wide"][:kept]
    assert len(without_echoes(enrich([own, other], [sets]))) == 2 * kept  # another list may say it again


def test_a_set_whose_genes_interact_is_found_by_its_pairs() -> None:
    # Of 66 pairs of 12 genes 6 are within genes 0 to 3; 2 of these were measured, 3 of the others are listed.
    measured = table_of([(0, 1), (2, 3), (4, 5)])
    candidates = Combined(POOL, 2, NOBODY, NUM, measured)
    sets = collection(NUM, complex=[0, 1, 2, 3], lone=[10, 11], most=list(range(10)))
    rows = np.array([(0, 2), (0, 3), (1, 2), (5, 6), (7, 8)])
    found = {one.term: one for one in enrich_pairs(rows, candidates, [sets])}
    own = found["complex"]
    assert (own.hits, own.listed, own.in_background, own.background) == (3, 5, 4, 63)
    by_counting = (comb(4, 3) * comb(59, 2) + comb(4, 4) * 59) / comb(63, 5)
    np.testing.assert_allclose([own.p, own.q], by_counting, rtol=1e-12)  # the only set that can be tested
    assert own.found.tolist() == [0, 1, 2, 3] and found.keys() == {"complex"}
    listed = Listed(
        np.array(list(set(itertools.combinations(range(NUM), 2)) - {(0, 1), (2, 3), (4, 5)})), NUM
    )
    (again,) = enrich_pairs(rows, listed, [sets])
    assert (again.in_background, again.p) == (own.in_background, own.p)
    assert enrich_pairs(rows, Combined(POOL, 3, NOBODY, NUM), [sets]) == []


def test_shared_genes_are_of_no_pair() -> None:
    candidates = Combined(np.arange(11), 2, np.array([11]), NUM)
    sets = collection(NUM, complex=[0, 1, 2, 11])
    (own,) = enrich_pairs(np.array([(0, 1, 11), (3, 4, 11)]), candidates, [sets])
    assert (own.hits, own.listed, own.in_background, own.background) == (1, 2, 3, 55)
