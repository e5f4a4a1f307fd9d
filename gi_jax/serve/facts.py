"""What a run folder tells beside its model: measured scores, metrics, the card."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from gi_jax.evaluation.evaluation import EVALUATION
from gi_jax.experiment.bundle import CARD, ModelBundle
from gi_jax.files import read_text
from gi_jax.numbers import plain_integer, plain_number
from gi_jax.runs.known_scores import known_scores
from gi_jax.serve.service import Facts

_METRICS = ("pearson", "spearman", "rmse", "negative_top")


def read_facts(run: Path, bundle: ModelBundle) -> Facts:
    """What there is of it; a warning says what is missing, and why."""
    card = run / CARD
    text = read_text(card) if card.exists() else bundle.card
    return Facts(known_scores(run, bundle), _metrics(run / EVALUATION), text)


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
