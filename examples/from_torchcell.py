"""Bring a model from torchcell: its weights and its configuration become a model folder.

The short way is an export, made where torchcell runs by the file that `gi-jax exporter` prints: it holds all
of what is put together here and is compared with what the model predicted there (see the page From
torchcell). This is the way of a bare state dict: `gi-jax convert model.safetensors models/mine --config
torchcell.yaml
--genes genes.txt ...`.
"""

import tempfile
from pathlib import Path

import numpy as np

import gi_jax
from conversion.convert import folder_to_torch, torch_to_folder
from conversion.resolve import WrittenConfig

folder = Path(tempfile.mkdtemp())

# A stand-in for your checkpoint: a small model trained here, written with torchcell's keys. torchcell takes
# norm statistics over the batch; without a label transform the scores are the model's own numbers.
gi_jax.train(
    "tiny",
    folder / "run",
    ["model.norm_statistics=batch", "transforms.use_transforms=false", "trainer.max_epochs=1"],
)
folder_to_torch(folder / "run", folder / "model.safetensors")  # .pt, .pth and Lightning's .ckpt need PyTorch

# What a checkpoint does not tell stands in torchcell's own YAML, whose keys are the same here: the number of
# attention heads, the activation. A contradiction between the two is an error that names both. Which of
# torchcell's two classes it was stands nowhere: `gene_interaction_dango` is the lazy one.
torchcell = """
model:
  kind: gene_interaction_dango
  norm: layer
  activation: gelu
  gene_encoder_config: {encoder_type: gin, graph_aggregation_method: sum, gin_num_layers: 2}
  local_predictor_config: {num_heads: 2, num_attention_layers: 1, combination_method: gating}
"""

# Nor does it hold the edges of its networks: give those of its cell graph, literally, or the folder does not
# predict.
cell = gi_jax.load_model(folder / "run")
genes, stated = cell.bundle.genes.ids, []
for name in cell.graph.names:
    edges = zip(cell.graph[name].senders.tolist(), cell.graph[name].receivers.tolist(), strict=True)
    lines = [f"{genes[sender]}\t{genes[receiver]}" for sender, receiver in edges]
    (folder / f"{name}.tsv").write_text("\n".join(["src\tdst", *lines]), encoding="utf-8")
    stated += [f"data.networks.{name}.path={folder / name}.tsv", f"data.networks.{name}.directed=true"]

# Nor the names of its genes: give the list that it was trained with, in that order.
conversion = torch_to_folder(
    folder / "model.safetensors",
    folder / "model",
    written=WrittenConfig(torchcell, "torchcell.yaml"),
    genes=folder / "run" / "genes.txt",
    overrides=stated,
)
for note in conversion.notes:
    print(note)

# From here on it is a model like any other.
genotypes = ["YAL002W,YAL040C", "YBR009C,YNL030W,YLR455W"]
scores = gi_jax.load_model(folder / "model").predict(genotypes)
print(dict(zip(genotypes, scores.round(4).tolist(), strict=True)))
np.testing.assert_allclose(scores, gi_jax.load_model(folder / "run").predict(genotypes), rtol=1e-4)
