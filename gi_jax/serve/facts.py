"""What a run folder tells beside its model: measured scores, metrics, the card."""

from __future__ import annotations

import logging
import math
from pathlib import Path
from typing import Any

from gi_jax.config.paths import check_files
from gi_jax.data.measured_scores import Measured
from gi_jax.errors import GiJaxError
from gi_jax.evaluation.evaluation import EVALUATION
from gi_jax.experiment.bundle import CARD, CONFIG, ModelBundle
from gi_jax.experiment.experiment import load_measured
from gi_jax.files import read_text
from gi_jax.numbers import plain_integer, plain_number
from gi_jax.runs.resume import check_same_scores
from gi_jax.serve.service import Facts

LOGGER = logging.getLogger(__name__)
_METRICS = ("pearson", "spearman", "rmse", "negative_top")


def read_facts(run: Path, bundle: ModelBundle) -> Facts:
    """What there is of it; a warning says what is missing, and why."""
    measured = None
    try:
        check_files(bundle.config, run / CONFIG)
        table, _, _ = load_measured(bundle.config, bundle.genes)
        check_same_scores(run, table)
        measured = Measured(table)
    except GiJaxError as error:
        LOGGER.warning("measured scores are not shown: %s", error)
    card = run / CARD
    return Facts(measured, _metrics(run / EVALUATION), read_text(card) if card.exists() else "")


def _metrics(path: Path) -> tuple[dict[str, Any], ...]:
    """Rows of a run's evaluation: the model and its baselines."""
    if not path.exists():
        return ()
    header, *rows = (line.split("\t") for line in read_text(path).splitlines())
    found = []
    for row in rows:
        fields = dict(zip(header, row, strict=False))
        numbers = {name: plain_number(fields.get(name, "")) for name in _METRICS}
        known = {name: value for name, value in numbers.items() if value is not None and math.isfinite(value)}
        count = plain_integer(fields.get("genotypes", ""))
        found.append({"model": fields.get("model", ""), "genotypes": count, **known})
    return tuple(found)
