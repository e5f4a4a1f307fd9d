"""Study files: those that come with the project, and what is said about a wrong one."""

from __future__ import annotations

from pathlib import Path

import pytest

from gi_jax.config.study import StudyConfig, StudyDatasetConfig, StudyRowConfig, load_study
from gi_jax.errors import GiJaxError
from gi_jax.study import plan_cells
from gi_jax.study.report import BEGIN, END

CONFIGS = Path(__file__).parents[2] / "configs"

STUDY = f"""
config: {CONFIGS / "tiny.yaml"}
datasets: [{{name: trigenic_tau, splits: [query_pair]}}]
rows: [{{name: one, overrides: [model.dropout=0.1]}}]
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "study.yaml"
    path.write_text(text)
    return path


def test_the_study_covers_what_it_is_about() -> None:
    study = load_study(CONFIGS / "study.yaml")
    cells = plan_cells(study)
    covered = {(cell.dataset, cell.split) for cell in cells}
    digenic = ("collins2007", "schuldiner2005", "costanzo2016_subset")
    assert covered == {(name, split) for name in digenic for split in ("random", "gene_disjoint_1")} | {
        ("trigenic_tau", "random"),
        ("trigenic_tau", "query_pair"),
    }
    assert len(study.seeds) == 3
    page = (CONFIGS.parent / study.document).read_text()
    assert page.index(BEGIN) < page.index(END)
    for cell in cells:
        assert cell.config.seed == cell.config.data.split.seed == cell.seed
        assert cell.config.data.genotypes == (cell.dataset,)
        if cell.baselines:
            assert {"mean", "additive", "low_rank", "gradient_boosting"} <= set(cell.baselines)
            assert ("query_pair" in cell.baselines) == (cell.dataset == "trigenic_tau")


def test_overrides_apply_from_the_general_to_the_particular(tmp_path: Path) -> None:
    text = STUDY.replace("splits:", "overrides: [model.dropout=0.2, trainer.max_epochs=7], splits:").replace(
        "overrides: [model.dropout=0.1]",
        "overrides: [model.dropout=0.1, data_module.batch_size=3], "
        "dataset_overrides: {trigenic_tau: [data_module.batch_size=4]}",
    )
    config = plan_cells(load_study(written(tmp_path, text)))[1].config
    assert config.trainer.max_epochs == 7
    assert config.model.dropout == 0.1
    assert config.data_module.batch_size == 4
    assert (config.data.split.kind, config.data.genotypes) == ("query_pair", ("trigenic_tau",))


def test_overrides_of_the_command_line_come_last(tmp_path: Path) -> None:
    study = load_study(written(tmp_path, STUDY), ["seeds=[3,4]", "out=elsewhere"])
    assert (study.seeds, study.out) == ((3, 4), "elsewhere")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (("rows:", "row:"), "row is not a key of this configuration; the nearest valid key is rows"),
        (
            ("overrides:", "override:"),
            r"rows\[0\].override is not a key .* nearest valid key is rows.overrides",
        ),
        (
            ("query_pair", "pairs"),
            "a split of dataset 'trigenic_tau' is 'pairs', expected one of random, query",
        ),
        (("name: one", "name: a/b"), "rows: 'a/b' cannot be a name"),
        (("name: one", "name: baselines"), "rows: 'baselines' cannot be a name"),
        (
            ("name: one,", "name: one, datasets: [tau],"),
            "a dataset of row 'one' is 'tau', expected one of trig",
        ),
        (("name: one,", "name: one, splits: [pairs],"), "a split of row 'one' is 'pairs', expected one of"),
        (("config:", "out:"), "study.yaml: config is not given; name the configuration file to start from"),
    ],
)
def test_a_wrong_study_is_refused_with_the_remedy(change: tuple, complaint: str, tmp_path: Path) -> None:
    with pytest.raises(GiJaxError, match=complaint):
        load_study(written(tmp_path, STUDY.replace(*change)))


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (
            ("model.dropout=", "model.dropuot="),
            "model.dropuot is not a key .* nearest valid key is model.dropout",
        ),
        (
            ("model.dropout=0.1", "data.filter.min_genes=3"),
            "row 'one' has another data section on dataset 'trig",
        ),
        (
            ("splits:", "baselines: [median], splits:"),
            "names the baseline 'median'; expected some of mean, add",
        ),
    ],
)
def test_a_wrong_row_is_found_before_anything_runs(change: tuple, complaint: str, tmp_path: Path) -> None:
    with pytest.raises(GiJaxError, match=complaint):
        plan_cells(load_study(written(tmp_path, STUDY.replace(*change))))


HOSTILE = [
    "v[old]/f.tsv",
    "a, b.tsv",
    "~x.tsv",
    "${x}.tsv",
    "#.tsv",
    "'\".tsv",
    "{a: b}.tsv",
    "M\udcfcller.tsv",
]


def test_genotypes_of_any_name_come_through_to_the_rows(tmp_path: Path) -> None:
    dataset = StudyDatasetConfig(name="mine", genotypes=tuple(HOSTILE))
    (tmp_path / "config.yaml").write_text("seed: 0")
    row = StudyRowConfig(name="row", config=str(tmp_path / "config.yaml"))
    study = StudyConfig(config=row.config, datasets=(dataset,), rows=(row,))
    assert {cell.config.data.genotypes for cell in plan_cells(study)} == {tuple(HOSTILE)}


def test_outputs_and_configurations_may_lie_at_home(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    outputs = "config: ~/c.yaml, out: ~/runs, document: ~/a.md, picture: ~/a.png"
    text = f"{{{outputs}, datasets: [{{name: a}}], rows: [{{name: b}}]}}"
    (tmp_path / "study.yaml").write_text(text)
    study = load_study(tmp_path / "study.yaml", "seeds=[3]")
    assert (study.config, study.rows[0].config) == ("/home/somebody/c.yaml",) * 2
    assert (study.out, study.document) == ("/home/somebody/runs", "/home/somebody/a.md")
    assert (study.picture, study.seeds) == ("/home/somebody/a.png", (3,))
