"""Log cosh at the ends of its range, and its reductions."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gi_jax.errors import GiJaxError
from gi_jax.losses import log_cosh, make_loss
from tests.losses.quick import quick_jit


def test_a_huge_difference_neither_overflows_nor_stops_the_gradient() -> None:
    difference = jnp.array([-1e30, -200.0, 200.0, 1e30], jnp.float32)
    each = jax.vmap(jax.value_and_grad(lambda d: log_cosh(d[None], jnp.zeros(1))))
    value, gradient = quick_jit(each)(difference)
    # log cosh x = |x| - log 2 up to exp(-2|x|)
    np.testing.assert_allclose(value, np.abs(difference) - np.float32(np.log(2)), rtol=1e-7)
    np.testing.assert_array_equal(gradient, [-1, -1, 1, 1])


def test_a_small_difference_keeps_its_digits_in_float32() -> None:
    difference = np.array([1e-6, 1e-3, 0.1, 0.999, 1.001, 3.0], np.float32)
    value = quick_jit(partial(log_cosh, reduction="none"))(difference, np.zeros(6, np.float32))
    # cosh x = 1 + 2 sinh(x / 2)^2, in float64
    np.testing.assert_allclose(value, np.log1p(2 * np.sinh(difference.astype(float) / 2) ** 2), rtol=2e-6)


@pytest.mark.parametrize(
    ("reduction", "expected"), [("mean", 1.5), ("sum", 3.0), ("none", [[1.0], [0.0], [2.0]])]
)
def test_padding_counts_in_no_reduction(reduction: str, expected: object) -> None:
    # log cosh x = y for x = arccosh(exp(y))
    predictions = jnp.array([[np.arccosh(np.exp(1.0))], [np.nan], [np.arccosh(np.exp(2.0))]])
    valid = jnp.array([True, False, True])

    def loss(p: jax.Array) -> jax.Array:
        return log_cosh(p, jnp.zeros((3, 1)), valid, reduction=reduction)

    def value(p: jax.Array) -> tuple[jax.Array, jax.Array]:
        return jnp.sum(loss(p)), loss(p)

    gradient, found = quick_jit(jax.grad(value, has_aux=True))(predictions)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert np.isfinite(gradient).all() and gradient[1, 0] == 0


def test_an_unknown_reduction_names_the_known_ones() -> None:
    with pytest.raises(GiJaxError, match="'median'.*mean, sum, none"):
        log_cosh(jnp.zeros(1), jnp.zeros(1), reduction="median")
    with pytest.raises(GiJaxError, match="mean or sum"):
        make_loss("logcosh", reduction="none")
