"""The optimizer as a direction; the step multiplies it by the learning rate of the moment."""

from __future__ import annotations

from typing import Any

import jax
import optax

from gi_jax.config import RegressionTaskConfig
from gi_jax.errors import GiJaxError


def make_optimizer(config: RegressionTaskConfig, params: Any) -> optax.GradientTransformation:
    """Clipping by global norm, then AdamW or Adam, for the parts that are not frozen.

    The update is a direction d; the step does `p <- p - lr d`. AdamW (Loshchilov and Hutter 2019):
    `d = m / (sqrt(v) + eps) + weight_decay p`. Adam as in PyTorch: `weight_decay p` is added to the
    clipped gradient before the moments. Frozen parts neither move nor count in the norm.

    Raises:
      GiJaxError: `regression_task.frozen` names a part that the model does not have.
    """
    o = config.optimizer
    moments = optax.scale_by_adam(b1=o.betas[0], b2=o.betas[1], eps=o.eps)
    decay = optax.add_decayed_weights(o.weight_decay)
    clip = [optax.clip_by_global_norm(config.clip_grad_norm_max_norm)] if config.clip_grad_norm else []
    direction = optax.chain(*clip, *((moments, decay) if o.type == "AdamW" else (decay, moments)))
    if not config.frozen:
        return direction
    unknown = [part for part in config.frozen if part not in params]
    if unknown:
        raise GiJaxError(
            f"regression_task.frozen names '{unknown[0]}', which is no part of this model; its parts are "
            f"{', '.join(params)}"
        )
    labels = {
        part: jax.tree.map(lambda _, frozen=part in config.frozen: "frozen" if frozen else "trained", tree)
        for part, tree in params.items()
    }
    return optax.multi_transform({"trained": direction, "frozen": optax.set_to_zero()}, labels)
