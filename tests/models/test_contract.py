"""The contract of models: whatever kind one is, it is fitted, kept, restored, predicts and screens alike."""

from __future__ import annotations

from pathlib import Path

import jax
import numpy as np
import pytest
from typer.testing import CliRunner

from gi_jax.cli import app
from gi_jax.config import RunConfig, load_config, parse_config
from gi_jax.data.genotype_table import GenotypeTable, padded
from gi_jax.errors import GiJaxError
from gi_jax.experiment.bundle import ModelBundle, load_bundle, save_bundle
from gi_jax.experiment.experiment import Experiment, load_experiment
from gi_jax.models.model import FittedModel, Planned, Prediction, PredictionSettings, StartedTile
from gi_jax.models.neural.fitted import restore_neural
from gi_jax.models.registry import COMPETITORS, KINDS, fit_competitor
from gi_jax.models.wanted import Combinations, Wanted
from gi_jax.predict.predictor import Predictor
from gi_jax.predict.screen import Screen
from gi_jax.runs.run import training_task
from gi_jax.training.start import fresh_state

CONFIGS = Path(__file__).parents[2] / "configs"
SAVED = [name for name in COMPETITORS if not KINDS[name].not_saved]


@pytest.fixture(scope="module")
def experiment(small_config: RunConfig) -> Experiment:
    return load_experiment(small_config)


@pytest.fixture(scope="module")
def models(experiment: Experiment) -> dict[str, FittedModel]:
    data = experiment.training, experiment.validation, experiment.cell
    state = fresh_state(training_task(experiment))
    neural = restore_neural(
        state.variables, experiment.config.model, experiment.cell, PredictionSettings(batch_size=16)
    )
    return {name: fit_competitor(name, *data) for name in COMPETITORS} | {neural.kind: neural}


def all_pairs(num_genes: int) -> GenotypeTable:
    first, second = np.triu_indices(num_genes, 1)
    genes, sizes = padded(np.stack([first, second], 1).tolist(), num_genes)
    nan, zero = np.full(len(sizes), np.nan), np.zeros(len(sizes), np.int32)
    return GenotypeTable(genes, sizes, nan, nan, zero, ("s",), num_genes)


def test_a_model_is_the_same_from_its_arrays(experiment: Experiment, models: dict[str, FittedModel]) -> None:
    settings = PredictionSettings(batch_size=16)
    for name in (*SAVED, "gene_interaction_dango"):
        model, options = models[name], experiment.config.model
        kind = KINDS[name]
        if name in SAVED:
            options = kind.options()
        arrays = jax.tree.map(np.asarray, model.arrays())
        kind.check(arrays, "here")
        again = kind.restore(arrays, options, experiment.cell, settings)
        expected, found = (m.predict(experiment.test).members for m in (model, again))
        assert expected.shape == (1, len(experiment.test))
        np.testing.assert_array_equal(found, expected, err_msg=name)
        assert again.kind == name and again.member(0).num_members == 1
        counts = again.num_parameters()
        assert counts["total"] == sum(np.size(leaf) for leaf in jax.tree.leaves(arrays)) > 0


def test_screens_predict_what_predictions_are(experiment: Experiment, models: dict[str, FittedModel]) -> None:
    n = len(experiment.genes)
    table = all_pairs(n)
    for name, model in models.items():
        expected = dict(zip(map(tuple, table.genes.tolist()), model.predict(table).members[0], strict=True))
        found = {}
        for planned in model.screen(Combinations(np.arange(n), 2, np.zeros(0, np.int64))):
            tile = planned.start(None)
            for genes, label in zip(tile.genes.tolist(), tile.result().members[0], strict=True):
                assert tuple(genes) not in found
                found[tuple(genes)] = label
        assert found.keys() == expected.keys()
        values = [found[genes] for genes in expected]
        np.testing.assert_allclose(values, list(expected.values()), rtol=2e-5, atol=2e-6, err_msg=name)


def test_arrays_of_another_model_are_refused(experiment: Experiment, models: dict[str, FittedModel]) -> None:
    settings = PredictionSettings()
    for name in SAVED:
        kind, arrays = KINDS[name], dict(models[name].arrays())
        first = next(iter(arrays))
        wrong = {
            "is missing": {key: array for key, array in arrays.items() if key != first},
            "no such model": arrays | {"more": np.zeros(1)},
            "has the shape": arrays | {first: np.zeros((2, 2, 2))},
        }
        for sentence, changed in wrong.items():
            with pytest.raises(GiJaxError, match=sentence):
                kind.restore(changed, kind.options(), experiment.cell, settings)
        with pytest.raises(GiJaxError, match="not finite"):
            kind.check(arrays | {first: np.array(np.nan)}, "here")
        with pytest.raises(GiJaxError, match="has none"):
            kind.restore(arrays, kind.options(), experiment.cell, settings._replace(norm_statistics="node"))
        with pytest.raises(GiJaxError, match="expected one of 32"):
            kind.restore(arrays, kind.options(), experiment.cell, settings._replace(precision="bf16"))


