"""The training losses as the training loop uses them: padded, jitted once, resumable, by name."""

from __future__ import annotations

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gi_jax.errors import GiJaxError
from gi_jax.losses import LossInputs, make_loss
from tests.losses.quick import quick_jit

B, D, H = 6, 1, 4
SETTINGS = dict(buffer_size=10, min_samples_for_supcr=3, max_epochs=8, lambda_supcr=0.2, init_temperature=0.7)
MAKE = {
    "logcosh": {},
    "mse": {},
    "icloss": {"lambda_dist": 0.3, "lambda_supcr": 0.2},
    "mle_dist_supcr": SETTINGS | {"min_samples_for_dist": 3},
    "mle_wass_supcr": SETTINGS | {"min_samples_for_wasserstein": 3},
}


def batch(rng: np.random.Generator, count: int) -> tuple[np.ndarray, ...]:
    return tuple(rng.normal(size=(count, n)).astype(np.float32) for n in (D, D, H))


def spread(rows: np.ndarray, valid: np.ndarray, filler: float) -> np.ndarray:
    padded = np.full((len(valid), rows.shape[1]), filler, rows.dtype)
    padded[valid] = rows
    return padded


@pytest.mark.parametrize("name", MAKE)
def test_padding_anywhere_changes_neither_value_nor_gradient_nor_state_and_one_program_serves_all(
    name: str,
) -> None:
    loss = make_loss(name, **MAKE[name])
    key = jax.random.key(3)

    def run(state, predictions, targets, z_p, valid, epoch):
        def value(predictions, z_p):
            inputs = LossInputs(predictions, targets, z_p, valid, key, epoch)
            total, after, terms = loss.apply(state, inputs)
            return total, (after, terms)

        return jax.value_and_grad(value, (0, 1), has_aux=True)(predictions, z_p)

    chex.clear_trace_counter()
    padded_run = quick_jit(chex.assert_max_traces(run, 1))
    plain_run = quick_jit(run)
    rng = np.random.default_rng(1)
    plain = padded = loss.init(D, H)
    for step, valid in enumerate(([1, 1, 1, 0, 0, 0], [0, 1, 0, 1, 1, 0], [1, 0, 1, 0, 0, 1])):
        valid = np.array(valid, bool)
        predictions, targets, z_p = batch(rng, 3)
        (expected, (plain, terms)), gradients = plain_run(
            plain, predictions, targets, z_p, np.ones(3, bool), step
        )
        (found, (padded, padded_terms)), padded_gradients = padded_run(
            padded,
            spread(predictions, valid, 77.0),
            spread(targets, valid, np.nan),
            spread(z_p, valid, 0.0),
            valid,
            step,
        )
        assert np.isfinite(found) and found.shape == ()
        np.testing.assert_allclose(found, expected, rtol=2e-6)
        chex.assert_trees_all_close(padded_terms, terms, rtol=2e-5, atol=1e-6)
        chex.assert_trees_all_close(padded, plain, rtol=1e-6)
        for gradient, padded_gradient in zip(gradients, padded_gradients, strict=True):
            np.testing.assert_allclose(padded_gradient, spread(np.asarray(gradient), valid, 0.0), atol=1e-6)


def test_a_buffered_loss_draws_by_its_key_and_its_state_continues_a_run() -> None:
    loss = make_loss("mle_dist_supcr", **MAKE["mle_dist_supcr"])
    apply = quick_jit(loss.apply)
    rng = np.random.default_rng(2)
    state = loss.init(D, H)
    for epoch in range(3):
        before = state
        last = LossInputs(*batch(rng, B), np.ones(B, bool), epoch=epoch)
        first_key, other_key = jax.random.split(jax.random.key(epoch))
        value, state, terms = apply(state, last._replace(key=first_key))
    again, resumed, _ = apply(jax.tree.map(jnp.array, before), last._replace(key=first_key))
    assert again == value
    chex.assert_trees_all_equal(resumed, state)
    assert apply(before, last._replace(key=other_key))[0] != value
    assert state.distribution.count == 10 and state.supcr.pointer == 8
    assert {"mse_loss", "dist_loss", "supcr_loss", "temperature", "buffer_weight"} <= set(terms)


def test_an_ensemble_maps_over_a_buffered_loss() -> None:
    loss = make_loss("mle_dist_supcr", **MAKE["mle_dist_supcr"])
    rng, keys = np.random.default_rng(4), jax.random.split(jax.random.key(0), 2)
    members = [batch(rng, B) for _ in keys]
    states = jax.tree.map(lambda x: jnp.stack([x, x]), loss.init(D, H))
    stacked = [np.stack(arrays) for arrays in zip(*members, strict=True)]
    valid = np.ones(B, bool)
    mapped = quick_jit(jax.vmap(loss.apply, (0, LossInputs(0, 0, 0, None, 0, None))))
    apply = quick_jit(loss.apply)
    together, _, _ = mapped(states, LossInputs(*stacked, valid, keys, 1))
    alone = [
        apply(loss.init(D, H), LossInputs(*own, valid, key, 1))[0]
        for own, key in zip(members, keys, strict=True)
    ]
    np.testing.assert_allclose(together, alone, rtol=1e-6)


def test_a_term_without_weight_is_left_out_and_its_buffer_stays_empty() -> None:
    loss = make_loss("mle_dist_supcr", **MAKE["mle_dist_supcr"] | {"lambda_dist": 0.0, "lambda_mse": 0.0})
    inputs = LossInputs(*batch(np.random.default_rng(5), B), np.ones(B, bool))
    value, state, terms = quick_jit(loss.apply)(loss.init(D, H), inputs)
    assert state.distribution.count == 0 and state.supcr.count == B
    assert terms["dist_loss"] == terms["mse_loss"] == 0
    np.testing.assert_allclose(value, 0.2 * terms["supcr_loss"])


@pytest.mark.parametrize(
    ("name", "kwargs", "sentence"),
    [
        ("log_cosh", {}, "unknown loss 'log_cosh', did you mean 'logcosh'"),
        ("icloss", {"lambda_dist": 0.1}, "icloss needs lambda_supcr"),
        ("mle_dist_supcr", {"buffer_sise": 3}, "no argument 'buffer_sise', did you mean 'buffer_size'"),
        ("mle_dist_supcr", {"temp_schedule": "linear"}, "temp_schedule 'linear'; use one of exponential"),
        ("mle_wass_supcr", {"wasserstein_p": 3}, "wasserstein_p must be 1 or 2, got 3"),
        ("mle_wass_supcr", {"max_epochs": 0}, "max_epochs must be at least 1"),
    ],
)
def test_bad_settings_are_named(name: str, kwargs: dict, sentence: str) -> None:
    with pytest.raises(GiJaxError, match=sentence):
        make_loss(name, **kwargs)


def test_an_embedding_width_that_is_not_the_models_is_said() -> None:
    with pytest.raises(GiJaxError, match="embedding_dim 128 but the model's z_p has 4"):
        make_loss("mle_dist_supcr", embedding_dim=128).init(D, H)
