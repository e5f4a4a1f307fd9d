"""Members trained side by side against the same members trained one by one, and a run of them."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from rich.console import Console

from gi_jax.config import OptimizerConfig, RegressionTaskConfig, RunConfig
from gi_jax.errors import GiJaxError
from gi_jax.experiment.bundle import load_bundle, save_bundle
from gi_jax.experiment.experiment import load_experiment
from gi_jax.losses import make_loss
from gi_jax.ops.trees import take
from gi_jax.predict.predictor import Predictor
from gi_jax.runs.run import train, training_task
from gi_jax.training import stepper
from gi_jax.training.ensemble import over_members, stack_members
from gi_jax.training.failure import describe_failure, first_failure
from gi_jax.training.logging import read_records
from gi_jax.training.objective import PredictionLoss
from gi_jax.training.optimizer import make_optimizer
from gi_jax.training.progress import Progress
from gi_jax.training.start import fresh_state
from gi_jax.training.state import TrainState, init_state, init_variables
from gi_jax.training.step import Step, StepInputs, make_train_step
from gi_jax.training.stepper import Stepper
from tests.programs import result_shapes
from tests.test_cli import CONFIG
from tests.training.stand_in import AdditiveModel
from tests.training.test_step import DATA, GRAPH, N

K = 3
ORDER = jnp.arange(8, dtype=jnp.int32)
TASK = RegressionTaskConfig(
    loss="mle_dist_supcr",
    loss_config={"buffer_size": 6, "min_samples_for_supcr": 2},
    lambda_dist=0.0,
    lambda_supcr=0.1,
    optimizer=OptimizerConfig(lr=0.1, weight_decay=0.01),
    clip_grad_norm_max_norm=0.3,  # all members clip, each by its own norm
    grad_accumulation_schedule={0: 2},
    ema_decay=0.9,
)


def members() -> tuple[list[TrainState], Step]:
    """States of three seeds with all that a state can hold, and the step of one of them."""
    model, objective = (
        AdditiveModel(N, dropout=0.3),
        PredictionLoss(make_loss(TASK.loss, **TASK.loss_options)),
    )
    states = []
    for seed in range(K):
        variables = init_variables(model, GRAPH, seed)
        optimizer = make_optimizer(TASK, variables["params"])
        options: dict[str, Any] = {"embedding_dim": 3, "batch_size": 4, "seed": seed}
        states.append(init_state(variables, TASK, optimizer, objective, **options))
    options = {"batch_size": 4, "capacity": None, "ema_decay": TASK.ema_decay}
    return states, make_train_step(model, objective, optimizer, **options)


def inputs(position: int) -> StepInputs:
    return StepInputs(np.int32(position % 2), np.int32(0), np.float32(0.1), np.bool_(position % 2 == 1))


def test_members_are_trained_as_they_are_one_by_one() -> None:
    states, step = members()
    together, one = stack_members(states), jax.jit(step)
    ensemble = jax.jit(over_members(step))
    for position in range(4):
        together, report = ensemble(together, DATA, ORDER, GRAPH, inputs(position))
        pairs = [one(state, DATA, ORDER, GRAPH, inputs(position)) for state in states]
        states, reports = zip(*pairs, strict=True)
        chex.assert_trees_all_close(together, stack_members(states), rtol=1e-4, atol=1e-6)
        losses = np.array([report.loss for report in reports])
        np.testing.assert_allclose(report.loss, losses.mean(), rtol=1e-5)
        np.testing.assert_allclose(report.terms["loss_spread"], losses.std(ddof=1), rtol=1e-4)
    assert min(float(report.gradient_norm) for report in reports) > TASK.clip_grad_norm_max_norm
    assert together.num_updates.tolist() == [2] * K


def test_a_member_that_is_not_finite_stops_alone_and_is_named(small_config: RunConfig) -> None:
    states, step = members()
    ensemble = jax.jit(over_members(step))
    together = stack_members(states)
    assert first_failure(together.failure) is None
    embedding = together.params["gene_embedding"].at[1, 5].set(jnp.inf)  # gene 5 stands in row 3
    together = together.replace(params={**together.params, "gene_embedding": embedding})
    after, _ = ensemble(together, DATA, ORDER, GRAPH, inputs(0))
    chex.assert_trees_all_equal(take(after.replace(failure=together.failure), 1), take(together, 1))
    assert after.step.tolist() == [1, 0, 1]
    failed = first_failure(after.failure)
    assert (failed.position, failed.member) == (0, 1)
    assert failed.genotypes.tolist() == [False, False, False, True]
    task = training_task(load_experiment(small_config))
    report = describe_failure(failed, np.arange(8), task)
    assert str(report).startswith("`z_p` is not finite in member 1, in 1 genotypes (")

    later = after.failure._replace(position=jnp.array([4, 7, 3]))  # seen some steps after
    assert first_failure(later).member == 2
    assert first_failure(take(after.failure, 1)).member is None


def test_what_depends_on_graph_and_batch_alone_exists_once(small_config: RunConfig) -> None:
    sorts, products = {}, {}
    for count in (1, K):
        task = training_task(load_experiment(replace(small_config, ensemble=count)))
        state = fresh_state(task)
        steps = Stepper(task, make_optimizer(small_config.regression_task, state.params), state, Progress())
        steps.start_epoch(0)
        arguments = (state, steps.data, steps.order, task.graph, inputs(0))
        jaxpr = jax.make_jaxpr(lambda *arguments: steps._step(*arguments))(*arguments).jaxpr  # noqa: B023
        sorts[count], products[count] = result_shapes(jaxpr, "sort"), result_shapes(jaxpr, "bcsr_dot_general")
    assert sorts[1] == sorts[K] != []
    assert [(n, K * columns) for n, columns in products[1]] == products[K] != []


def run(config: RunConfig, folder: Path, *, resume: bool = False) -> str:
    out = io.StringIO()
    train(config, folder, resume=resume, console=Console(file=out, width=200))
    return out.getvalue()


@pytest.fixture(scope="module")
def config(small_config: RunConfig) -> RunConfig:
    return replace(small_config, ensemble=2, trainer=replace(small_config.trainer, max_epochs=2))


@pytest.fixture(scope="module")
def finished(config: RunConfig, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A run of an ensemble of two and what it said."""
    folder = tmp_path_factory.mktemp("runs") / "ensemble"
    return folder, run(config, folder)


