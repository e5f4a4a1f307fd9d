"""`report.html`: all that a run has to show, in one file that needs no network and no other file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gi_jax.evaluation.evaluation import Evaluation
from gi_jax.experiment.experiment import Experiment
from gi_jax.explain.intermediates import inside
from gi_jax.files import write_text
from gi_jax.predict.predictor import Predictor
from gi_jax.report.agreement import baselines_section, in_short, ranking_section, scatter_section
from gi_jax.report.blocks import Section, rendered
from gi_jax.report.calibration import calibration_section, intervals_section
from gi_jax.report.curves import curves_section
from gi_jax.report.data import configuration_section, data_section
from gi_jax.report.networks import networks_section
from gi_jax.report.predictors import predictors_section
from gi_jax.report.residuals import residuals_section

CALIBRATION = "calibration.tsv"  # of an ensemble, beside the page


def write_page(
    path: Path,
    experiment: Experiment,
    predictor: Predictor,
    evaluation: Evaluation,
    epochs: Sequence[Mapping[str, Any]],
    steps: Sequence[Mapping[str, Any]],
    *,
    name: str | None = None,
) -> None:
    """Writes the page of a run.

    The same run always gives the same bytes. If a `calibration.tsv` lies beside it, the page shows it.

    Args:
      path: the .html file.
      experiment: the run's data and configuration.
      predictor: its best weights.
      evaluation: of these on the test split.
      epochs, steps: the `epoch` and `step` records of the run's metrics.
      name: of the run; that of the page's folder if not given.
    """
    trained = inside(predictor.fitted.member(0))
    sections = (
        baselines_section(evaluation),
        ranking_section(evaluation),
        scatter_section(evaluation),
        residuals_section(evaluation),
        calibration_section(path.parent / CALIBRATION, len(evaluation.table)),
        intervals_section(evaluation),
        curves_section(experiment, epochs, steps),
        trained and predictors_section(experiment, trained),
        trained and networks_section(trained),
        data_section(experiment),
        configuration_section(experiment, predictor.fitted),
    )
    name = name or path.absolute().parent.name
    summary = [in_short(evaluation, experiment.split.kind), *(f"Note: {note}." for note in predictor.notes)]
    if predictor.num_members > 1:
        summary.append(
            f"An ensemble of {predictor.num_members}: predictions are means over its members; the sections "
            "on the two predictors and on the networks show the first member."
        )
    if (start := experiment.config.model.checkpoint_path) is not None:
        summary.append(f"Training started from the weights of {start}, which may have seen test genotypes.")
    write_text(path, render(name, summary, [section for section in sections if section]))


def render(name: str, summary: Sequence[str], sections: Sequence[Section]) -> str:
    """The page as text."""
    return rendered("report.html.jinja", name=name, summary=summary, sections=sections)
