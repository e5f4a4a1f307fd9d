"""A softmax mixture of many small MLPs, one after the other: no array over all of them is ever formed."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from gi_jax.nn.mlp import ACTIVATIONS, Linear, dropout
from gi_jax.ops.spmm import accumulator


class Options(NamedTuple):
    """P alternatives for every row: `hidden_p` from M of the inputs, value and score linear in it."""

    # M x [P, K, H], the first layer's kernel for each of its M inputs. Transposed, as its gradient is then a
    # product whose narrower factor is the transposed one: half the time in XLA's CPU library.
    first: tuple[Array, ...]
    first_bias: Array  # [P, K]
    middle: tuple[Linear, ...]  # [P, K, K]
    value: Linear  # [P, K, H]: `o_p = hidden_p W + b`
    score: Linear  # [P, K, J]: the scorer's hidden layer
    score_out: Linear  # [P, J, 1]: `logit_p = act(score(hidden_p)) . v + c`


class Form(NamedTuple):
    """What all options have in common."""

    activation: str
    rate: float  # of the dropout behind every activation but the scorer's
    bare: bool  # hidden_p is the first layer itself, without activation


Keys = tuple[Array | None, ...]  # one for each dropout
Members = tuple[tuple[tuple[int, ...], ...], ...]  # of every group and each of its P options, M inputs


@partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def mix_options(
    form: Form,
    members: Members,
    x: Array,
    groups: tuple[Options, ...],
    base: Array,
    base_logit: Array,
    keys: Keys,
) -> tuple[Array, Array]:
    """`sum_p softmax(logit)_p o_p`, where the last option is `base`.

    Every option is computed from its inputs when its turn comes, in the backward pass again, and the
    softmax is carried along as in attention that never holds its scores (Rabe and Staats 2021):
    memory does not grow with P but for the weights.

    Args:
      form: activation and dropout of the options.
      members: which of the G inputs each option of each group reads.
      x: `[G, R, H]`.
      groups: options that read equally many inputs.
      base: `[R, H]`, an option as it stands.
      base_logit: `[R]`.
      keys: of the dropouts, None without dropout.

    Returns:
      `[R, H]`, and the weights `[P + 1, R]`, groups in turn, then the base.
    """

    def add(carry: tuple[Array, Array, Array], turn: tuple) -> tuple[tuple, Array]:
        top, total, mixed = carry  # the largest logit, the sum and the mixture relative to it
        own, option, index = turn
        hidden, logit = _hidden_and_logit(form, option, [x[i] for i in own], _at(keys, index))
        logit = logit.astype(wide)
        higher = jnp.maximum(top, logit)
        shrink, weight = jnp.exp(top - higher), jnp.exp(logit - higher)  # [R]
        value = option.value(hidden).astype(wide)
        mixed = shrink[:, None] * mixed + weight[:, None] * value
        return (higher, shrink * total + weight, mixed), logit

    wide = accumulator(x.dtype)
    carry = (base_logit.astype(wide), jnp.ones(base_logit.shape, wide), base.astype(wide))
    logits = []
    for turns in _turns(members, groups):
        carry, own = jax.lax.scan(add, carry, turns)
        logits.append(own)
    top, total, mixed = carry
    logits = jnp.concatenate([*logits, base_logit.astype(wide)[None]])  # [P + 1, R]
    weights = jnp.exp(logits - (top + jnp.log(total)))
    return (mixed / total[:, None]).astype(x.dtype), weights.astype(x.dtype)


def _forward(
    form: Form,
    members: Members,
    x: Array,
    groups: tuple[Options, ...],
    base: Array,
    base_logit: Array,
    keys: Keys,
) -> tuple[tuple[Array, Array], tuple]:
    mixed, weights = mix_options(form, members, x, groups, base, base_logit, keys)
    return (mixed, weights), (x, groups, base, keys, mixed, weights)


def _backward(form: Form, members: Members, saved: tuple, cotangents: tuple[Array, Array]) -> tuple:
    x, groups, base, keys, mixed, weights = saved
    cotangent, of_weights = cotangents  # [R, H], [P + 1, R]
    # d logit_p = w_p (<cotangent, o_p> + of_weights_p - what the mixture has of both)
    held = (cotangent * mixed).sum(axis=1) + (weights * of_weights).sum(axis=0)  # [R]

    def add(dx: Array, turn: tuple) -> tuple[Array, Options]:
        (own, option, index), weight, of_weight = turn
        inputs = [x[i] for i in own]
        (hidden, _), pull = jax.vjp(
            lambda option, inputs: _hidden_and_logit(form, option, inputs, _at(keys, index)), option, inputs
        )
        of_hidden = cotangent @ option.value.kernel.T  # [R, K], of o_p through its kernel
        aligned = (of_hidden * hidden).sum(axis=1) + cotangent @ option.value.bias  # [R], <cotangent, o_p>
        dlogit = weight * (aligned + of_weight - held)
        doption, dinputs = pull((weight[:, None] * of_hidden, dlogit))
        value = Linear((weight[:, None] * hidden).T @ cotangent, weight @ cotangent)
        for i, d in zip(own, dinputs, strict=True):
            dx = dx.at[i].add(d.astype(dx.dtype))
        return dx, doption._replace(value=value)

    dx, dgroups, start = jnp.zeros(x.shape, accumulator(x.dtype)), [], 0
    for turns, group in zip(_turns(members, groups), groups, strict=True):
        end = start + len(group.first_bias)
        dx, doptions = jax.lax.scan(add, dx, (turns, weights[start:end], of_weights[start:end]))
        dgroups.append(doptions)
        start = end
    own = weights[-1]
    dbase_logit = own * ((cotangent * base).sum(axis=1) + of_weights[-1] - held)
    return dx.astype(x.dtype), tuple(dgroups), own[:, None] * cotangent, dbase_logit, None


mix_options.defvjp(_forward, _backward)


def _turns(members: Members, groups: tuple[Options, ...]) -> list[tuple]:
    """What the loop over each group goes through: inputs, parameters and number of every option."""
    turns, start = [], 0
    for own, group in zip(members, groups, strict=True):
        own = np.array(own, np.int32).reshape(-1, len(group.first)).T  # [M, P]
        turns.append((tuple(jnp.asarray(i) for i in own), group, start + jnp.arange(own.shape[1])))
        start += own.shape[1]
    return turns


def _hidden_and_logit(form: Form, option: Options, inputs: list[Array], keys: Keys) -> tuple[Array, Array]:
    """`[R, K]` and `[R]` of a single option (leading axes P gone)."""
    act: Callable[[Array], Array] = ACTIVATIONS[form.activation]
    hidden = sum(x @ w.T for x, w in zip(inputs, option.first, strict=True)) + option.first_bias
    if not form.bare:
        hidden = dropout(act(hidden), form.rate, keys[0])
        for layer, key in zip(option.middle, keys[1:], strict=True):
            hidden = dropout(act(layer(hidden)), form.rate, key)
    return hidden, option.score_out(act(option.score(hidden)))[:, 0]


def _at(keys: Keys, index: Array) -> Keys:
    return tuple(None if key is None else jax.random.fold_in(key, index) for key in keys)
