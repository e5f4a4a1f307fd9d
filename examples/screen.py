"""Screen all pairs of some genes, and all triples with a query strain.

As in `predict.py`, the model is trained in seconds; use the folder of your own run. With all 6,674 genes the
same lines predict 22 million pairs.
"""

import tempfile
from pathlib import Path

import gi_jax

run = Path(tempfile.mkdtemp()) / "run"
gi_jax.train("tiny", run, {"trainer.max_epochs": 2})
model = gi_jax.load_model(run)

# Genes that were measured: of others a model knows their networks alone, and predicts them far less well.
data = gi_jax.load_dataset("costanzo2016_subset", "string9_1_fusion")
measured = sorted({gene for genotype in data.genotypes.genes for gene in data.genes.names(genotype)})
print(f"{len(measured)} genes were measured; 40 of them are combined here")

# Nothing is kept but the extremes: the 5 lowest and the 5 highest scores.
screen = gi_jax.Screen(model, measured[:40], size=2, top=5)
for done in screen.run():  # tile by tile; stop when you like, what was found so far stays
    print(f"{done:,} of {screen.num_genotypes:,} pairs")

found = screen.found()
for genotype, score in zip(found.genes, found.score, strict=True):
    print(f"{','.join(data.genes.labelled(genotype))}\t{score:+.3f}")

# A query strain that lacks two genes, crossed to every other one: triples with these two in all of them.
query = gi_jax.Screen(model, measured[2:40], size=3, including=measured[:2], top=3)
for _ in query.run():
    pass
lowest = query.found()
print(f"lowest triple: {','.join(data.genes.labelled(lowest.genes[0]))}, {lowest.score[0]:+.3f}")
