"""The journey of a torchcell user: a model trained by torchcell's own task, exported, converted, used, sent
back.
"""

from __future__ import annotations

import gzip
import tempfile
import time
import warnings
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import networkx as nx
import numpy as np
import torch
from rich.console import Console

from conversion import gi_jax_export
from conversion.convert import convert
from conversion.state_dict_files import read_state_dict
from gi_jax.data.bundled import YEAST
from gi_jax.errors import GiJaxError
from gi_jax.predict.predictor import Predictor
from gi_jax.runs.evaluate import evaluate
from tests.upstream.five_steps import five_steps
from tests.upstream.oracle import GeneGraph, GeneMultiGraph, classes
from tests.upstream.samples import BOUNDARIES, FOLLOWED, Samples

GENES, GENOTYPES, BATCH, STEPS, HIDDEN = 400, 3000, 8, 20, 16
COMPARED = 60  # genotypes by name
NETWORKS = (
    "physical",
    "regulatory",
    "tflink",
    "string12_0_neighborhood",
    "string12_0_fusion",
    "string12_0_cooccurence",
    "string12_0_coexpression",
    "string12_0_experimental",
    "string12_0_database",
)


class World(NamedTuple):
    """A cell of torchcell, and measured genotypes of collins2007 among its genes."""

    cell_graph: Any
    multigraph: GeneMultiGraph
    genotypes: list[tuple[list[str], float]]


def make_world() -> World:
    """400 genes, nine networks of random edges under torchcell's names, 3,000 measured pairs."""
    pairs = []
    with gzip.open(YEAST / "genotypes" / "collins2007.tsv.gz", "rt") as file:
        header = file.readline().rstrip("\n").split("\t")
        for line in file:
            row = dict(zip(header, line.rstrip("\n").split("\t"), strict=True))
            pairs.append((row["genes"].split(","), float(row["score"])))
    names = sorted({gene for genes, _ in pairs for gene in genes})
    rng = np.random.default_rng(0)
    genes = sorted(rng.choice(names, GENES, replace=False).tolist())
    known = set(genes)
    among = [(g, s) for g, s in pairs if known.issuperset(g)]
    genotypes = [among[i] for i in rng.permutation(len(among))[:GENOTYPES]]
    graphs = {"base": nx.Graph()}
    graphs["base"].add_nodes_from(genes)
    for name in NETWORKS:
        ends = np.sort(rng.integers(0, GENES, (6 * GENES, 2)), axis=1)
        ends = np.unique(ends[ends[:, 0] < ends[:, 1]], axis=0)
        graphs[name] = nx.Graph((genes[a], genes[b]) for a, b in ends)
    multigraph = GeneMultiGraph({name: GeneGraph(name, graph) for name, graph in graphs.items()})
    to_cell_data = import_module("torchcell.data.cell_data").to_cell_data
    return World(to_cell_data(multigraph), multigraph, genotypes)


class Genotypes(torch.utils.data.Dataset):
    """A data set of samples with scaled labels."""

    def __init__(self, samples: Samples, genotypes: list[tuple[list[str], float]], transform: Any) -> None:
        self.samples, self.genotypes, self.transform = samples, genotypes, transform

    def __len__(self) -> int:
        return len(self.genotypes)

    def __getitem__(self, index: int) -> Any:
        made = self.samples.sample(*self.genotypes[index])
        return made if self.transform is None else self.transform(made)


def make_task(kind: str, world: World, transform: Any) -> Any:
    """torchcell's own Lightning task around a fresh model."""
    torch.manual_seed(0)
    optimizer = {"type": "AdamW", "lr": 1e-3, "weight_decay": 1e-2}
    plateau = {"type": "ReduceLROnPlateau", "mode": "min", "factor": 0.2, "patience": 3}
    common: dict[str, Any] = {
        "optimizer_config": optimizer,
        "lr_scheduler_config": plateau,
        "clip_grad_norm": True,
    }
    common |= {"clip_grad_norm_max_norm": 10.0, "plot_every_n_epochs": 10**6}
    if kind == "dango":
        names = [name for name in NETWORKS if name.startswith("string")]
        model = classes().dango(gene_num=GENES, edge_types=names, hidden_channels=HIDDEN, num_heads=4)
        losses = import_module("torchcell.losses.dango")
        loss = losses.DangoLoss(names, dict.fromkeys(names, 1.0), losses.LinearUntilUniform(10))
        return import_module("torchcell.trainers.int_dango").RegressionTask(
            model, world.cell_graph, batch_size=BATCH, loss_func=loss, **common
        )
    renamed = {"physical": "physical_interaction", "regulatory": "regulatory_interaction"}
    names = [renamed.get(name, name) if kind == "eager" else name for name in NETWORKS]
    encoder = {
        "encoder_type": "gin",
        "graph_aggregation_method": "mean",
        "gin_num_layers": 2,
    }
    if kind == "eager":
        encoder |= {"encoder_type": "gatv2", "heads": 5, "concat": True}
    model = getattr(classes(), kind)(
        gene_num=GENES,
        hidden_channels=HIDDEN,
        num_layers=2,
        gene_multigraph=GeneMultiGraph(dict.fromkeys(names)),
        dropout=0.0,
        norm="layer",
        activation="gelu",
        gene_encoder_config=encoder,
        local_predictor_config={"num_heads": 4, "num_attention_layers": 2, "combination_method": "gating"},
    )
    loss = import_module("torchcell.losses.logcosh").LogCoshLoss()
    inverse = import_module("torchcell.transforms.coo_regression_to_classification").COOInverseCompose(
        [transform]
    )
    return import_module("torchcell.trainers.int_hetero_cell").RegressionTask(
        model, world.cell_graph, loss_func=loss, inverse_transform=inverse, **common
    )


