"""The optimizer as a direction; the step multiplies it by the learning rate of the moment."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import optax

from gi_jax.config import OptimizerConfig, RegressionTaskConfig
from gi_jax.errors import GiJaxError


def make_optimizer(config: RegressionTaskConfig, params: Any) -> optax.GradientTransformation:
    """Clipping by global norm, then AdamW or Adam, for the parts that are not frozen.

    The update is a direction d; the step does `p <- p - lr d`. AdamW (Loshchilov and Hutter 2019):
    `d = m / (sqrt(v) + eps) + weight_decay p`. Adam as in PyTorch: `weight_decay p` is added to the
    clipped gradient before the moments. Frozen parts neither move nor count in the norm.

    Raises:
      GiJaxError: `regression_task.frozen` names a part that the model does not have.
    """
    if unknown := [part for part in config.frozen if part not in params]:
        raise GiJaxError(
            f"regression_task.frozen names '{unknown[0]}', which is no part of this model; its parts are "
            f"{', '.join(params)}"
        )
    max_norm = config.clip_grad_norm_max_norm if config.clip_grad_norm else None
    return _optimizer(config.optimizer, max_norm, config.frozen, tuple(params))


@lru_cache(maxsize=4)
def _optimizer(
    o: OptimizerConfig, max_norm: float | None, frozen: tuple[str, ...], parts: tuple[str, ...]
) -> optax.GradientTransformation:
    """The same object for the same settings, so that their compiled steps are told to be the same."""
    moments = optax.scale_by_adam(b1=o.betas[0], b2=o.betas[1], eps=o.eps)
    decay = optax.add_decayed_weights(o.weight_decay)
    clip = [] if max_norm is None else [optax.clip_by_global_norm(max_norm)]
    direction = optax.chain(*clip, *((moments, decay) if o.type == "AdamW" else (decay, moments)))
    if not frozen:
        return direction
    labels = {part: "frozen" if part in frozen else "trained" for part in parts}
    return optax.multi_transform({"trained": direction, "frozen": optax.set_to_zero()}, labels)
