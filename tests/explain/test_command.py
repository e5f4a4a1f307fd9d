"""`gi-jax explain`: text, JSON and picture, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import matplotlib.image
import pytest

import gi_jax as package
from gi_jax.explain.genotype import Explainer
from gi_jax.predict import Predictor
from gi_jax.report.neighbourhood import draw_explanation, lines_between
from tests.explain.test_neural import predictor_of
from tests.serve.conftest import model  # noqa: F401 - a fixture


def test_it_prints_writes_and_draws(
    gi_jax: Callable[..., tuple],
    model: tuple[Path, Predictor],  # noqa: F811
    tmp_path: Path,
    small_world: Path,
) -> None:
    folder, predictor = model
    numbers, picture = tmp_path / "why.json", tmp_path / "why.png"
    code, out, err = gi_jax(
        "explain", folder, "n01,g02", "--most", 3, "--json", numbers, "--picture", picture
    )
    assert code == 0 and str(numbers) in err and str(picture) in err
    expected = predictor.predict("G01,G02")[0]
    assert out.startswith(f"N01 x N02 (G01, G02): {expected:+.4g}, standard deviation")
    said = json.loads(numbers.read_text())
    for one in said["sums"]:
        assert f"By {one['name']}, which add up to {expected:+.4g}:" in out
        assert sum(term["value"] for term in one["terms"]) == pytest.approx(expected, rel=1e-6)
    # The measured scores of training genotypes stand beside them.
    scores = dict(line.split("\t") for line in (small_world / "scores.tsv").read_text().splitlines()[1:])
    shown = [term for term in said["sums"][1]["terms"] if term["kind"] == "genotype"]
    for term in shown:
        pair = term["genes"]
        score = scores.get(",".join(pair)) or scores[",".join(pair[::-1])]
        assert term["measured"] == pytest.approx(float(score))
        assert f"{' x '.join(term['names'])}, measured {float(score):+.3g}" in out
    assert len(shown) == 3
    pixels = matplotlib.image.imread(picture)
    assert pixels.shape[1] > 1000 and pixels.std() > 0.05  # something is drawn


def test_the_picture_of_a_neural_model_shows_its_edges(small_overrides: list[str], tmp_path: Path) -> None:
    found = Explainer(predictor_of(small_overrides, [])).explain("G03,G11", "one", 4)
    lines = lines_between(found)
    assert len(lines) == 4 and all(line.by in ("sparse", "dense") and line.size > 0 for line in lines)
    draw_explanation(found, tmp_path / "why.svg")
    text = (tmp_path / "why.svg").read_text()
    assert "edges that the prediction needs" in text or text.count("<path") > 20


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("G01,XX",), "gene `XX` is not among the 30 genes"),
        (("G01,G01",), "stands twice"),
        (("G01,G02", "--picture", "why.gif"), "expected a name that ends in .png, .svg, .pdf"),
        (("G01,G02", "--most", "0"), "'0' is not a whole number of at least 1"),
        (("G01,G02", "--json", "no/such/folder/why.json"), "no/such/folder"),
    ],
)
def test_what_is_wrong_is_said(
    gi_jax: Callable[..., tuple],
    model: tuple[Path, Predictor],  # noqa: F811
    arguments: tuple[str, ...],
    sentence: str,
) -> None:
    code, out, err = gi_jax("explain", model[0], *arguments)
    assert code == 2 and sentence in " ".join(err.replace("│", " ").split()) and not out


def test_it_is_one_function_of_the_package(model: tuple[Path, Predictor]) -> None:  # noqa: F811
    found = package.explain_genotype(package.load_model(model[0]), ["G01", "G02"])
    assert found.parts.sums[0].total == pytest.approx(model[1].predict("G01,G02")[0])
    assert found.score_of(found.genes) is None  # no data were given