def test_a_deviation_of_the_models_own_comes_in_units_of_the_scores(
    experiment: Experiment, models: dict[str, FittedModel]
) -> None:
    class Sure:
        kind, num_members, notes = "additive", 1, ()
        abilities = models["additive"].abilities

        def predict(self, table: GenotypeTable) -> Prediction:
            return models["additive"].predict(table)._replace(std=np.full(len(table), 0.5))

        def arrays(self) -> dict:
            return {}

        def of_study(self, code: int) -> Sure:
            return self

        def screen(self, wanted: Wanted) -> list[Planned]:
            def start(own: Planned) -> StartedTile:
                tile = own.start(None)
                prediction = tile.result()._replace(std=np.full(len(tile.genes), 0.5))
                return tile._replace(result=lambda: prediction)

            planned = models["additive"].screen(wanted)
            return [own._replace(start=lambda device, own=own: start(own)) for own in planned]

    bundle = ModelBundle(experiment.config, experiment.genes, experiment.transform, {}, {})
    predictor = Predictor(bundle, experiment.graph, fitted=Sure())
    expected = 0.5 * experiment.transform.scale[0]
    scores = predictor.predict_with_spread(["G00,G01", "G02,G03"])
    np.testing.assert_allclose(scores.std, expected)
    screen = Screen(predictor, "G00,G01,G02", top=2)
    assert list(screen.run()) == [3]
    np.testing.assert_allclose(screen.found().std, expected)


@pytest.mark.parametrize("kind", ["low_rank", "additive", "pair_kernel"])
def test_a_solved_model_goes_from_training_to_a_screen(
    kind: str, small_overrides: list[str], tmp_path: Path
) -> None:
    def run(*arguments: str, code: int = 0) -> str:
        result = CliRunner().invoke(app, list(arguments), catch_exceptions=True)
        if code:
            assert isinstance(result.exception, GiJaxError), result.output
            return str(result.exception)
        assert result.exit_code == 0, (result.output, result.exception)
        return result.output

    folder, table = tmp_path / "run", tmp_path / "screen.tsv"
    train = ["train", "--config", str(CONFIGS / "tiny.yaml"), "--out", str(folder), *small_overrides]
    said = run(*train, f"model.kind={kind}")
    assert f"{kind} fitted in" in said and "model.hidden_channels" in said  # which has no meaning here
    assert load_config(folder / "config.yaml").config.model == KINDS[kind].options()
    report = (folder / "report.html").read_text()
    assert report.count("<h2") > 3 and "is solved for in one go, so there is no curve" in report

    run("screen", str(folder), "--out", str(table), "--measured")
    rows = [line.split("\t") for line in table.read_text().splitlines()[1:]]
    predictor = Predictor.load(folder)
    np.testing.assert_allclose(
        predictor.predict([row[1] for row in rows]), [float(row[2]) for row in rows], rtol=1e-5, atol=1e-6
    )
    save_bundle(load_bundle(folder), tmp_path / "model")
    for again in (tmp_path / "model", folder):
        scores = Predictor.load(again).predict(["G00,G01", "G02,G03,G04"])
        np.testing.assert_array_equal(scores, predictor.predict(["G00,G01", "G02,G03,G04"]))
    run("evaluate", str(folder))
    assert "holds a run already" in run(*train, f"model.kind={kind}", code=2)
    run(*train, f"model.kind={kind}", "--resume")
    assert "torchcell does not have" in run("convert", str(folder), str(tmp_path / "model.pt"), code=2)
    assert "no steps" in run("inspect", str(CONFIGS / "tiny.yaml"), *small_overrides, f"model.kind={kind}")


def test_a_model_that_no_file_can_keep_is_refused_before_there_is_a_run(
    small_overrides: list[str], tmp_path: Path
) -> None:
    folder, tiny = tmp_path / "run", str(CONFIGS / "tiny.yaml")
    arguments = ["train", "--config", tiny, "--out", str(folder), *small_overrides]
    result = CliRunner().invoke(app, [*arguments, "model.kind=gradient_boosting"])
    assert "no model folder of it" in str(result.exception)
    assert not folder.exists()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("model: {kind: forest}", "model.kind is 'forest', expected one of gene_interaction_dango, eager_v1"),
        ("model: {kind: low_rank, rank: 3}", "model.rank is not a key"),
        ("model: {kind: low_rank, largest_rank: 0}", "model.largest_rank is 0, expected at least 1"),
        (
            "model: {kind: additive, strengths: [-1]}",
            r"model.strengths is \[-1.0\], expected numbers above 0",
        ),
        ("{model: {kind: low_rank}, ensemble: 2}", "its members would be equal"),
        ("model: {kind: dango, name: eager_v1}", "which mean the same"),
        ("model: [low_rank]", "expected a section with keys"),
    ],
)
def test_wrong_settings_are_named(text: str, sentence: str) -> None:
    with pytest.raises(GiJaxError, match=sentence):
        parse_config(text)


def test_the_kind_was_called_name_in_earlier_versions() -> None:
    assert (
        parse_config("model: {name: dango}").config.model == parse_config("model: {kind: dango}").config.model
    )
