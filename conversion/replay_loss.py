"""Runs a recorded PyTorch loss case through the JAX losses, step by step."""

from __future__ import annotations

import json
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import DTypeLike

from conversion.golden import Arrays, read_recorded
from gi_jax.data.arrays import on_host
from gi_jax.errors import GiJaxError
from gi_jax.files import read_text
from gi_jax.losses import Loss, LossInputs, MleDistSupCR, MleState, MleWassSupCR, log_cosh, make_loss
from gi_jax.losses.buffer import RingBuffer
from gi_jax.losses.mle_supcr import MleSupCR

LOSS_NAMES = {
    "LogCoshLoss": "logcosh",
    "WeightedMSELoss": "mse",
    "ICLoss": "icloss",
    "MleDistSupCR": "mle_dist_supcr",
    "MleWassSupCR": "mle_wass_supcr",
}
# A case runs a few steps on small arrays: compiling is all that costs.
COMPILE_QUICKLY = {"xla_backend_optimization_level": 0}


def replay_loss_case(case_dir: str | Path, dtype: DTypeLike = np.float64) -> dict[str, np.ndarray]:
    """Every array of a loss case's `outputs.npz`, recomputed, under the same names.

    The steps run in order on one state, with the recorded permutations in place of random draws
    (`randperm_s_j` are inputs here and are not returned). Steps are padded to the largest batch of
    the case with genotypes that do not count, so that a case compiles once.

    Equal predictions, such as one and its own copy in the buffer, can be sorted in any order. The
    original leaves it to an unstable sort, whose choice differs between machines; it decides which of
    them gets which gradient. For such entries the choice nearest to the recorded one is returned.

    Args:
      case_dir: folder with `case.json`, `inputs.npz`, `outputs.npz`.
      dtype: precision of the computation.

    Raises:
      GiJaxError: the case names a loss that has no counterpart here.
    """
    case_dir = Path(case_dir)
    case = json.loads(read_text(case_dir / "case.json"))
    if case["loss"] not in LOSS_NAMES:
        raise GiJaxError(
            f"{case_dir}/case.json names loss {case['loss']!r}; known are {', '.join(LOSS_NAMES)}"
        )
    inputs, recorded = read_recorded(case_dir / "inputs.npz"), read_recorded(case_dir / "outputs.npz")
    with jax.enable_x64(np.dtype(dtype) == np.float64):
        if case["loss"] == "LogCoshLoss":
            return _replay_log_cosh(case, inputs, dtype)
        loss = make_loss(LOSS_NAMES[case["loss"]], **case["kwargs"])
        loss = _with_recorded_draws(loss) if isinstance(loss, MleSupCR) else loss
        return _replay(loss, case, inputs, recorded, dtype)


def _replay_log_cosh(case: dict[str, Any], inputs: Arrays, dtype: DTypeLike) -> dict[str, np.ndarray]:
    def value(predictions: Array, targets: Array) -> tuple[Array, Array]:
        losses = log_cosh(predictions, targets, **case["kwargs"])
        return jnp.sum(losses), losses

    step = jax.jit(jax.grad(value, has_aux=True), compiler_options=COMPILE_QUICKLY)
    arrays = {}
    for s in range(len(case["steps"])):
        gradient, losses = step(*(jnp.asarray(inputs[f"{x}_{s}"], dtype) for x in ("predictions", "targets")))
        arrays |= {f"loss_{s}": np.asarray(losses), f"grad_predictions_{s}": np.asarray(gradient)}
    return arrays


def _with_recorded_draws(loss: MleSupCR) -> MleSupCR:
    """The loss, taking in place of a random key the order of the buffer's slots that the original drew."""

    class Recorded(type(loss)):
        def slot_order(self, buffer: RingBuffer, key: Array) -> Array:
            return key

    settings = {field.name: getattr(loss, field.name) for field in fields(loss)}
    # As concrete as the class of the loss, which is known when the program runs.
    return Recorded(**settings)  # pyright: ignore[reportAbstractUsage]


