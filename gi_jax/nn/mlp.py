"""Linear layers, activations and dropout as parameters plus plain functions.

A module declares parameters and returns them as a `Linear`; functions apply them. So one stacked
parameter can serve G networks, be indexed per network and be recomputed in the backward pass.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from gi_jax.nn.options import Activation
from gi_jax.ops.node_states import NodeStates


class Linear(NamedTuple):
    """`x @ kernel + bias`."""

    kernel: Array  # [..., in, out]
    bias: Array | None  # [..., out]

    def __call__(self, x: Array) -> Array:
        kernel = self.kernel.astype(x.dtype)
        # One tall matrix: products over several leading axes are several times slower on CPU, most of
        # all the kernel's gradient.
        rows = x.reshape(-1, x.shape[-1]) @ kernel
        rows = rows if self.bias is None else rows + self.bias.astype(x.dtype)
        return rows.reshape(*x.shape[:-1], kernel.shape[-1])


def kaiming_normal_fan_out(key: Array, shape: tuple[int, ...], dtype: jnp.dtype = jnp.float32) -> Array:
    """He et al. 2015 for relu with fan-out: standard deviation `sqrt(2 / out)`; leading axes are stacks."""
    return jax.random.normal(key, shape, dtype) * (2.0 / shape[-1]) ** 0.5


def glorot_uniform(key: Array, shape: tuple[int, ...], dtype: jnp.dtype = jnp.float32) -> Array:
    """Glorot and Bengio 2010: uniform within `sqrt(6 / (in + out))`; leading axes are stacks."""
    bound = (6.0 / (shape[-2] + shape[-1])) ** 0.5
    return jax.random.uniform(key, shape, dtype, -bound, bound)


def uniform_fan_in(inputs: int) -> Callable[..., Array]:
    """Uniform within `1 / sqrt(in)`: what PyTorch's Linear starts with, weight and bias."""
    bound = inputs**-0.5
    return lambda key, shape, dtype=jnp.float32: jax.random.uniform(key, shape, dtype, -bound, bound)


class LinearParameters(nn.Module):
    """Declares a linear layer, or a stack of them with leading axes `stack`.

    Initial values: `kaiming` (zero bias); `uniform`, as PyTorch's Linear; `glorot`, as the linear
    layers inside PyTorch Geometric's GATv2Conv (bias as for `uniform`); `attention`, as the input
    projection of PyTorch's MultiheadAttention (Glorot, zero bias); `zero`.
    """

    inputs: int
    outputs: int
    stack: tuple[int, ...] = ()
    use_bias: bool = True
    initial: str = "kaiming"

    @nn.compact
    def __call__(self) -> Linear:
        uniform = uniform_fan_in(self.inputs)
        kernel_init, bias_init = {
            "kaiming": (kaiming_normal_fan_out, nn.initializers.zeros),
            "uniform": (uniform, uniform),
            "glorot": (glorot_uniform, uniform),
            "attention": (glorot_uniform, nn.initializers.zeros),
            "zero": (nn.initializers.zeros, nn.initializers.zeros),
        }[self.initial]
        kernel = self.param("kernel", kernel_init, (*self.stack, self.inputs, self.outputs))
        bias = self.param("bias", bias_init, (*self.stack, self.outputs)) if self.use_bias else None
        return Linear(kernel, bias)


@jax.custom_jvp
def gelu(x: Array) -> Array:
    """`x Phi(x)`, Phi the normal distribution function, by erf as in PyTorch (Hendrycks and Gimpel 2016)."""
    return x * (0.5 * (1 + jax.lax.erf(x * 0.5**0.5)))


@gelu.defjvp
def _gelu_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    # The derivative `Phi(x) + x phi(x)` from x alone: the backward pass keeps one array, not five.
    (x,), (dx,) = primals, tangents
    cdf = 0.5 * (1 + jax.lax.erf(x * 0.5**0.5))
    density = jnp.exp(-0.5 * x * x) / (2 * jnp.pi) ** 0.5
    return x * cdf, (cdf + x * density) * dx


ACTIVATIONS: Mapping[str, Callable[[Array], Array]] = {
    Activation.RELU: jax.nn.relu,
    Activation.GELU: gelu,
    Activation.LEAKY_RELU: partial(jax.nn.leaky_relu, negative_slope=0.01),
    Activation.TANH: jnp.tanh,
    Activation.SIGMOID: jax.nn.sigmoid,
    Activation.SILU: jax.nn.silu,
}


def dropout(x: Array, rate: float, key: Array | None) -> Array:
    """Zeroes entries with probability `rate` and scales the rest by `1 / (1 - rate)`; no key, no dropout."""
    if key is None or rate == 0.0:
        return x
    return _drop(x, jax.random.bernoulli(key, 1.0 - rate, x.shape), rate)


def drop_rows(states: NodeStates, rate: float, key: Array | None) -> NodeStates:
    """Dropout with one mask per gene, in the wildtype and in all genotypes.

    With masks of their own, rows that a deletion changes would differ from the wildtype's by their
    masks as well as by the deletion, and a row would depend on whether it was computed apart.
    """
    if key is None or rate == 0.0:
        return states
    kept = jax.random.bernoulli(key, 1.0 - rate, (len(states.columns), 1, states.columns.shape[-1]))
    return states.by_gene(lambda x, own: _drop(x, own, rate), kept)


def _drop(x: Array, kept: Array, rate: float) -> Array:
    return jnp.where(kept, x / (1.0 - rate), 0)


class DropoutKeys:
    """A supply of distinct keys for one call, or of `None` where nothing is dropped."""

    def __init__(self, module: nn.Module, rate: float, train: bool) -> None:
        self._next = (lambda: module.make_rng("dropout")) if train and rate > 0.0 else (lambda: None)

    def __call__(self) -> Array | None:
        return self._next()
