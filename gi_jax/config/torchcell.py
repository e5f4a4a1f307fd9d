"""A configuration of torchcell: what its scripts and classes assume where it says nothing.

Where this project assumes something else, the original's choice is put in, unless the command line says
otherwise, and every such choice can be listed.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from copy import deepcopy
from typing import Any, NamedTuple

# Keys that only torchcell's files have: they tell such a file from one of this project.
MARKS: dict[str, tuple[str, ...]] = {
    "": ("wandb", "profiler", "compile_mode"),
    "cell_dataset": ("node_embeddings", "incidence_graphs", "learnable_embedding_input_channels"),
    "data_module": (
        "is_perturbation_subset",
        "perturbation_subset_size",
        "num_workers",
        "pin_memory",
        "prefetch",
        "prefetch_factor",
        "persistent_workers",
    ),
    "model": ("gene_num", "reaction_num", "metabolite_num", "gpr_conv_config", "metabolism_config"),
    "regression_task": ("plot_sample_ceiling", "plot_every_n_epochs", "is_weighted_phenotype_loss"),
    "trainer": ("accelerator", "strategy", "num_nodes", "overfit_batches", "max_steps"),
}
ENCODER, LOCAL = "model.gene_encoder_config", "model.local_predictor_config"
STRATEGY = "transforms.forward_transform.normalization.gene_interaction.strategy"
LAZY, EAGER, DANGO = "gene_interaction_dango", "eager", "dango"
DEFAULT = "the classes' default"
SPARSE = ("neighborhood", "coexpression", "experimental")
# Its Dango script weighs zeros of these networks by 0.1 and of all others by 1 (Zhang et al. 2020).
WEIGHED = re.compile(rf"string(9_1|11_0)_({'|'.join(SPARSE)})")
HALF = ("bf16", "bf16-mixed", "bf16-true", "16-mixed")


class Taken(NamedTuple):
    """A setting taken as torchcell takes it, where this project would take another."""

    key: str
    value: Any
    why: str

    def __str__(self) -> str:
        value = "null" if self.value is None else self.value
        value = str(value).lower() if isinstance(value, bool) else value
        return f"{self.key}: {value} ({self.why})"


def is_torchcell(values: Mapping[str, Any]) -> bool:
    """Whether a configuration is one of torchcell's; those of this project have no key of `MARKS`."""
    return any(key in _section(values, section) for section, marks in MARKS.items() for key in marks)


def as_torchcell(
    values: Mapping[str, Any], stated: Collection[str] = ()
) -> tuple[dict[str, Any], tuple[Taken, ...]]:
    """The configuration with torchcell's choices put in, and these choices.

    Args:
      values: sections with references resolved.
      stated: dotted keys of the command line, which go first.
    """
    values = deepcopy(dict(values))
    taken = []
    for choice in _choices(values):
        if choice.key not in stated:
            _put(values, choice.key, choice.value)
            taken.append(choice)
    if _is_dango(values):
        for theirs in ("model.num_heads", "regression_task.loss_scheduler"):
            section, _, leaf = theirs.rpartition(".")
            if isinstance(held := _get(values, section), dict):
                held.pop(leaf, None)
    return values, tuple(taken)


def remarks(values: Mapping[str, Any]) -> Iterator[str]:
    """What such a file says, or leaves to its script, that changes results there and is not done here."""
    subset = _section(values, "data_module")
    if subset.get("is_perturbation_subset"):
        size = subset.get("perturbation_subset_size")
        yield f"data_module.is_perturbation_subset: {size} of the genotypes there, all of data.genotypes here"
    if steps := _get(values, "trainer.max_steps"):
        yield f"trainer.max_steps: {steps} there, trainer.max_epochs alone says how long here"
    if _get(values, "trainer.overfit_batches"):
        yield "trainer.overfit_batches: a few batches there, all of them here"
    if _get(values, STRATEGY) == "robust":
        yield f"{STRATEGY}: robust is centred on the first quartile there, on the median here"
    yield "label scales: fitted on all genotypes there, on the training genotypes here"
    yield "cell_dataset.graphs: edges there are literal (one direction, and a self loop on every gene)"


def _choices(values: dict[str, Any]) -> Iterator[Taken]:
    dango = _is_dango(values)
    if dango:
        yield from _dango(values)
    elif "model" in values:
        yield from _gene_interaction(values)
    if (dango or "transforms" not in values) and _get(values, "transforms.use_transforms") is not False:
        why = (
            "its script for Dango does not scale labels"
            if dango
            else "without a section labels are not scaled"
        )
        yield Taken("transforms.use_transforms", False, why)
    yield from _devices(values)


