"""A screen beside plain predictions, `Predictor.predict_table` of genotypes in random order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from gi_jax.config import load_config
from gi_jax.data.formats.genotype_files import genotypes_from_names
from gi_jax.predict import Screen
from tests.benchmarks.measure import peak_bytes, timed
from tests.untrained import IDENTITY, untrained

CONFIGS = Path(__file__).parents[2] / "configs"
NUM_GENES = 1_000  # of the screen: 499,500 pairs
NUM_PLAIN = 16_384  # pairs predicted in random order


def screen(config: str) -> dict[str, Any]:
    """Pairs per second of an untrained model of a configuration, on the bundled networks."""
    predictor = untrained(load_config(CONFIGS / f"{config}.yaml", ()).config, IDENTITY)
    rng = np.random.default_rng(0)
    chosen = np.sort(rng.choice(len(predictor.bundle.genes), NUM_GENES, replace=False))
    names = predictor.bundle.genes.names(chosen)

    def run() -> int:
        work = Screen(predictor, names)
        return max(work.run())

    timed(run)  # compiles
    seconds, pairs = timed(run)
    first, second = np.triu_indices(NUM_GENES, 1)
    some = rng.choice(len(first), NUM_PLAIN, replace=False)
    pairs_of_names = [f"{names[i]},{names[j]}" for i, j in zip(first[some], second[some], strict=True)]
    table = genotypes_from_names(predictor.bundle.genes, pairs_of_names)
    screened_peak = peak_bytes()
    timed(lambda: predictor.predict_table(table))
    plain, _ = timed(lambda: predictor.predict_table(table))
    return {
        "pairs_per_second": pairs / seconds,
        "plain_per_second": NUM_PLAIN / plain,
        "genes": len(predictor.bundle.genes),
        "peak_bytes": screened_peak,
    }
