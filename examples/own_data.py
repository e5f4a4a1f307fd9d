"""Train on your own genes, networks and measurements.

Three kinds of text files are needed: a gene list, networks as edge lists, and measured genotypes. They are
made up here, thirty genes whose effects add up but for pairs with an edge; put your own in their place.
"""

import tempfile
from itertools import combinations
from pathlib import Path

import numpy as np

import gi_jax

folder, rng = Path(tempfile.mkdtemp()), np.random.default_rng(0)

# The gene list: one gene a line; a second column may hold another name.
genes = [f"GENE{i:02}" for i in range(30)]
(folder / "genes.txt").write_text("".join(f"{gene}\n" for gene in genes), encoding="utf-8")

# A network: `src`, `dst`, separated by a tab. Plain or gzipped, like every table.
pairs = list(combinations(genes, 2))
edges = [pairs[i] for i in rng.choice(len(pairs), 60, replace=False)]
rows = ["src\tdst", *(f"{a}\t{b}" for a, b in edges)]
(folder / "binding.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")

# Measurements: the deleted genes and the score; `p_value` and `study` are optional columns.
effect = dict(zip(genes, rng.normal(size=len(genes)), strict=True))
rows = ["genes\tscore"]
for a, b in pairs:
    rows.append(f"{a},{b}\t{effect[a] + effect[b] - 2 * ((a, b) in edges) + 0.1 * rng.normal():.4f}")
(folder / "scores.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")

# Look before you train: what was read, and what was left out and why.
network = gi_jax.NetworkSource("binding", folder / "binding.tsv", directed=False)
data = gi_jax.load_dataset(folder / "scores.tsv", network, genes=folder / "genes.txt")
print(data.report)

# `tiny` is the smallest configuration; these lines put it on the data. A YAML file of your own says the same.
result = gi_jax.train(
    "tiny",
    folder / "run",
    {
        "data.genes": str(folder / "genes.txt"),
        "data.networks": {"binding": {"path": str(folder / "binding.tsv"), "directed": False}},
        "data.genotypes": [str(folder / "scores.tsv")],
        "cell_dataset.graphs": ["binding"],
        "data_module.batch_size": 64,
        "trainer.max_epochs": 10,
    },
)

# On genotypes that took no part in the training, beside simple competitors. The folder has a report.html too.
for name, metrics in result.evaluation.metrics.items():
    print(f"{name:16} Pearson {metrics.pearson:+.3f}, RMSE {metrics.rmse:.3f}")

# Later measurements of the same kind are compared by `evaluate`.
evaluation = gi_jax.evaluate(folder / "run", folder / "scores.tsv")
print(f"on all measurements: Pearson {evaluation.metrics['model'].pearson:+.3f}")
