"""Programs as XLA makes them for users; all other tests have it optimise little, which compiles faster."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from gi_jax.files import read_text

ROOT = Path(__file__).parents[1]
# One of each system; which arguments `verify_case` gets keeps it to seconds.
VERIFY = """
from conversion import golden
from conversion.verify import first_difference, verify_case
golden.COMPILE_QUICKLY.clear()
for name, options in {
    "lazy_layer_relu_sum": {"first_layer_shortcut": True},
    "v1_layer_relu_h1": {},
    "dango_missing_network": {"gradients": False},
}.items():
    bad = first_difference(verify_case("tests/golden/" + name, **options))
    assert bad is None, f"{name}: {bad}"
"""


def python(*arguments: object) -> None:
    """Runs Python without the options that `conftest.py` gives the compiler."""
    surroundings = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}
    command = [sys.executable, *map(str, arguments)]
    process = subprocess.run(command, cwd=ROOT, env=surroundings, capture_output=True, text=True, timeout=300)
    assert process.returncode == 0, process.stderr


def test_recorded_values_and_gradients() -> None:
    python("-c", VERIFY)


def test_a_training_predicts_what_its_weights_predict_here(
    small_overrides: list[str], tmp_path: Path, gi_jax
) -> None:
    run = tmp_path / "run"
    config = ROOT / "configs" / "tiny.yaml"
    python("-m", "gi_jax.cli", "train", "--config", config, "--out", run, *small_overrides)
    records = map(json.loads, read_text(run / "metrics.jsonl").splitlines())
    losses = [record["train_loss"] for record in records if record["kind"] == "epoch"]
    assert losses[-1] < losses[0]
    header, *rows = (line.split("\t") for line in read_text(run / "predictions.tsv").splitlines())
    predicted = [float(row[header.index("model")]) for row in rows]
    code, out, err = gi_jax("predict", run, *(row[0] for row in rows))
    assert (code, err) == (0, "")
    here = [line.split("\t") for line in out.splitlines()[1:]]
    assert [row[0] for row in here] == [row[0] for row in rows]
    np.testing.assert_allclose([float(row[1]) for row in here], predicted, rtol=1e-4, atol=1e-5)
