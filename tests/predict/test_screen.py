"""A screen finds the extremes of what `Predictor.predict` says of every genotype."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import pytest

from gi_jax import GiJaxError, Predictor, Screen
from gi_jax.config import RunConfig
from gi_jax.data.formats.genotype_files import genotypes_from_names
from gi_jax.models.neural import screening
from tests.untrained import IDENTITY, untrained

GENES = [f"G{i:02}" for i in (0, 3, 4, 7, 11, 12, 19, 20, 21, 28, 29)]
MODELS = {
    "single deletions shared": {},
    "changed rows listed": {"norm_statistics": "genotype", "num_layers": 2},
    "all rows": {"norm_statistics": "genotype", "num_layers": 0},
}


def predictor(config: RunConfig, members: int = 1, **model: object) -> Predictor:
    return untrained(replace(config, ensemble=members, model=replace(config.model, **model)))


@pytest.fixture
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several tiles, some of them split, from a few genes."""
    monkeypatch.setattr(screening, "SIDE", 4)
    monkeypatch.setattr(screening, "COMPUTED", 60)


@pytest.mark.parametrize(
    ("model", "size", "including"),
    [
        ("single deletions shared", 1, []),
        ("single deletions shared", 2, []),
        ("single deletions shared", 3, ["g05"]),
        ("changed rows listed", 2, ["G05"]),
        ("changed rows listed", 3, []),
        ("all rows", 2, []),
    ],
)
def test_a_screen_has_the_predictions_of_every_genotype(
    small_config: RunConfig, small_tiles: None, model: str, size: int, including: list[str]
) -> None:
    used = predictor(small_config, **MODELS[model])
    work = Screen(used, GENES, size=size, including=including, top=1000, study="two")
    done = list(work.run())
    free = size - len(including)
    assert work.num_genotypes == math.comb(len(GENES), free) == done[-1]
    assert done == sorted(done)
    names = used.bundle.genes
    fixed = [names.index(name) for name in including]
    expected = [
        tuple(sorted([*chosen, *fixed]))
        for chosen in itertools.combinations([names.index(name) for name in GENES], free)
    ]
    found = work.found()
    rows = [tuple(gene for gene in row if gene < len(names)) for row in found.genes.tolist()]
    assert sorted(rows) == sorted(expected)
    by_predict = used.predict([names.names(row) for row in rows], study="two")
    np.testing.assert_allclose(found.score, by_predict, rtol=2e-5, atol=1e-5)
    assert (np.diff(found.score) >= 0).all()
    assert found.std is None


def test_other_statistics_than_the_trained_ones_are_respected(
    small_config: RunConfig, small_tiles: None
) -> None:
    trained = predictor(small_config)  # with statistics per node, where single deletions are shared
    used = Predictor(trained.bundle, trained.graph, norm_statistics="genotype")
    work = Screen(used, GENES, study="two")
    list(work.run())
    found = work.found()
    by_predict = used.predict([used.bundle.genes.names(row) for row in found.genes], study="two")
    np.testing.assert_allclose(found.score, by_predict, rtol=2e-5, atol=1e-5)
    assert not np.allclose(found.score, np.sort(trained.predict(_pairs(), study="two")), rtol=1e-3)


def _pairs() -> list[list[str]]:
    return [list(pair) for pair in itertools.combinations(GENES, 2)]


def test_the_extremes_are_the_lowest_and_the_highest(small_config: RunConfig, small_tiles: None) -> None:
    used = predictor(small_config)
    everything, few = (Screen(used, GENES, top=top, study="one") for top in (1000, 3))
    for work in (everything, few):
        list(work.run())
    every, found = everything.found(), few.found()
    np.testing.assert_array_equal(found.score, np.concatenate([every.score[:3], every.score[-3:]]))
    np.testing.assert_array_equal(found.genes, np.concatenate([every.genes[:3], every.genes[-3:]]))


def test_what_has_been_found_can_be_asked_for_at_any_time(small_config: RunConfig, small_tiles: None) -> None:
    work = Screen(predictor(small_config), GENES, study="one")
    assert len(work.found().score) == 0
    done = next(work.run())
    assert 0 < done == len(work.found().score) < work.num_genotypes


def test_an_ensemble_has_a_spread(small_config: RunConfig, small_tiles: None) -> None:
    used = predictor(small_config, members=3)
    work = Screen(used, GENES, top=4, study="two")
    list(work.run())
    found = work.found()
    mean, std = used.predict_with_spread([used.bundle.genes.names(row) for row in found.genes], study="two")
    np.testing.assert_allclose(found.score, mean, rtol=2e-5, atol=1e-5)
    np.testing.assert_allclose(found.std, std, rtol=1e-3)


