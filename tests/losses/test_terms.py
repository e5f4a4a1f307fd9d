"""Each term against its definition, written out naively."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.isotonic import IsotonicRegression

from gi_jax.errors import GiJaxError
from gi_jax.losses import dist, mse, sinkhorn_divergence, soft_sort, supcr, wasserstein
from gi_jax.losses.dist import theoretical_labels
from tests.losses.quick import quick_jit

NAN = np.nan


def test_mse_averages_labelled_genotypes_then_weighted_dimensions() -> None:
    predictions = jnp.array([[1.0, 0.0, 5.0], [3.0, 2.0, 5.0], [9.0, 9.0, 9.0]])
    targets = jnp.array([[0.0, NAN, NAN], [1.0, 5.0, NAN], [0.0, 0.0, 0.0]])
    valid = jnp.array([True, True, False])
    run = quick_jit(
        jax.value_and_grad(lambda p: mse(p, targets, valid, weights=(1.0, 3.0, 4.0)), has_aux=True)
    )
    (loss, per_output), gradient = run(predictions)
    # by hand: (1 + 4) / 2 = 2.5; 9; none; (1 * 2.5 + 3 * 9) / (1 + 3)
    np.testing.assert_allclose(per_output, [2.5, 9.0, 0.0])
    np.testing.assert_allclose(loss, 7.375)
    assert np.isfinite(gradient).all()
    np.testing.assert_array_equal(gradient != 0, ~np.isnan(targets) & np.asarray(valid)[:, None])


def naive_supcr(z: np.ndarray, labels: np.ndarray, temperature: float) -> float:
    unit = z / np.linalg.norm(z, axis=1, keepdims=True)
    s, losses, n = unit @ unit.T / temperature, [], len(labels)
    for i in range(n):
        for j in set(range(n)) - {i}:
            far = [k for k in range(n) if k != i and abs(labels[i] - labels[k]) >= abs(labels[i] - labels[j])]
            losses.append(-np.log(np.exp(s[i, j]) / max(sum(np.exp(s[i, k]) for k in far), 1e-7)))
    return np.mean(losses)


def test_supcr_is_its_definition_with_ties_missing_labels_and_padding() -> None:
    rng = np.random.default_rng(0)
    z, labels = rng.normal(size=(10, 4)), rng.integers(0, 4, size=10).astype(float)
    labels[[2, 5]] = NAN
    valid = np.arange(10) != 7
    kept = valid & ~np.isnan(labels)
    with jax.enable_x64(True):
        loss, per_output = quick_jit(partial(supcr, temperature=0.3))(z, labels[:, None], valid)
    np.testing.assert_allclose(loss, naive_supcr(z[kept], labels[kept], 0.3), rtol=1e-13)
    assert per_output.shape == (1,)


def test_supcr_ignores_a_dimension_with_one_label_and_survives_zero_embeddings() -> None:
    z = jnp.zeros((3, 2)).at[1].set(jnp.array([1.0, 2.0]))
    labels = jnp.array([[1.0, NAN], [2.0, 3.0], [4.0, NAN]])
    run = quick_jit(jax.value_and_grad(lambda z: supcr(z, labels), has_aux=True))
    (loss, per_output), gradient = run(z)
    assert per_output[1] == 0 and np.isfinite(loss) and np.isfinite(gradient).all()


@quick_jit
def sorting(values: jax.Array, valid: jax.Array) -> tuple[jax.Array, jax.Array]:
    return soft_sort(values, valid), jax.jacobian(soft_sort)(values, valid)


def test_soft_sort_is_the_isotonic_projection_and_pools_gradients() -> None:
    values = np.array([0.0, 30.0, 1.0, 1.5, -40.0, 30.5])
    valid = np.array([True, True, True, True, True, False])
    anchors = np.arange(5, 0, -1) / 0.1
    ordered = np.sort(values[valid])[::-1]
    # the definition, w - PAV(w - s), with scikit-learn's isotonic regression
    pooled = IsotonicRegression(increasing=False).fit_transform(np.arange(5), anchors - ordered)
    with jax.enable_x64(True):
        found, jacobian = sorting(values, valid)
    np.testing.assert_allclose(found, np.append(anchors - pooled, 0.0), rtol=1e-12)
    # 30 and 1.5 lie more than 10 apart and are pooled with what follows until the order holds
    blocks = np.unique(np.round(pooled, 9), return_inverse=True)[1]
    same = blocks[:, None] == blocks[None, :]
    expected = np.zeros((6, 6))
    expected[:5, np.argsort(-np.where(valid, values, -np.inf))[:5]] = same / same.sum(1, keepdims=True)
    np.testing.assert_allclose(jacobian, expected, atol=1e-15)


def test_close_values_are_sorted_exactly_and_equal_ones_keep_their_order() -> None:
    values = jnp.array([1.0, 2.0, 1.0, 0.5])
    found, jacobian = sorting(values, jnp.ones(4, bool))
    np.testing.assert_array_equal(found, [2.0, 1.0, 1.0, 0.5])
    np.testing.assert_array_equal(jacobian.argmax(axis=1), [1, 0, 2, 3])


def test_theoretical_labels_of_two_far_clusters() -> None:
    labels = jnp.array([0.0, 0.1, -0.1, 0.0, 4.0, 99.0])
    present = jnp.array([True] * 5 + [False])
    found = quick_jit(partial(theoretical_labels, bandwidth=0.1))(labels, present, jnp.int32(5))
    # by hand: deviation 1.789, kernel width 0.1789; on the grid -0.1, 0.9, ... 4.9 the density is 0.79 at
    # -0.1 and 0.21 at 3.9, hence 4 and 1 of the 5 genotypes
    np.testing.assert_allclose(found, [-0.1, -0.1, -0.1, -0.1, 3.9, 0.0], atol=1e-6)


def test_dist_of_equal_or_missing_labels_is_finite_with_a_finite_gradient() -> None:
    predictions = jnp.array([[1.0, 1.0], [0.0, 2.0]])
    targets = jnp.array([[3.0, NAN], [3.0, NAN]])
    run = quick_jit(jax.value_and_grad(dist, has_aux=True))
    (_, per_output), gradient = run(predictions, targets)
    # half the genotypes on either side of the label: sorted predictions 0, 1 against 2.5, 3.5
    np.testing.assert_allclose(per_output, [6.25, 0.0])
    np.testing.assert_allclose(gradient[:, 1], 0)
    assert np.isfinite(gradient).all()


def test_dist_says_nan_when_labels_span_more_than_its_grid() -> None:
    assert np.isnan(quick_jit(dist)(jnp.zeros((2, 1)), jnp.array([[0.0], [5000.0]]))[0])


def test_sinkhorn_of_a_shifted_sample_is_half_the_squared_shift() -> None:
    x, present = np.array([0.0, 0.4, 1.3, 2.0, NAN]), np.arange(5) < 4
    run = jax.vmap(jax.value_and_grad(sinkhorn_divergence), (None, 0, None))
    shifts = np.array([0.0, 0.3, 2.0])
    with jax.enable_x64(True):
        found, slope = map(np.asarray, quick_jit(run)(x, x[None, :] + shifts[:, None], present))
    assert found[0] == 0
    # The debiased divergence of a translate is the transport cost of the translation (Feydy 2019);
    # the descent stops before full convergence.
    np.testing.assert_allclose(found, shifts**2 / 2, atol=2e-3)
    np.testing.assert_allclose(slope, np.outer(-shifts / 4, present), atol=2e-3)


def test_wasserstein_needs_two_labels_and_does_not_normalise_its_weights() -> None:
    predictions = jnp.array([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]])
    targets = jnp.array([[0.5, NAN], [1.5, 0.0], [2.5, NAN]])
    run = quick_jit(jax.value_and_grad(partial(wasserstein, weights=(3.0, 5.0)), has_aux=True))
    (loss, per_output), gradient = run(predictions, targets)
    assert per_output[1] == 0
    np.testing.assert_allclose(per_output[0], 0.125, atol=1e-3)
    np.testing.assert_allclose(loss, 3.0 * per_output[0], rtol=1e-6)
    assert np.isfinite(gradient).all()


def test_a_wrong_number_of_weights_is_said() -> None:
    with pytest.raises(GiJaxError, match="3 output weights but predictions have 2 dimensions"):
        mse(jnp.zeros((4, 2)), jnp.zeros((4, 2)), weights=(1.0, 1.0, 1.0))
