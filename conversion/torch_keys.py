"""Which PyTorch key is which Flax parameter, worked out from a table per model.

A row of a table says "this module path in Flax is this module in PyTorch". What a model really has
is read off its own parameter tree, so options that add or remove parameters need no row of their own.
Fields of a row: {l}, {i} numbers ({3i} is three times i); {edge}, {network}, {pair} run along the
stacked leading axis; {bn} is the wrapper that PyTorch Geometric puts around a batch norm. Several keys
in a row are one tensor that PyTorch stores more than once; the first is its name in `parameters()`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from itertools import combinations_with_replacement
from typing import Any, NamedTuple, cast

import jax
import numpy as np
from flax.traverse_util import flatten_dict
from jax import Array

from conversion.architecture import Architecture
from conversion.keys_dango import DANGO
from conversion.keys_eager import EAGER
from conversion.keys_eager_v1 import EAGER_V1
from conversion.keys_gene_interaction_dango import GENE_INTERACTION_DANGO
from gi_jax.errors import GiJaxError

TABLES: dict[str, Mapping[str, tuple[str, ...]]] = {
    "gene_interaction_dango": GENE_INTERACTION_DANGO,
    "eager": EAGER,
    "eager_v1": EAGER_V1,
    "dango": DANGO,
}
# What a leaf of a module is called in PyTorch.
LEAVES = {
    "kernel": "weight",
    "bias": "bias",
    "scale": "weight",
    "mean_scale": "mean_scale",
    "mean": "running_mean",
    "variance": "running_var",
}
COUNTER = "num_batches_tracked"


class Slot(NamedTuple):
    """One PyTorch tensor and its place in the Flax variables."""

    keys: tuple[str, ...]  # equal tensors; several where PyTorch stores a shared one more than once
    path: tuple[str, ...]  # collection and path of the Flax leaf
    place: int | None  # position along the stacked leading axis
    rows: tuple[int, ...] | None  # rows of the Flax entry in PyTorch's order, where that differs
    transpose: bool  # a linear weight: [out, in] in PyTorch, [in, out] here
    scalar: bool  # a number here, a vector of one in PyTorch
    shape: tuple[int, ...]  # in PyTorch

    def to_flax(self, tensor: np.ndarray) -> np.ndarray:
        """The entry of the Flax leaf, from the PyTorch tensor."""
        entry = tensor[0] if self.scalar else tensor.T if self.transpose else tensor
        return entry if self.rows is None else entry[np.argsort(self.rows)]

    def to_torch(self, leaf: np.ndarray) -> np.ndarray:
        """The PyTorch tensor, from the whole Flax leaf."""
        entry = leaf if self.place is None else leaf[self.place]
        entry = entry if self.rows is None else entry[np.array(self.rows)]
        return np.ascontiguousarray(entry[None] if self.scalar else entry.T if self.transpose else entry)


@lru_cache(maxsize=16)
def slots(architecture: Architecture) -> tuple[Slot, ...]:
    """Every tensor of a model, in the order of its Flax tree."""
    tree = cast(dict[tuple[str, ...], Array], flatten_dict(jax.eval_shape(architecture.initialise)))
    batch_norms = {path[1:-1] for path in tree if path[0] == "batch_stats"}
    table = [(_pattern(flax), torch) for flax, torch in TABLES[architecture.config.kind].items()]
    found: list[Slot] = []
    for path, leaf in tree.items():
        templates, fields = _lookup(table, path)
        fields["bn"] = ".module" if path[1:-1] in batch_norms else ""
        transpose = path[-1] == "kernel"
        stack = _stack(architecture, templates[0])
        for index, own in enumerate(stack or [{}]):
            keys = tuple(_fill(template, fields | own) for template in templates)
            shape = leaf.shape[1:] if stack else leaf.shape
            rows = _row_order(architecture, path, index, shape)
            scalar = shape == ()
            shape = (1,) if scalar else shape[::-1] if transpose else shape
            found.append(Slot(keys, path, index if stack else None, rows, transpose, scalar, shape))
    return tuple(found)


def counters(layout: tuple[Slot, ...]) -> tuple[tuple[str, ...], ...]:
    """Keys of PyTorch's BatchNorm step counters, which no computation here uses."""
    return tuple(
        tuple(key.rpartition(".")[0] + f".{COUNTER}" for key in slot.keys)
        for slot in layout
        if slot.path[0] == "batch_stats" and slot.path[-1] == "mean"
    )


def edge_key(name: str, form: str) -> str:
    """A network as PyTorch writes its edge type in a key, `literal` or `mangled`."""
    return str(("gene", name, "gene")) if form == "literal" else f"<gene___{name}___gene>"


def _pairs(architecture: Architecture) -> list[tuple[str, str]]:
    return list(combinations_with_replacement(architecture.graph_names, 2))


def _stack(architecture: Architecture, template: str) -> list[dict[str, str]]:
    """What names the entries along the stacked axis of a leaf; nothing if it has none."""
    names = architecture.graph_names
    if "{edge}" in template:
        return [{"edge": edge_key(name, architecture.edge_form)} for name in names]
    if "{network}" in template:
        return [{"network": name} for name in names]
    if "{pair}" in template:
        return [{"pair": "_".join(sorted(pair))} for pair in _pairs(architecture)]
    return []


def _row_order(
    architecture: Architecture, path: tuple[str, ...], index: int, shape: tuple[int, ...]
) -> tuple[int, ...] | None:
    """The original sorts networks; here they keep the order of the configuration."""
    if path[-1] == "graph_embeddings":
        order = tuple(int(i) for i in np.argsort(architecture.graph_names))
        return None if order == tuple(range(len(order))) else order
    if path[-2:] == ("pair_0", "kernel"):
        first, second = _pairs(architecture)[index]
        half = shape[0] // 2
        return None if first <= second else (*range(half, 2 * half), *range(half))
    return None


def _pattern(flax: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\\{(\w)\\\}", r"(?P<\1>\\d+)", re.escape(flax)) + r"(?:/(?P<leaf>\w+))?")


def _lookup(
    table: list[tuple[re.Pattern[str], tuple[str, ...]]], path: tuple[str, ...]
) -> tuple[tuple[str, ...], dict[str, Any]]:
    joined = "/".join(path[1:])
    for pattern, templates in table:
        if match := pattern.fullmatch(joined):
            fields = match.groupdict()
            leaf = fields.pop("leaf")
            if leaf:
                templates = tuple(f"{template}.{LEAVES[leaf]}" for template in templates)
            return templates, fields
    raise GiJaxError(f"the parameter {joined} has no counterpart in the key table of its model")


def _fill(template: str, fields: Mapping[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        factor, name = match.groups()
        return str(int(factor) * int(fields[name])) if factor else fields[name]

    return re.sub(r"\{(\d*)(\w+)\}", value, template)
