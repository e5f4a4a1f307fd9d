"""The networks of a model and its parts of the genotypes, inside the model folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import gi_jax
from gi_jax.data.given_split import PARTS
from gi_jax.data.networks import CellGraph, cell_graph
from gi_jax.errors import GiJaxError
from gi_jax.experiment.guard import read_integers
from gi_jax.files import read_text, write_text

GENES, CELL, FORMAT_FILE = "genes.txt", "cell.npz", "format.json"
FORMAT = 2  # 1, without a file that says so, holds no networks
_REMEDY = "restore it from a copy of the folder"


class StoredCell(NamedTuple):
    """What a whole model folder knows of its cell and of the genotypes it was made from."""

    graph: CellGraph  # without backends, on the host
    parts: dict[str, np.ndarray]  # train, val, test -> [M, S] int32 gene ids, then N; empty if not known


def write_cell(folder: Path, graph: CellGraph, parts: Mapping[str, np.ndarray], genes_sha256: str) -> None:
    """Writes the edges of all networks and the genotypes of every part, compressed, and the format's
    number.
    """
    arrays: dict[str, Any] = {}
    for number, network in enumerate(graph.networks):
        # Increasing runs compress to a fraction as differences.
        arrays[f"degree_{number}"] = np.diff(np.asarray(network.indptr)).astype("<i4")
        arrays[f"senders_{number}"] = np.diff(np.asarray(network.senders), prepend=0).astype("<i4")
    arrays |= {part: np.asarray(rows, "<i4") for part, rows in parts.items()}
    np.savez_compressed(folder / CELL, **arrays)
    about = {
        "format": FORMAT,
        "gi_jax": gi_jax.__version__,
        "genes_sha256": genes_sha256,
        "networks": list(graph.names),
        "declared": list(graph.model_names),
        "genotypes": {part: len(rows) for part, rows in parts.items()},
    }
    write_text(folder / FORMAT_FILE, json.dumps(about, indent=1) + "\n")


def read_format(folder: Path) -> dict[str, Any]:
    """What `format.json` says; format 1 for a folder without, as earlier versions wrote it.

    Raises:
      GiJaxError: it is damaged, or of a newer version than this one.
    """
    path = folder / FORMAT_FILE
    if not path.exists():
        return {"format": 1}
    try:
        about = json.loads(read_text(path))
        number = about["format"]
        newer = type(number) is int and number > FORMAT
        lists = [] if newer else [about[key] for key in ("networks", "declared")]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise GiJaxError(f"{path}: is no readable description of a format ({error}); {_REMEDY}") from None
    if type(number) is not int or any(type(name) is not str for names in lists for name in names):
        raise GiJaxError(f"{path}: says format {number!r}, expected a whole number and names; {_REMEDY}")
    if number > FORMAT:
        maker = f"gi_jax {about.get('gi_jax', 'of a later day')}"
        raise GiJaxError(
            f"{folder}: is a model folder of format {number}, made by {maker}; this version reads formats up "
            f"to {FORMAT}: install a newer gi_jax"
        )
    return about


def read_cell(folder: Path, names: tuple[str, ...], genes_sha256: str, num_genes: int) -> StoredCell:
    """Reads what `write_cell` wrote.

    Args:
      names: the networks of the configuration, in its order.
      genes_sha256, num_genes: of the gene list.

    Raises:
      GiJaxError: the folder holds no networks, other ones or in another order, or edges of other genes.
    """
    about = read_format(folder)
    if about["format"] < FORMAT:
        raise GiJaxError(
            f"{folder}: holds no networks, as an earlier version wrote it, or a checkpoint without them was "
            "converted; make it whole with `gi-jax package RUN DIR`, or convert an export of the model"
        )
    if list(names) != about["declared"]:
        raise GiJaxError(
            f"{folder}: was made with the networks {', '.join(about['declared'])}, in this order; "
            f"cell_dataset.graphs says {', '.join(names) or 'none'}; weights go by position, so leave it out"
        )
    if about.get("genes_sha256") != genes_sha256:
        raise GiJaxError(
            f"{folder / GENES}: lists other genes, or in another order, than its networks; {_REMEDY}"
        )
    present, path = about["networks"], folder / CELL
    needed = [f"{what}_{number}" for number in range(len(present)) for what in ("degree", "senders")]
    arrays = read_integers(path, needed, PARTS)
    edges = {}
    for number, name in enumerate(present):
        degree, senders = arrays[f"degree_{number}"], np.cumsum(arrays[f"senders_{number}"], dtype=np.int64)
        sound = (
            len(degree) == num_genes and (degree >= 0).all() and degree.sum(dtype=np.int64) == len(senders)
        )
        if not sound or (len(senders) and not 0 <= senders.min() <= senders.max() < num_genes):
            raise GiJaxError(
                f"{path}: the edges of `{name}` are not between its {num_genes:,} genes; {_REMEDY}"
            )
        edges[name] = np.stack([senders, np.repeat(np.arange(num_genes), degree)]).astype(np.int32)
    graph = cell_graph(edges, num_genes)
    parts = {part: arrays[part] for part in PARTS if part in arrays}
    for part, rows in parts.items():
        if rows.ndim != 2 or not ((rows >= 0) & (rows <= num_genes)).all():
            raise GiJaxError(f"{path}: the {part} part names genes that are not listed; {_REMEDY}")
    if about["declared"] != present:
        graph = replace(graph, declared=tuple(about["declared"]))
    return StoredCell(graph, parts)


def network_fingerprints(graph: CellGraph) -> dict[str, str]:
    """SHA-256 of every network's edges, by name: equal exactly for equal networks over equal gene ids."""
    return {name: network.fingerprint for name, network in zip(graph.names, graph.networks, strict=True)}


def changed_network(graph: CellGraph, recorded: Mapping[str, str]) -> str | None:
    """The first network of recorded fingerprints that a graph has with other edges, or has not."""
    found = network_fingerprints(graph)
    return next((name for name, sha in recorded.items() if found.get(name) != sha), None)
