"""Splits: fixed by their seed, saved, and free of what their kind forbids."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gi_jax.data import check_no_leak, k_fold_splits, load_split, split_genotypes
from gi_jax.data.gene_pairs import gene_pairs, query_pairs
from gi_jax.data.genotype_table import GenotypeTable, padded
from gi_jax.data.splits import KINDS
from gi_jax.errors import GiJaxError

NUM_GENES = 12


def table_of(sets, studies=None) -> GenotypeTable:
    genes, sizes = padded([sorted(s) for s in sets], NUM_GENES)
    rows = len(sets)
    study = np.zeros(rows, np.int32) if studies is None else np.asarray(studies, np.int32)
    return GenotypeTable(
        genes, sizes, np.arange(rows, dtype=float), np.full(rows, np.nan), study, ("s", "t"), NUM_GENES
    )


def all_pairs() -> GenotypeTable:
    return table_of(list(itertools.combinations(range(NUM_GENES), 2)))


def screen() -> GenotypeTable:
    """A trigenic screen: 30 query pairs crossed to a few genes each, plus some single and double mutants."""
    rng = np.random.default_rng(7)
    queries = [tuple(rng.choice(NUM_GENES, 2, replace=False)) for _ in range(30)]
    sets = {frozenset((*query, gene)) for query in queries for gene in rng.choice(NUM_GENES, 3)}
    return table_of([*sets, {0}, {1}, {0, 1}, {5, 6}])


genotype_sets = st.lists(
    st.tuples(st.frozensets(st.integers(0, NUM_GENES - 1), min_size=1, max_size=4), st.integers(0, 1)),
    min_size=4,
    max_size=60,
    unique=True,
)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60, deadline=None)
@given(genotype_sets, st.integers(0, 5), st.sampled_from([(0.8, 0.1, 0.1), (0.4, 0.3, 0.3)]))
def test_no_split_leaks(kind, genotypes, seed, fractions):
    """The promises of `split_genotypes`, restated with Python sets."""
    table = table_of(*zip(*genotypes, strict=True))
    try:
        split = split_genotypes(table, kind, seed=seed, fractions=fractions)
    except GiJaxError as error:
        assert "part empty" in str(error)
        return
    check_no_leak(split, table)
    sets = [frozenset(genes) for genes, _ in genotypes]
    assert sorted(np.concatenate([split.train, split.val, split.test, split.left_out])) == list(
        range(len(table))
    )
    for held_out, seen in ((split.test, split.train), (split.test, split.val), (split.val, split.train)):
        held_out, seen = {sets[i] for i in held_out}, {sets[i] for i in seen}
        seen_genes = frozenset().union(*seen)
        assert held_out.isdisjoint(seen)
        if kind == "query_pair":
            shared = [a & b for a in held_out for b in seen]
            assert all(len(genes) < 2 for genes in shared)
        if kind == "gene_disjoint_1":
            assert all(genes - seen_genes for genes in held_out)
        if kind == "gene_disjoint_2":
            assert all(genes.isdisjoint(seen_genes) for genes in held_out)
    if kind in ("random", "gene_disjoint_1"):
        assert len(split.left_out) == 0


@pytest.mark.parametrize("kind", KINDS)
def test_the_seed_fixes_the_split(kind):
    table, fractions = all_pairs(), (0.5, 0.25, 0.25)
    one, same, other = (split_genotypes(table, kind, seed=seed, fractions=fractions) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.test, same.test)
    assert not np.array_equal(one.test, other.test)


def test_random_parts_have_the_asked_sizes():
    split = split_genotypes(all_pairs(), "random", seed=0, fractions=(0.5, 1 / 6, 1 / 3))
    assert [len(part) for part in (split.train, split.val, split.test)] == [33, 11, 22]  # of 66 pairs


def test_gene_disjoint_2_deals_genes_in_the_fractions():
    split = split_genotypes(all_pairs(), "gene_disjoint_2", seed=0, fractions=(0.5, 0.25, 0.25))
    # 6, 3 and 3 genes make 15, 3 and 3 pairs; the other 45 of 66 lie across.
    assert [len(part) for part in (split.train, split.val, split.test, split.left_out)] == [15, 3, 3, 45]


def test_whole_query_pairs_are_drawn():
    table = screen()
    split = split_genotypes(table, "query_pair", seed=0, fractions=(0.6, 0.2, 0.2))
    pairs = gene_pairs(table.genes, table.num_genes)
    query = query_pairs(pairs, pairs)
    test = np.isin(query, query[split.test])
    np.testing.assert_array_equal(np.flatnonzero(test), split.test)
    assert 0.2 * len(table) <= len(split.test) < 0.4 * len(table)


def test_the_query_pair_is_the_most_frequent_one():
    table = table_of([{0, 1, 2}, {0, 1, 3}, {0, 1, 4}, {2, 3, 4}, {1, 2, 3}, {5}])
    pairs = gene_pairs(table.genes, table.num_genes)
    low, high = np.divmod(query_pairs(pairs, pairs), NUM_GENES + 1)
    assert list(zip(low.tolist(), high.tolist(), strict=True)) == [
        (0, 1),
        (0, 1),
        (0, 1),
        (2, 3),
        (1, 2),
        (5, 12),
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_folds_cover_and_do_not_leak(kind):
    table = all_pairs()
    splits = k_fold_splits(table, kind, seed=3, folds=4)
    assert len(splits) == 4
    for split, following in zip(splits, splits[1:] + splits[:1], strict=True):
        check_no_leak(split, table)
        if kind != "gene_disjoint_1":
            np.testing.assert_array_equal(split.val, following.test)
    if kind == "random":
        np.testing.assert_array_equal(
            np.sort(np.concatenate([s.test for s in splits])), np.arange(len(table))
        )


@pytest.mark.parametrize("kind", KINDS)
def test_the_leak_check_finds_a_planted_leak(kind):
    table = screen() if kind == "query_pair" else all_pairs()
    split = split_genotypes(table, kind, seed=0, fractions=(0.5, 0.25, 0.25))
    check_no_leak(split, table)
    everywhere = np.arange(len(table))
    if kind == "random":  # the same set measured in another study
        table = table_of([*map(frozenset, table.genes.tolist())] * 2, np.repeat([0, 1], len(table)))
        split = replace(split, train=np.append(split.train, everywhere + 66), fingerprint=table.fingerprint)
    else:
        moved = split.left_out if len(split.left_out) else split.test[:3]
        test = np.setdiff1d(split.test, moved)
        split = replace(split, train=np.append(split.train, moved), test=test, left_out=split.left_out[:0])
    with pytest.raises(GiJaxError, match=f"the {kind} split leaks"):
        check_no_leak(split, table)


def test_a_split_of_other_genotypes_is_refused():
    split = split_genotypes(all_pairs(), "random", seed=0)
    with pytest.raises(GiJaxError, match="drawn for other genotypes"):
        check_no_leak(split, all_pairs().take(np.arange(66)[::-1]))
    with pytest.raises(GiJaxError, match="exactly once"):
        check_no_leak(replace(split, train=split.train[1:]), all_pairs())


def test_a_split_survives_saving(tmp_path):
    split = split_genotypes(all_pairs(), "gene_disjoint_2", seed=5, fractions=(0.5, 0.25, 0.25))
    split.save(tmp_path / "split.npz")
    loaded = load_split(tmp_path / "split.npz")
    for name in ("train", "val", "test", "left_out"):
        np.testing.assert_array_equal(getattr(loaded, name), getattr(split, name))
    scalars = ("kind", "seed", "fractions", "fingerprint")
    assert [getattr(loaded, name) for name in scalars] == [getattr(split, name) for name in scalars]
    (tmp_path / "broken.npz").write_text("no split")
    with pytest.raises(GiJaxError, match="is not a saved split"):
        load_split(tmp_path / "broken.npz")
    with pytest.raises(GiJaxError, match="no such file"):
        load_split(tmp_path / "absent.npz")


def test_bad_requests_are_refused():
    table = all_pairs()
    with pytest.raises(GiJaxError, match="`stratified` is no kind of split"):
        split_genotypes(table, "stratified", seed=0)
    with pytest.raises(GiJaxError, match="add up to 1"):
        split_genotypes(table, "random", seed=0, fractions=(0.8, 0.1, 0.2))
    with pytest.raises(GiJaxError, match="leaves the training part empty"):
        split_genotypes(table_of([{0, 1}]), "random", seed=0)
    with pytest.raises(GiJaxError, match="2 folds cannot hold"):
        k_fold_splits(table, "random", seed=0, folds=2)
