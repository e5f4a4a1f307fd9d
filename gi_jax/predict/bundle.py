"""A trained model as a folder: weights, configuration, genes, networks and label transform."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jax
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from gi_jax.config import RunConfig, load_config, to_yaml
from gi_jax.data.gene_list import GeneList, load_gene_list
from gi_jax.data.transforms import LabelTransform
from gi_jax.errors import GiJaxError
from gi_jax.predict.weights import read_best

CONFIG, GENES, LABELS, NETWORKS, WEIGHTS = (
    "config.yaml",
    "genes.txt",
    "labels.json",
    "networks.json",
    "model.safetensors",
)
_EXPECTED = "a run folder that a training wrote, or a model folder"


@dataclass(frozen=True)
class ModelBundle:
    """All that predicting takes, except the networks' edges, which `networks` identifies.

    The variables of an ensemble have a leading axis, one entry per member.
    """

    config: RunConfig
    genes: GeneList
    transform: LabelTransform
    networks: dict[str, str]  # name -> SHA-256, see `network_fingerprints`; empty if not recorded
    variables: dict[str, Any]

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
        return replace(self, config=config, variables=member_of(self.variables, index))


def member_of(tree: Any, index: int) -> Any:
    """Entry `index` of the leading axis of every array of a pytree."""
    return jax.tree.map(lambda leaf: leaf[index], tree)


def write_description(
    folder: Path, config: RunConfig, genes: GeneList, transform: LabelTransform, networks: dict[str, str]
) -> None:
    """Writes what a model folder and a run folder have in common: everything but the weights."""
    folder.mkdir(parents=True, exist_ok=True)
    names = genes.standard_names or ("",) * len(genes)
    lines = (f"{gene}\t{name}" if name else gene for gene, name in zip(genes.ids, names, strict=True))
    (folder / GENES).write_text("\n".join(lines) + "\n")
    (folder / LABELS).write_text(json.dumps(transform.to_dict(), indent=1) + "\n")
    (folder / NETWORKS).write_text(json.dumps(networks, indent=1) + "\n")
    (folder / CONFIG).write_text(to_yaml(config))  # last: a folder with a configuration is a whole one


def save_bundle(bundle: ModelBundle, folder: str | Path) -> None:
    """Writes a model folder: the description and `model.safetensors`, whose metadata pins the gene ids.

    Arrays are named by their path, such as `params.gene_embedding`.
    """
    folder = Path(folder)
    write_description(folder, bundle.config, bundle.genes, bundle.transform, bundle.networks)
    arrays = {
        name: np.ascontiguousarray(leaf) for name, leaf in flatten_dict(bundle.variables, sep=".").items()
    }
    save_file(arrays, folder / WEIGHTS, metadata={"genes_sha256": bundle.genes.fingerprint})


def load_bundle(folder: str | Path) -> ModelBundle:
    """Reads a model folder, or the best weights of a run folder.

    Raises:
      GiJaxError: no such folder, a file is missing or damaged, or the weights belong to other genes.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise GiJaxError(f"{folder}: no such folder; expected {_EXPECTED}")
    if not (folder / CONFIG).exists():
        raise GiJaxError(f"{folder}: holds no {CONFIG}; expected {_EXPECTED}")
    config = load_config(folder / CONFIG).config
    genes = load_gene_list(folder / GENES)
    transform = LabelTransform.from_dict(_read_json(folder / LABELS))
    if (folder / WEIGHTS).exists():
        variables, fingerprint = _read_safetensors(folder / WEIGHTS)
    else:
        variables, record = read_best(folder)
        fingerprint = record["genes_sha256"]
    if fingerprint != genes.fingerprint:
        raise GiJaxError(
            f"{folder / GENES}: lists other genes, or in another order, than the weights were trained with; "
            "restore the file that came with them"
        )
    return ModelBundle(config, genes, transform, _read_json(folder / NETWORKS), variables)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        raise GiJaxError(f"{path}: is missing; restore it from a copy of the folder") from None
    except (OSError, ValueError) as error:
        raise GiJaxError(
            f"{path}: is no readable JSON ({error}); restore it from a copy of the folder"
        ) from None


def _read_safetensors(path: Path) -> tuple[dict[str, Any], str]:
    try:
        with safe_open(path, framework="numpy") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
            fingerprint = (file.metadata() or {}).get("genes_sha256", "")
    except (OSError, SafetensorError) as error:
        raise GiJaxError(f"{path}: cannot be read ({error}); restore it from a copy of the folder") from None
    return jax.device_put(unflatten_dict(arrays, sep=".")), fingerprint
