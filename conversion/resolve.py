"""One configuration from what a state dict tells, what a torchcell YAML states and what the user adds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from conversion.architecture import Architecture, with_edge_form
from conversion.infer import BOUNDARIES, EAGER, KIND, Inference, infer
from gi_jax.arguments import as_sequence
from gi_jax.config import RunConfig, parse_config
from gi_jax.config.load import merged, read_text
from gi_jax.config.load import resolve as resolve_references
from gi_jax.config.paths import with_absolute_paths
from gi_jax.config.yaml_text import override
from gi_jax.errors import GiJaxError

ENCODER, LOCAL = "model.gene_encoder_config", "model.local_predictor_config"
AGGREGATION = f"{ENCODER}.graph_aggregation_config"
# What torchcell assumes where its YAML leaves out a setting that the keys do not tell.
ORIGINAL_DEFAULTS: dict[str, Any] = {
    "model.activation": "relu",
    f"{ENCODER}.add_self_loops": False,
    f"{AGGREGATION}.num_heads": 4,
    f"{AGGREGATION}.aggregation_norm": None,
    f"{LOCAL}.num_heads": 4,
}


# How to state what no torchcell configuration says and nothing may be assumed of.
ASKED: dict[str, str] = {
    KIND: (
        "model.kind=gene_interaction_dango for the class of hetero_cell_bipartite_dango_gi_lazy, "
        "model.kind=eager "
        "for that of hetero_cell_bipartite_dango_gi: their keys are the same and their numbers are not"
    ),
    BOUNDARIES: (
        "model.boundaries=given if the loader had follow_batch=['perturbation_indices'], else "
        "model.boundaries=absent, as with the data modules of torchcell 1.8.4 by themselves"
    ),
    f"{ENCODER}.graph_aggregation_method": (
        f"{ENCODER}.graph_aggregation_method=sum or =mean, whichever it was: neither has weights"
    ),
}


class WrittenConfig(NamedTuple):
    """A configuration as text, and where it stands."""

    text: str  # YAML
    source: str


class Resolved(NamedTuple):
    """How a checkpoint's model is built here."""

    config: RunConfig
    architecture: Architecture
    unused: tuple[str, ...]  # keys of the YAML without meaning here


def resolve(
    state_dict: Mapping[str, np.ndarray], written: WrittenConfig | None = None, overrides: Sequence[str] = ()
) -> Resolved:
    """The configuration behind a PyTorch state dict.

    What the keys and shapes tell is taken from them, and must not contradict what is stated. What they
    do not tell must be stated: by the YAML, where torchcell's defaults fill its gaps, or by overrides. What
    no torchcell YAML says (`ASKED`) is asked for.
    Norm statistics are `batch`, as the originals ship, unless stated.

    Args:
      written: a torchcell configuration, or one of this project.
      overrides: `section.key=value`.

    Raises:
      GiJaxError: contradictions, or settings that nobody states; all are listed.
    """
    known, overrides = infer(state_dict), as_sequence(overrides)
    text, source = written or WrittenConfig("{}", "the command line")
    written_values = _values_by_key(text, overrides, source)
    _check_agreement(known, written_values, source)
    silent = [key for key in known.undecided if key not in written_values]
    if written_values.get(KIND) == EAGER and BOUNDARIES not in {*silent, *written_values}:
        silent.append(BOUNDARIES)
    if written is None and silent:
        example = next(
            (
                f", such as {key}={_yaml(ORIGINAL_DEFAULTS[key])}"
                for key in silent
                if key in ORIGINAL_DEFAULTS
            ),
            "",
        )
        raise GiJaxError(
            f"the state dict does not tell {', '.join(silent)}; give the torchcell configuration with "
            f"--config, or add each as KEY=VALUE{example}{_how_to_state(silent)}"
        )
    if asked := [key for key in silent if key in ASKED]:
        raise GiJaxError(
            f"neither the state dict nor {source} tells {', '.join(asked)}; add each as KEY=VALUE"
            f"{_how_to_state(asked)}"
        )
    settings = dict(known.inferred)
    settings |= {key: ORIGINAL_DEFAULTS[key] for key in silent if key in ORIGINAL_DEFAULTS}
    settings["cell_dataset.graphs"] = list(known.graph_names)
    settings["model.norm_statistics"] = written_values.get("model.norm_statistics") or "batch"
    assignments = [override(key, value) for key, value in settings.items()]
    loaded = parse_config(text, [*overrides, *assignments], source)
    # A checkpoint path of the YAML is the original's own, not a folder of this project.
    config = replace(loaded.config, model=replace(loaded.config.model, checkpoint_path=None))
    config = with_absolute_paths(config)  # the folder may be used from anywhere
    architecture = Architecture(config.neural, known.gene_num, known.graph_names)
    return Resolved(config, with_edge_form(architecture, state_dict), loaded.unused)


def read_config(path: Path) -> WrittenConfig:
    """The text of a configuration file."""
    return WrittenConfig(read_text(path), str(path))


def _values_by_key(text: str, overrides: Sequence[str], source: str) -> dict[str, Any]:
    """What is written down, by dotted key, references resolved."""
    parse_config(text, overrides, source)  # complains in the configuration's own words
    return _flat(resolve_references(merged(text, overrides, source), source))


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def _check_agreement(known: Inference, written: Mapping[str, Any], source: str) -> None:
    channels = known.inferred["model.hidden_channels"]
    # A width of null stands for the one it is derived from.
    widths = {f"{ENCODER}.gin_hidden_dim": channels, f"{AGGREGATION}.pairwise_hidden_dim": channels // 2}

    def spelled_out(key: str, value: Any) -> Any:
        return widths[key] if value is None and key in widths else value

    lines = [
        f"{key}: the state dict has {_yaml(inferred)}, stated is {_yaml(written[key])}"
        for key, inferred in known.inferred.items()
        if key in written and spelled_out(key, written[key]) != spelled_out(key, inferred)
    ]
    graphs = written.get("cell_dataset.graphs")
    eager = known.inferred.get(KIND) == "eager_v1"  # whose keys name the network `physical` so
    names = {name.removesuffix("_interaction") if eager else name for name in known.graph_names}
    if graphs and {str(g).removesuffix("_interaction") if eager else str(g) for g in graphs} != names:
        lines.append(
            f"cell_dataset.graphs: the state dict has {', '.join(sorted(names))}, "
            f"stated is {', '.join(sorted(map(str, graphs)))}"
        )
    if lines:
        raise GiJaxError(
            f"{source} and the state dict disagree; nothing was written:\n  " + "\n  ".join(lines)
        )


def _how_to_state(keys: Sequence[str]) -> str:
    return "".join(f"; {ASKED[key]}" for key in keys if key in ASKED)


def _yaml(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    return "[" + ",".join(map(str, value)) + "]" if isinstance(value, (list, tuple)) else str(value)
