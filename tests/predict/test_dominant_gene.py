"""Fresh weights of the original's settings whose pooling gives one gene nearly all attention."""

from __future__ import annotations

import numpy as np
import pytest

from gi_jax.config import load_config
from gi_jax.predict import Predictor, Screen
from tests.conftest import CONFIGS
from tests.untrained import IDENTITY, untrained

ORIGINAL = (
    "seed=1",
    "data_module.batch_size=16",
    "model.gene_encoder_config.graph_aggregation_method=sum",
    "model.norm_statistics=batch",
    "model.last_layers=kaiming",
    "model.pooled_difference=mean",
)
DOMINANT = "YPL031C"  # holds 1 - 5.8e-8 of the wildtype's attention
PARTNERS = ("YLR113W", "YIL033C", "YBR160W", "YMR116C", "YBR109C", "YLR208W", "YGR232W", "YDR179C", "YCR084C")


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return untrained(load_config(CONFIGS / "quickstart.yaml", ORIGINAL).config, IDENTITY)


def test_a_dominant_gene_scores_alike_alone_and_in_a_table(predictor: Predictor) -> None:
    pairs = [f"{DOMINANT},{partner}" for partner in PARTNERS]
    alone = np.concatenate([predictor.predict(pair) for pair in pairs])
    assert alone[0] == pytest.approx(-262.268, rel=1e-5)  # computed in float64
    table = predictor.predict([*pairs, *PARTNERS])
    np.testing.assert_allclose(table[: len(pairs)], alone, rtol=1e-5)


def test_a_dominant_gene_scores_alike_in_a_screen(predictor: Predictor) -> None:
    screen = Screen(predictor, PARTNERS, including=DOMINANT, top=100)
    assert sum(screen.run()) > 0
    found = screen.found()
    names = [",".join(predictor.bundle.genes.names(genes)) for genes in found.genes]
    np.testing.assert_allclose(found.score, predictor.predict(names), rtol=1e-5)
