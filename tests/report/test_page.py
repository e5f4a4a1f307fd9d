"""The page of a run: every section with its figures, nothing fetched from elsewhere, nothing unescaped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from gi_jax.config import RunConfig, load_config
from gi_jax.evaluation.evaluation import Evaluation
from gi_jax.evaluation.metrics import regression_metrics
from gi_jax.experiment.bundle import ModelBundle
from gi_jax.experiment.experiment import Experiment, load_experiment
from gi_jax.predict.predictor import Predictor
from gi_jax.report import write_page
from gi_jax.runs.run import training_task
from gi_jax.training.state import init_variables

TINY = Path(__file__).parents[2] / "configs" / "tiny.yaml"
ALWAYS = ["Model and baselines", "The top of the list", "Measured against predicted", "Residuals", "Training"]
AT_THE_END = ["Networks in the model", "Data", "Configuration"]


class Run(NamedTuple):
    experiment: Experiment
    predictor: Predictor


class Page(HTMLParser):
    """Titles, cells, paragraphs, and every address that a browser would look up."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.titles: list[str] = []
        self.cells: list[str] = []
        self.paragraphs: list[str] = []
        self.addresses: list[str] = []
        self.tags: set[str] = set()
        self.parts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.parts = []
        self.addresses += [value for name, value in attrs if name in ("src", "href", "srcset", "data")]

    def handle_data(self, data: str) -> None:
        self.parts.append(data)

    def handle_endtag(self, tag: str) -> None:
        found = {"h2": self.titles, "td": self.cells, "p": self.paragraphs}.get(tag)
        if found is not None:
            found.append("".join(self.parts))


@pytest.fixture(scope="module")
def make_run(small_overrides: list[str]) -> Callable[..., Run]:
    """An untrained model of `tiny.yaml` with overrides, on the small world."""

    @cache
    def make(*overrides: str) -> Run:
        config: RunConfig = load_config(TINY, [*small_overrides, *overrides]).config
        e = load_experiment(config)
        variables = init_variables(training_task(e).model, e.graph, seed=1)
        return Run(e, Predictor(ModelBundle(config, e.genes, e.transform, {}, variables), e.graph))

    return make


def evaluation(experiment: Experiment) -> Evaluation:
    """Made-up predictions for the test genotypes."""
    test, noise = experiment.test, np.random.default_rng(0).normal(size=(2, len(experiment.test)))
    predictions = {
        "model": test.score + 0.5 * noise[0],
        "mean": np.full(len(test), 0.25),
        "additive": test.score + 2 * noise[1],
    }
    metrics = {name: regression_metrics(values, test.score) for name, values in predictions.items()}
    return Evaluation(test, predictions, metrics)


def epoch(number: int, val_pearson: float | None) -> dict:
    return {
        "epoch": number,
        "step": 5 * (number + 1),
        "train_loss": 1.0 / (number + 1),
        "train_pearson": None if number == 0 else 0.5,
        "val_pearson": val_pearson,
        "val_rmse": 1.25 + number,
        "seconds": 60.0 * (number + 1),
    }


EPOCHS = [epoch(0, None), epoch(1, 0.375), epoch(2, 0.375), epoch(3, 0.25)]
STEPS = [{"step": step, "learning_rate": 0.1 / step} for step in range(2, 21, 2)]


def page_of(run: Run, folder: Path, found: Evaluation | None = None) -> tuple[Page, str]:
    folder.mkdir(exist_ok=True)
    path = folder / "report.html"
    write_page(path, run.experiment, run.predictor, found or evaluation(run.experiment), EPOCHS, STEPS)
    text = path.read_text()
    return Page(text), text