def test_the_first_member_is_the_run_of_its_seed(config: RunConfig) -> None:
    found: dict[int, list[TrainState]] = {}
    for count in (1, 2):
        task = training_task(load_experiment(replace(config, ensemble=count)))
        state = fresh_state(task)
        steps = Stepper(task, make_optimizer(config.regression_task, state.params), state, Progress())
        steps.start_epoch(0)
        found[count] = [jax.device_get(state)]
        for position in range(3):
            state, _ = steps(state, inputs(0)._replace(position=np.int32(position)))
            found[count].append(jax.device_get(state))
    for single, together in zip(found[1], found[2], strict=True):
        first = take(together, 0)
        chex.assert_trees_all_equal(first.rng, single.rng)
        chex.assert_trees_all_close(first.sums, single.sums, rtol=1e-4)
    start, once = (take(state, 0) for state in found[2][:2])
    chex.assert_trees_all_close(start.params, found[1][0].params, rtol=1e-6)
    # Gradients of the first step; what Adam makes of one that is zero up to rounding may differ.
    chex.assert_trees_all_close(once.moments, found[1][1].moments, rtol=1e-3, atol=1e-7)

    other = take(found[2][0], 1)
    assert not np.allclose(start.params["gene_embedding"], other.params["gene_embedding"])
    assert (start.rng != other.rng).any()


def test_a_run_of_an_ensemble_tells_mean_spread_and_calibration(
    finished: tuple[Path, str], config: RunConfig
) -> None:
    folder, said = finished
    header, *rows = [line.split("\t") for line in (folder / "predictions.tsv").read_text().splitlines()]
    numbers = ["measured", "model", "mean", "additive", "low-rank", "model_std"]
    assert header == ["genes", "study", *numbers, "names"]
    columns = dict(zip(numbers, np.array([row[2:-1] for row in rows], float).T, strict=True))
    bundle, genotypes = load_bundle(folder), [row[0] for row in rows]
    by_member = [Predictor(bundle.member(k)).predict(genotypes) for k in range(2)]
    np.testing.assert_allclose(columns["model"], np.mean(by_member, axis=0), rtol=1e-3, atol=1e-4)
    # Two values lie their standard deviation times the square root of two apart.
    apart = np.abs(by_member[0] - by_member[1])
    np.testing.assert_allclose(columns["model_std"], apart / 2**0.5, rtol=1e-3, atol=1e-4)

    test = read_records(folder / "metrics.jsonl", "test")[0]
    error = columns["model"] - columns["measured"]
    np.testing.assert_allclose(test["test_mse"], np.mean(error**2), rtol=1e-4)
    assert "calibration: Spearman of spread and absolute error" in said
    header, *bins = (folder / "calibration.tsv").read_text().splitlines()
    assert header == "spread\trmse\tgenotypes"
    assert len(bins) == 10  # test genotypes, one a bin
    np.testing.assert_allclose(
        sum(float(row.split("\t")[1]) ** 2 for row in bins) / 10, test["test_mse"], rtol=1e-3
    )

    epochs, steps = (read_records(folder / "metrics.jsonl", kind) for kind in ("epoch", "step"))
    assert all(record["val_spread"] > 0 for record in epochs)
    assert all(record["loss_spread"] > 0 for record in steps)


