"""Fine-tune: start from the weights of an earlier training.

A model of pairs goes on to learn from triples, of which far fewer are measured. A genotype may have any
number of genes, so the weights fit as they are.
"""

import tempfile
from pathlib import Path

import gi_jax

folder = Path(tempfile.mkdtemp())

# First the pairs (one epoch here; a real training takes as long as validation improves).
gi_jax.train("tiny", folder / "pairs", {"trainer.max_epochs": 1})

# Then the triples. `model.checkpoint_path` is a run or model folder; the `model` section must be that of the
# weights. A lower learning rate keeps what was learned.
result = gi_jax.train(
    "tiny",
    folder / "triples",
    {
        "model.checkpoint_path": str(folder / "pairs"),
        "data.genotypes": ["trigenic_tau"],
        "regression_task.optimizer.lr": 1e-3,
        "trainer.max_epochs": 1,
    },
)

metrics = result.evaluation.metrics["model"]
print(f"on test triples: Pearson {metrics.pearson:+.3f}, RMSE {metrics.rmse:.3f}")

# Without `model.checkpoint_path` the same lines train from random weights: compare the two.
