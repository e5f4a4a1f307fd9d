"""What the data of a run measured, where they are still at hand."""

from __future__ import annotations

import logging
from pathlib import Path

from gi_jax.data.measured_scores import Measured
from gi_jax.errors import GiJaxError
from gi_jax.experiment.bundle import ModelBundle
from gi_jax.runs.measured import RunData

LOGGER = logging.getLogger(__name__)


def known_scores(run: Path, bundle: ModelBundle) -> Measured | None:
    """The measured scores of a run's data; None, and a warning, if they are gone or are others now."""
    try:
        return Measured(RunData(run, bundle).table)
    except GiJaxError as error:
        LOGGER.warning("measured scores are not shown: %s", error)
        return None
