"""Makes the models that come with the package: `python -m gi_jax.runs.bundled_models [STUDY...]`.

Each is `configs/pair_kernel.yaml` fitted to four fifths of a bundled study, evaluated once on a tenth that
it has not seen, and kept as `gi_jax.experiment.bundled_model` says.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from rich.console import Console

from gi_jax.config import load_config
from gi_jax.data.bundled import bundled_studies, model_folder
from gi_jax.evaluation.evaluation import EVALUATION, evaluate, print_evaluation, write_evaluation
from gi_jax.experiment.bundle import ModelBundle
from gi_jax.experiment.bundled_model import write_bundled_model
from gi_jax.experiment.card import card
from gi_jax.experiment.experiment import load_experiment
from gi_jax.experiment.stored_cell import network_fingerprints
from gi_jax.models.closed_form import PairKernelOptions, fit_in_rounds
from gi_jax.predict.predictor import Predictor
from gi_jax.runs.package import metrics_table, origin

# Significant pairs alone: what a model learns of them does not hold for a pair that somebody asks for.
NOT_MODELLED = ("costanzo2010_significant",)
# Without a covariance of profiles: validation genotypes do not want it (configs/study_pair_kernel.yaml).
SETTINGS = {"trigenic_tau": ("model.covariance_rounds=0",)}


def make_bundled_model(study: str, folder: Path, console: Console) -> None:
    """Fits, evaluates and writes the model of a bundled study."""
    config = load_config("pair_kernel", [f"data.genotypes=[{study}]", *SETTINGS.get(study, ())]).config
    assert isinstance(config.model, PairKernelOptions), "the configuration says so"
    experiment = load_experiment(config)
    found = fit_in_rounds(
        experiment.training.with_labels_as_scores(),
        experiment.validation.with_labels_as_scores(),
        experiment.cell,
        config.model,
    )
    # As it will be loaded: draws are more than a package can hold.
    roots = found.model.of_study(0).rank_one().astype(np.float16).astype(np.float32)
    fitted = replace(found.model, draws=found.model.draws[:0], explained_roots=roots)
    bundle = ModelBundle(
        config,
        experiment.genes,
        experiment.transform,
        network_fingerprints(experiment.graph),
        dict(fitted.arrays()),
        graph=experiment.graph,
        parts=experiment.parts,
    )
    predictor = Predictor(bundle, experiment.graph, fitted=fitted)
    predictor.trust(experiment.val)
    evaluation = evaluate(experiment, predictor, experiment.test)
    what = f"test genotypes ({experiment.split.kind} split)"
    print_evaluation(evaluation, what, console)
    with TemporaryDirectory() as place:
        write_evaluation(evaluation, experiment.genes, Path(place))
        metrics = metrics_table(Path(place) / EVALUATION)
    notes = (
        fitted.chosen,
        "intervals are of 90 %, fitted on the validation genotypes; on the test genotypes they hold "
        + ", ".join(f"{c.inside:.1%} of {name}" for name, c in (evaluation.coverage or {}).items()),
        "genes that no training genotype deletes are known by networks and phenotypes alone, and predicted "
        "far less well: docs/pair_kernel.md has numbers",
    )
    text = card(
        f"Genetic interactions as {study} measured them", bundle, origin(experiment), metrics, notes, study
    )
    write_bundled_model(
        folder, experiment, fitted, found.weights, found.coefficients, predictor.bundle.confidence, text
    )


def main(studies: Sequence[str]) -> None:
    """Makes the models of some bundled studies, of all that are to have one if none is named."""
    console = Console()
    for study in studies or [name for name in bundled_studies() if name not in NOT_MODELLED]:
        console.rule(study)
        make_bundled_model(study, model_folder(study), console)


if __name__ == "__main__":
    main(sys.argv[1:])
