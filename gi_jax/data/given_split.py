"""A split that is given: lists of genotypes for training, validation and test."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from gi_jax.data.genotype_table import GenotypeTable
from gi_jax.data.splits import Split
from gi_jax.errors import GiJaxError

PARTS = ("train", "val", "test")


def given_split(table: GenotypeTable, parts: Mapping[str, np.ndarray], source: str) -> Split:
    """Deals measured genotypes to the parts that list their gene sets; those that no part lists are left out.

    Args:
      table: M measured genotypes over N genes.
      parts: train, val, test -> `[K, S]` gene ids, then N.
      source: where the lists come from, for messages.

    Raises:
      GiJaxError: a gene set is in two parts, or a part has none of the measured genotypes.
    """
    part_of: dict[bytes, str] = {}
    for part in PARTS:
        for row in parts.get(part, ()):
            key = _key(row, table.num_genes)
            if part_of.setdefault(key, part) != part:
                genes = np.frombuffer(key, "<i4").tolist()
                raise GiJaxError(
                    f"{source}: the genotype of genes {genes} is in the parts {part_of[key]} and {part}; "
                    f"keep one"
                )
    dealt = [part_of.get(_key(row, table.num_genes), "") for row in table.genes]
    rows = {part: np.flatnonzero(np.array(dealt) == part) for part in (*PARTS, "")}
    for part in PARTS:
        if not len(rows[part]):
            raise GiJaxError(
                f"{source}: the {part} part has none of the {len(table):,} measured genotypes; give a "
                f"list of some"
            )
    held = sum(len(rows[part]) for part in PARTS)
    of_train, of_val, of_test = (len(rows[part]) / held for part in PARTS)
    fractions = (of_train, of_val, of_test)
    return Split(
        rows["train"], rows["val"], rows["test"], rows[""], "given", 0, fractions, table.fingerprint
    )  # fmt: skip


def _key(row: np.ndarray, num_genes: int) -> bytes:
    return np.sort(row[row < num_genes]).astype("<i4").tobytes()
