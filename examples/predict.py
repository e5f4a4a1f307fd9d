"""Predict genetic interactions with a trained model.

A model is trained here in seconds, on few genotypes and for two epochs, so that the script runs anywhere; use
the folder of your own run, such as `runs/demo` after `make demo`.
"""

import tempfile
from pathlib import Path

import gi_jax

run = Path(tempfile.mkdtemp()) / "run"

# An ensemble of two: its members differ in their first weights, and their spread says how sure they are.
gi_jax.train("tiny", run, {"trainer.max_epochs": 2, "ensemble": 2})

model = gi_jax.load_model(run)

# A genotype is the set of deleted genes, any number: text with commas, or a list. Systematic and standard
# names will do.
genotypes = ["YAL002W,YAL040C", ["YBR009C", "YNL030W", "YLR455W"]]
mean, std = model.predict_with_spread(genotypes)
for genotype, score, spread in zip(genotypes, mean, std, strict=True):
    print(f"{genotype}: {score:+.3f} ± {spread:.3f}")  # on the scale of the training scores

# `predict` gives the means alone, and is all that a model without an ensemble has.
assert (model.predict(genotypes) == mean).all()

# Whatever is wrong with the input is said in one sentence.
try:
    model.predict("YAL002W,NO_SUCH_GENE")
except gi_jax.GiJaxError as error:
    print(error)
