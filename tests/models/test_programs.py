"""Tables of genotypes share compiled programs, whatever their genes, and each program holds its table."""

from __future__ import annotations

from dataclasses import replace

import jax
import numpy as np
import pytest

from gi_jax.config import RunConfig
from gi_jax.data.genotypes import padded_batch
from gi_jax.data.networks import CellGraph, cell_graph
from gi_jax.models.neural.forward import forward_batch
from gi_jax.models.neural.options import ModelConfig
from gi_jax.models.neural.programs import LARGE_TABLE, SMALL_TABLE, Program, choose_program
from gi_jax.nn.options import GeneEncoderConfig
from gi_jax.ops.changed_rows import changed_rows
from tests.untrained import untrained

N = 2_000
MODELS = {
    "single deletions shared": ModelConfig(num_layers=1),
    "changed rows listed": ModelConfig(num_layers=2),
    "all rows": ModelConfig(num_layers=2, gene_encoder_config=GeneEncoderConfig(encoder_type="gatv2")),
    "no networks": ModelConfig(num_layers=0),
    "Dango": ModelConfig(kind="dango", gene_encoder_config=GeneEncoderConfig()),
}


@pytest.fixture(scope="module")
def graph() -> CellGraph:
    """Networks with hubs: few genes send most of the edges, as in yeast."""
    rng, edges = np.random.default_rng(0), {}
    for name, size, power in (("regulators", 2_000, 3), ("interactions", 20_000, 2)):
        senders = rng.permutation(N)[(N * rng.random(size) ** power).astype(int)]
        edges[name] = np.stack([senders, rng.integers(0, N, size)])
    return cell_graph(edges, N)


def queries(sizes: np.ndarray, set_size: int = 2) -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    return [np.stack([rng.choice(N, set_size, replace=False) for _ in range(size)]) for size in sizes]


def hubs(graph: CellGraph, num_genotypes: int) -> np.ndarray:
    """Pairs of the genes with the most receivers."""
    degree = sum(np.diff(a.indptr_t) for a in graph.networks)
    first, second = np.triu_indices(60, 1)
    order = np.argsort(-degree)
    return np.stack([order[first], order[second]], axis=1)[:num_genotypes]


@pytest.mark.parametrize("batch_size", [28, 512])
@pytest.mark.parametrize("name", MODELS)
def test_fifty_queries_have_three_programs_at_most(graph: CellGraph, name: str, batch_size: int) -> None:
    sizes = np.random.default_rng(2).integers(1, 201, 50)
    programs = {choose_program(MODELS[name], graph, genes, batch_size) for genes in queries(sizes)}
    assert 1 < len(programs) <= 3
    assert all(program.batch_size <= batch_size for program in programs)


@pytest.mark.parametrize("set_size", [1, 2, 3])
def test_queries_of_one_size_have_one_program(graph: CellGraph, set_size: int) -> None:
    for config in MODELS.values():
        tables = queries(np.full(50, 20), set_size)
        assert len({choose_program(config, graph, genes, 512) for genes in tables}) == 1


def test_hubs_have_a_larger_program_of_the_same_batch_size(graph: CellGraph) -> None:
    config = MODELS["changed rows listed"]
    few = choose_program(config, graph, queries(np.array([32]))[0], 32)
    many = choose_program(config, graph, hubs(graph, 32), 32)
    assert many.batch_size == few.batch_size
    assert many.capacity is None or many.capacity.union > few.capacity.union


@pytest.mark.parametrize("name", ["single deletions shared", "changed rows listed"])
@pytest.mark.parametrize("table", ["random", "hubs", "one gene everywhere", "large"])
def test_a_program_holds_every_batch_of_its_table(graph: CellGraph, name: str, table: str) -> None:
    genes = {
        "random": lambda: queries(np.array([100]))[0],
        "hubs": lambda: hubs(graph, 100),
        "one gene everywhere": lambda: np.stack([np.full(99, hubs(graph, 1)[0, 0]), np.arange(99)], axis=1),
        "large": lambda: queries(np.array([LARGE_TABLE + 1]))[0],
    }[table]()
    program = choose_program(MODELS[name], graph, genes, 512)
    assert program.capacity is not None
    size = program.batch_size
    overflows = jax.jit(lambda graph, batch: changed_rows(graph, batch, program.capacity).overflow)
    for start in range(0, len(genes), size):
        assert not overflows(graph, padded_batch(genes[start : start + size], N, size))


def test_a_batch_may_be_one_genotype(graph: CellGraph) -> None:
    genes = hubs(graph, SMALL_TABLE + 1)  # pairs whose rows meet
    assert choose_program(MODELS["single deletions shared"], graph, genes, 1).batch_size == 1


def test_norm_statistics_of_the_batch_keep_its_genotypes_together(graph: CellGraph) -> None:
    config = ModelConfig(num_layers=1, norm_statistics="batch")
    small, large = queries(np.array([SMALL_TABLE - 2, 50]))
    assert choose_program(config, graph, small, 512) == Program(8, None)
    assert choose_program(config, graph, large, 512).batch_size == 64
    assert choose_program(config, graph, large, 16).batch_size == 16


def test_predictions_of_fifty_queries_compile_three_times_at_most(small_config: RunConfig) -> None:
    model = replace(small_config.model, dropout=0.0)
    predictor = untrained(replace(small_config, model=model))
    rng, before = np.random.default_rng(3), forward_batch._cache_size()
    names = [predictor.bundle.genes.names(np.arange(30))[i] for i in range(30)]
    alone = {}
    for size in rng.integers(1, 201, 50):
        pairs = [tuple(rng.choice(names, 2, replace=False)) for _ in range(size)]
        scores = predictor.predict([list(pair) for pair in pairs], study="one")
        for pair, score in zip(pairs, scores, strict=True):
            assert alone.setdefault(frozenset(pair), score) == pytest.approx(score, rel=2e-5, abs=1e-5)
    assert forward_batch._cache_size() - before <= 3