def test_genes_may_be_text_with_commas(small_config: RunConfig) -> None:
    used = predictor(small_config)
    for given, size in (({"genes": "G01,n02,G03"}, 2), ({"genes": "G01,G02,", "including": "G04"}, 3)):
        listed = {key: text.strip(",").split(",") for key, text in given.items()}
        asked, meant = (Screen(used, size=size, study="two", **genes) for genes in (given, listed))
        assert asked.num_genotypes == meant.num_genotypes
        for screen in (asked, meant):
            assert list(screen.run())[-1] == screen.num_genotypes
        np.testing.assert_array_equal(asked.found().genes, meant.found().genes)


def test_a_prediction_that_is_no_number_is_named(small_config: RunConfig) -> None:
    used = predictor(small_config)
    damaged = used.bundle.variables["params"]["gene_embedding"].at[3].set(jnp.nan)
    params = {**used.bundle.variables["params"], "gene_embedding": damaged}
    broken = Predictor(
        replace(used.bundle, variables={**used.bundle.variables, "params": params}), used.graph
    )
    with pytest.raises(GiJaxError, match=r"the prediction for G\d\d,G\d\d is no finite number"):
        list(Screen(broken, GENES, study="one").run())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"genes": ["G01", "G99"]}, "gene `G99` is not among the 30 genes"),
        ({"genes": ["G01", "n01", "G02"]}, "the gene `G01` is named twice"),
        ({"genes": ["G01"]}, "a genotype of 2 genes cannot be made of 0 .* some of 1 others"),
        ({"including": ["G01", "G02"]}, "a genotype of 2 genes cannot be made of 2"),
        ({"top": 0}, "found 0 extremes to keep, expected one or more"),
        ({"shard": (0, 2)}, "found the shard 0/2, expected one such as 1/4"),
        ({"shard": (3, 2)}, "found the shard 3/2, expected one such as 1/4"),
        ({"queries": ["G01"], "arrays": ["G01"]}, "1 queries and 1 array genes make no cross"),
        ({"queries": ["G01,G02", "G03"], "arrays": ["G04"]}, "`G03` has 1 genes and `G01,G02` 2"),
        ({"queries": ["G01,G02", "G02,G01"], "arrays": ["G04"]}, "the query `G02,G01` is named twice"),
        ({"study": "three"}, "no scale for study `three`"),
        ({"study": None}, "no scale for study"),
    ],
)
def test_bad_requests_are_one_sentence(small_config: RunConfig, arguments: dict, message: str) -> None:
    with pytest.raises(GiJaxError, match=message):
        Screen(predictor(small_config), **{"study": "one"} | arguments)


def test_a_list_of_what_is_asked_for(small_config: RunConfig) -> None:
    """Genotypes that were measured are left out, and so are scores between the ends."""
    predictor = untrained(small_config, IDENTITY)
    names = list(predictor.bundle.genes.ids[:7])
    everything = Screen(predictor, names, top=100)
    list(everything.run())
    found = everything.found()
    measured = genotypes_from_names(
        predictor.bundle.genes, [f"{names[1]},{names[0]}", f"{names[2]},{names[5]}", ",".join(names[:3])]
    )
    low, high = np.quantile(found.score, [0.3, 0.8])
    work = Screen(predictor, names, top=100, leave_out=measured, below=low, above=high)
    assert list(work.run())[-1] == 21  # all are predicted
    kept = work.found()
    gone = {(0, 1), (2, 5)}
    expected = [
        (tuple(genes), score)
        for genes, score in zip(np.sort(found.genes, axis=1).tolist(), found.score, strict=True)
        if tuple(genes) not in gone and (score <= low or score >= high)
    ]
    assert [
        (tuple(sorted(genes)), score) for genes, score in zip(kept.genes.tolist(), kept.score, strict=True)
    ] == expected
    triples = Screen(predictor, names, size=3, top=100, leave_out=measured)
    list(triples.run())
    sets = {tuple(sorted(genes)) for genes in triples.found().genes.tolist()}
    assert len(sets) == 34 and (0, 1, 2) not in sets
    below = Screen(predictor, names, top=100, below=found.score[4])
    list(below.run())
    assert len(below.found().score) == 5
    nothing = Screen(predictor, names, top=100, below=found.score[0] - 1)
    list(nothing.run())
    assert len(nothing.found().score) == 0
