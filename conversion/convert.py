"""A torchcell checkpoint -> a model folder, and back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from conversion.architecture import Architecture
from conversion.from_export import TORCH, export_to_folder
from conversion.golden import Weights
from conversion.read_export import is_export
from conversion.resolve import WrittenConfig, resolve
from conversion.state_dict_files import SUFFIXES, check_target, read_state_dict, write_state_dict
from conversion.to_flax import step_counters, to_flax
from conversion.to_torch import to_torch
from gi_jax.config import ModelConfig, RunConfig
from gi_jax.config.reading import reading_of
from gi_jax.data.gene_list import GeneList, load_gene_list
from gi_jax.data.networks import CellGraph
from gi_jax.data.transforms import LabelTransform
from gi_jax.errors import GiJaxError
from gi_jax.experiment.bundle import ModelBundle, load_bundle, save_bundle
from gi_jax.experiment.card import card
from gi_jax.experiment.cell import load_graph
from gi_jax.experiment.stored_cell import network_fingerprints
from gi_jax.files import check_folder, read_text, write_text


class Conversion(NamedTuple):
    """A converted model and what its owner should know."""

    weights: Weights
    notes: tuple[str, ...]


def torch_to_folder(
    source: Path,
    folder: Path,
    *,
    written: WrittenConfig | None = None,
    genes: Path | None = None,
    overrides: Sequence[str] = (),
) -> Conversion:
    """Writes a model folder from a `.safetensors`, `.pt`, `.pth` or Lightning `.ckpt` file.

    Args:
      written, overrides: see `resolve`.
      genes: gene list in the order of the checkpoint's gene ids, which a checkpoint does not hold.

    Raises:
      GiJaxError: anything that does not fit; then nothing is written.
    """
    if folder.exists() and (folder.is_file() or any(folder.iterdir())):
        raise GiJaxError(f"{folder}: exists and is not an empty folder; choose another name")
    check_folder(folder)
    file = read_state_dict(source)
    config, architecture, unused = resolve(file.tensors, written, overrides)
    variables = to_flax(file.tensors, architecture)
    gene_list, notes = _genes(genes, architecture.gene_num)
    notes.append(
        "no recorded values were compared: a wrong order of genes, activation or number of heads would "
        "change every "
        "number and nothing would tell; compare with --verify DIR, or convert an export of the model"
    )
    if file.prefix:
        notes.append(f"keys start with `{file.prefix}`, which was taken off")
    if file.place:
        notes.append(f"the weights were taken from `{file.place}` of the file")
    if file.others:
        notes.append(f"beside the model and not converted: {', '.join(file.others)}")
    if written and (understood := reading_of(written.text, overrides, written.source)):
        notes += [f"{written.source}: {line}" for line in understood.lines()]
    elif written and unused:
        notes.append(f"{written.source}: without meaning here and not used: {', '.join(unused)}")
    if config.transforms.labels.strategy != "identity":
        notes.append(
            "a checkpoint does not hold the scale of its labels: predictions come out as the model's own, "
            "unscaled; write center and scale into labels.json if you have them"
        )
    identity = LabelTransform("identity", (0.0,), (1.0,))
    graph = _stated_graph(config, gene_list, named=genes is not None)
    if graph is None:
        notes.append(
            "a checkpoint does not hold the edges of its networks, and weights go by position: the folder "
            "does not predict until they are given. Convert again with --genes and, for every network, "
            "data.networks.NAME.path=FILE data.networks.NAME.directed=true (torchcell's edges are literal: "
            "one direction, a self loop on every gene) or cell_dataset.absent=[NAME]; or convert an export "
            "of the model (`gi-jax exporter`), which has all of it"
        )
        bundle = ModelBundle(config, gene_list, identity, {}, variables)
    else:
        own = replace(config, data=replace(config.data, genes=None, networks={}))
        bundle = ModelBundle(own, gene_list, identity, network_fingerprints(graph), variables, graph=graph)
        text = card(
            "A converted torchcell model",
            bundle,
            (f"converted from {source.name}",),
            "Not measured.",
            notes,
            "MODEL",
        )
        bundle = replace(bundle, card=text)
    save_bundle(bundle, folder)
    extra = {
        "edge_form": architecture.edge_form,
        "num_batches_tracked": step_counters(file.tensors, architecture),
    }
    write_text(folder / TORCH, json.dumps(extra, indent=1) + "\n")
    return Conversion(Weights(architecture, variables), tuple(notes))


def _stated_graph(config: RunConfig, genes: GeneList, *, named: bool) -> CellGraph | None:
    """The networks, if files of all of them are stated; a bundled name alone may mean other edges."""
    names = [name for name in config.cell_dataset.graphs if name not in config.cell_dataset.absent]
    if not named or not names or any(name not in config.data.networks for name in names):
        return None
    return load_graph(config, genes)[0]


def folder_to_torch(folder: Path, target: Path) -> Conversion:
    """Writes the state dict of a model folder or a run folder, ready for `load_state_dict(strict=True)`.

    Raises:
      GiJaxError: no model folder, or a target of another kind than `.safetensors`, `.pt`, `.pth`.
    """
    check_target(target)
    bundle = load_bundle(folder)
    if not isinstance(bundle.config.model, ModelConfig):
        raise GiJaxError(
            f"{folder}: holds a model of kind {bundle.config.model.kind}, which torchcell does not have; "
            "convert a neural model"
        )
    model = bundle.config.model
    if model.uses_features or model.local_predictor_config.predictor != "hyper_sagnn":
        raise GiJaxError(
            f"{folder}: holds a model with gene_embedding '{model.gene_embedding}', local predictor "
            f"'{model.local_predictor_config.predictor}' and {'a' if model.prior else 'no'} prior, of which "
            "torchcell has only free, hyper_sagnn and none; convert such a model"
        )
    if bundle.config.ensemble > 1:
        raise GiJaxError(
            f"{folder}: holds an ensemble of {bundle.config.ensemble}, a state dict holds one model; save "
            "one of them with save_bundle(load_bundle(FOLDER).member(0), NEW) of gi_jax.experiment.bundle, "
            "and convert NEW"
        )
    extra = _extra(folder)
    architecture = Architecture(
        bundle.config.model, len(bundle.genes), bundle.config.cell_dataset.graphs, extra["edge_form"]
    )
    state_dict = to_torch(bundle.variables, architecture, extra["num_batches_tracked"])
    write_state_dict(state_dict, target)
    statistics = architecture.config.norm_statistics
    notes = []
    if statistics != "batch":
        notes.append(
            f"the model was made with norm statistics over the {statistics}; the original computes them over "
            "the batch, so its numbers will differ"
        )
    return Conversion(Weights(architecture, bundle.variables), tuple(notes))


def convert(source: Path, target: Path, **options: Any) -> Conversion:
    """`torch_to_folder` for a file, `folder_to_torch` for a folder.

    Raises:
      GiJaxError: there is no such file or folder.
    """
    if source.is_dir() and is_export(source):
        architecture, variables, notes = export_to_folder(source, target)
        return Conversion(Weights(architecture, variables), notes)
    if source.is_dir():
        return folder_to_torch(source, target)
    if not source.exists():
        raise GiJaxError(
            f"{source}: no such file or folder; expected a state dict ({', '.join(SUFFIXES)}) or a model "
            "folder"
        )
    return torch_to_folder(source, target, **options)


def _genes(path: Path | None, gene_num: int) -> tuple[GeneList, list[str]]:
    if path is None:
        placeholders = GeneList(tuple(f"unnamed_{index}" for index in range(gene_num)))
        return placeholders, [
            f"a checkpoint does not name its {gene_num:,} genes: genes.txt holds placeholders; convert with "
            "--genes FILE, one name a line in the order of training, to predict by name"
        ]
    genes = load_gene_list(path)
    if len(genes) != gene_num:
        raise GiJaxError(
            f"{path}: lists {len(genes):,} genes, the checkpoint has {gene_num:,}; give the list it was "
            "trained with"
        )
    return genes, []


def _extra(folder: Path) -> dict[str, Any]:
    path = folder / TORCH
    defaults = {"edge_form": "literal", "num_batches_tracked": {}}
    try:
        return defaults | (json.loads(read_text(path)) if path.exists() else {})
    except (OSError, ValueError) as error:
        raise GiJaxError(f"{path}: is not readable JSON ({error}); delete it or restore it") from None