def test_sections_and_key_figures(make_run: Callable[..., Run], tmp_path: Path) -> None:
    run = make_run()
    page, text = page_of(run, tmp_path / "run")
    assert page.titles == [*ALWAYS, "Gate weights", *AT_THE_END]
    own = evaluation(run.experiment).metrics["model"]
    assert "On 10 test genotypes (random split)" in page.paragraphs[1]
    assert (
        f"Pearson {own.pearson:.3f}, Spearman {own.spearman:.3f}; RMSE {own.rmse:.4g}" in page.paragraphs[1]
    )
    assert "That is ahead of the best baseline, additive" in page.paragraphs[1]
    # 80, 10 and 10 of 100 genotypes; 20 and 60 edges, the first in both directions (conftest.py).
    for row in (
        ["training", "80"],
        ["validation", "10"],
        ["test", "10"],
        ["2 genes", "80", "10", "10"],
        ["sparse", "40"],
        ["dense", "60"],
        ["total", "1,328"],  # parameters, as in test_cli.py
    ):
        start = [page.cells[i : i + len(row)] for i in range(len(page.cells))]
        assert row in start, row
    # The first of the two equally good validations is the one whose weights were kept.
    told = next(p for p in page.paragraphs if "dashed line marks epoch" in p)
    assert "20 steps of 16 genotypes in 4.0 minutes, validated 4 times" in told
    assert "marks epoch 2," in told and "validation Pearson, 0.3750, at a validation RMSE of 2.25" in told
    assert "hidden_channels: 8" in text


def test_nothing_is_loaded_from_elsewhere_and_the_bytes_repeat(
    make_run: Callable[..., Run], tmp_path: Path
) -> None:
    page, text = page_of(make_run(), tmp_path / "run")
    assert page.addresses
    for address in page.addresses:
        assert address.startswith(("data:image/svg+xml;base64,", "#")), address[:80]
    assert not page.tags & {"script", "link", "iframe", "object", "base"}
    assert "url(" not in text and "@import" not in text
    assert page_of(make_run(), tmp_path / "run")[1] == text


@pytest.mark.parametrize(
    ("overrides", "section", "sentence"),
    [
        (
            (
                "model.local_predictor_config.use_local_predictor=false",
                "model.gene_encoder_config.graph_aggregation_method=cross_attention",
                "model.gene_encoder_config.graph_aggregation_config.num_heads=2",
                "trainer.precision=bf16",
            ),
            None,
            "The networks attend to each other",
        ),
        (
            (
                "model.local_predictor_config.combination_method=concat",
                "model.gene_encoder_config.graph_aggregation_method=pairwise_interaction",
                "model.num_layers=2",
                "model.remat=full",
            ),
            "Global and local predictor",
            "What is left goes to the plain mean over networks, layer by layer: 0.",
        ),
        (("model.kind=eager_v1",), "Gate weights", "The aggregation (sum) has no weights"),
        (("model.kind=dango",), None, "Dango's meta-embedding"),
        (
            (
                "model.num_layers=0",
                "cell_dataset.graphs=[]",
                "model.local_predictor_config.combination_method=local",
            ),
            None,
            "no network takes part",
        ),
    ],
)
def test_every_model_shows_what_it_has(
    overrides: tuple[str, ...],
    section: str | None,
    sentence: str,
    make_run: Callable[..., Run],
    tmp_path: Path,
) -> None:
    page, _ = page_of(make_run(*overrides), tmp_path / "run")
    assert page.titles == [*ALWAYS, *([section] if section else []), *AT_THE_END]
    assert any(sentence in paragraph for paragraph in page.paragraphs)
    fixed = any("the weights are fixed, and every prediction is half" in p for p in page.paragraphs)
    assert fixed == (section == "Global and local predictor")


def test_names_and_configuration_are_escaped(make_run: Callable[..., Run], tmp_path: Path) -> None:
    e, predictor = make_run()
    evil = "<script>alert('&')</script>"
    config = replace(e.config, model=replace(e.config.model, checkpoint_path=f"{evil}/start"))
    run = Run(replace(e, config=config, table=replace(e.table, studies=(evil,))), predictor)
    page, _ = page_of(run, tmp_path / "<b>run")
    assert not page.tags & {"script", "b"}
    assert evil in page.cells
    assert any(p.startswith(f"Training started from the weights of {evil}") for p in page.paragraphs)


def test_calibration_is_shown_where_its_file_lies(make_run: Callable[..., Run], tmp_path: Path) -> None:
    folder = tmp_path / "ensemble"
    folder.mkdir()
    (folder / "calibration.tsv").write_text("spread\trmse\tgenotypes\n0.1\t0.5\t5\n0.25\t1.5\t1234\n")
    page, _ = page_of(make_run(), folder)
    assert page.titles == [*ALWAYS[:4], "Calibration", "Training", "Gate weights", *AT_THE_END]
    start = page.cells.index("0.250")
    assert page.cells[start : start + 3] == ["0.250", "1.500", "1,234"]
