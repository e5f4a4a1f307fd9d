"""A model as a program: run in a process that cannot import this package, equal to `predict`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gi_jax.config import RunConfig
from gi_jax.config.load import parse_config
from gi_jax.errors import GiJaxError
from gi_jax.experiment.bundle import ModelBundle, save_bundle
from gi_jax.experiment.experiment import load_experiment
from gi_jax.models.registry import KINDS
from gi_jax.predict.export import CARD, GENES, PROGRAM, export_model
from gi_jax.predict.predictor import Predictor
from tests.untrained import untrained

# The program of the page, with genotypes of its own and none of this package's modules to be found.
ASK = """
import sys
sys.modules["gi_jax"] = None
source = open("README.md").read().split("```python")[1].split("```")[0]
exec(source.rsplit("print(", 1)[0])
genotypes = [line.split(",") for line in open("asked.txt").read().split()]
np.save("scores.npy", score(rows(genotypes)))
np.save("wrong.npy", score(np.array([[0, 0, padding], [0, padding + 1, 1], [-1, 0, 1]], np.int32)))
"""


def asked(names: tuple[str, ...], count: int = 40) -> list[str]:
    rng = np.random.default_rng(0)
    sizes = rng.integers(1, 4, count)
    return [",".join(names[g] for g in rng.choice(len(names), size, replace=False)) for size in sizes]


def scores_elsewhere(folder: Path, genotypes: list[str]) -> np.ndarray:
    (folder / "asked.txt").write_text("\n".join(genotypes))
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    subprocess.run([sys.executable, "-c", ASK], cwd=folder, env=environment, check=True)
    assert np.isnan(np.load(folder / "wrong.npy")).all()
    return np.load(folder / "scores.npy")


def solved(small_overrides: list[str], kind: str) -> Predictor:
    text = [entry for entry in small_overrides if entry.startswith("data.ge")]
    config = parse_config("", [*text, f"model.kind={kind}"]).config
    experiment = load_experiment(config)
    solve = KINDS[kind].fit
    assert solve is not None
    fitted = solve(config.model, experiment.training, experiment.validation, experiment.cell)
    bundle = ModelBundle(config, experiment.genes, experiment.transform, {}, dict(fitted.arrays()))
    return Predictor(bundle, fitted=fitted)


@pytest.mark.parametrize("kind", ["mean", "additive", "low_rank", "pair_kernel"])
def test_solved_models_run_elsewhere(kind: str, small_overrides: list[str], tmp_path: Path) -> None:
    predictor = solved(small_overrides, kind)
    export_model(predictor, tmp_path, platforms=["cpu"])
    genotypes = asked(predictor.bundle.genes.ids)
    expected = predictor.predict(genotypes)
    found = scores_elsewhere(tmp_path, genotypes)
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())


def test_a_neural_model_runs_elsewhere(gi_jax, small_config: RunConfig, tmp_path: Path) -> None:
    predictor = untrained(small_config)  # with one scale per study
    save_bundle(predictor.bundle, tmp_path / "model")
    code, out, _ = gi_jax("export", tmp_path / "model", tmp_path / "out", "--study", "two")
    assert code == 0 and CARD in out
    assert {path.name for path in (tmp_path / "out").iterdir()} == {PROGRAM, GENES, CARD}
    genotypes = asked(predictor.bundle.genes.ids)
    expected = predictor.predict(genotypes, study="two")
    found = scores_elsewhere(tmp_path / "out", genotypes)
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())
    code, _, error = gi_jax("export", tmp_path / "model", tmp_path / "other", "--platforms", "cpu,abacus")
    assert code == 2 and "'abacus'" in error and not (tmp_path / "other").exists()


def test_a_table_of_its_data_is_no_program(small_overrides: list[str], tmp_path: Path) -> None:
    with pytest.raises(GiJaxError, match="a model of kind query_pair is a table of its data"):
        export_model(solved(small_overrides, "query_pair"), tmp_path)
    assert not list(tmp_path.iterdir())
