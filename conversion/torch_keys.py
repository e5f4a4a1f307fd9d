"""Which PyTorch key is which Flax parameter: one table per model.

A row says "this module path in Flax is this module in PyTorch". What a model really has is read off
its own parameter tree, so options that add or remove parameters need no row of their own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import combinations_with_replacement
from typing import Any, NamedTuple

import jax
import numpy as np
from flax.traverse_util import flatten_dict

from conversion.architecture import Architecture
from conversion.keys_dango import DANGO
from conversion.keys_eager_v1 import EAGER_V1
from gi_jax.errors import GiJaxError

# Fields: {l}, {i} numbers ({3i} is three times i); {edge}, {network}, {pair} run along the stacked
# leading axis; {bn} is the wrapper that PyTorch Geometric puts around a batch norm. Several keys in
# a row are one tensor that PyTorch stores more than once; the first is its name in `parameters()`.
SHARED = {
    "gene_embedding": ("gene_embedding.weight",),
    "preprocessor/linear_{i}": ("preprocessor.mlp.{4i}",),
    "global_aggregator/gate_{i}": (
        "global_aggregator.gate_nn.{3i}",
        "global_aggregator.aggregator.gate_nn.{3i}",
    ),
    "global_aggregator/transform": (
        "global_aggregator.transform_nn.0",
        "global_aggregator.aggregator.nn.0",
    ),
    "global_interaction_predictor/linear_{i}": ("global_interaction_predictor.{3i}",),
    "gate_mlp/linear_{i}": ("gate_mlp.{3i}",),
    "gene_interaction_predictor/prediction": ("gene_interaction_predictor.prediction_layer",),
}
SAGNN = "gene_interaction_predictor.hyper_sagnn"
LAZY = SHARED | {
    "preprocessor/norm": ("preprocessor.mlp.1{bn}", "preprocessor.mlp.5{bn}"),
    "convs_{l}/gin/eps": ("convs.{l}.convs.{edge}.conv.eps",),
    "convs_{l}/gin/linear_{i}": ("convs.{l}.convs.{edge}.conv.nn.{3i}",),
    "convs_{l}/gin/projection": ("convs.{l}.convs.{edge}.proj",),
    "convs_{l}/norm": ("convs.{l}.convs.{edge}.norm{bn}",),
    "convs_{l}/aggregator/graph_embeddings": ("convs.{l}.aggregator.graph_embeddings",),
    "convs_{l}/aggregator/in/kernel": ("convs.{l}.aggregator.multihead_attn.in_proj_weight",),
    "convs_{l}/aggregator/in/bias": ("convs.{l}.aggregator.multihead_attn.in_proj_bias",),
    "convs_{l}/aggregator/out": ("convs.{l}.aggregator.multihead_attn.out_proj",),
    "convs_{l}/aggregator/pair_{i}": ("convs.{l}.aggregator.interaction_mlps.{pair}.{3i}",),
    "convs_{l}/aggregator/scorer_{i}": ("convs.{l}.aggregator.pair_scorer.{2i}",),
    "convs_{l}/aggregator_norm": ("convs.{l}.aggregator.norm{bn}",),
    "gene_interaction_predictor/static": (f"{SAGNN}.static_embedding.0",),
    "gene_interaction_predictor/attention_{i}/query": (SAGNN + ".attention_layers.{i}.q_proj",),
    "gene_interaction_predictor/attention_{i}/key": (SAGNN + ".attention_layers.{i}.k_proj",),
    "gene_interaction_predictor/attention_{i}/value": (SAGNN + ".attention_layers.{i}.v_proj",),
    "gene_interaction_predictor/attention_{i}/out": (SAGNN + ".attention_layers.{i}.out_proj",),
    "gene_interaction_predictor/attention_{i}/beta": (SAGNN + ".beta_params.{i}",),
}
TABLES: dict[str, Mapping[str, tuple[str, ...]]] = {
    "gene_interaction_dango": LAZY,
    "eager_v1": SHARED | EAGER_V1,
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
    index: int | None  # position along the stacked leading axis
    transpose: bool  # a linear weight: [out, in] in PyTorch, [in, out] here
    scalar: bool  # a number here, a vector of one in PyTorch
    shape: tuple[int, ...]  # in PyTorch

    def to_flax(self, tensor: np.ndarray) -> np.ndarray:
        """The entry of the Flax leaf, from the PyTorch tensor."""
        return tensor[0] if self.scalar else tensor.T if self.transpose else tensor

    def to_torch(self, leaf: np.ndarray) -> np.ndarray:
        """The PyTorch tensor, from the whole Flax leaf."""
        entry = leaf if self.index is None else leaf[self.index]
        return np.ascontiguousarray(entry[None] if self.scalar else entry.T if self.transpose else entry)


def slots(architecture: Architecture) -> tuple[Slot, ...]:
    """Every tensor of a model, in the order of its Flax tree."""
    tree = flatten_dict(jax.eval_shape(architecture.initialise))
    batch_norms = {path[1:-1] for path in tree if path[0] == "batch_stats"}
    table = [(_pattern(flax), torch) for flax, torch in TABLES[architecture.config.name].items()]
    found: list[Slot] = []
    for path, leaf in tree.items():
        templates, fields = _lookup(table, path)
        fields["bn"] = ".module" if path[1:-1] in batch_norms else ""
        stack = _stack(architecture, templates[0])
        transpose = path[-1] == "kernel"
        for index, names in enumerate(stack):
            keys = tuple(_fill(template, fields | names) for template in templates)
            shape = leaf.shape[1:] if names else leaf.shape
            scalar = shape == ()
            shape = (1,) if scalar else shape[::-1] if transpose else shape
            found.append(Slot(keys, path, index if names else None, transpose, scalar, shape))
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


def _stack(architecture: Architecture, template: str) -> Iterator[dict[str, str]]:
    names = architecture.graph_names
    if "{edge}" in template:
        yield from ({"edge": edge_key(name, architecture.edge_form)} for name in names)
    elif "{network}" in template:
        yield from ({"network": name} for name in names)
    elif "{pair}" in template:
        pairs = combinations_with_replacement(names, 2)
        yield from ({"pair": f"{first}_{second}"} for first, second in pairs)
    else:
        yield {}


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
