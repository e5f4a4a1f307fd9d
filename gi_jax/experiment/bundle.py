"""A trained model as a folder: weights, configuration, genes, networks and label transform."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from gi_jax.config import RunConfig, load_config, to_yaml
from gi_jax.config.schema import plain
from gi_jax.data.bundled import bundled_models
from gi_jax.data.gene_list import GeneList, gene_list_text, load_gene_list
from gi_jax.data.networks import CellGraph
from gi_jax.data.transforms import LabelTransform
from gi_jax.errors import GiJaxError
from gi_jax.experiment.bundled_model import load_bundled_model, solved_folder
from gi_jax.experiment.confidence import Confidence, read_confidence, write_confidence
from gi_jax.experiment.guard import check_names_nothing_outside, check_plain_files
from gi_jax.experiment.labels import LABELS, read_json, read_transform
from gi_jax.experiment.stored_cell import (
    FORMAT,
    GENES,
    network_fingerprints,
    read_cell,
    read_format,
    write_cell,
)
from gi_jax.files import PlainPath, new_folder, replacing_together, write_text
from gi_jax.models.neural.fixed import take_member
from gi_jax.models.registry import KINDS
from gi_jax.models.weights import read_best

LOGGER = logging.getLogger(__name__)
CONFIG, NETWORKS, WEIGHTS, CARD = (
    "config.yaml",
    "networks.json",
    "model.safetensors",
    "README.md",
)
_EXPECTED = "a run folder that a training wrote, or a model folder"


@dataclass(frozen=True)
class ModelBundle:
    """All that predicting takes; the networks' edges too, if it is whole, and else what identifies them.

    The variables are what the model's `arrays` gave; of an ensemble those of its members have a leading
    axis, one entry per member.
    """

    config: RunConfig
    genes: GeneList
    transform: LabelTransform
    networks: dict[str, str]  # name -> SHA-256, see `network_fingerprints`; empty if not recorded
    variables: dict[str, Any]
    confidence: Confidence | None = None  # of a model with standard deviations
    graph: CellGraph | None = None  # of a whole one
    parts: Mapping[str, np.ndarray] = field(
        default_factory=dict
    )  # genotypes of train, val, test: see `StoredCell`
    card: str = ""  # README.md, of a whole one

    def member(self, index: int) -> ModelBundle:
        """One member of an ensemble as a model of its own.

        Raises:
          GiJaxError: there is no such member.
        """
        count = self.config.ensemble
        if not 0 <= index < count:
            raise GiJaxError(f"member {index} was asked for; the model has {count}, numbered from 0")
        if count == 1:
            return self
        config = replace(self.config, ensemble=1, seed=self.config.seed + index)
        return replace(self, config=config, variables=take_member(self.variables, index), confidence=None)


def write_description(
    folder: Path, config: RunConfig, genes: GeneList, transform: LabelTransform, networks: dict[str, str]
) -> None:
    """Writes what a model folder and a run folder have in common: everything but the weights."""
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / GENES, gene_list_text(genes))
    write_text(folder / LABELS, json.dumps(transform.to_dict(), indent=1) + "\n")
    write_text(folder / NETWORKS, json.dumps(networks, indent=1) + "\n")
    write_text(folder / CONFIG, to_yaml(config))  # last: a folder with a configuration is a whole one


def save_bundle(bundle: ModelBundle, folder: str | Path) -> None:
    """Writes a model folder: the description and `model.safetensors`, whose metadata pins the gene ids
    and the model section of the configuration.

    Arrays are named by their path, such as `params.gene_embedding`. A model that was in the folder
    before stays there until the new one is whole. A bundle with its graph makes a whole folder, with
    networks, the genotypes of every part, the number of the format and a card.

    Raises:
      GiJaxError: the weights cannot be written.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {
        name: np.asarray(leaf, order="C") for name, leaf in flatten_dict(bundle.variables, sep=".").items()
    }
    metadata = {
        "genes_sha256": bundle.genes.fingerprint,
        "model": json.dumps(plain(bundle.config.model)),
    }
    with replacing_together(folder) as new:
        write_description(new, bundle.config, bundle.genes, bundle.transform, bundle.networks)
        if bundle.confidence is not None:
            write_confidence(bundle.confidence, new)
        if bundle.graph is not None:
            write_cell(new, bundle.graph, bundle.parts, bundle.genes.fingerprint)
            write_text(new / CARD, bundle.card)
        passable = PlainPath(new)
        try:
            save_file(arrays, passable.path / WEIGHTS, metadata=metadata)
        except SafetensorError as error:
            raise GiJaxError(
                f"{folder / WEIGHTS}: cannot be written ({error}); make room or name another folder"
            ) from None


