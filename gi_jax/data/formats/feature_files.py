"""Tables of gene features from the package or from the user's files."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from gi_jax.data.bundled import YEAST, bundled_features, not_bundled
from gi_jax.data.formats.genotype_parquet import is_parquet
from gi_jax.data.formats.tables import read_lines, read_table
from gi_jax.data.gene_list import GeneList
from gi_jax.data.load_report import LeftOut, LoadReport, SourceReport, examples
from gi_jax.errors import GiJaxError
from gi_jax.files import user_path

MISSING = -128  # in a table of 8-bit integers
_BLANK = ("", "na", "nan", "null")


@dataclass(frozen=True)
class FeatureSource:
    """A table of gene features on disk, in one of these forms.

    * Text separated by tabs, plain or gzip, whose first line names the columns: `gene`, then any number of
      features; a blank or `NA` is a missing value.
    * The same with the two columns `gene` and `set`: a line for each set that a gene is in.
    * `.npz` with `values` [R, C], `genes` [R] and `columns` [C]. 8-bit integers are multiplied by `step` if
      the file has one, and -128 is a missing value.
    * Parquet with a column `gene` of texts, and any number of columns of numbers; null is a missing value.
    """

    name: str
    path: str | Path


@dataclass(frozen=True)
class GeneFeatures:
    """C features of the N genes of a list."""

    name: str
    values: np.ndarray  # [N, C] float32, NaN where unknown
    columns: tuple[str, ...]  # C

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of columns and values: equal exactly for equal tables over equal gene ids."""
        names = "\n".join(self.columns).encode("utf-8", "surrogateescape")
        return hashlib.sha256(names + np.asarray(self.values, "<f4").tobytes()).hexdigest()


def bundled_feature_table(name: str) -> FeatureSource:
    """The source of a bundled table of features.

    Raises:
      GiJaxError: no bundled table has this name.
    """
    files = bundled_features()
    if name not in files:
        remedy = "for a table of your own give its name and path under data.features"
        raise not_bundled("table of gene features", name, tuple(files), remedy)
    return FeatureSource(name, YEAST / "features" / files[name])


def load_features(
    genes: GeneList, sources: Sequence[str | FeatureSource]
) -> tuple[tuple[GeneFeatures, ...], LoadReport]:
    """Loads tables of features over one gene list, in the order given.

    Genes outside the list are left out and reported; a listed gene that a table does not have has no value.

    Raises:
      GiJaxError: an unknown name, a table given twice, an unreadable file, a value that is no number, a gene
        that stands twice in a table, or a table without any gene of the list.
    """
    tables, reports = [], []
    for source in sources:
        resolved = bundled_feature_table(source) if isinstance(source, str) else source
        table, report = _load(genes, resolved)
        tables.append(table)
        reports.append(report)
    return tuple(tables), LoadReport(tuple(reports))


def _load(genes: GeneList, source: FeatureSource) -> tuple[GeneFeatures, SourceReport]:
    path = user_path(Path(source.path))
    if path.suffix == ".npz":
        names, columns, values = _read_npz(path)
    elif is_parquet(path):
        names, columns, values = _read_parquet(path)
    elif _column_names(path) == ["gene", "set"]:
        names, columns, values = _read_sets(path)
    else:
        names, columns, values = _read_wide(path)
    ids = [genes.find(name) for name in names]
    unknown = [name for name, index in zip(names, ids, strict=True) if index is None]
    if len(unknown) == len(names):
        raise GiJaxError(
            f"{path}: {genes.unknown(names[0])}, and none of the {len(names):,} genes of the table is; use "
            "the names of the gene list, or another gene list"
        )
    known = np.array([index is not None for index in ids])
    rows = np.array([index for index in ids if index is not None])
    listed, first = np.unique(rows, return_index=True)
    if len(listed) < len(rows):
        twice = rows[np.setdiff1d(np.arange(len(rows)), first)[0]]
        raise GiJaxError(f"{path}: has two rows for the gene {genes.ids[twice]}; keep one, or average them")
    found = np.full((len(genes), len(columns)), np.nan, np.float32)
    found[rows] = values[known]
    lost = (LeftOut(len(unknown), "that are not in the gene list", examples(unknown)),) if unknown else ()
    share = np.isfinite(found[rows]).mean()
    notes = (f"{len(columns):,} features, {share:.0%} of the values of these genes known",)
    report = SourceReport(source.name, "genes", len(names), len(rows), lost, notes)
    return GeneFeatures(source.name, found, tuple(columns)), report


