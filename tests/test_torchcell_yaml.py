"""Configurations of torchcell as they are: they load, and every choice that is not this project's is
listed.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from gi_jax.config import load_config, parse_config, to_yaml
from gi_jax.config.reading import reading, reading_of
from gi_jax.data.bundled import bundled_networks, bundled_studies, not_bundled
from gi_jax.errors import GiJaxError
from gi_jax.models.model import PredictionSettings
from gi_jax.training.objective import make_objective

FOLDER = Path(__file__).parent / "torchcell_yaml"
FILES = sorted(path.stem for path in FOLDER.glob("*.yaml"))
WITHOUT_BASE = "006_dango_string12_0_086"  # all but a few keys of it are in a file of its `defaults`


def taken(name: str) -> dict[str, object]:
    understood = reading(FOLDER / f"{name}.yaml")
    assert understood is not None
    return {choice.key: choice.value for choice in understood.taken}


@pytest.mark.parametrize("name", FILES)
def test_every_file_loads_and_its_loss_is_one_of_ours(name: str) -> None:
    config = load_config(FOLDER / f"{name}.yaml").config
    assert make_objective(config)
    assert parse_config(to_yaml(config)) == (config, ())
    understood = reading(FOLDER / f"{name}.yaml")
    assert understood is not None and understood.read and understood.taken
    assert len(understood.composed.missing) == 1
    assert f"{understood.composed.missing[0]} is not there" in "\n".join(understood.lines())


def test_what_a_file_leaves_out_is_taken_as_its_class_takes_it() -> None:
    expected = {
        "model.kind": "eager",
        "model.gene_encoder_config.encoder_type": "gatv2",
        "model.gene_encoder_config.graph_aggregation_method": "cross_attention",
        "model.norm_statistics": "batch",
        "model.boundaries": "given",
        "data_module.batch_size": 6 * 16,
        "trainer.devices": 1,
    }
    assert taken("006_gi_cabbi_005") == expected
    lazy = taken("006_gi_gh_073")
    assert lazy["model.kind"] == "gene_interaction_dango"
    assert lazy["data_module.batch_size"] == 4 * 28
    minimal = "wandb: {}\nmodel: {hidden_channels: 8, num_layers: 1}"
    model = parse_config(minimal).config.model
    assert (model.kind, model.dropout, model.activation) == ("eager", 0.1, "relu")
    assert not parse_config(minimal).config.transforms.use_transforms  # no section: labels are not scaled


def test_dango_weighs_networks_and_reads_its_schedule_as_there() -> None:
    config = load_config(FOLDER / "006_dango_string12_0.yaml").config
    assert (config.model.kind, config.model.local_predictor_config.num_heads) == ("dango", 4)
    assert config.regression_task.loss_config == {
        "schedule": "LinearUntilUniform",
        "transition_epoch": 10,
        "lambda_string12_0_neighborhood": 1.0,
        "lambda_string12_0_coexpression": 1.0,
        "lambda_string12_0_experimental": 1.0,
    }
    assert not config.transforms.use_transforms
    older = (FOLDER / "006_dango_string12_0.yaml").read_text().replace("string12_0", "string9_1")
    assert "lambda_string9_1_coexpression" not in parse_config(older).config.regression_task.loss_config


def test_the_command_line_goes_first() -> None:
    stated = ["model.kind=eager", "data_module.batch_size=8", "model.norm_statistics=genotype"]
    stated += ["trainer.devices=4"]
    config = load_config(FOLDER / "006_gi_cabbi_041.yaml", stated).config
    assert (config.model.kind, config.model.norm_statistics) == ("eager", "genotype")
    assert (config.data_module.batch_size, config.trainer.devices) == (8, 4)
    assert config.trainer.precision == "32"  # bf16-mixed there, which the eager model does not have here


def test_a_configuration_of_this_project_is_none_of_torchcell() -> None:
    assert reading_of("model: {num_layers: 1}", (), "own.yaml") is None
    assert parse_config("model: {num_layers: 1}").config.model.gene_encoder_config.encoder_type == "gin"


def test_keys_that_nobody_here_knows_are_listed_and_slips_are_not() -> None:
    text = "wandb: {}\nmodel: {hidden_channels: 8, num_layers: 1, gate_temperature: 3, metabolism: {a: 1}}"
    assert {"model.gate_temperature", "model.metabolism"} <= set(parse_config(text).unused)
    with pytest.raises(GiJaxError, match="num_layerz is not a key.*nearest valid key is model.num_layers"):
        parse_config(text.replace("num_layers", "num_layerz"))


def test_defaults_are_merged_from_beside_the_file(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "small.yaml").write_text("num_layers: 3\nhidden_channels: ${width}\n")
    (tmp_path / "base.yaml").write_text(
        "defaults: [{optional model: small}, {override hydra/launcher: x}]\nwidth: 16\nwandb: {project: p}\n"
        "model: {num_layers: 2}\n"
    )
    run = tmp_path / "run.yaml"
    run.write_text("defaults: [base, _self_, last]\nwidth: 32\n")
    (tmp_path / "last.yaml").write_text("model: {dropout: 0.5}\n")
    model = load_config(run).config.model
    assert (model.num_layers, model.hidden_channels, model.dropout) == (2, 32, 0.5)
    understood = reading(run)
    assert [Path(file).name for file in understood.composed.files] == ["base.yaml", "small.yaml", "last.yaml"]
    base = (FOLDER / "006_dango_string12_0.yaml").read_text()
    (tmp_path / "dango_kuzmin2018_tmi_string12_0.yaml").write_text(base.replace("- default\n", ""))
    (tmp_path / "run.yaml").write_text((FOLDER / f"{WITHOUT_BASE}.yaml").read_text())
    config = load_config(run).config
    assert (config.model.kind, config.trainer.max_epochs, len(config.cell_dataset.graphs)) == ("dango", 1, 6)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("defaults: [run]", "lead back to .*run.yaml"),
        ("defaults: [../other]", r"name '\.\./other', expected the name of a file beside it"),
        ("defaults: [broken]", "broken.yaml: not valid YAML"),
    ],
)
def test_defaults_that_lead_nowhere(content: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_text(content)
    (tmp_path / "broken.yaml").write_text("a: [")
    with pytest.raises(GiJaxError, match=message):
        load_config(tmp_path / "run.yaml")


@pytest.mark.parametrize(
    "name",
    [
        "physical",
        "physical_interaction",
        "regulatory",
        "tflink",
        "string12_0_coexpression",
        "string12_0_fusion",
        "string9_1_coexpression",
        "string9_1_experimental",
        "string11_0_fusion",
        "physical_biogrid4_4_156",
        "regulatory_yeastract2020",
        "collins2008",
    ],
)
def test_other_data_is_never_suggested(name: str) -> None:
    known = (*bundled_networks(), *bundled_studies())
    assert "did you mean" not in str(not_bundled("network", name, known, "name its file"))


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("string9_1_cooccurrence", "string9_1_cooccurence"),
        ("String9_1_fusoin", "string9_1_fusion"),
        ("colins2007", "collins2007"),
        ("physical_biogird3_4_156", "physical_biogrid3_4_156"),
    ],
)
def test_a_slip_of_the_hand_is(name: str, meant: str) -> None:
    known = (*bundled_networks(), *bundled_studies())
    assert f"did you mean `{meant}`?" in str(not_bundled("network", name, known, "name its file"))


def test_half_precision_is_for_training_and_not_inherited_by_predictions() -> None:
    assert load_config(FOLDER / "006_gi_cabbi_041.yaml").config.trainer.precision == "bf16"
    assert PredictionSettings().precision == "32"