def _is_dango(values: Mapping[str, Any]) -> bool:
    return DANGO in (_get(values, "regression_task.loss"), _get(values, "model.kind"))


def _dango(values: dict[str, Any]) -> Iterator[Taken]:
    if _get(values, "model.kind") is None:
        yield Taken("model.kind", DANGO, "the loss is Dango's")
    heads = _get(values, "model.num_heads")
    if heads is not None:
        yield Taken(f"{LOCAL}.num_heads", heads, "model.num_heads there")
    schedule = _section(values, "regression_task.loss_scheduler")
    for theirs, ours in (("type", "schedule"), ("transition_epoch", "transition_epoch")):
        if theirs in schedule:
            place = f"regression_task.loss_config.{ours}"
            yield Taken(place, schedule[theirs], f"regression_task.loss_scheduler.{theirs} there")
    for name in map(str, _get(values, "cell_dataset.graphs") or ()):
        theirs = 0.1 if WEIGHED.fullmatch(name) else 1.0
        if theirs != (0.1 if any(part in name for part in SPARSE) else 1.0):
            key = f"regression_task.loss_config.lambda_{name}"
            yield Taken(key, theirs, "the original has weights for STRING 9.1 and 11.0 alone")


def _gene_interaction(values: dict[str, Any]) -> Iterator[Taken]:
    model, encoder = _section(values, "model"), _section(values, ENCODER)
    aggregation = _section(values, f"{ENCODER}.graph_aggregation_config")
    attends = encoder.get("encoder_type", "gatv2") == "gatv2"
    kind = model.get("kind")
    if kind is None:
        fits = model.get("norm", "layer") in ("layer", "batch") and not aggregation.get("aggregation_norm")
        kind = EAGER if attends and fits else LAZY
        either = "the lazy class; no file says which of the two, model.kind=eager is the other"
        yield Taken("model.kind", kind, "gatv2 runs in the eager class alone" if kind == EAGER else either)
    if kind == EAGER and _get(values, f"{LOCAL}.use_local_predictor") is False:
        yield Taken(f"{LOCAL}.use_local_predictor", True, "the eager class does not read it")
    if kind == LAZY:
        if attends:
            yield Taken(f"{ENCODER}.encoder_type", "gin", "which the script of the lazy class forces")
        if aggregation.get("dropout") not in (None, model.get("dropout", 0.1)):
            key = f"{ENCODER}.graph_aggregation_config.dropout"
            yield Taken(key, None, "the lazy class takes the model's dropout there")
    for key, value, why in (
        (f"{ENCODER}.encoder_type", "gatv2", DEFAULT),
        (f"{ENCODER}.graph_aggregation_method", "cross_attention", DEFAULT),
        ("model.dropout", 0.1, DEFAULT),
        ("model.activation", "relu", DEFAULT),
        ("model.norm_statistics", "batch", "the original has no other"),
    ):
        if _get(values, key) is None:
            yield Taken(key, value, why)
    if _get(values, "model.boundaries") is None:
        why = "in no file; model.boundaries=absent if the loader did not follow perturbation_indices"
        yield Taken("model.boundaries", "given", why)


def _devices(values: dict[str, Any]) -> Iterator[Taken]:
    trainer = _section(values, "trainer")
    precision, devices, nodes = (trainer.get(key) for key in ("precision", "devices", "num_nodes"))
    if precision in HALF and _get(values, "model.kind") != LAZY:
        yield Taken("trainer.precision", "32", f"{precision} there, which this model does not have here")
    if type(devices) is not int:
        return
    devices *= nodes if type(nodes) is int and nodes > 0 else 1
    size = _get(values, "data_module.batch_size")
    if devices > 1:
        if type(size) is int:
            why = f"{size} on each of {devices} devices there, here the whole batch, norm statistics included"
            yield Taken("data_module.batch_size", size * devices, why)
        yield Taken("trainer.devices", 1, f"{devices} there; here results do not depend on their number")


def _section(values: Mapping[str, Any], dotted: str) -> Mapping[str, Any]:
    found = _get(values, dotted) if dotted else values
    return found if isinstance(found, Mapping) else {}


def _get(values: Any, dotted: str) -> Any:
    for key in dotted.split("."):
        values = values.get(key) if isinstance(values, Mapping) else None
    return values


def _put(values: dict[str, Any], dotted: str, value: Any) -> None:
    *sections, leaf = dotted.split(".")
    for key in sections:
        if not isinstance(values.get(key), dict):
            values[key] = {}
        values = values[key]
    values[leaf] = value
