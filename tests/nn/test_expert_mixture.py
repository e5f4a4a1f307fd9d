"""Experts computed one after the other against all of them at once, values and gradients."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import Array

from gi_jax.nn.expert_mixture import Experts, ExpertSettings, InputNumbers, mix_experts
from gi_jax.nn.mlp import Linear
from gi_jax.ops.trees import take

G, R, H, K, J = 3, 5, 4, 6, 2
READS: InputNumbers = (
    ((0,), (2,)),
    ((0, 1), (1, 2), (0, 2)),
)  # two experts that read one input, three that read two


@pytest.fixture(autouse=True)
def float64() -> Iterator[None]:
    with jax.enable_x64(True):
        yield


def draw(key: Array, *shape: int) -> Array:
    return jax.random.normal(key, shape, jnp.float64)


def experts(key: Array, inputs: int, num: int, middle: int) -> Experts:
    keys = iter(jax.random.split(key, 20))

    def linear(rows: int, columns: int) -> Linear:
        return Linear(draw(next(keys), num, rows, columns), draw(next(keys), num, columns))

    first = tuple(draw(next(keys), num, K, H) for _ in range(inputs))
    layers = tuple(linear(K, K) for _ in range(middle))
    return Experts(first, draw(next(keys), num, K), layers, linear(K, H), linear(K, J), linear(J, 1))


def all_at_once(
    settings: ExpertSettings, x: Array, groups: tuple[Experts, ...], base: Array, base_logit: Array
) -> tuple:
    act = jnp.tanh
    values, logits = [], []
    for reads, group in zip(READS, groups, strict=True):
        for p, own in enumerate(reads):
            expert = take(group, p)
            hidden = (
                jnp.concatenate([x[i] for i in own], axis=1) @ jnp.concatenate(expert.first, axis=1).T
                + expert.first_bias
            )
            if not settings.linear:
                hidden = act(hidden)
                for layer in expert.middle:
                    hidden = act(hidden @ layer.kernel + layer.bias)
            values.append(hidden @ expert.value.kernel + expert.value.bias)
            scored = act(hidden @ expert.score.kernel + expert.score.bias)
            logits.append((scored @ expert.score_out.kernel + expert.score_out.bias)[:, 0])
    weights = jax.nn.softmax(jnp.stack([*logits, base_logit]), axis=0)
    return (weights[..., None] * jnp.stack([*values, base])).sum(axis=0), weights


@pytest.mark.parametrize(("middle", "is_linear"), [(0, False), (2, False), (0, True)])
def test_values_and_gradients_are_those_of_all_experts_at_once(middle: int, is_linear: bool) -> None:
    keys = jax.random.split(jax.random.key(0), 7)
    settings = ExpertSettings("tanh", 0.0, is_linear)
    groups = (experts(keys[0], 1, 2, middle), experts(keys[1], 2, 3, middle))
    arguments = (draw(keys[2], G, R, H), groups, draw(keys[3], R, H), 30 * draw(keys[4], R))
    of_mixed, of_weights = draw(keys[5], R, H), draw(keys[6], 6, R)

    def loss(mix, *arguments):
        mixed, weights = mix(*arguments)
        return (mixed * of_mixed).sum() + (weights * of_weights).sum(), (mixed, weights)

    def one_by_one(
        x: Array, groups: tuple[Experts, ...], base: Array, base_logit: Array
    ) -> tuple[Array, Array]:
        return mix_experts(settings, READS, x, groups, base, base_logit, (None,) * (1 + middle))

    got, expected = (
        jax.jit(jax.value_and_grad(partial(loss, mix), argnums=(0, 1, 2, 3), has_aux=True))(*arguments)
        for mix in (one_by_one, lambda *a: all_at_once(settings, *a))
    )
    chex.assert_trees_all_close(got, expected, rtol=1e-11, atol=1e-12)


def test_dropout_of_the_backward_pass_is_that_of_the_forward_pass() -> None:
    keys = jax.random.split(jax.random.key(1), 5)
    groups = (experts(keys[0], 1, 2, 1), experts(keys[1], 2, 3, 1))
    x, base, logit = draw(keys[2], G, R, H), draw(keys[3], R, H), draw(keys[4], R)
    dropouts = tuple(jax.random.split(jax.random.key(2), 2))

    @jax.jit
    def mixed(x: Array) -> Array:
        return (
            mix_experts(ExpertSettings("tanh", 0.5, False), READS, x, groups, base, logit, dropouts)[0] ** 2
        ).sum()

    step = 1e-6 * draw(jax.random.key(3), G, R, H)
    slope = (mixed(x + step) - mixed(x - step)) / 2
    np.testing.assert_allclose((jax.grad(mixed)(x) * step).sum(), slope, rtol=1e-6)
    plain = mix_experts(ExpertSettings("tanh", 0.0, False), READS, x, groups, base, logit, (None,) * 2)[0]
    assert not np.allclose((plain**2).sum(), mixed(x))