def load_bundle(folder: str | Path) -> ModelBundle:
    """Reads a model folder, or the best weights of a run folder, in the dtypes in which they are stored.

    The name of a bundled model, such as `collins2007`, stands for it where there is no folder of that name.

    Raises:
      GiJaxError: no such folder, a file is missing or damaged, or the weights belong to other genes.
    """
    folder = Path(folder)
    if not folder.exists() and str(folder) in bundled_models():
        return _bundled(str(folder))
    if not folder.is_dir():
        known = f"; bundled models are {', '.join(bundled_models())}"
        raise GiJaxError(f"{folder}: no such folder; expected {_EXPECTED}{known}")
    if not (folder / CONFIG).exists():
        raise GiJaxError(f"{folder}: holds no {CONFIG}; expected {_EXPECTED}")
    about = read_format(folder)
    if about["format"] >= FORMAT:
        check_plain_files(folder)
    config = load_config(folder / CONFIG).config
    if about["format"] >= FORMAT:
        check_names_nothing_outside(config, folder / CONFIG)
    genes = load_gene_list(folder / GENES)
    transform = read_transform(folder)
    if (folder / WEIGHTS).exists():
        source, (variables, fingerprint, model) = folder / WEIGHTS, _read_safetensors(folder)
    else:
        source, (variables, record) = folder / "checkpoints" / "best", read_best(folder)
        fingerprint, model = record.get("genes_sha256"), record.get("config", {}).get("model", {})
    _check_same_model(folder / CONFIG, config, model)
    if fingerprint != genes.fingerprint:
        raise GiJaxError(
            f"{folder / GENES}: lists other genes, or in another order, than the weights were trained with; "
            "restore the file that came with them"
        )
    KINDS[config.model.kind].check(variables, str(source))
    networks, confidence = _read_networks(folder / NETWORKS), read_confidence(folder)
    bundle = ModelBundle(config, genes, transform, networks, variables, confidence)
    if about["format"] < FORMAT:
        return bundle
    cell = read_cell(folder, config.cell_dataset.graphs, genes.fingerprint, len(genes))
    found = network_fingerprints(cell.graph)
    if found != networks:
        changed = next(name for name in found | networks if found.get(name) != networks.get(name))
        raise GiJaxError(
            f"{folder}: the edges of `{changed}` are not those that {NETWORKS} says; restore the folder "
            f"from a copy"
        )
    return replace(bundle, graph=cell.graph, parts=cell.parts)


def _bundled(name: str) -> ModelBundle:
    """A bundled model as it was kept when it was loaded before, or solved now and kept for the next time."""
    kept = solved_folder(name)
    if kept is not None and kept.is_dir():
        try:
            return load_bundle(kept)
        except GiJaxError as error:
            LOGGER.info("%s; the model is solved anew", error)
            shutil.rmtree(kept, ignore_errors=True)
    experiment, fitted, confidence, text = load_bundled_model(name)
    bundle = ModelBundle(
        experiment.config,
        experiment.genes,
        experiment.transform,
        network_fingerprints(experiment.graph),
        dict(fitted.arrays()),
        confidence,
        experiment.graph,
        experiment.parts,
        text,
    )
    try:
        if kept is not None:
            with new_folder(kept) as new:
                save_bundle(bundle, new)
    except (OSError, GiJaxError) as error:
        LOGGER.info("%s is not kept as solved: %s", name, error)
    return bundle


def _check_same_model(path: Path, config: RunConfig, trained: dict[str, Any]) -> None:
    """Raises a `GiJaxError` if a cut or edited configuration says another model than the weights are of.

    Shapes alone would not tell an activation function that is left out.
    """
    now = json.loads(json.dumps(plain(config.model)))
    for key, was in trained.items():
        if key in now and now[key] != was and key not in ("checkpoint_path", "remat"):
            raise GiJaxError(
                f"{path}: says model.{key}: {now[key]}, but the weights were trained with {was}; restore the "
                "file that came with them"
            )


def _read_networks(path: Path) -> dict[str, str]:
    networks = read_json(path)
    if not all(isinstance(digest, str) for digest in networks.values()):
        raise GiJaxError(
            f"{path}: holds something else than a SHA-256 for each network; restore it from a copy of the "
            "folder"
        )
    return networks


def _read_safetensors(folder: Path) -> tuple[dict[str, Any], str, dict[str, Any]]:
    """The variables, the fingerprint of the genes and the model section that they were saved with."""
    path, passable = folder / WEIGHTS, PlainPath(folder)  # safetensors takes a path for UTF-8
    try:
        with safe_open(passable.path / WEIGHTS, framework="numpy") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
            notes = file.metadata() or {}
        model = json.loads(notes.get("model", "{}"))  # earlier versions did not note it
        return unflatten_dict(arrays, sep="."), notes.get("genes_sha256", ""), model
    # A dtype that NumPy does not have is an AttributeError or a TypeError.
    except (OSError, SafetensorError, ValueError, TypeError, AttributeError, RecursionError) as error:
        reason = str(error).replace(str(passable.path), str(folder))
        raise GiJaxError(f"{path}: cannot be read ({reason}); restore it from a copy of the folder") from None
