"""The choice of aggregation backends: what is measured, remembered, and left to the rule."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from gi_jax.data.networks import Adjacency, CellGraph, cell_graph
from gi_jax.ops import backends
from gi_jax.ops.backends import seconds_per_product, with_measured_backends
from gi_jax.ops.names import BACKENDS
from gi_jax.ops.spmm import rule

N, WIDTH = 30, 8


@pytest.fixture(autouse=True)
def everything_is_worth_measuring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backends, "WORTH_MEASURING", 1)


@pytest.fixture
def graph() -> CellGraph:
    rng = np.random.default_rng(0)
    return cell_graph({"few": rng.integers(0, N, (2, 20)), "many": rng.integers(0, N, (2, 400))}, N)


class Clock:
    """Says how long each backend takes for the network of many edges and for the other."""

    def __init__(self, few: dict[str, float], many: dict[str, float]) -> None:
        self.few, self.many, self.asked = few, many, []

    def __call__(self, network: Adjacency, x: np.ndarray) -> float:
        self.asked.append((network.num_edges, network.backend, x.shape))
        return (self.few if network.num_edges == 20 else self.many)[network.backend]


def test_each_network_gets_its_fastest_backend(graph: CellGraph) -> None:
    clock = Clock({"bcsr": 3, "segment": 1, "dense": 2}, {"bcsr": 3, "segment": 2, "dense": 1})
    chosen = with_measured_backends(graph, WIDTH, seconds=clock)
    assert [a.backend for a in chosen.networks] == ["segment", "dense"]
    assert chosen.networks[1].dense.shape == (N, N)
    assert set(clock.asked) == {(e, b, (N, WIDTH)) for e in (20, 400) for b in BACKENDS}


def test_a_difference_that_may_be_noise_changes_nothing(graph: CellGraph) -> None:
    usual = rule(graph.networks[0])
    almost = {backend: 1.0 if backend == usual else 0.95 for backend in BACKENDS}
    chosen = with_measured_backends(graph, WIDTH, seconds=Clock(almost, almost))
    assert [a.backend for a in chosen.networks] == [usual, usual]


def test_what_was_measured_is_remembered_until_network_or_width_change(
    graph: CellGraph, tmp_path: Path
) -> None:
    memory = tmp_path / "cache" / "backends.json"
    times = {"bcsr": 3, "segment": 1, "dense": 2}
    with_measured_backends(graph, WIDTH, memory=memory, seconds=Clock(times, times))
    again = Clock({}, {})
    chosen = with_measured_backends(graph, WIDTH, memory=memory, seconds=again)
    assert [a.backend for a in chosen.networks] == ["segment", "segment"]
    assert again.asked == []
    wider = Clock(times, times)
    with_measured_backends(graph, 2 * WIDTH, memory=memory, seconds=wider)
    assert len(wider.asked) == 2 * len(BACKENDS)
    other = cell_graph({"few": np.zeros((2, 20), int)}, N)
    with_measured_backends(other, WIDTH, memory=memory, seconds=(asked := Clock(times, times)))
    assert len(asked.asked) == len(BACKENDS)
    assert len(json.loads(memory.read_text())) == 5


@pytest.mark.parametrize("damage", ["{", "[1]", "\udcff"])
def test_a_damaged_memory_is_measured_anew_and_mended(graph: CellGraph, tmp_path: Path, damage: str) -> None:
    memory = tmp_path / "backends.json"
    memory.write_bytes(damage.encode("utf-8", "surrogateescape"))
    times = {"bcsr": 3, "segment": 1, "dense": 2}
    chosen = with_measured_backends(graph, WIDTH, memory=memory, seconds=Clock(times, times))
    assert [a.backend for a in chosen.networks] == ["segment", "segment"]
    assert len(json.loads(memory.read_text())) == 2


def test_small_products_and_wide_columns(graph: CellGraph, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backends, "WORTH_MEASURING", 100 * WIDTH)
    times = {"bcsr": 3, "segment": 1, "dense": 2}
    clock = Clock(times, times)
    chosen = with_measured_backends(graph, WIDTH, seconds=clock)
    assert [a.backend for a in chosen.networks] == [rule(graph.networks[0]), "segment"]
    wide = Clock(times, times)
    with_measured_backends(graph, 100_000, seconds=wide)
    assert {shape for _, _, shape in wide.asked} == {(N, backends.WIDEST)}


def test_real_measurement_takes_time_and_chooses_a_backend(graph: CellGraph) -> None:
    x = np.ones((N, WIDTH), np.float32)
    assert seconds_per_product(graph.networks[0], x) > 0
    chosen = with_measured_backends(graph, WIDTH)
    assert {a.backend for a in chosen.networks} <= set(BACKENDS)
