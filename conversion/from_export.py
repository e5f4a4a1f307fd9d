"""An export of a torchcell model -> a whole model folder that predicts what its owner's model predicts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from conversion.architecture import Architecture, architecture_from_kwargs, with_edge_form
from conversion.compare_export import compare
from conversion.read_export import Export, read_export
from conversion.to_flax import step_counters, to_flax
from gi_jax.config import (
    CellDatasetConfig,
    DataConfig,
    DataModuleConfig,
    RunConfig,
    TrainerConfig,
    TransformsConfig,
)
from gi_jax.config.data import ForwardTransformConfig, LabelNormalizationConfig, NormalizationConfig
from gi_jax.config.load import parse_config
from gi_jax.config.yaml_text import write_yaml
from gi_jax.data.networks import cell_graph
from gi_jax.errors import GiJaxError
from gi_jax.experiment.bundle import ModelBundle, load_bundle, save_bundle
from gi_jax.experiment.card import card_of_export
from gi_jax.experiment.stored_cell import network_fingerprints
from gi_jax.files import check_new_folder, new_folder, write_text

TORCH = "torch.json"  # beside the model: what PyTorch's state dict holds and no computation uses


def export_to_folder(source: Path, folder: Path) -> tuple[Architecture, dict[str, Any], tuple[str, ...]]:
    """Converts an export, loads what was written as `gi-jax predict` does, and compares the recorded case.

    Returns:
      The architecture, the variables, and what the owner should know.

    Raises:
      GiJaxError: the export is damaged, or predictions differ; then nothing is left behind.
    """
    check_new_folder(folder)
    export = read_export(source)
    meta = export.meta
    architecture = with_edge_form(
        architecture_from_kwargs(
            meta["kind"], meta["arguments"], meta["networks"], boundaries=meta["boundaries"]
        ),
        export.state_dict,
    )
    if meta["kind"] == "dango":
        architecture = replace(architecture, config=replace(architecture.config, boundaries="given"))
    variables = to_flax(export.state_dict, architecture)
    names = architecture.graph_names
    present = [name for name in names if name in export.edges]
    graph = cell_graph({name: export.edges[name] for name in present}, len(export.genes))
    if len(present) < len(names):
        graph = replace(graph, declared=names)
    config, notes = _config(export, architecture)
    bundle = ModelBundle(
        config, export.genes, export.transform, network_fingerprints(graph), variables,
        graph=graph, parts=export.parts,
    )  # fmt: skip
    with new_folder(folder) as new:
        save_bundle(bundle, new)  # without its card, which tells how the comparison went
        extra = {
            "edge_form": architecture.edge_form,
            "num_batches_tracked": step_counters(export.state_dict, architecture),
        }
        write_text(new / TORCH, json.dumps(extra, indent=1) + "\n")
        compared = compare(export, load_bundle(new))
        notes = [*_notes(export), *notes, *compared]
        write_text(new / "README.md", card_of_export(export.meta, bundle, notes))
    return architecture, variables, tuple(notes)


def _config(export: Export, architecture: Architecture) -> tuple[RunConfig, list[str]]:
    """The configuration of the export with what the live model says put over it."""
    meta, notes, stated = export.meta, [], RunConfig()
    if meta.get("config"):
        try:
            stated = parse_config(write_yaml(meta["config"]), (), "the exported configuration").config
        except GiJaxError as error:
            notes.append(f"{error}; optimizer, loss and length of the training are this project's defaults")
    kind = export.transform.kind
    labels = LabelNormalizationConfig("standard" if kind == "identity" else kind)
    transforms = TransformsConfig(kind != "identity", ForwardTransformConfig(NormalizationConfig(labels)))
    config = replace(
        stated,
        model=architecture.config,
        cell_dataset=CellDatasetConfig(graphs=architecture.graph_names, absent=tuple(meta["absent"])),
        data=DataConfig(),
        data_module=DataModuleConfig(meta["batch_size"]),
        transforms=transforms,
        trainer=replace(
            stated.trainer,
            devices=1,
            compilation_cache=TrainerConfig.compilation_cache,
            precision=stated.trainer.precision if meta["kind"] == "lazy" else "32",
        ),
    )
    return config, notes


def _notes(export: Export) -> Sequence[str]:
    meta, notes = export.meta, []
    if meta["absent"]:
        notes.append(
            f"listed by the model and absent from its data: {', '.join(meta['absent'])}; the model computes "
            "without them, as it was trained"
        )
    if not meta["boundaries"] and meta["kind"] == "lazy":
        notes.append(
            "its batches did not tell whose each deleted gene is, so in training the local part was 0 for "
            "every genotype and never learned: it is 0 here too (model.boundaries: absent)"
        )
    if not meta["boundaries"] and meta["kind"] == "eager":
        notes.append(
            "its batches did not tell whose each deleted gene is: in training all genes of a batch were one "
            "set, whose local score went to the first genotype (model.boundaries: absent). Predictions here "
            "are those of one genotype at a time, where the local part is its own; it was not trained for "
            "that"
        )
    if not export.parts:
        notes.append("the export names no genotypes, so the folder has no split")
    return notes
