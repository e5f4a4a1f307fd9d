"""A softmax mixture of many small MLPs, one after the other: no array over all of them is ever formed."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from gi_jax.nn.mlp import ACTIVATIONS, Linear, dropout
from gi_jax.ops.spmm import accumulator


class Experts(NamedTuple):
    """P experts for every row: `hidden_p` from M of the inputs, value and score linear in it."""

    # M x [P, K, H], the first layer's kernel for each of its M inputs. Transposed, as its gradient is then a
    # product whose narrower factor is the transposed one: half the time in XLA's CPU library.
    first: tuple[Array, ...]
    first_bias: Array  # [P, K]
    middle: tuple[Linear, ...]  # [P, K, K]
    value: Linear | None  # [P, K, H]: `o_p = hidden_p W + b`; None: hidden_p itself, K = H
    score: Linear  # [P, K, J]: the scorer's hidden layer
    score_out: Linear  # [P, J, 1]: `logit_p = act(score(hidden_p)) . v + c`


class ExpertSettings(NamedTuple):
    """What all experts have in common."""

    activation: str
    rate: float  # of the dropout behind every activation but the scorer's
    linear: bool  # hidden_p is the first layer itself, without activation


Keys = tuple[Array | None, ...]  # one for each dropout
InputNumbers = tuple[tuple[tuple[int, ...], ...], ...]  # M for each of the P experts of every group


@partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def mix_experts(
    settings: ExpertSettings,
    reads: InputNumbers,
    x: Array,
    groups: tuple[Experts, ...],
    base: Array,
    base_logit: Array,
    keys: Keys,
) -> tuple[Array, Array]:
    """`sum_p softmax(logit)_p o_p`, where the last value is `base`.

    Every expert is computed from its inputs one after the other, in the backward pass again, and the
    softmax is carried along as in attention that never holds its scores (Rabe and Staats 2021):
    memory does not grow with P but for the weights.

    Args:
      settings: activation and dropout of the experts.
      reads: which of the G inputs each expert of each group reads.
      x: `[G, R, H]`.
      groups: experts that read equally many inputs.
      base: `[R, H]`, an expert's value as it stands.
      base_logit: `[R]`.
      keys: of the dropouts, None without dropout.

    Returns:
      `[R, H]`, and the weights `[P + 1, R]`, group after group, then the base.
    """

    def add(carry: tuple[Array, Array, Array], numbered: tuple) -> tuple[tuple, Array]:
        top, total, mixed = carry  # the largest logit, the sum and the mixture relative to it
        own, expert, index = numbered
        hidden, logit = _hidden_and_logit(settings, expert, [x[i] for i in own], _at(keys, index))
        logit = logit.astype(wide)
        higher = jnp.maximum(top, logit)
        shrink, weight = jnp.exp(top - higher), jnp.exp(logit - higher)  # [R]
        value = (hidden if expert.value is None else expert.value(hidden)).astype(wide)
        mixed = shrink[:, None] * mixed + weight[:, None] * value
        return (higher, shrink * total + weight, mixed), logit

    wide = accumulator(x.dtype)
    carry = (base_logit.astype(wide), jnp.ones(base_logit.shape, wide), base.astype(wide))
    logits = []
    for numbered in _per_expert(reads, groups):
        carry, own = jax.lax.scan(add, carry, numbered)
        logits.append(own)
    top, total, mixed = carry
    logits = jnp.concatenate([*logits, base_logit.astype(wide)[None]])  # [P + 1, R]
    weights = jnp.exp(logits - (top + jnp.log(total)))
    return (mixed / total[:, None]).astype(x.dtype), weights.astype(x.dtype)


def _forward(
    settings: ExpertSettings,
    reads: InputNumbers,
    x: Array,
    groups: tuple[Experts, ...],
    base: Array,
    base_logit: Array,
    keys: Keys,
) -> tuple[tuple[Array, Array], tuple]:
    mixed, weights = cast(
        tuple[Array, Array], mix_experts(settings, reads, x, groups, base, base_logit, keys)
    )
    return (mixed, weights), (x, groups, base, keys, mixed, weights)


def _backward(
    settings: ExpertSettings, reads: InputNumbers, saved: tuple, cotangents: tuple[Array, Array]
) -> tuple:
    x, groups, base, keys, mixed, weights = saved
    cotangent, of_weights = cotangents  # [R, H], [P + 1, R]
    # d logit_p = w_p (<cotangent, o_p> + of_weights_p - what the mixture has of both)
    held = (cotangent * mixed).sum(axis=1) + (weights * of_weights).sum(axis=0)  # [R]

    def add(dx: Array, numbered: tuple) -> tuple[Array, Experts]:
        (own, expert, index), weight, of_weight = numbered
        inputs = [x[i] for i in own]
        (hidden, _), pull = jax.vjp(
            lambda expert, inputs: _hidden_and_logit(settings, expert, inputs, _at(keys, index)),
            expert,
            inputs,
        )
        # [R, K], of o_p through its kernel, and [R], <cotangent, o_p>
        of_hidden = cotangent if expert.value is None else cotangent @ expert.value.kernel.T
        aligned = (of_hidden * hidden).sum(axis=1)
        if expert.value is not None:
            aligned += cotangent @ expert.value.bias
        dlogit = weight * (aligned + of_weight - held)
        dexpert, dinputs = pull((weight[:, None] * of_hidden, dlogit))
        if expert.value is not None:
            value = Linear((weight[:, None] * hidden).T @ cotangent, weight @ cotangent)
            dexpert = dexpert._replace(value=value)
        for i, d in zip(own, dinputs, strict=True):
            dx = dx.at[i].add(d.astype(dx.dtype))
        return dx, dexpert

    dx, dgroups, start = jnp.zeros(x.shape, accumulator(x.dtype)), [], 0
    for numbered, group in zip(_per_expert(reads, groups), groups, strict=True):
        end = start + len(group.first_bias)
        dx, dexperts = jax.lax.scan(add, dx, (numbered, weights[start:end], of_weights[start:end]))
        dgroups.append(dexperts)
        start = end
    own = weights[-1]
    dbase_logit = own * ((cotangent * base).sum(axis=1) + of_weights[-1] - held)
    return dx.astype(x.dtype), tuple(dgroups), own[:, None] * cotangent, dbase_logit, None


mix_experts.defvjp(_forward, _backward)


def _per_expert(reads: InputNumbers, groups: tuple[Experts, ...]) -> list[tuple]:
    """What the loop over each group goes through: inputs, parameters and number of every expert."""
    numbered, start = [], 0
    for own, group in zip(reads, groups, strict=True):
        own = np.array(own, np.int32).reshape(-1, len(group.first)).T  # [M, P]
        numbered.append((tuple(jnp.asarray(i) for i in own), group, start + jnp.arange(own.shape[1])))
        start += own.shape[1]
    return numbered


def _hidden_and_logit(
    settings: ExpertSettings, expert: Experts, inputs: list[Array], keys: Keys
) -> tuple[Array, Array]:
    """`[R, K]` and `[R]` of a single expert (leading axes P gone)."""
    act: Callable[[Array], Array] = ACTIVATIONS[settings.activation]
    hidden = sum(x @ w.T for x, w in zip(inputs, expert.first, strict=True)) + expert.first_bias
    if not settings.linear:
        hidden = dropout(act(hidden), settings.rate, keys[0])
        for layer, key in zip(expert.middle, keys[1:], strict=True):
            hidden = dropout(act(layer(hidden)), settings.rate, key)
    return hidden, expert.score_out(act(expert.score(hidden)))[:, 0]


def _at(keys: Keys, index: Array) -> Keys:
    return tuple(None if key is None else jax.random.fold_in(key, index) for key in keys)
