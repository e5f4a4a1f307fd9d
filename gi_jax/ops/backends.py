"""Which aggregation backend is fastest for a network on this machine: measured once, then remembered."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
from jax import Array

from gi_jax.data.networks import Adjacency, CellGraph
from gi_jax.files import read_text, write_text
from gi_jax.ops.names import BACKENDS
from gi_jax.ops.spmm import prepared, rule, spmm

# Below, a product takes a few milliseconds at most and a measurement would cost more than it can save.
WORTH_MEASURING = 20_000_000  # edges times columns
WIDEST = 512  # columns; from there on every backend's time is proportional to them
CLEARLY = 0.9  # of the time of the rule's choice, or it stays: machines are noisy
REPETITIONS = 3
ENOUGH = 0.1  # seconds; what takes as long is measured once
DENSEST = 2**31  # bytes of a dense matrix


def with_measured_backends(
    graph: CellGraph,
    width: int,
    dtype: jnp.dtype = jnp.float32,
    memory: Path | None = None,
    seconds: Callable[[Adjacency, Array], float] | None = None,
) -> CellGraph:
    """The graph with the backend that multiplies each network fastest, forward and transposed together.

    All backends give the same sums up to rounding. Small products are given what `rule` says.

    Args:
      graph: on the host or a device.
      width: columns of a product, `(1 + B) H` where every genotype has a column of its own.
      dtype: of the columns.
      memory: a JSON file of what was found before, by network, width, dtype, device and JAX version;
        created and added to. Damaged or unwritable, it is as if there were none.
      seconds: how a backend is timed, on columns `[N, width]`; by running it.
    """
    width, seconds = min(width, WIDEST), seconds or seconds_per_product
    known = _read(memory)
    networks, found = [], {}
    for network in graph.networks:
        choice = rule(network)
        if network.num_edges * width >= WORTH_MEASURING:
            key = _key(network, width, dtype)
            choice = known.get(key)
            if choice not in BACKENDS:
                choice = found[key] = fastest(network, width, dtype, seconds)
        networks.append(prepared(network, choice))
    if found:
        _write(memory, {**known, **found})
    return replace(graph, networks=tuple(networks))


def fastest(
    network: Adjacency, width: int, dtype: jnp.dtype, seconds: Callable[[Adjacency, Array], float]
) -> str:
    """The fastest backend; the one of `rule` unless another is clearly faster."""
    x = jnp.ones((network.num_genes, width), dtype)
    usual = rule(network)
    others = [b for b in BACKENDS if b != usual and (b != "dense" or 4 * network.num_genes**2 <= DENSEST)]
    best, time_of_best = usual, CLEARLY * seconds(prepared(network, usual), x)
    for backend in others:
        taken = seconds(prepared(network, backend), x)
        if taken < time_of_best:
            best, time_of_best = backend, taken
    return best


def seconds_per_product(network: Adjacency, x: Array) -> float:
    """Median seconds of `A @ x` and its derivative together, compiled, of up to three repetitions."""

    def both(network: Adjacency, x: Array) -> tuple[Array, Array]:
        out, pull = jax.vjp(lambda x: spmm(network, x), x)
        return out, pull(out)[0]

    network = jax.device_put(network)
    run = jax.jit(both).lower(network, x).compile()
    jax.block_until_ready(run(network, x))
    times = []
    while len(times) < REPETITIONS and sum(times) < ENOUGH:
        start = time.perf_counter()
        jax.block_until_ready(run(network, x))
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def _key(network: Adjacency, width: int, dtype: jnp.dtype) -> str:
    device = f"{jax.default_backend()} {jax.devices()[0].device_kind}"
    product = f"{network.num_edges} edges, {width} columns of {jnp.dtype(dtype).name}"
    return f"{network.fingerprint[:16]}, {product}, {device}, jax {jax.__version__}"


def _read(memory: Path | None) -> dict[str, str]:
    try:
        known = json.loads(read_text(memory)) if memory is not None else {}
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _write(memory: Path | None, known: dict[str, str]) -> None:
    if memory is None:
        return
    try:
        memory.parent.mkdir(parents=True, exist_ok=True)
        write_text(memory, json.dumps(known, indent=1, sort_keys=True))
    except OSError:
        return  # it will be measured again
