"""The training step on a model small enough to check by hand."""

from __future__ import annotations

from dataclasses import replace

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gi_jax.config import OptimizerConfig, RegressionTaskConfig
from gi_jax.data.networks import cell_graph
from gi_jax.losses import make_loss
from gi_jax.training.batches import TrainingData
from gi_jax.training.epoch_sums import epoch_summary
from gi_jax.training.objective import PredictionLoss
from gi_jax.training.optimizer import make_optimizer
from gi_jax.training.state import CHECKS, TrainState, init_state, init_variables, zero_sums
from gi_jax.training.step import Step, StepInputs, _add, make_train_step
from tests.training.stand_in import AdditiveModel

N = 6
GRAPH = cell_graph({}, N)
GENES = np.array([[0, 1], [1, 2], [3, N], [2, 5], [0, 4], [4, 5], [1, 3], [0, 5]], np.int32)
DATA = TrainingData(
    jnp.asarray(GENES),
    jnp.asarray((GENES < N).sum(axis=1), jnp.int32),
    jnp.linspace(-1.0, 1.0, 8)[:, None],
)
TASK = RegressionTaskConfig(loss="mse", optimizer=OptimizerConfig(lr=0.1, weight_decay=0.01))


def begin(
    task: RegressionTaskConfig, batch_size: int, model: AdditiveModel | None = None, check_finite: bool = True
) -> tuple[TrainState, Step]:
    model = model or AdditiveModel(N)
    variables = init_variables(model, GRAPH, seed=0)
    optimizer, objective = make_optimizer(task, variables["params"]), PredictionLoss(make_loss(task.loss))
    state = init_state(variables, task, optimizer, objective, embedding_dim=3, batch_size=batch_size, seed=0)
    options = {"capacity": None, "ema_decay": task.ema_decay, "check_finite": check_finite}
    step = make_train_step(model, objective, optimizer, batch_size=batch_size, **options)
    return state, jax.jit(step)


def inputs(position: int = 0, update: bool = True) -> StepInputs:
    return StepInputs(np.int32(position), np.int32(0), np.float32(0.1), np.bool_(update))


def order(rows: list[int]) -> jax.Array:
    return jnp.array(rows, jnp.int32)


def test_accumulated_batches_move_the_weights_as_one_large_batch_does() -> None:
    large, step = begin(TASK, 8)
    large, _ = step(large, DATA, order(list(range(8))), GRAPH, inputs())
    small, step = begin(replace(TASK, grad_accumulation_schedule={0: 2}), 4)
    waiting, _ = step(small, DATA, order(list(range(8))), GRAPH, inputs(0, update=False))
    chex.assert_trees_all_equal(waiting.params, small.params)
    moved, _ = step(waiting, DATA, order(list(range(8))), GRAPH, inputs(1, update=True))
    chex.assert_trees_all_close(moved.params, large.params, rtol=1e-5)
    assert int(moved.num_updates) == 1
    assert all(not leaf.any() for leaf in jax.tree.leaves(moved.accumulated))


def test_padding_genotypes_change_nothing() -> None:
    padded, step = begin(TASK, 4)
    padded, padded_report = step(padded, DATA, order([0, 5, 8, 8]), GRAPH, inputs())
    exact, step = begin(TASK, 2)
    exact, exact_report = step(exact, DATA, order([0, 5]), GRAPH, inputs())
    chex.assert_trees_all_close(padded.params, exact.params, rtol=1e-5)
    chex.assert_trees_all_close(padded_report, exact_report, rtol=1e-5)
    chex.assert_trees_all_close(padded.sums, exact.sums, rtol=1e-5)
    assert float(padded.sums.count) == 2


def test_running_moments_are_those_of_predictions_and_labels() -> None:
    state, step = begin(TASK, 4)
    output = AdditiveModel(N).apply({"params": state.params}, GRAPH, _batch(slice(0, 4)))
    p, y = output.gene_interaction[:, 0], DATA.labels[:4, 0]
    state, report = step(state, DATA, order([0, 1, 2, 3]), GRAPH, inputs())
    dp, dy = p - p.mean(), y - y.mean()
    expected = (4, report.loss, p.mean(), y.mean(), dp @ dp, dy @ dy, dp @ dy)
    chex.assert_trees_all_close(tuple(state.sums), tuple(map(jnp.float32, expected)), rtol=1e-5)
    np.testing.assert_allclose(report.loss, jnp.mean((p - y) ** 2), rtol=1e-6)