def _replay(
    loss: Loss,
    case: dict[str, Any],
    inputs: Arrays,
    recorded: Arrays,
    dtype: DTypeLike,
) -> dict[str, np.ndarray]:
    has_embeddings = "z_P_0" in inputs
    rows = max(inputs[f"predictions_{s}"].shape[0] for s in range(len(case["steps"])))
    num_outputs = inputs["predictions_0"].shape[1]
    channels = inputs["z_P_0"].shape[1] if has_embeddings else 0
    state = loss.init(num_outputs, channels, dtype)
    slots = getattr(loss, "buffer_size", 0)

    @partial(jax.jit, compiler_options=COMPILE_QUICKLY)
    def step(state: Any, given: LossInputs) -> tuple[Any, ...]:
        def value(predictions: Array, z_p: Array) -> tuple[Array, Any]:
            inputs = given._replace(predictions=predictions, z_p=z_p)
            total, after, terms = loss.apply(state, inputs)
            return total, (after, terms)

        arguments = given.predictions, given.z_p
        (total, (after, terms)), grads = jax.value_and_grad(value, (0, 1), has_aux=True)(*arguments)
        return total, after, terms, grads

    dist_rows = None
    if isinstance(loss, MleDistSupCR) and loss.lambda_dist > 0:
        dist_rows = jax.jit(partial(_dist_rows, loss), compiler_options=COMPILE_QUICKLY)
    arrays: dict[str, np.ndarray | Array] = {}
    epoch = 0
    for s, settings in enumerate(case["steps"]):
        epoch = settings.get("epoch", epoch)
        count = inputs[f"predictions_{s}"].shape[0]
        z_p = inputs[f"z_P_{s}"] if has_embeddings else np.zeros((count, channels))
        predictions, targets, embeddings = (
            jnp.asarray(np.pad(x, ((0, rows - count), (0, 0))), dtype)
            for x in (inputs[f"predictions_{s}"], inputs[f"targets_{s}"], z_p)
        )
        drawn = recorded[f"randperm_{s}_0"] if f"randperm_{s}_0" in recorded else np.arange(0)
        permutation = np.concatenate([drawn, np.arange(drawn.size, slots)]).astype(np.int32)
        valid = on_host(np.arange(rows) < count)
        order = jnp.asarray(permutation)
        given = LossInputs(predictions, targets, embeddings, valid, order, jnp.int32(epoch))
        before = state
        total, state, terms, grads = step(before, given)
        arrays[f"loss_{s}"] = total
        arrays |= {f"{name}_{s}": value for name, value in _logged(loss, state, terms).items()}
        gradient = np.asarray(grads[0][:count])
        if dist_rows is not None:
            gradient = _settle_ties(gradient, recorded[f"grad_predictions_{s}"], dist_rows(before, given))
        arrays[f"grad_predictions_{s}"] = gradient
        if has_embeddings:
            arrays[f"grad_z_P_{s}"] = grads[1][:count]
    if isinstance(loss, MleSupCR):
        arrays |= _buffers(loss, state)
        arrays |= {
            "state.forward_count": np.array([len(case["steps"])]),
            "state.current_epoch": np.array([epoch]),
        }
    return {name: np.asarray(value) for name, value in arrays.items()}


def _dist_rows(loss: MleDistSupCR, before: MleState, given: LossInputs) -> tuple[Array, Array, Array]:
    """Predictions that the distribution term sees, its gradient in each, `[M, D]`, and which count, `[M]`."""
    buffer, rows, seen = loss.distribution_rows(before.distribution, given)
    if buffer is not None:
        seen = seen & (buffer.count >= loss.min_samples_for_dist)
    shares = jax.grad(lambda p: loss.lambda_dist * loss.distribution_term(p, rows["targets"], seen)[0])
    return rows["predictions"], shares(rows["predictions"]), seen


def _settle_ties(gradient: np.ndarray, recorded: np.ndarray, rows: tuple[Array, ...]) -> np.ndarray:
    """`gradient [B, D]` with, among equal predictions, the share of the one that fits `recorded` best.

    Equal predictions exchange their gradients when they exchange their ranks, so the admissible
    gradients of an entry are those of all entries equal to it, past ones included.
    """
    values, shares, seen = (np.asarray(x) for x in rows)
    settled = gradient.copy()
    for i, d in np.ndindex(*gradient.shape):
        equal = seen & (values[:, d] == values[i, d])
        if equal.sum() > 1:
            admissible = gradient[i, d] - shares[i, d] + shares[equal, d]
            settled[i, d] = admissible[np.argmin(np.abs(admissible - recorded[i, d]))]
    return settled


def _logged(loss: Loss, state: Any, terms: dict[str, Array]) -> dict[str, Array]:
    """The dictionary that the original returns: no shares of nothing, two zeros for some missing terms."""
    if not isinstance(loss, MleSupCR):
        return terms
    unweighted = sum(terms[f"{name}_loss"] for name in ("mse", loss.distribution_name, "supcr"))
    logged = {
        name: value
        for name, value in terms.items()
        if not (name.startswith("norm_weighted") and terms["total_loss"] <= 0)
        and not (name.startswith("norm_unweighted") and unweighted <= 0)
    }
    if isinstance(loss, MleWassSupCR):
        if "norm_unweighted_wasserstein" in logged:
            logged["norm_unweighted_dist"] = logged["norm_unweighted_wasserstein"]
        logged |= {f"{name}_dim_losses": jnp.zeros(2) for name in _silent_terms(loss, state)}
    return logged


def _silent_terms(loss: MleWassSupCR, state: MleState) -> list[str]:
    """The terms that the Wasserstein loss leaves out, which it logs as two zeros whatever D is."""
    off = [name for name in ("mse", "wasserstein", "supcr") if getattr(loss, f"lambda_{name}") <= 0]
    if state.distribution is not None and state.distribution.count < loss.min_samples_for_wasserstein:
        off.append("wasserstein")
    if state.supcr is not None and state.supcr.count < loss.min_samples_for_supcr:
        off.append("supcr")
    return off


def _buffers(loss: MleSupCR, state: MleState) -> dict[str, Array]:
    if state.distribution is None or state.supcr is None:
        return {}
    names = {
        f"{loss.distribution_name}_loss": (
            state.distribution,
            {"pred_buffer": "predictions", "target_buffer": "targets"},
        ),
        "supcr_loss": (state.supcr, {"embedding_buffer": "embeddings", "label_buffer": "labels"}),
    }
    arrays = {}
    for prefix, (buffer, row_names) in names.items():
        # A buffer that is never used keeps the width the original guesses from the weights.
        guessed = loss.weights is None and buffer.count == 0
        for theirs, ours in row_names.items():
            rows = buffer.rows[ours]
            arrays[f"state.{prefix}.{theirs}"] = rows[:, :1] if guessed and ours != "embeddings" else rows
        arrays[f"state.{prefix}.buffer_ptr"] = buffer.pointer[None]
        arrays[f"state.{prefix}.buffer_full"] = (buffer.count >= buffer.size)[None]
        arrays[f"state.{prefix}.total_samples"] = buffer.count[None]
    return arrays
