"""Every genotype of a screen in Parquet files, one for each block, written in constant memory.

A file has the columns `gene_1`, `gene_2`, ... (systematic names, kept once a file and referred to by number;
null beyond a genotype's last gene), `prediction` and, for a model with standard deviations, `prediction_std`,
both as float32 in the units of the training scores.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from gi_jax.data.gene_list import GeneList
from gi_jax.errors import GiJaxError
from gi_jax.files import check_folder, read_text, replacing, write_text
from gi_jax.predict.screening.extremes import Found

SCREEN = "screen.json"


class PartFiles:
    """A folder of part files, those of all shards of one screen.

    Args:
      folder: new, empty, or of the same screen.
      genes: N.
      identity: what the screen was asked, plain values.

    Raises:
      GiJaxError: files cannot be written there, or it holds something else.
    """

    def __init__(self, folder: Path, genes: GeneList, identity: Mapping[str, Any]) -> None:
        self.folder, self._num_genes = folder, len(genes)
        self._names = pa.array(genes.ids, pa.string())
        check_folder(folder, create=True)
        about = json.dumps(identity, indent=1) + "\n"
        if not (folder / SCREEN).exists():
            if any(not path.name.startswith(".new-") for path in folder.iterdir()):
                raise GiJaxError(f"{folder}: exists and is not an empty folder; choose another name")
            write_text(folder / SCREEN, about)
        elif read_text(folder / SCREEN) != about:
            raise GiJaxError(f"{folder}: holds the genotypes of another screen; choose another name")

    def path(self, block: int) -> Path:
        """The file of a block."""
        return self.folder / f"part-{block:05}.parquet"

    def check(self, blocks: Sequence[int]) -> None:
        """Raises a `GiJaxError` if the file of a block that is done is not there."""
        for block in blocks:
            if not self.path(block).exists():
                raise GiJaxError(
                    f"{self.path(block)}: is not there, although its genotypes are done; restore it, or "
                    "start again without the state of the screen"
                )

    def write(self, block: int, found: Found) -> None:
        """Writes the genotypes of a block; there whole or not at all."""
        columns: dict[str, pa.Array] = {}
        for number, ids in enumerate(found.genes.T, 1):
            index = pa.array(ids.astype(np.int32), mask=ids == self._num_genes)
            columns[f"gene_{number}"] = pa.DictionaryArray.from_arrays(index, self._names)
        columns["prediction"] = pa.array(found.score.astype(np.float32))
        if found.std is not None:
            columns["prediction_std"] = pa.array(found.std.astype(np.float32))
        with replacing(self.path(block)) as new:
            pq.write_table(pa.table(columns), new, compression="zstd")
