"""Training losses as pure functions; the buffered ones carry their state explicitly."""

from gi_jax.losses.buffer import RingBuffer
from gi_jax.losses.dist import dist
from gi_jax.losses.icloss import ICLoss
from gi_jax.losses.inputs import LossInputs
from gi_jax.losses.log_cosh import LogCosh, log_cosh
from gi_jax.losses.loss import LOSSES, Loss, LossState, make_loss
from gi_jax.losses.mle_dist_supcr import MleDistSupCR
from gi_jax.losses.mle_supcr import MleState
from gi_jax.losses.mle_wass_supcr import MleWassSupCR
from gi_jax.losses.mse import MSE, mse
from gi_jax.losses.sinkhorn import sinkhorn_divergence
from gi_jax.losses.soft_sort import soft_sort
from gi_jax.losses.supcr import supcr
from gi_jax.losses.wasserstein import wasserstein

__all__ = [
    "LOSSES",
    "MSE",
    "ICLoss",
    "LogCosh",
    "Loss",
    "LossInputs",
    "LossState",
    "MleDistSupCR",
    "MleState",
    "MleWassSupCR",
    "RingBuffer",
    "dist",
    "log_cosh",
    "make_loss",
    "mse",
    "sinkhorn_divergence",
    "soft_sort",
    "supcr",
    "wasserstein",
]