def _read_parquet(path: Path) -> tuple[list[str], list[str], np.ndarray]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise GiJaxError(f"{path}: cannot be read as Parquet ({error}); write it anew") from None
    if "gene" not in table.column_names or len(table.column_names) < 2:
        found = ", ".join(table.column_names[:5])
        raise GiJaxError(
            f"{path}: has the columns {found}, expected `gene` and one feature or more; rename the column "
            "of the genes"
        )
    columns = [name for name in table.column_names if name != "gene"]
    genes, types = table.column("gene"), pa.types
    if not (types.is_string(genes.type) or types.is_large_string(genes.type)) or genes.null_count:
        raise GiJaxError(f"{path}: its column gene holds something else than a name in every row; mend it")
    values = np.zeros((len(table), len(columns)), np.float32)
    for place, name in enumerate(columns):
        column = table.column(name)
        numbers = types.is_integer, types.is_floating, types.is_boolean, types.is_decimal
        if not any(is_one(column.type) for is_one in numbers):
            raise GiJaxError(
                f"{path}: its column {name} holds {column.type}, expected numbers; leave the column out"
            )
        values[:, place] = column.cast(pa.float64()).to_numpy()
    infinite = np.isinf(values)
    if infinite.any():
        row, place = np.argwhere(infinite)[0]
        raise GiJaxError(
            f"{path}: row {row + 1} has no finite number in the column {columns[place]}; give one, or null"
        )
    return genes.to_pylist(), columns, values


def _column_names(path: Path) -> list[str]:
    return [name.strip().lower() for name in read_lines(path)[0].split("\t")]


def _read_wide(path: Path) -> tuple[list[str], list[str], np.ndarray]:
    columns = _column_names(path)
    if columns[0] != "gene" or len(columns) < 2:
        raise GiJaxError(
            f"{path}, line 1: found the columns `{' '.join(columns)[:80]}`; a table of gene features names "
            "the column `gene` first, then a feature or more, separated by tabs"
        )
    table = read_table(path, required=columns)
    values = np.empty((len(table.lines), len(columns) - 1), np.float32)
    for k, name in enumerate(columns[1:]):
        for row, text in enumerate(table.columns[name]):
            try:
                values[row, k] = np.nan if text.strip().lower() in _BLANK else float(text)
            except ValueError:
                raise GiJaxError(
                    f"{table.where(row)}: the feature `{name}` is `{text}`, expected a number, or nothing "
                    "where it is not known"
                ) from None
    if np.isinf(values).any():
        row, k = np.argwhere(np.isinf(values))[0]
        raise GiJaxError(
            f"{table.where(row)}: the feature `{columns[1 + k]}` is infinite; leave blank what is not known"
        )
    return [name.strip() for name in table.columns["gene"]], columns[1:], values


def _read_sets(path: Path) -> tuple[list[str], list[str], np.ndarray]:
    table = read_table(path, required=("gene", "set"))
    genes, rows = np.unique(np.char.strip(table.columns["gene"]), return_inverse=True)
    sets, columns = np.unique(np.char.strip(table.columns["set"]), return_inverse=True)
    values = np.zeros((len(genes), len(sets)), np.float32)
    values[rows, columns] = 1.0
    return genes.tolist(), sets.tolist(), values


def _read_npz(path: Path) -> tuple[list[str], list[str], np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            held: dict[str, Any] = {name: arrays[name] for name in ("values", "genes", "columns")}
            step = float(arrays["step"]) if "step" in arrays else 1.0
    except FileNotFoundError:
        raise GiJaxError(f"{path}: no such file; expected a table of gene features") from None
    except (OSError, ValueError, KeyError, EOFError, BadZipFile, zlib.error, NotImplementedError) as error:
        raise GiJaxError(
            f"{path}: is no table of gene features ({error}); a .npz needs arrays values, genes and columns"
        ) from None
    names, columns = (_as_text(held[name]) for name in ("genes", "columns"))
    values = held["values"]
    if values.shape != (len(names), len(columns)):
        raise GiJaxError(
            f"{path}: values has the shape {values.shape}, expected {(len(names), len(columns))}, a row for "
            "each entry of genes and a column for each of columns"
        )
    if values.dtype == np.int8:
        return names, columns, np.where(values == MISSING, np.nan, values * np.float32(step))
    return names, columns, values.astype(np.float32)


def _as_text(names: np.ndarray) -> list[str]:
    return [name.decode() if isinstance(name, bytes) else str(name) for name in names.tolist()]
