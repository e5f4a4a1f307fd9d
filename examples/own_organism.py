"""Another organism, from the matrix of its screen to predictions for the pairs that nobody measured.

Nothing in the program is about budding yeast but the data that come with it. Here genes have names
of the form that fission yeast's have, and the scores are made up. A gene list says what genes are called.
"""

import tempfile
from pathlib import Path

import numpy as np

import gi_jax

folder, rng = Path(tempfile.mkdtemp()), np.random.default_rng(0)

# The gene list: systematic name, standard name and aliases, separated by tabs.
genes = [(f"SPAC{100 + i}.{1 + i % 9:02}c", f"abc{i + 1}", f"old{i + 1}") for i in range(36)]
(folder / "pombe.txt").write_text("".join("\t".join(names) + "\n" for names in genes), encoding="utf-8")

# The matrix as an E-MAP program exports it: queries by arrays, blanks where nothing was measured, a dash
# before an allele that is no deletion. Genes go by any of their names.
profile = rng.normal(size=(36, 3))
rows = ["\t".join(["Gene", *(standard for _, standard, _ in genes)])]
for i, (systematic, _, alias) in enumerate(genes):
    label = alias if i % 2 else f"{systematic} - DAmP" if i == 8 else systematic
    scores = profile[i] @ profile.T + 0.3 * rng.normal(size=36)
    blank = (rng.uniform(size=36) < 0.3) | (np.arange(36) == i)
    rows.append("\t".join([label, *("" if b else f"{s:.4f}" for b, s in zip(blank, scores, strict=True))]))
(folder / "emap.txt").write_text("\n".join(rows) + "\n", encoding="utf-8")

# Import: every row that is kept, merged or dropped is accounted for. On the command line:
#   gi-jax import emap emap.txt --genes pombe.txt --alleles all --name pombe --out imported
imported = gi_jax.import_files(
    "emap",
    folder / "emap.txt",
    folder / "imported",
    genes=folder / "pombe.txt",
    alleles="all",
    name="pombe",
)
print(imported.reports[0])

# Train: a model that needs no networks.
result = gi_jax.train(
    "tiny",
    folder / "run",
    {
        "data.genes": str(folder / "pombe.txt"),
        "data.genotypes": [str(folder / "imported" / "genotypes.tsv")],
        "cell_dataset.graphs": [],
        "model.kind": "low_rank",
    },
)
print(f"Pearson on test pairs {result.evaluation.metrics['model'].pearson:.3f}")

# Screen: all pairs of the 36 genes, the lowest first, by the names that people use.
model = gi_jax.load_model(folder / "run")
screen = gi_jax.Screen(model, size=2, top=5)
for _ in screen.run():
    pass
found, names = screen.found(), model.bundle.genes
for genotype, score in list(zip(found.genes, found.score, strict=True))[:5]:
    print(f"{','.join(names.labelled(genotype))}\t{score:+.2f}")

# Queries too may use any name.
print(f"abc1 and old2: {model.predict('ABC1,old2Δ')[0]:+.2f}")