def test_validation_is_of_the_mean_prediction(finished: tuple[Path, str], config: RunConfig) -> None:
    folder, _ = finished
    experiment = load_experiment(config)
    predictor = Predictor(load_bundle(folder), experiment.graph)
    best = max(read_records(folder / "metrics.jsonl", "epoch"), key=lambda record: record["val_pearson"])
    pearson = np.corrcoef(predictor.predict_table(experiment.val), experiment.val.score)[0, 1]
    np.testing.assert_allclose(best["val_pearson"], pearson, rtol=1e-5)


def test_the_commands_tell_the_spread(
    finished: tuple[Path, str], small_overrides: list[str], gi_jax: Callable[..., tuple]
) -> None:
    folder, _ = finished
    code, out, _ = gi_jax("predict", folder, "G03,G07", "G12")
    header, *rows = [line.split("\t") for line in out.splitlines()]
    assert (code, header) == (0, ["genes", "prediction", "prediction_std", "low", "high", "names"])
    predictor = Predictor.load(folder)
    mean, std = predictor.predict_with_spread(["G03,G07", "G12"])
    low, high = predictor.bundle.confidence.interval(mean, std)
    np.testing.assert_allclose(
        np.array([row[1:-1] for row in rows], float), np.stack([mean, std, low, high], axis=1), 1e-4
    )
    held = json.loads((folder / "confidence.json").read_text())
    assert held["level"] == 0.9 and held["genotypes"] == 10  # the validation genotypes
    save_bundle(predictor.bundle, folder.parent / "model")
    assert load_bundle(folder.parent / "model").confidence == predictor.bundle.confidence

    written = {
        name: (folder / name).read_bytes()
        for name in ("predictions.tsv", "calibration.tsv", "confidence.json")
    }
    code, out, _ = gi_jax("evaluate", folder)
    assert code == 0
    assert "calibration: Spearman" in out
    assert "intervals of 90% hold: all " in out
    assert written == {name: (folder / name).read_bytes() for name in written}

    code, out, _ = gi_jax("inspect", CONFIG, *small_overrides, "ensemble=2")
    assert code == 0
    assert "parameters of each of 2 members" in out
    assert "1,328" in out  # of one member, as in the test of the command
    assert "one step: 16 genotypes, 2 members" in out


def test_an_ensemble_resumes_bit_equal(
    finished: tuple[Path, str], config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls, call = [], stepper.Stepper.__call__

    def killed_after_seven(self: Stepper, *arguments: Any) -> tuple:
        calls.append(arguments)
        if len(calls) == 8:
            raise KeyboardInterrupt
        return call(self, *arguments)

    monkeypatch.setattr(stepper.Stepper, "__call__", killed_after_seven)
    with pytest.raises(KeyboardInterrupt):
        run(config, tmp_path / "run")
    monkeypatch.undo()
    assert "continuing from step 6" in run(config, tmp_path / "run", resume=True)
    for kind in ("last", "best"):
        newest = [
            max((folder / "checkpoints" / kind).iterdir(), key=lambda path: int(path.name))
            for folder in (finished[0], tmp_path / "run")
        ]
        digests = [json.loads((path / "record" / "metadata").read_text())["sha256"] for path in newest]
        assert digests[0] == digests[1]
    for name in ("predictions.tsv", "calibration.tsv"):
        assert (tmp_path / "run" / name).read_bytes() == (finished[0] / name).read_bytes()


def starting_from(folder: Path, config: RunConfig, *, ensemble: int, dropout: float = 0.0) -> TrainState:
    model = replace(config.model, checkpoint_path=str(folder), dropout=dropout)
    return fresh_state(training_task(load_experiment(replace(config, ensemble=ensemble, model=model))))


def test_members_start_from_an_ensemble_or_from_one_model_with_dropout(
    config: RunConfig, finished: tuple[Path, str], tmp_path: Path
) -> None:
    folder, bundle = finished[0], load_bundle(finished[0])
    params = bundle.variables["params"]
    chex.assert_trees_all_equal(starting_from(folder, config, ensemble=2).params, params)
    with pytest.raises(GiJaxError, match="holds an ensemble of 2, but this configuration trains 1; set"):
        starting_from(folder, config, ensemble=1)

    save_bundle(bundle.member(1), tmp_path / "one")
    chex.assert_trees_all_equal(starting_from(tmp_path / "one", config, ensemble=1).params, take(params, 1))
    same = starting_from(tmp_path / "one", config, ensemble=3, dropout=0.1)
    for k in range(3):
        chex.assert_trees_all_equal(take(same.params, k), take(params, 1))
    assert len({tuple(rng) for rng in same.rng.tolist()}) == 3
    with pytest.raises(GiJaxError, match="ensemble is 3, but .* gives every member the same weights"):
        starting_from(tmp_path / "one", config, ensemble=3)
