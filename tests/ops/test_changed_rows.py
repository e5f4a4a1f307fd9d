"""The list of changed rows against a NumPy enumeration."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gi_jax.data.genotypes import genotype_batch
from gi_jax.data.networks import CellGraph, cell_graph
from gi_jax.ops.capacity import RowNeeds, row_needs
from gi_jax.ops.changed_rows import BatchChange, Capacity, changed_rows, lost_messages
from gi_jax.ops.row_counts import RowCounts

N = 23
GENOTYPES = [[1, 2], [], [3], [4, 5, 6], [2, 1, 22], [9, 9 + 1]]


@pytest.fixture(scope="module")
def graph() -> CellGraph:
    rng = np.random.default_rng(1)
    edges = {name: rng.integers(0, N, (2, size)) for name, size in (("a", 50), ("b", 20), ("empty", 0))}
    edges["a"][:, 0] = edges["a"][:, 1]  # a repeated edge
    edges["a"][:, 2] = [2, 2]  # a self loop of a deleted gene
    return cell_graph(edges, N)


def listed(graph: CellGraph, share: bool) -> tuple[BatchChange, Capacity]:
    batch = genotype_batch(GENOTYPES, N, batch_size=len(GENOTYPES) + 1)
    needs = row_needs(graph, batch.genes, share=share, batch_size=len(batch.sizes))
    order = np.arange(len(batch.sizes))
    capacity = needs.capacity(needs.largest(order, len(order)))
    return jax.jit(changed_rows, static_argnums=2)(graph, batch, capacity), capacity


def receivers(graph: CellGraph, network: int, gene: int) -> set[int]:
    a = graph.networks[network]
    return set(a.receivers_t[a.indptr_t[gene] : a.indptr_t[gene + 1]].tolist())


def as_set(rows, offset: int = 0) -> set[tuple[int, int]]:
    live = np.asarray(rows.live)
    pairs = list(zip(np.asarray(rows.genotype)[live] - offset, np.asarray(rows.gene)[live], strict=True))
    assert len(pairs) == len(set(pairs)), "a row is listed twice"
    return {(int(b), int(i)) for b, i in pairs if b >= 0}


def test_rows_are_the_deleted_genes_and_their_receivers(graph):
    change, _ = listed(graph, share=False)
    union = set()
    for g in range(3):
        expected = {
            (b, i) for b, genes in enumerate(GENOTYPES) for p in genes for i in {p, *receivers(graph, g, p)}
        }
        assert as_set(change.networks[g].rows) == expected
        union |= expected
    assert as_set(change.union) == union
    assert not change.overflow


def test_deleted_flag_marks_the_genotypes_own_genes(graph):
    change, _ = listed(graph, share=False)
    for b, i, deleted in zip(
        *(
            np.asarray(a)[np.asarray(change.union.live)]
            for a in (change.union.genotype, change.union.gene, change.union.deleted)
        ),
        strict=True,
    ):
        assert deleted == (i in GENOTYPES[b])


def test_lost_messages_equal_dense_numpy(graph):
    change, _ = listed(graph, share=False)
    x = np.random.default_rng(2).normal(size=(N, 3))
    for g in range(3):
        a = np.zeros((N, N))
        adjacency = graph.networks[g]
        np.add.at(a, (np.asarray(adjacency.receivers), np.asarray(adjacency.senders)), 1)
        rows = change.networks[g].rows
        with jax.enable_x64(True):
            lost = np.asarray(lost_messages(change.networks[g], jnp.asarray(x)))
        for r in np.flatnonzero(rows.live):
            deleted = GENOTYPES[int(rows.genotype[r])]
            expected = a[int(rows.gene[r]), deleted] @ x[deleted]
            np.testing.assert_allclose(lost[r], expected, atol=1e-14)


def test_shared_rows_are_single_deletions_and_rows_where_two_meet(graph):
    change, capacity = listed(graph, share=True)
    d = capacity.singles
    distinct = sorted({p for genes in GENOTYPES for p in genes})
    assert change.shared.deletions.tolist() == distinct
    reach = {p: {p}.union(*(receivers(graph, g, p) for g in range(3))) for p in distinct}
    expected = {
        (b, i) for b, genes in enumerate(GENOTYPES) for i in range(N) if sum(i in reach[p] for p in genes) > 1
    }
    assert as_set(change.union, offset=d) == expected
    singles = {(d + b, i) for b, i in as_set(change.union, offset=d)}
    assert as_set(change.union) - singles == {(k, i) for k, p in enumerate(distinct) for i in reach[p]}
    assert not change.overflow


@pytest.mark.parametrize("field", ["networks", "union", "singles", "joint", "listed"])
def test_too_small_a_capacity_is_flagged(graph, field):
    batch = genotype_batch(GENOTYPES * 8, N)
    needs = row_needs(graph, batch.genes, share=True, batch_size=len(batch.sizes))
    capacity = needs.capacity(needs.largest(np.arange(len(batch.sizes)), len(batch.sizes)))
    small = {"networks": (8, 8, 8), "listed": (8, 8, 8), "union": 64, "joint": 8, "singles": 2}
    assert not changed_rows(graph, batch, capacity).overflow
    assert changed_rows(graph, batch, capacity._replace(**{field: small[field]})).overflow


def test_expected_need_holds_orders_it_has_not_seen_also_with_hubs():
    rng = np.random.default_rng(3)
    genotypes = (10 * rng.pareto(2.0, (5_000, 3))).astype(int)  # as heavy-tailed as hubs make it
    padded = np.concatenate([genotypes, np.zeros((1, 3), int)])
    counts = RowCounts(padded[:, :1], padded[:, 1:2], padded[:, 2])
    needs = RowNeeds(counts, RowCounts.zeros(1), 0)
    expected = needs.expected(20)
    for _ in range(10):
        assert needs.largest(rng.permutation(5_000), 20).fits(expected)
    assert (np.array(expected.to_list()) < np.sort(genotypes, axis=0)[-20:].sum(axis=0)).all()