@settings(max_examples=30, deadline=None)
@given(
    offset=st.sampled_from([0.0, 3.0, -1e3, 1e4]),
    members=st.integers(1, 3),
    sizes=st.lists(st.integers(0, 8), min_size=1, max_size=6),
    seed=st.integers(0, 1000),
)
def test_moments_merged_batch_by_batch_are_those_of_float64_far_from_0_too(
    offset: float, members: int, sizes: list[int], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    p, y = (rng.normal(size=(2, len(sizes), 8, members)) + offset).astype(np.float32)
    loss = rng.random(len(sizes)).astype(np.float32)
    add = jax.jit(jax.vmap(_add, in_axes=(0, None, 2, None, None)))
    sums = jax.tree.map(lambda zero: jnp.repeat(zero, members), zero_sums(jnp.float32))
    valid = np.arange(8) < np.array(sizes)[:, None]  # [batches, 8]; some batches are padding alone
    p[~valid] = np.nan
    for k in range(len(sizes)):
        sums = add(sums, loss[k], p[k][:, None], y[k, :, :1], valid[k])
    found_loss, found = epoch_summary(sums)
    if valid.sum() < 4:
        return
    p, y = p[valid].astype(float), y[valid][:, 0].astype(float)
    expected = np.mean([np.corrcoef(p[:, k], y)[0, 1] for k in range(members)])
    # The means have the resolution of float32 at the offset.
    np.testing.assert_allclose(found, expected, atol=1e-5 + 1e-7 * abs(offset))
    np.testing.assert_allclose(found_loss, np.average(loss, weights=sizes), rtol=1e-5)


def _batch(rows: slice) -> object:
    from gi_jax.data.genotypes import GenotypeBatch

    return GenotypeBatch(DATA.genes[rows], DATA.sizes[rows], jnp.ones(4, bool))


def test_averaged_weights_follow_with_a_decay_that_grows() -> None:
    state, step = begin(replace(TASK, ema_decay=0.999), 8)
    averaged = state.params
    for n in range(3):
        state, _ = step(state, DATA, order(list(range(8))), GRAPH, inputs())
        decay = (1 + n) / (10 + n)  # far below 0.999 in the first updates
        averaged = jax.tree.map(lambda a, p, d=decay: d * a + (1 - d) * p, averaged, state.params)
    chex.assert_trees_all_close(state.averaged, averaged, rtol=1e-5)
    assert state.variables["params"] is state.averaged


def test_frozen_parts_stay_bit_equal() -> None:
    state, step = begin(replace(TASK, frozen=("gene_embedding",)), 8)
    moved, _ = step(state, DATA, order(list(range(8))), GRAPH, inputs())
    chex.assert_trees_all_equal(moved.params["gene_embedding"], state.params["gene_embedding"])
    assert (moved.params["readout"]["kernel"] != state.params["readout"]["kernel"]).all()


def test_dropout_depends_on_the_step_and_on_nothing_else() -> None:
    state, step = begin(TASK, 8, AdditiveModel(N, dropout=0.5))
    twice = order([*range(8), *range(8)])

    def loss(number: int, told: StepInputs) -> float:
        return float(step(state.replace(step=jnp.int32(number)), DATA, twice, GRAPH, told)[1].loss)

    other = StepInputs(np.int32(1), np.int32(5), np.float32(0.3), np.bool_(False))
    assert loss(0, inputs()) == loss(0, other)
    assert loss(0, inputs()) != loss(1, inputs())


@pytest.mark.parametrize("poison", ["forward", "loss"])
def test_a_step_that_is_not_finite_changes_nothing_nor_does_any_after_it(poison: str) -> None:
    state, step = begin(TASK, 2)
    data, stage, concerned = DATA, "z_p", [False, True]
    if poison == "forward":  # gene 5 stands in row 3, but not in row 0
        embedding = state.params["gene_embedding"].at[5].set(jnp.inf)
        state = state.replace(params={**state.params, "gene_embedding": embedding})
    else:
        data = data._replace(labels=DATA.labels.at[3].set(jnp.inf))
        stage, concerned = "loss", [False, False]
    failed, _ = step(state, data, order([0, 1, 0, 3]), GRAPH, inputs(1))
    chex.assert_trees_all_equal(failed.replace(failure=state.failure), state)
    assert int(failed.failure.position) == 1
    assert CHECKS[list(failed.failure.finite).index(False)] == stage
    assert failed.failure.genotypes.tolist() == concerned
    after, _ = step(failed, data, order([0, 1, 0, 3]), GRAPH, inputs(0))
    chex.assert_trees_all_equal(after, failed)


def test_the_checks_can_be_left_out_of_the_program() -> None:
    state, step = begin(TASK, 2, check_finite=False)
    text = step.lower(state, DATA, order([0, 1]), GRAPH, inputs()).as_text()
    assert "is_finite" not in text
    state, step = begin(TASK, 2)
    assert "is_finite" in step.lower(state, DATA, order([0, 1]), GRAPH, inputs()).as_text()


def test_the_host_sends_a_few_bytes_per_batch() -> None:
    assert sum(np.asarray(value).nbytes for value in inputs()) < 16
