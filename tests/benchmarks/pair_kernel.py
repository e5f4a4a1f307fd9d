"""`python -m tests.benchmarks.pair_kernel`: the pair-kernel process at the size of a whole-genome screen.

Planted effects of rank 5 over a made-up network of modules; every pair of the measured genes once, and
further measurements of pairs drawn at random, all with noise. It says how long the fit took, how well the
linear system is solved, how much memory that needed at most, how well new pairs are predicted, and how long
it takes to predict every pair of the cell.
"""

from __future__ import annotations

import argparse
import logging
import resource
import sys
import time

import numpy as np

from gi_jax.data.gene_list import GeneList
from gi_jax.data.genotype_table import GenotypeTable
from gi_jax.data.networks import cell_graph
from gi_jax.models.closed_form import PairKernelOptions, fit_pair_kernel
from gi_jax.models.model import Cell
from gi_jax.models.wanted import Combinations


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.pair_kernel", description=__doc__)
    parser.add_argument("--cell", type=int, default=6674, help="genes of the cell")
    parser.add_argument("--measured", type=int, default=6000, help="genes that were deleted")
    parser.add_argument("--genotypes", type=int, default=20_000_000, help="measurements to train with")
    parser.add_argument("--rounds", type=int, default=0, help="model.covariance_rounds")
    parser.add_argument("--tuning-steps", type=int, default=12, help="model.tuning_steps")
    parser.add_argument("--samples", type=int, default=0, help="model.num_samples")
    return parser.parse_args()


def planted(options: argparse.Namespace) -> tuple[GenotypeTable, GenotypeTable, GenotypeTable, Cell]:
    """Training, validation and test genotypes, and the cell."""
    rng = np.random.default_rng(0)
    modules = rng.integers(0, max(options.cell // 15, 2), options.cell)
    of_module = rng.normal(size=(modules.max() + 1, 5))
    traits = of_module[modules] + 0.5 * rng.normal(size=(options.cell, 5))
    # Half of a gene's partners are of its module, the next ones in an order by modules; others are anyone.
    order, start = np.argsort(modules, kind="stable"), np.arange(options.cell)
    inside = [np.stack([order, order[(start + step) % options.cell]]) for step in range(1, 5)]
    edges = np.concatenate([*inside, rng.integers(0, options.cell, (2, 4 * options.cell))], axis=1)
    cell = Cell(
        GeneList(tuple(f"G{i:04}" for i in range(options.cell)), ("",) * options.cell),
        cell_graph({"modules": edges}, options.cell),
    )
    first, second = (part.astype(np.int32) for part in np.triu_indices(options.measured, k=1))
    held_out = len(first) // 100
    order = rng.permutation(len(first))
    val, test, train = np.split(order, [held_out, 2 * held_out])
    again = rng.choice(train, max(options.genotypes - len(train), 0))
    train = np.concatenate([train, again])[: options.genotypes]

    def measured(rows: np.ndarray) -> GenotypeTable:
        genes = np.stack([first[rows], second[rows]], axis=1)
        score = np.zeros(len(rows))
        for trait in traits.T:
            score += trait[genes[:, 0]] * trait[genes[:, 1]]
        score += 2 * rng.normal(size=len(rows))
        nothing, zeros = np.full(len(rows), np.nan), np.zeros(len(rows), np.int32)
        return GenotypeTable(genes, zeros + 2, score, nothing, zeros, ("planted",), options.cell)

    return measured(train), measured(val), measured(test), cell


def main() -> None:
    options = arguments()
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    logging.getLogger("jax").setLevel(logging.WARNING)
    train, val, test, cell = planted(options)
    print(f"{len(train):,} genotypes of {options.measured:,} genes; {_memory()} at most so far", flush=True)
    began = time.monotonic()
    settings = PairKernelOptions(
        covariance_rounds=options.rounds, tuning_steps=options.tuning_steps, num_samples=options.samples
    )
    model = fit_pair_kernel(train, val, cell, settings)
    print(
        f"fitted in {time.monotonic() - began:.0f} s; residual {model.residual:.1e}; {_memory()}", flush=True
    )
    began, count = time.monotonic(), 0
    for planned in model.screen(Combinations(np.arange(options.cell), 2, np.zeros(0, np.int64))):
        tile = planned.start(None)
        count += len(tile.result().members[0])
    print(f"{count:,} pairs of the cell predicted in {time.monotonic() - began:.1f} s; {_memory()}")
    found = model.predict(test).members[0]
    print(f"Pearson {np.corrcoef(found, test.score)[0, 1]:.3f} of {len(test):,} new pairs; {_memory()}")


def _memory() -> str:
    return f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2:.2f} GiB"


if __name__ == "__main__":
    main()