def label_transform(world: World) -> Any:
    """torchcell's scaling of labels, fitted on all genotypes as it does."""
    import pandas as pd

    scores = [score for _, score in world.genotypes]
    frame = pd.DataFrame({"index": range(len(scores)), "gene_interaction": scores})
    module = import_module("torchcell.transforms.coo_regression_to_classification")
    data = type("Data", (), {"label_df": frame})
    return module.COOLabelNormalizationTransform(data, {"gene_interaction": {"strategy": "standard"}})


def travel(kind: str, world: World, *, boundaries: bool = True) -> dict[str, float]:
    """Trains, exports, converts, predicts by name, and sends the weights back; returns seconds and
    differences.
    """
    import lightning

    took: dict[str, float] = {}
    transform = None if kind == "dango" else label_transform(world)
    task = make_task(kind, world, transform)
    samples = Samples(world.cell_graph, lazy=kind == "lazy")
    data = Genotypes(samples, world.genotypes, transform)
    follow = (*FOLLOWED, *(BOUNDARIES if boundaries or kind == "dango" else ()))
    loader = torch.utils.data.DataLoader(data, BATCH, collate_fn=lambda part: samples.batch(part, follow))
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trainer = lightning.Trainer(
            max_epochs=1, limit_train_batches=STEPS, logger=False, enable_checkpointing=False,
            enable_progress_bar=False, enable_model_summary=False, accelerator="cpu",
        )  # fmt: skip
        trainer.fit(task, loader)
    took["torchcell trained, s"] = time.perf_counter() - start
    with tempfile.TemporaryDirectory() as folder:
        exported, converted = Path(folder) / "export", Path(folder) / "model"
        start = time.perf_counter()
        parts = {
            "train": world.genotypes[:2400],
            "val": world.genotypes[2400:2700],
            "test": world.genotypes[2700:],
        }
        gi_jax_export.export(exported, task, loader, splits=parts)
        took["exported, s"] = time.perf_counter() - start
        start = time.perf_counter()
        notes = convert(exported, converted).notes
        took["converted and compared, s"] = time.perf_counter() - start
        print("\n".join(f"  {note}" for note in notes))
        if boundaries or kind != "lazy":
            took["by name, of the largest"] = _by_name(task, samples, follow, world, converted)
        back = Path(folder) / "back.safetensors"
        convert(converted, back)
        state = {key: torch.as_tensor(value) for key, value in read_state_dict(back).tensors.items()}
        gi_jax_export.unwrapped(task.model).load_state_dict(state, strict=True)
        ours = {k: v.numpy() for k, v in task.model.state_dict().items()}
        assert all(np.array_equal(ours[key], value.numpy()) for key, value in state.items()), "the way back"
        _from_checkpoint(kind, trainer, task, Path(folder), boundaries=boundaries)
        took |= five_steps(kind, task, samples, follow, world.genotypes, converted)
    return took


def _by_name(task: Any, samples: Samples, follow: Any, world: World, folder: Path) -> float:
    """The largest difference of predictions, in scores, one genotype at a time."""
    predictor = Predictor.load(folder)
    genotypes = world.genotypes[:COMPARED]
    ours = predictor.predict([genes for genes, _ in genotypes])
    model = task.model.eval()
    with torch.no_grad():
        labels = [
            float(
                model(world.cell_graph, samples.batch([samples.sample(*genotype)], follow))[0].reshape(-1)[0]
            )
            for genotype in genotypes
        ]
    t = predictor.bundle.transform
    theirs = np.array(labels) * t.scale[0] + t.center[0]
    off = np.abs(ours - theirs).max() / np.abs(theirs).max()
    assert off < 2e-5, f"predictions by name differ by {off}"
    table = folder.parent / "measured.tsv"
    lines = [f"{','.join(genes)}\t{score}" for genes, score in genotypes]
    table.write_text("\n".join(["genes\tscore", *lines]) + "\n")
    found = evaluate(folder, table, console=Console(quiet=True), prepare=lambda config: None)
    pearson = np.corrcoef(theirs, [score for _, score in genotypes])[0, 1]
    assert abs(found.metrics["model"].pearson - pearson) < 1e-4, "the evaluation"
    return float(off)


def _from_checkpoint(kind: str, trainer: Any, task: Any, folder: Path, *, boundaries: bool) -> None:
    """A Lightning checkpoint: refused by name of the exporter here, exported where torchcell is."""
    path, exported = folder / "last.ckpt", folder / "from_checkpoint"
    trainer.save_checkpoint(path)
    try:
        convert(path, folder / "refused")
    except GiJaxError as error:
        assert "gi-jax exporter > gi_jax_export.py" in str(error)
    else:
        raise AssertionError("a checkpoint with objects was read")
    model = gi_jax_export.unwrapped(task.model)
    arguments = gi_jax_export.constructor_arguments(model, kind)
    graphs = arguments.pop("graph_names" if kind != "dango" else "edge_types")
    config = {"model": arguments, "cell_dataset": {"graphs": graphs}, "data_module": {"batch_size": BATCH}}
    gi_jax_export.from_checkpoint(path, exported, config=config, kind=kind, boundaries=boundaries)
    convert(exported, folder / "of_checkpoint")
    first, second = (
        read_state_dict(folder / name / "weights.safetensors").tensors
        for name in ("export", "from_checkpoint")
    )
    assert all(np.array_equal(first[key], second[key]) for key in first), "the weights of the checkpoint"
