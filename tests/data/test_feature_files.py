"""Tables of gene features in every form, and what is said of those that are none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gi_jax.config import load_config, parse_config
from gi_jax.data.bundled import bundled_features, bundled_gene_list
from gi_jax.data.formats.feature_files import FeatureSource, bundled_feature_table, load_features
from gi_jax.data.gene_list import GeneList
from gi_jax.errors import GiJaxError

GENES = GeneList(("YAL001C", "YAL002W", "YAL003W"), ("TFC3", "VPS8", "EFB1"))


def load(path: Path):
    tables, report = load_features(GENES, [FeatureSource("own", path)])
    return tables[0], str(report)


def test_a_table_of_numbers(tmp_path: Path) -> None:
    file = tmp_path / "own.tsv"
    file.write_text("gene\tsize\tmass\nvps8\t1.5\t-2e3\nYAL003W\t\tNA\nYBR001C\t1\t2\n")
    table, report = load(file)
    expected = np.array([[np.nan, np.nan], [1.5, -2000], [np.nan, np.nan]], np.float32)
    np.testing.assert_array_equal(table.values, expected)
    assert table.columns == ("size", "mass")
    assert "kept 2 of 3 genes" in report and "1 that are not in the gene list (such as YBR001C)" in report
    assert "2 features, 50% of the values of these genes known" in report
    assert table.fingerprint != load_features(GENES, [FeatureSource("own", file)])[0][0].fingerprint[::-1]


def test_a_list_of_sets(tmp_path: Path) -> None:
    file = tmp_path / "own.tsv"
    file.write_text("gene\tset\nYAL001C\tb\nYAL001C\ta\nYAL003W\tb\nYAL003W\tb\n")
    table, _ = load(file)
    assert table.columns == ("a", "b")
    np.testing.assert_array_equal(table.values[[0, 2]], [[1, 1], [0, 1]])
    assert np.isnan(table.values[1]).all()


def test_arrays_in_eight_bits_or_more(tmp_path: Path) -> None:
    file = tmp_path / "own.npz"
    held = {"genes": np.array(["YAL002W", "YAL001C"]), "columns": np.array(["a", "b"])}
    np.savez(file, values=np.array([[1.5, np.nan], [2, 3]]), **held)
    np.testing.assert_array_equal(load(file)[0].values[:2], [[2, 3], [1.5, np.nan]])
    np.savez(file, values=np.array([[4, -128], [-8, 0]], np.int8), step=np.float32(0.5), **held)
    np.testing.assert_array_equal(load(file)[0].values[:2], [[-4, 0], [2, np.nan]])


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("name\tsize\nYAL001C\t1\n", "line 1: found the columns `name size`.*names the column `gene` first"),
        ("gene\tsize\nYAL001C\tbig\n", "line 2: the feature `size` is `big`, expected a number"),
        ("gene\tsize\nYAL001C\tinf\n", "line 2: the feature `size` is infinite"),
        ("gene\tsize\nYAL001C\t1\nTFC3\t2\n", "two rows for the gene YAL001C"),
        ("gene\tsize\nYBR001C\t1\n", "none of the 1 genes of the table is"),
        ("gene\tsize\nYAL001C\t1\t2\n", "line 2: found 3 fields, expected 2"),
    ],
)
def test_what_is_wrong_is_said(content: str, sentence: str, tmp_path: Path) -> None:
    file = tmp_path / "own.tsv"
    file.write_text(content)
    with pytest.raises(GiJaxError, match=sentence):
        load(file)


def test_arrays_that_do_not_fit_are_named(tmp_path: Path) -> None:
    file = tmp_path / "own.npz"
    with pytest.raises(GiJaxError, match=r"own.npz: no such file"):
        load(file)
    np.savez(file, values=np.zeros((2, 2)), genes=np.array(["YAL001C"]))
    with pytest.raises(GiJaxError, match="needs arrays values, genes and columns"):
        load(file)
    np.savez(file, values=np.zeros((2, 2)), genes=np.array(["YAL001C"]), columns=np.array(["a"]))
    with pytest.raises(GiJaxError, match=r"has the shape \(2, 2\), expected \(1, 1\)"):
        load(file)


def write_parquet(path: Path, **columns: list) -> FeatureSource:
    pq.write_table(pa.table(columns), path)
    return FeatureSource("mine", path)


def test_parquet(tmp_path: Path) -> None:
    source = write_parquet(
        tmp_path / "mine.parquet", gene=["TFC3", "YAL003W"], growth=[0.5, None], essential=[True, False]
    )
    ((table,), report) = load_features(GENES, [source])
    assert table.columns == ("growth", "essential") and "2 features" in str(report)
    np.testing.assert_array_equal(table.values, [[0.5, 1], [np.nan, np.nan], [np.nan, 0]])


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        ({"orf": ["TFC3"], "x": [1.0]}, "has the columns orf, x, expected `gene` and one feature or more"),
        ({"gene": [1], "x": [1.0]}, "its column gene holds something else than a name in every row"),
        ({"gene": ["TFC3", None], "x": [1.0, 2.0]}, "its column gene holds something else than a name"),
        ({"gene": ["TFC3"], "x": ["high"]}, "its column x holds string, expected numbers"),
        ({"gene": ["TFC3"], "x": [float("inf")]}, "row 1 has no finite number in the column x"),
    ],
)
def test_parquet_that_is_no_table_of_features(columns: dict, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(GiJaxError, match=sentence):
        load_features(GENES, [write_parquet(tmp_path / "mine.parquet", **columns)])
    (tmp_path / "cut.parquet").write_bytes((tmp_path / "mine.parquet").read_bytes()[:40])
    with pytest.raises(GiJaxError, match="cannot be read as Parquet"):
        load_features(GENES, [FeatureSource("mine", tmp_path / "cut.parquet")])


def test_bundled_tables() -> None:
    genes = bundled_gene_list()
    tables, report = load_features(genes, list(bundled_features()))
    shapes = {
        table.name: (len(table.columns), int(np.isfinite(table.values).any(axis=1).sum())) for table in tables
    }
    assert shapes == {
        "go_process": (3484, 5899),
        "single_mutant_fitness": (2, 5745),
        "yeastphenome": (1239, 6258),
    }
    assert "left out" not in str(report)
    largest = np.nanmax(np.abs(tables[2].values))
    assert largest == pytest.approx(4)  # cut at 4 standard deviations
    with pytest.raises(GiJaxError, match="did you mean `yeastphenome`"):
        bundled_feature_table("yeastphenom")


def test_features_of_a_configuration(tmp_path: Path) -> None:
    with pytest.raises(GiJaxError, match="cell_dataset.features names 'go_process' twice"):
        parse_config("{cell_dataset: {features: [go_process, go_process]}, model: {kind: pair_kernel}}")
    with pytest.raises(GiJaxError, match="a model of kind dango uses no gene features"):
        parse_config("{cell_dataset: {features: [go_process]}, model: {kind: dango}}")
    with pytest.raises(GiJaxError, match="an entry of data.features has no path"):
        parse_config("data: {features: {own: {}}}")
    file = tmp_path / "config.yaml"
    file.write_text("data: {features: {own: {path: traits.tsv}}}")
    assert load_config(file).config.data.features["own"].path.endswith("traits.tsv")
