"""The optimizer against PyTorch's, whose definitions it follows."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

from gi_jax.config import OptimizerConfig, RegressionTaskConfig
from gi_jax.errors import GiJaxError
from gi_jax.training.optimizer import make_optimizer

STEPS, LR = 10, 1e-2


@pytest.mark.parametrize("kind", ["AdamW", "Adam"])
@pytest.mark.parametrize("max_norm", [0.5, 1e9])
def test_ten_steps_end_where_pytorch_ends(kind: str, max_norm: float) -> None:
    rng = np.random.default_rng(0)
    start, gradients = rng.normal(size=7), rng.normal(size=(STEPS, 7))

    weight = torch.nn.Parameter(torch.tensor(start))
    optimizer = getattr(torch.optim, kind)([weight], lr=LR, weight_decay=0.1)
    for gradient in gradients:
        weight.grad = torch.tensor(gradient)
        torch.nn.utils.clip_grad_norm_([weight], max_norm)
        optimizer.step()

    with jax.enable_x64(True):
        params = {"a": jnp.array(start[:3]), "b": jnp.array(start[3:])}
        config = RegressionTaskConfig(
            optimizer=OptimizerConfig(type=kind, lr=LR, weight_decay=0.1), clip_grad_norm_max_norm=max_norm
        )
        direction = make_optimizer(config, params)
        moments = direction.init(params)
        for gradient in gradients:
            split = {"a": jnp.array(gradient[:3]), "b": jnp.array(gradient[3:])}
            update, moments = direction.update(split, moments, params)
            params = jax.tree.map(lambda p, d: p - LR * d, params, update)
        found = np.concatenate([params["a"], params["b"]])
    # PyTorch adds 1e-6 to the norm it clips by.
    np.testing.assert_allclose(found, weight.detach().numpy(), rtol=1e-6)


def test_frozen_parts_neither_move_nor_count_in_the_norm() -> None:
    params = {"kept": jnp.ones(2), "moved": jnp.ones(2)}
    gradients = {"kept": jnp.full(2, 1e6), "moved": jnp.array([3.0, 4.0])}
    free = RegressionTaskConfig(clip_grad_norm_max_norm=5.0)
    frozen = RegressionTaskConfig(clip_grad_norm_max_norm=5.0, frozen=("kept",))
    alone = make_optimizer(free, {"moved": params["moved"]})
    both = make_optimizer(frozen, params)
    expected, _ = alone.update(
        {"moved": gradients["moved"]}, alone.init({"moved": params["moved"]}), {"moved": params["moved"]}
    )
    found, _ = both.update(gradients, both.init(params), params)
    np.testing.assert_array_equal(found["kept"], 0)
    np.testing.assert_array_equal(found["moved"], expected["moved"])


def test_an_unknown_frozen_part_is_named_with_the_ones_there_are() -> None:
    with pytest.raises(GiJaxError, match="'gate'.*its parts are readout"):
        make_optimizer(RegressionTaskConfig(frozen=("gate",)), {"readout": jnp.ones(1)})
