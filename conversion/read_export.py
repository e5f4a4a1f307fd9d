"""Reads the folder that `gi_jax_export.py` writes where torchcell runs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from conversion.golden import read_recorded
from gi_jax.data.gene_list import GeneList, load_gene_list
from gi_jax.data.genotype_table import padded
from gi_jax.data.given_split import PARTS
from gi_jax.data.transforms import LabelTransform
from gi_jax.errors import GiJaxError
from gi_jax.experiment.guard import check_plain_files
from gi_jax.files import read_text

EXPORT, FORMAT = "export.json", 1
_KEYS: dict[str, type | tuple[type, ...]] = {
    "kind": str,
    "arguments": dict,
    "networks": list,
    "absent": list,
    "boundaries": bool,
    "batch_size": int,
    "label_transform": dict,
    "genotypes": list,
}


class Export(NamedTuple):
    """A torchcell model as its owner's environment described it."""

    meta: dict[str, Any]  # export.json
    state_dict: dict[str, np.ndarray]
    edges: dict[str, np.ndarray]  # network -> [2, E], literal
    genes: GeneList
    recorded: dict[str, np.ndarray]  # PRECISION.alone|batched.NUMBER.STAGE
    parts: dict[str, np.ndarray]  # train, val, test -> [M, S] gene ids, then N

    @property
    def transform(self) -> LabelTransform:
        """How the model's labels become scores."""
        t = self.meta["label_transform"]
        return LabelTransform.from_dict(
            {"kind": t["kind"], "center": [t["center"]], "scale": [t["scale"]], "studies": []}
        )


def is_export(folder: Path) -> bool:
    """Whether a folder is an export rather than a model or a run."""
    return (folder / EXPORT).is_file()


def read_export(folder: Path) -> Export:
    """Reads an export and checks that its parts fit each other.

    Raises:
      GiJaxError: a file is missing, damaged, of a newer format, or contradicts another.
    """
    check_plain_files(folder)
    path = folder / EXPORT
    meta = _meta(path)
    genes = load_gene_list(folder / "genes.txt")
    edges = read_recorded(folder / "edges.safetensors")
    known = meta["networks"], [name for name in meta["networks"] if name not in meta["absent"]]
    if sorted(edges) != sorted(known[1]):
        raise GiJaxError(
            f"{folder}: has edges of {', '.join(edges)}, {EXPORT} says {', '.join(known[1])}; export anew"
        )
    if meta["arguments"].get("gene_num") != len(genes):
        raise GiJaxError(
            f"{folder}: lists {len(genes):,} genes, the model has {meta['arguments'].get('gene_num')}; "
            f"export anew"
        )
    for name, edge_index in edges.items():
        whole = edge_index.ndim == 2 and len(edge_index) == 2 and edge_index.dtype.kind == "i"
        if not whole or not ((edge_index >= 0) & (edge_index < len(genes))).all():
            raise GiJaxError(
                f"{folder}: the edges of `{name}` are not between its {len(genes):,} genes; export anew"
            )
    return Export(
        meta,
        read_recorded(folder / "weights.safetensors"),
        edges,
        genes,
        read_recorded(folder / "recorded.safetensors"),
        _parts(folder / "genotypes.tsv", genes),
    )


def _meta(path: Path) -> dict[str, Any]:
    try:
        meta = json.loads(read_text(path))
    except (OSError, ValueError, RecursionError) as error:
        raise GiJaxError(f"{path}: is no readable JSON ({error}); export anew") from None
    number = meta.get("format") if isinstance(meta, dict) else None
    if type(number) is not int:
        raise GiJaxError(f"{path}: is no description of an export; export anew with `gi-jax exporter`")
    if number > FORMAT:
        raise GiJaxError(
            f"{path}: is of format {number}, this version reads {FORMAT}; export anew with the exporter of "
            "this version, `gi-jax exporter > gi_jax_export.py`"
        )
    for key, kind in _KEYS.items():
        if not isinstance(meta.get(key), kind):
            raise GiJaxError(f"{path}: says {key}: {meta.get(key)!r}, expected a {kind}; export anew")
    scale = meta["label_transform"]
    if not isinstance(scale, Mapping) or not {"kind", "center", "scale"} <= set(scale):
        raise GiJaxError(
            f"{path}: label_transform is {scale!r}, expected kind, center and scale; export anew"
        )
    return meta


def _parts(path: Path, genes: GeneList) -> dict[str, np.ndarray]:
    """The genotypes of every part; nothing if the export has none."""
    if not path.exists():
        return {}
    found: dict[str, list[list[int]]] = {part: [] for part in PARTS}
    for number, line in enumerate(read_text(path).splitlines()[1:], 2):
        fields = line.split("\t")
        if len(fields) != 3 or fields[2] not in found:
            raise GiJaxError(
                f"{path}, line {number}: found `{line[:60]}`, expected genes, score and train, val or test"
            )
        found[fields[2]].append(sorted(genes.index(name) for name in fields[0].split(",")))
    return {part: padded(rows, len(genes))[0] for part, rows in found.items() if rows}
