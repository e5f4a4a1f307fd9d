"""One value for a genotype, whoever is asked: `predict`, `explain` and `serve`."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np

from gi_jax.config import RunConfig
from gi_jax.explain.genotype import Explainer
from gi_jax.serve.messages import Asked
from gi_jax.serve.service import Service
from tests.serve.conftest import Served
from tests.untrained import untrained

GENES = [f"G{i:02}" for i in range(30)]


def thousand() -> list[str]:
    every = [",".join(genes) for size in (1, 2, 3, 4) for genes in itertools.combinations(GENES, size)]
    return [every[k] for k in np.random.default_rng(0).permutation(len(every))[:1000]]


def test_a_thousand_genotypes(gi_jax: Callable[..., tuple], served: Served, tmp_path: Path) -> None:
    genotypes, asked, out = thousand(), tmp_path / "asked.tsv", tmp_path / "out.tsv"
    asked.write_text("genes\n" + "\n".join(genotypes) + "\n")
    assert gi_jax("predict", served.folder, "--file", asked, "--out", out)[0] == 0
    predicted = np.array([float(line.split("\t")[1]) for line in out.read_text().splitlines()[1:]])
    explainer = Explainer(served.predictor)
    explained = [explainer.explain(genotype, most=1) for genotype in genotypes]
    with served.client() as client:
        answer = client.post("/predict", json={"genotypes": genotypes}).json()["predictions"]
    said = np.array([one["prediction"] for one in answer])
    scale = np.abs(said).max()
    for found in (predicted, [one.prediction for one in explained]):
        np.testing.assert_allclose(said, found, rtol=0, atol=1e-5 * scale)
    for k in range(3):  # every one of the sums
        np.testing.assert_allclose(
            said, [one.parts.sums[k].total for one in explained], rtol=0, atol=1e-6 * scale
        )


def test_a_thousand_genotypes_of_a_neural_model(small_config: RunConfig) -> None:
    predictor, genotypes = untrained(small_config), thousand()
    expected = predictor.predict(genotypes, "two")

    async def served() -> list[float]:
        service = Service(predictor)
        service.worker.start()
        parts = [genotypes[start : start + 7] for start in range(0, 1000, 7)]
        answers = await asyncio.gather(*(service.predict(Asked(genotypes=p, study="two")) for p in parts))
        service.close()
        return [one.prediction for answer in answers for one in answer.predictions]

    np.testing.assert_allclose(asyncio.run(served()), expected, rtol=0, atol=1e-5 * np.abs(expected).max())
    explainer = Explainer(predictor)
    for genotype, value in list(zip(genotypes, expected, strict=True))[:5]:
        (paths,) = explainer.explain(genotype, "two", most=1).parts.sums
        assert abs(paths.total - value) < 1e-5 * np.abs(expected).max()
