"""Measured genotypes in a Parquet file: what an import keeps, read back in seconds.

Columns `gene_1`, `gene_2`, ... (ids of the gene list, null beyond the last gene), `score`, `p_value`,
`study`. The file holds the SHA-256 of the gene list that the ids belong to.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from gi_jax.data.gene_list import GeneList
from gi_jax.data.genotype_table import GenotypeTable, code_type
from gi_jax.data.load_report import SourceReport
from gi_jax.errors import GiJaxError
from gi_jax.files import replacing, user_path

_GENES, _NUM_GENES, _FORM = b"gi_jax.genes_sha256", b"gi_jax.num_genes", b"gi_jax.form"
FORM = b"1"
MAGIC = b"PAR1"


def is_parquet(path: Path) -> bool:
    """Whether a file is a Parquet file, told by its first bytes; False if it cannot be read."""
    try:
        with user_path(path).open("rb") as file:
            return file.read(4) == MAGIC
    except OSError:
        return False


def write_parquet(table: GenotypeTable, genes: GeneList, path: Path) -> None:
    """Writes a table over a gene list; scores keep every bit."""
    codes = np.int16 if len(genes) < np.iinfo(np.int16).max else np.int32
    columns = {}
    for k in range(table.genes.shape[1]):
        ids = table.genes[:, k]
        columns[f"gene_{k + 1}"] = pa.array(ids.astype(codes), mask=ids == table.num_genes)
    columns["score"] = pa.array(table.score)
    columns["p_value"] = pa.array(table.p_value.astype(np.float32), from_pandas=True)
    names = [name.encode("utf-8", "backslashreplace").decode() for name in table.studies]
    columns["study"] = pa.DictionaryArray.from_arrays(pa.array(table.study.astype(np.int32)), pa.array(names))
    held = {_GENES: genes.fingerprint.encode(), _NUM_GENES: str(len(genes)).encode(), _FORM: FORM}
    written = pa.table(columns).replace_schema_metadata(held)
    with replacing(path) as new:
        pq.write_table(written, new, compression="zstd", row_group_size=2**20)


def read_parquet(genes: GeneList, path: Path) -> tuple[GenotypeTable, SourceReport]:
    """Reads a table that `write_parquet` wrote.

    Raises:
      GiJaxError: the file is damaged, another program's, or over another gene list.
    """
    path = user_path(path)
    try:
        file = pq.ParquetFile(path, memory_map=True)
        held = file.schema_arrow.metadata or {}
        if held.get(_FORM) != FORM:
            raise GiJaxError(
                f"{path}: is a Parquet file, but not one of measured genotypes that `gi-jax import` wrote; "
                "import the source it was made of"
            )
        if held[_GENES].decode() != genes.fingerprint:
            raise GiJaxError(
                f"{path}: was imported with another gene list ({int(held[_NUM_GENES]):,} genes) than this "
                f"one ({len(genes):,}); import the source again with the gene list in use, or use the other "
                "one"
            )
        table = _table(file, len(genes))
    except (pa.ArrowException, OSError, KeyError, ValueError) as error:
        if isinstance(error, GiJaxError):
            raise
        reason = str(error).splitlines()[0][:200]
        raise GiJaxError(f"{path}: is a damaged Parquet file ({reason}); import its source again") from None
    return table, SourceReport(path.stem, "genotypes", len(table), len(table))


def _table(file: pq.ParquetFile, num_genes: int) -> GenotypeTable:
    rows, names = file.metadata.num_rows, file.schema_arrow.names
    if not rows:
        raise ValueError("it has no rows")
    width = sum(name.startswith("gene_") for name in names)
    genes = np.empty((rows, width), np.int32)
    for k in range(width):
        genes[:, k] = file.read([f"gene_{k + 1}"]).column(0).fill_null(num_genes).to_numpy()
    if genes.min() < 0 or genes.max() > num_genes or (np.diff(genes, axis=1) < 0).any():
        raise ValueError("its genes are not ids of the list in increasing order")
    score = file.read(["score"]).column(0).to_numpy()
    p_value = file.read(["p_value"]).column(0).to_numpy().astype(np.float32, copy=False)
    study = file.read(["study"]).column(0).unify_dictionaries().combine_chunks()
    study = study.chunk(0) if isinstance(study, pa.ChunkedArray) else study
    if not np.isfinite(score).all():
        raise ValueError("a score is no finite number")
    return GenotypeTable(
        genes,
        (genes < num_genes).sum(axis=1, dtype=np.int8),
        score,
        p_value,
        study.indices.to_numpy().astype(code_type(len(study.dictionary))),
        tuple(study.dictionary.to_pylist()),
        num_genes,
    )
