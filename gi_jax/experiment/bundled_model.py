"""Models that come with the package: a few numbers each, from which the data beside them make the rest.

A pair-kernel process is its kernel's weights and the genotypes it was fitted to. The package has the
genotypes, networks and features anyway, so a bundled model is weights, a number for each gene that says how
well its effects are known, and a card; the linear system is solved again when the model is loaded. Where
genes are many, which makes solving slow, the solution's coefficients are kept as well.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save

from gi_jax import __version__
from gi_jax.config import RunConfig, load_config, to_yaml
from gi_jax.config.paths import folder_between_runs
from gi_jax.data.bundled import model_card, model_folder
from gi_jax.errors import GiJaxError
from gi_jax.experiment.confidence import Confidence, read_confidence, write_confidence
from gi_jax.experiment.experiment import Experiment, load_experiment
from gi_jax.files import write_text
from gi_jax.models.closed_form import PairKernel, PairKernelOptions, Weights, model_of_weights

CONFIG, WEIGHTS, CARD = "config.yaml", "model.safetensors", "README.md"
TOLERANCE = 1e-3  # of the solution when loading: test Pearson of collins2007 is the same to 2e-6, sooner
MOST_SOLVED = 1000  # genes: solving costs their third power, their coefficients' size only what was measured
# What the weights were found with, and so what they are good for.
_SAME = {
    "genes_sha256": "genes",
    "networks_sha256": "networks",
    "features_sha256": "gene features",
    "genotypes_sha256": "genotypes",
    "split_sha256": "split",
}


class BundledModel(NamedTuple):
    """A bundled model, solved."""

    experiment: Experiment
    fitted: PairKernel
    confidence: Confidence | None
    card: str


def load_bundled_model(name: str) -> BundledModel:
    """Solves a bundled model: seconds.

    Raises:
      GiJaxError: the data beside it are not those that it was made with.
    """
    folder = model_folder(name)
    config = load_config(folder / CONFIG).config
    assert isinstance(config.model, PairKernelOptions), "bundled models are of this kind"
    experiment = load_experiment(config)
    with safe_open(folder / WEIGHTS, framework="numpy") as file:
        arrays = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a mapping
        notes = file.metadata()
    _check_same(name, json.loads(notes["identity"]), experiment)
    count = int(notes["rounds"])
    rounds = [Weights(*(arrays[f"round_{r}.{field}"] for field in Weights._fields)) for r in range(count)]
    coefficients = [arrays[key] for r in range(count) if (key := f"round_{r}.coefficients") in arrays]
    model = model_of_weights(
        experiment.training.with_labels_as_scores(),
        experiment.validation.with_labels_as_scores(),
        experiment.cell,
        replace(config.model, tolerance=TOLERANCE),
        rounds,
        coefficients,
    )
    model = replace(
        model,
        explained_roots=arrays["explained_roots"].astype(np.float32),
        variance_scale=arrays["variance_scale"],
        chosen=notes["chosen"],
    )
    return BundledModel(experiment, model, read_confidence(folder), model_card(name))


def solved_folder(name: str) -> Path | None:
    """Where a bundled model is kept when it has been solved; None if nothing can be kept."""
    made_of = (model_folder(name) / WEIGHTS).read_bytes() + __version__.encode()
    try:
        return folder_between_runs() / "models" / f"{name}-{hashlib.sha256(made_of).hexdigest()[:16]}"
    except GiJaxError:
        return None


def write_bundled_model(
    folder: Path,
    experiment: Experiment,
    fitted: PairKernel,
    rounds: Sequence[Weights],
    coefficients: Sequence[np.ndarray],
    confidence: Confidence | None,
    card: str,
) -> None:
    """Writes what `load_bundled_model` reads."""
    config: RunConfig = experiment.config
    arrays: dict[str, Any] = {
        f"round_{r}.{field}": np.asarray(value)
        for r, weights in enumerate(rounds)
        for field, value in weights._asdict().items()
    }
    if len(fitted.genes) > MOST_SOLVED:
        arrays |= {f"round_{r}.coefficients": np.asarray(found) for r, found in enumerate(coefficients)}
    arrays["explained_roots"] = fitted.explained_roots.astype(np.float16)
    arrays["variance_scale"] = fitted.variance_scale
    identity = experiment.identity()
    notes = {
        "identity": json.dumps({key: identity[key] for key in _SAME}),
        "rounds": str(len(rounds)),
        "chosen": fitted.chosen,
    }
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / CONFIG, to_yaml(config))
    (folder / WEIGHTS).write_bytes(save(arrays, metadata=notes))
    if confidence is not None:
        write_confidence(confidence, folder)
    write_text(folder / CARD, card)


def _check_same(name: str, before: Mapping[str, Any], experiment: Experiment) -> None:
    now = experiment.identity()
    for key, what in _SAME.items():
        if before[key] != now[key]:
            raise GiJaxError(
                f"the bundled model {name} was made with other {what} than this package has; install gi_jax "
                "again, or make the models anew with `python -m gi_jax.runs.bundled_models`"
            )
