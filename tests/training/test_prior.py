"""A prior under a neural model: out of fold in training, nothing where there is none, kept with the model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax import Array
from typer.testing import CliRunner

from gi_jax.cli import app
from gi_jax.config import RunConfig, load_config
from gi_jax.data.formats.genotype_files import genotypes_from_names
from gi_jax.data.genotype_table import GenotypeTable
from gi_jax.data.networks import cell_graph
from gi_jax.errors import GiJaxError
from gi_jax.experiment.bundle import load_bundle, save_bundle
from gi_jax.experiment.experiment import load_experiment
from gi_jax.explain.parts import parts_of_predictions
from gi_jax.losses import make_loss
from gi_jax.models.closed_form import PairKernelOptions
from gi_jax.models.model import Cell, Prediction, PredictionSettings
from gi_jax.models.neural.fitted import NeuralModel, restore_neural
from gi_jax.models.neural.fixed import FIXED, PRIOR
from gi_jax.predict import Predictor, Screen
from gi_jax.runs.run import training_task
from gi_jax.training import prior
from gi_jax.training.batches import TrainingData
from gi_jax.training.objective import PredictionLoss
from gi_jax.training.state import init_state, init_variables
from gi_jax.training.step import StepInputs, make_train_step
from tests.training.stand_in import AdditiveModel

CONFIGS = Path(__file__).parents[2] / "configs"
QUICK = "model.prior={kind: pair_kernel, tuning_steps: 2, covariance_rounds: 0, num_samples: 4}"


class WithoutPrior(NamedTuple):
    """Training data as they would be if nobody had thought of priors."""

    genes: Array
    sizes: Array
    labels: Array
    num_genotypes = 4


def test_without_a_prior_the_compiled_step_is_as_if_there_were_none(
    small_config: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    n, task = 6, small_config.regression_task
    graph, model = cell_graph({"a": np.array([[0], [1]])}, n), AdditiveModel(n)
    objective, optimizer = PredictionLoss(make_loss("mse")), optax.identity()
    state = init_state(
        init_variables(model, graph, 0), task, optimizer, objective, embedding_dim=3, batch_size=2, seed=0
    )
    arrays = jnp.array([[0, 1], [2, 3], [1, 4], [0, 5]]), jnp.full(4, 2), jnp.arange(4.0)[:, None]
    inputs = StepInputs(jnp.int32(0), jnp.int32(0), jnp.float32(0.1), jnp.bool_(True))

    def step(data: TrainingData | WithoutPrior) -> jax.stages.Lowered:
        made = make_train_step(model, objective, optimizer, batch_size=2, capacity=None)
        return jax.jit(made).lower(state, data, jnp.arange(4), graph, inputs)

    off, on = step(TrainingData(*arrays)), step(TrainingData(*arrays, jnp.full((4, 1), 5.0)))
    losses = [low.compile()(state, data, jnp.arange(4), graph, inputs)[1].loss for low, data in (
        (off, TrainingData(*arrays)),
        (on, TrainingData(*arrays, jnp.full((4, 1), 5.0))),
        (off, TrainingData(arrays[0], arrays[1], arrays[2] - 5.0)),
    )]  # fmt: skip
    np.testing.assert_allclose(losses[1], losses[2], rtol=1e-5)  # of squares: labels less the prior
    assert losses[0] != losses[1]
    text = off.as_text()
    monkeypatch.setattr("gi_jax.training.step.add_prior", lambda predictions, data, rows: predictions)
    assert text == step(WithoutPrior(*arrays)).as_text() != on.as_text()


def test_no_training_genotype_is_predicted_by_a_fit_that_knows_it(
    small_config: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    fits = []

    class Fitted:
        def __init__(self, train: GenotypeTable) -> None:
            self.number, self.known = len(fits), {tuple(row) for row in train.genes.tolist()}

        def arrays(self) -> dict:
            return {"which": self.number}

        def predict(self, table: GenotypeTable) -> Prediction:
            assert not self.known & {tuple(row) for row in table.genes.tolist()}
            return Prediction(np.full((1, len(table)), float(self.number)))

    def fit(train: GenotypeTable, val: GenotypeTable, cell: Cell, options: PairKernelOptions) -> Fitted:
        fits.append((len(train), options))
        return Fitted(train)

    monkeypatch.setattr(prior, "fit_pair_kernel", fit)
    config = replace(
        small_config, model=replace(small_config.model, prior=PairKernelOptions(), prior_folds=3)
    )
    task = training_task(load_experiment(config))
    arrays, labels = prior.fit_prior(task, PairKernelOptions())
    m = len(task.training.table)
    assert arrays == {"which": 1}  # the first fit has them all, and is the one that is kept
    assert fits[0][0] == m and sum(m - size for size, _ in fits) == m
    assert set(labels) == {2.0, 3.0, 4.0}
    assert fits[0][1] == PairKernelOptions() and fits[1][1].num_samples == 0


def test_the_scale_shrinks_what_is_added() -> None:
    rng = np.random.default_rng(0)
    below, added = rng.normal(size=(2, 50))
    assert prior.best_scale(below, added, below + 0.3 * added) == pytest.approx(0.3)
    assert prior.best_scale(below, added, below - added) == 0
    assert prior.best_scale(below, added, below + 2 * added) == 1
    assert prior.best_scale(below, 0 * added, below) == 0


def call(*arguments: object) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=True)
    assert result.exit_code == 0, (result.output, result.exception)
    return result.output


def test_a_model_on_a_prior_is_trained_resumed_kept_and_screens(
    small_overrides: list[str], tmp_path: Path
) -> None:
    run, asked = tmp_path / "run", ["G00,G01", "G05", "G10,G20,G25"]
    train = ["train", "--config", CONFIGS / "tiny.yaml", "--out", run, *small_overrides, QUICK]
    call(*train, "model.prior_folds=2", "trainer.max_epochs=1")
    before = {path: path.stat().st_mtime_ns for path in (run / "checkpoints" / "fixed").rglob("*")}
    call(*train, "model.prior_folds=2", "trainer.max_epochs=2", "--resume")
    assert before == {path: path.stat().st_mtime_ns for path in before}  # made once
    options = load_config(run / "config.yaml").config.neural
    assert options.prior is not None and options.prior.tuning_steps == 2

    predictor = Predictor.load(run)
    assert "adds" in predictor.notes[-1]
    expected = predictor.predict_with_spread(asked)
    save_bundle(load_bundle(run), tmp_path / "model")
    np.testing.assert_array_equal(Predictor.load(tmp_path / "model").predict_with_spread(asked), expected)
    fitted, table = cast(NeuralModel, predictor.fitted), load_experiment(predictor.bundle.config).test
    cell = Cell(predictor.bundle.genes, predictor.graph)
    added = restore_neural(
        {"params": fitted.variables["params"]}, replace(options, prior=None), cell, PredictionSettings()
    )
    assert fitted.prior is not None
    together = fitted.prior.predict(table).members + fitted.scale * added.predict(table).members
    np.testing.assert_allclose(fitted.predict(table).members, together, rtol=1e-6)
    deviations = [cast(np.ndarray, model.predict(table).std) for model in (fitted, fitted.prior)]
    np.testing.assert_array_equal(deviations[0], deviations[1])

    screen = Screen(predictor, "G00,G01,G02,G03", top=3)
    assert list(screen.run()) == [6]
    names = [",".join(predictor.bundle.genes.names(row)) for row in screen.found().genes]
    scores = predictor.predict_with_spread(names)
    np.testing.assert_allclose(screen.found().score, scores.mean, rtol=1e-4)
    found, expected_std = (cast(np.ndarray, part.std) for part in (screen.found(), scores))
    np.testing.assert_allclose(found, expected_std, rtol=1e-4)
    asked_for = genotypes_from_names(predictor.bundle.genes, names)
    parts = parts_of_predictions(predictor, asked_for)
    assert list(parts) == ["prior", "global", "local", "gate"]
    np.testing.assert_allclose(parts["prior"] + parts["global"] + parts["local"], scores.mean, rtol=1e-5)
    call("evaluate", run)
    assert (run / "confidence.json").exists()

    bundle = load_bundle(run)
    lost = {name: tree for name, tree in bundle.variables.items() if name != FIXED}
    with pytest.raises(GiJaxError, match="they have no prior, and model.prior is set"):
        Predictor(replace(bundle, variables=lost), predictor.graph)
    assert PRIOR in bundle.variables[FIXED]
