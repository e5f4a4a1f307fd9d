"""`python -m tests.benchmarks.held_out_use RUN`: would the list for the bench have found what was held back?

RUN is a run of `configs/pair_kernel.yaml` on a random split: fitted to eight tenths of a screen, its settings
chosen on the ninth, the last tenth not looked at. Every pair of the screen's genes that the nine tenths did
not measure is predicted, pairs that nobody measured included, as a user would before choosing crosses. How
many of the hundred lowest scores of the last tenth are among the first predicted ones? Beside low rank,
fitted to the same, and chance.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from gi_jax.config import load_config
from gi_jax.data.formats.genotype_files import genotypes_from_names
from gi_jax.data.genotype_table import GenotypeTable
from gi_jax.data.splits import load_split
from gi_jax.evaluation.evaluation import baseline_scores, fit_to_labels
from gi_jax.experiment.experiment import Experiment, load_experiment
from gi_jax.predict.predictor import Predictor
from gi_jax.runs.run import SPLIT

WANTED = 100  # lowest scores of the last tenth
FIRST = (100, 300, 1000, 3000)  # predicted pairs to make


def unmeasured_pairs(experiment: Experiment) -> GenotypeTable:
    """Every pair of genes of the nine tenths that these did not measure, without scores."""
    known = np.concatenate([experiment.train.genes, experiment.val.genes])
    genes = np.unique(known[known < experiment.train.num_genes])
    open_pairs = np.triu(np.ones((len(genes), len(genes)), bool), k=1)
    places = np.sort(np.searchsorted(genes, known), axis=1)
    open_pairs[places[:, 0], places[:, 1]] = False
    first, second = np.nonzero(open_pairs)
    pairs = np.stack([genes[first], genes[second]], axis=1).astype(np.int32)
    names = [",".join(experiment.genes.names(row)) for row in pairs]
    return genotypes_from_names(experiment.genes, names)


def places_of_wanted(scores: np.ndarray, pairs: GenotypeTable, wanted: GenotypeTable) -> np.ndarray:
    """At which place of the predicted list, from 1 on, each wanted pair stands, the earliest first."""
    rank = np.empty(len(scores), np.int64)
    rank[np.argsort(scores, kind="stable")] = np.arange(1, len(scores) + 1)
    row_of = {tuple(row): i for i, row in enumerate(pairs.genes.tolist())}
    rows = [row_of[tuple(sorted(row))] for row in wanted.genes.tolist()]
    return np.sort(rank[rows])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.held_out_use", description=__doc__)
    parser.add_argument("run", type=Path, metavar="RUN")
    parser.add_argument("--picture", type=Path, default=Path("docs/held_out_use.png"))
    options = parser.parse_args()
    config = load_config(options.run / "config.yaml").config
    experiment = load_experiment(config, load_split(options.run / SPLIT))
    pairs = unmeasured_pairs(experiment)
    wanted = experiment.test.take(np.argsort(experiment.test.score, kind="stable")[:WANTED])
    scores = {"model": Predictor.load(options.run).predict_table(pairs)}
    for name, fitted in fit_to_labels(["low_rank"], experiment).items():
        scores[name.replace("_", " ")] = baseline_scores(fitted, experiment, pairs)
    places = {name: places_of_wanted(found, pairs, wanted) for name, found in scores.items()}
    print(
        f"{len(pairs):,} pairs of {len(np.unique(pairs.genes)):,} genes that nine tenths did not measure; "
        f"{len(experiment.test):,} of them are the last tenth, whose {WANTED} lowest scores are "
        f"{wanted.score.max():.2f} and below"
    )
    print("| first predicted pairs | " + " | ".join(places) + " | chance |")
    print("| --- |" + " --- |" * (len(places) + 1))
    for count in FIRST:
        found = " | ".join(str(int((place <= count).sum())) for place in places.values())
        print(f"| {count:,} | {found} | {WANTED * count / len(pairs):.1f} |")
    figure, axes = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
    for name, place in places.items():
        axes.step(place, np.arange(1, len(place) + 1), where="post", label=name)
    reach = np.geomspace(1, len(pairs), 200)
    axes.plot(reach, WANTED * reach / len(pairs), "--", color="grey", label="chance")
    axes.set(xscale="log", xlim=(1, len(pairs)), xlabel="predicted pairs made, the lowest first")
    axes.set_ylabel(f"of the {WANTED} lowest held back, found")
    axes.legend(frameon=False)
    figure.savefig(options.picture, dpi=160)


if __name__ == "__main__":
    main()
