"""The thread that has the model: together, apart, in order, and never for another."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import numpy as np
import pytest

from gi_jax.data.gene_list import GeneList
from gi_jax.data.genotype_table import GenotypeTable
from gi_jax.errors import GiJaxError
from gi_jax.predict.predictor import MeanAndSpread
from gi_jax.serve.worker import SIZES, WIDTHS, ModelWorker, TooBusyError
from tests.untrained import IDENTITY

N = 50


class Sums:
    """Predicts the sum of gene ids, notes the tables it sees, waits where it is told to, fails at gene 13."""

    def __init__(self) -> None:
        self.bundle = SimpleNamespace(genes=GeneList(tuple(f"G{i}" for i in range(N))), transform=IDENTITY)
        self.tables: list[tuple[int, ...]] = []
        self.go = threading.Event()
        self.go.set()

    def score_table(self, table: GenotypeTable) -> MeanAndSpread:
        self.go.wait()
        self.tables.append(table.genes.shape)
        if (table.genes == 13).any():
            raise GiJaxError("thirteen")
        return MeanAndSpread(np.where(table.genes < N, table.genes, 0).sum(axis=1).astype(float), None)


@pytest.fixture
def worker():
    own = ModelWorker(Sums(), most_waiting=10_000)
    own.start()
    own._predictor.tables.clear()
    yield own
    own._predictor.go.set()
    own.close()


def ask(worker: ModelWorker, *rows: tuple[int, ...]):
    return worker.predict(np.array(rows, np.int32), np.zeros(len(rows), np.int32))


def test_what_waits_is_one_table_of_a_known_size(worker: ModelWorker) -> None:
    worker._predictor.go.clear()
    first = ask(worker, (0, 1))
    others = [
        ask(worker, (k, k + 20), (k, N)) if k % 2 else ask(worker, (k, k + 14, k + 15)) for k in range(12)
    ]
    worker._predictor.go.set()
    assert first.result(10).mean.tolist() == [1]
    for k, other in enumerate(others):
        assert other.result(10).mean.tolist() == ([2 * k + 20, k] if k % 2 else [3 * k + 29])
    # 18 genotypes of two and three genes; thread and test race for whether the first is among them.
    assert worker._predictor.tables in ([(4, 2), (32, 3)], [(32, 3)])
    assert {size for size, _ in worker._predictor.tables} <= set(SIZES)
    assert {width for _, width in worker._predictor.tables} <= set(WIDTHS)


def test_an_error_is_that_of_one_request(worker: ModelWorker) -> None:
    worker._predictor.go.clear()
    held = ask(worker, (0, 1))
    good, bad, better = ask(worker, (2, 3)), ask(worker, (13, 14)), ask(worker, (4, 5))
    worker._predictor.go.set()
    assert held.result(10).mean.tolist() == [1]
    assert good.result(10).mean.tolist() == [5] and better.result(10).mean.tolist() == [9]
    with pytest.raises(GiJaxError, match="thirteen"):
        bad.result(10)


def test_a_request_larger_than_a_table_comes_back_in_order(worker: ModelWorker) -> None:
    rows = np.random.default_rng(0).integers(20, N, (SIZES[-1] + 100, 2)).astype(np.int32)
    found = worker.predict(rows, np.zeros(len(rows), np.int32)).result(10)
    np.testing.assert_array_equal(found.mean, rows.sum(axis=1))
    assert worker._predictor.tables == [(SIZES[-1], 2), (256, 2)]


def test_too_much_is_refused_and_what_was_taken_is_answered(worker: ModelWorker) -> None:
    worker._predictor.go.clear()
    held, most = ask(worker, (0, 1)), np.full((9_999, 2), 7, np.int32)
    waiting = worker.predict(most, np.zeros(len(most), np.int32))
    with pytest.raises(TooBusyError, match="no more than 10,000"):
        ask(worker, (1, 2), (1, 3))
    called = threading.Thread(target=worker.close)
    called.start()
    while not worker._closed:
        pass
    with pytest.raises(TooBusyError, match="ending"):
        ask(worker, (1, 2))
    worker._predictor.go.set()
    called.join(10)
    assert held.result(0).mean.tolist() == [1] and (waiting.result(0).mean == 14).all()
    assert not worker.alive and worker.waiting == 0
