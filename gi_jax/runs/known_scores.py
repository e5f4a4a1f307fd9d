"""What the data of a run measured, where they are still at hand."""

from __future__ import annotations

import logging
from pathlib import Path

from gi_jax.config.paths import check_files
from gi_jax.data.measured_scores import Measured
from gi_jax.errors import GiJaxError
from gi_jax.experiment.bundle import CONFIG, ModelBundle
from gi_jax.experiment.experiment import load_measured
from gi_jax.runs.resume import check_same_scores

LOGGER = logging.getLogger(__name__)


def known_scores(run: Path, bundle: ModelBundle) -> Measured | None:
    """The measured scores of a run's data; None, and a warning, if they are gone or are others now."""
    try:
        check_files(bundle.config, run / CONFIG)
        table, _, _ = load_measured(bundle.config, bundle.genes)
        check_same_scores(run, table)
    except GiJaxError as error:
        LOGGER.warning("measured scores are not shown: %s", error)
        return None
    return Measured(table)
