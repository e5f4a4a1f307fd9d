"""Many clients of one server: nothing lost or mixed up, and how long each waits.

`python -m tests.benchmarks.serving RUN [--requests 10000] [--clients 50]` starts `gi-jax serve RUN`, has
every client ask for pairs of its own one request after the other, and compares each answer with the model
in this process.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import time
from pathlib import Path

import httpx
import numpy as np

from gi_jax.predict import Predictor, load_model
from tests.serve.conftest import address, end, start

TOLERANCE = 1e-5  # of the largest score


async def _client(url: str, texts: list[str], expected: np.ndarray) -> list[float]:
    """Asks for one genotype after the other; returns how long each answer took, in seconds."""
    took = []
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=120) as client:
        for text, score in zip(texts, expected, strict=True):
            began = time.perf_counter()
            answer = await client.post("/predict", json={"genotypes": [text]})
            took.append(time.perf_counter() - began)
            (found,) = answer.json()["predictions"]
            assert ",".join(found["genes"]) == text, (found, text)
            assert abs(found["prediction"] - score) < TOLERANCE, (found, score)
    return took


async def _all(url: str, texts: list[str], expected: np.ndarray, clients: int) -> np.ndarray:
    dealt = [(texts[k::clients], expected[k::clients]) for k in range(clients)]
    found = await asyncio.gather(*(_client(url, *own) for own in dealt))
    return np.concatenate(found)


def pairs_of(predictor: Predictor, count: int) -> list[str]:
    """Random pairs of the model's genes, in the order of their ids."""
    genes, rng = predictor.bundle.genes, np.random.default_rng(0)
    ids = np.sort(rng.integers(0, len(genes) - 1, (count, 2)), axis=1)
    ids[:, 1] += ids[:, 0] == ids[:, 1]
    return [f"{genes.ids[i]},{genes.ids[j]}" for i, j in ids]


def main() -> None:
    """Runs it and prints a line for one client, then one for all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--clients", type=int, default=50)
    asked = parser.parse_args()
    predictor = load_model(asked.run)
    texts = pairs_of(predictor, asked.requests)
    expected = predictor.predict(texts)
    process = start(asked.run)
    try:
        url = address(process)
        for clients, count in ((1, min(500, asked.requests)), (asked.clients, asked.requests)):
            began = time.perf_counter()
            took = asyncio.run(_all(url, texts[:count], expected[:count], clients))
            seconds = time.perf_counter() - began
            assert len(took) == count, "an answer is missing"
            median, late = np.quantile(took, [0.5, 0.99]) * 1000
            print(
                f"{count:,} requests of {clients} clients: all right, {count / seconds:,.0f} a second, "
                f"median {median:.1f} ms, 99th percentile {late:.1f} ms"
            )
    finally:
        code, errors = end(process)
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        print(
            f"server ended with code {code}: {errors.strip()}; it took "
            f"{used.ru_utime + used.ru_stime:.1f} s of CPU, its start included, and "
            f"{used.ru_maxrss / 2**20:.2f} GiB of memory"
        )


if __name__ == "__main__":
    main()
