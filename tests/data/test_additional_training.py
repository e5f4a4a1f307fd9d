"""Genotypes of other studies that are learned from, beside those that are split."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from gi_jax.config.load import parse_config
from gi_jax.data.genotype_table import GenotypeTable, joined, padded
from gi_jax.data.leaks import check_no_leak
from gi_jax.data.splits import KINDS, split_genotypes, with_additional_training
from gi_jax.errors import GiJaxError
from gi_jax.experiment.experiment import load_experiment

N = 30


def table(study: str, count: int, size: int, genes: int = N, seed: int = 0) -> GenotypeTable:
    rng = np.random.default_rng(seed)
    sets = {tuple(sorted(rng.choice(genes, size, replace=False).tolist())) for _ in range(count)}
    rows, sizes = padded(sorted(sets), N)
    nothing = np.full(len(sizes), np.nan)
    codes = np.zeros(len(sizes), np.int32)
    return GenotypeTable(rows, sizes, rng.normal(size=len(sizes)), nothing, codes, (study,), N)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [2, 3])
def test_what_is_added_gives_nothing_away(kind: str, size: int) -> None:
    few = 12 if kind == "gene_disjoint_2" else N  # so that every part has genotypes
    ours, others = table("ours", 150, size, few), table("others", 400, 5 - size, seed=1)
    split = split_genotypes(ours, kind, seed=3, fractions=(0.4, 0.3, 0.3))
    whole = joined([ours, others])
    longer = with_additional_training(split, whole)
    check_no_leak(longer, whole)
    np.testing.assert_array_equal(longer.val, split.val)
    np.testing.assert_array_equal(longer.test, split.test)
    np.testing.assert_array_equal(longer.train[: len(split.train)], split.train)
    added = longer.train[len(split.train) :]
    assert len(added) and (whole.study[added] == 1).all()
    np.testing.assert_array_equal(whole.genes[added, 2] == N, 5 - size == 2)
    if kind.startswith("gene_disjoint"):
        unseen = np.setdiff1d(whole.genes[longer.test], whole.genes[split.train])
        assert len(unseen) and not np.isin(unseen, whole.genes[added]).any()


def test_the_same_genotypes_measured_elsewhere_are_left_out_where_they_are_held_out() -> None:
    ours = table("ours", 150, 2)
    again = joined([ours, table("others", 150, 2)])
    longer = with_additional_training(split_genotypes(ours, "random", seed=0), again)
    assert set(longer.left_out - len(ours)) == {*longer.val, *longer.test}


def write(path: Path, genotypes: GenotypeTable, genes: list[str]) -> None:
    rows = zip(genotypes.genes, genotypes.score, strict=True)
    lines = (f"{','.join(genes[g] for g in row if g < N)}\t{score}" for row, score in rows)
    path.write_text("genes\tscore\n" + "\n".join(lines) + "\n")


def test_a_configuration_names_them(tmp_path: Path) -> None:
    genes = [f"G{i:02}" for i in range(N)]
    (tmp_path / "genes.txt").write_text("\n".join(genes) + "\n")
    write(tmp_path / "ours.tsv", table("ours", 100, 2), genes)
    write(tmp_path / "others.tsv", table("others", 60, 2, seed=1), genes)
    overrides = [
        f"data.genes={tmp_path / 'genes.txt'}",
        f"data.genotypes=[{tmp_path / 'ours.tsv'}]",
        "model.kind=pair_kernel",
    ]
    more = f"data.additional_training=[{tmp_path / 'others.tsv'}]"
    scaled = "transforms.forward_transform.normalization.gene_interaction.per_study=true"
    alone = load_experiment(parse_config("", overrides).config)
    helped = load_experiment(parse_config("", [*overrides, more, scaled, "model.studies=apart"]).config)
    np.testing.assert_array_equal(helped.test.genes, alone.test.genes)
    np.testing.assert_array_equal(helped.val.score, alone.val.score)
    assert helped.table.studies == helped.transform.studies == ("ours", "others")
    assert len(helped.split.train) > len(alone.split.train)
    few = ["data.filter.max_genes=2", "data.additional_genes=measured", "model.studies=apart"]
    write(tmp_path / "some.tsv", table("some", 40, 2, genes=20), genes)
    of_some = [text.replace("ours.tsv", "some.tsv") for text in overrides]
    close = load_experiment(parse_config("", [*of_some, more, scaled, *few]).config)
    added = close.table.genes[close.table.study == 1]
    assert 0 < len(added) < 60 and (added < 20).all()
    assert "with a gene that data.genotypes do not delete" in str(close.report)
    twice = more.replace("others.tsv", "ours.tsv")
    with pytest.raises(GiJaxError, match="the study 'ours' is in data.genotypes and in data.additional"):
        load_experiment(parse_config("", [*overrides, twice]).config)
    with pytest.raises(GiJaxError, match="model.studies is 'apart', which takes labels on a scale of each"):
        parse_config("", [*overrides, more, "model.studies=apart"])


def read_table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def test_from_training_to_a_screen_of_one_study(gi_jax, tmp_path: Path) -> None:
    genes = [f"G{i:02}" for i in range(N)]
    (tmp_path / "genes.txt").write_text("\n".join(genes) + "\n")
    write(tmp_path / "ours.tsv", table("ours", 100, 2), genes)
    write(tmp_path / "others.tsv", table("others", 60, 2, seed=1), genes)
    run, out = tmp_path / "run", tmp_path / "screen.tsv"
    code, said, error = gi_jax(
        "train",
        "--config",
        "pair_kernel",
        "--out",
        run,
        f"data.genes={tmp_path / 'genes.txt'}",
        f"data.genotypes=[{tmp_path / 'ours.tsv'}]",
        f"data.additional_training=[{tmp_path / 'others.tsv'}]",
        "transforms.forward_transform.normalization.gene_interaction.per_study=true",
        "model.studies=apart",
        "model.tuning_steps=1",
        "model.num_samples=2",
        "cell_dataset.graphs=[]",
        "cell_dataset.features=[]",
    )
    assert code == 0 and "correlation of studies 1 and 2" in said, error
    code, _, error = gi_jax(
        "screen", run, "--out", out, "--measured-genes", "--measured", "--study", "others"
    )
    assert code == 0, error
    rows = {row["genes"]: row for row in read_table(out)}
    measured = {row["genes"] for row in read_table(tmp_path / "others.tsv")}
    assert {genes for genes, row in rows.items() if row["measured"]} == measured
    both = measured | {row["genes"] for row in read_table(tmp_path / "ours.tsv")}
    arguments = ("--unmeasured", "--below", "-0.1", "--study", "others")
    code, _, error = gi_jax("screen", run, "--out", out, *arguments)
    assert code == 0, error
    listed = {row["genes"]: row["prediction"] for row in read_table(out)}
    unmeasured = {genes: row["prediction"] for genes, row in rows.items() if genes not in both}
    assert listed == {genes: score for genes, score in unmeasured.items() if float(score) <= -0.1}
    first, of_first = next(iter(rows.items()))
    code, predicted, _ = gi_jax("predict", run, first, "--study", "others")
    assert code == 0 and of_first["prediction"][:6] in predicted
    code, _, error = gi_jax("predict", run, first, "--study", "theirs")
    assert code == 2 and "has no scale for study `theirs`" in error
    assert gi_jax("evaluate", run)[0] == 0
