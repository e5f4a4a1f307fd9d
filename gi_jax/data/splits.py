"""Seeded splits of genotypes into training, validation and test, saved with a run and checked for leaks.

Whatever the kind, one set of genes lies on one side only, also when several studies measured it.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from gi_jax.data.gene_pairs import gene_pairs, query_pairs
from gi_jax.data.genotype_table import GenotypeTable
from gi_jax.errors import GiJaxError
from gi_jax.files import replacing

KINDS = ("random", "query_pair", "gene_disjoint_1", "gene_disjoint_2")
FRACTIONS = (0.8, 0.1, 0.1)  # of train, val, test, unless others are asked for
TRAIN, VAL, TEST, LEFT_OUT = range(4)


@dataclass(frozen=True)
class Split:
    """Row numbers of a `GenotypeTable`: three disjoint parts and the rows in none, each increasing.

    `fingerprint` is that of the table, so that a saved split is not put on other genotypes.
    """

    train: np.ndarray  # [M_train] int64
    val: np.ndarray  # [M_val] int64
    test: np.ndarray  # [M_test] int64
    left_out: np.ndarray  # [M - M_train - M_val - M_test] int64
    kind: str
    seed: int
    fractions: tuple[float, float, float]  # asked for, of train, val, test
    fingerprint: str

    def __str__(self) -> str:
        left_out = f", {len(self.left_out):,} left out" if len(self.left_out) else ""
        return (
            f"split {self.kind} (seed {self.seed}): {len(self.train):,} genotypes to train, "
            f"{len(self.val):,} to validate, {len(self.test):,} to test{left_out}"
        )

    def save(self, path: str | Path) -> None:
        """Writes the split as a compressed `.npz` file without pickled objects."""
        with replacing(path) as new, new.open("wb") as file:
            np.savez_compressed(file, **{f.name: getattr(self, f.name) for f in fields(self)})


def load_split(path: str | Path) -> Split:
    """Reads a split written by `Split.save`.

    Raises:
      GiJaxError: the file is missing or is no saved split.
    """
    try:
        with np.load(Path(path), allow_pickle=False) as arrays:
            values = {f.name: arrays[f.name] for f in fields(Split)}
    except FileNotFoundError:
        raise GiJaxError(f"{path}: no such file; expected a saved split") from None
    # A cut file is whatever zip makes of it.
    except (OSError, ValueError, KeyError, EOFError, BadZipFile, zlib.error, NotImplementedError) as error:
        raise GiJaxError(f"{path}: is not a saved split ({error}); write it anew with `Split.save`") from None
    held: dict[str, Any] = {name: x.item() if x.ndim == 0 else x for name, x in values.items()}
    held["fractions"] = tuple(values["fractions"].tolist())
    return Split(**held)


def are_fractions(fractions: Sequence[float]) -> bool:
    """Whether these are three parts of a whole, none of them empty."""
    return len(fractions) == 3 and min(fractions) > 0 and abs(sum(fractions) - 1) <= 1e-6


def split_genotypes(
    table: GenotypeTable, kind: str, *, seed: int, fractions: tuple[float, ...] = FRACTIONS
) -> Split:
    """Draws one split.

    * `random`: gene sets are drawn at random.
    * `query_pair`: no pair of genes of a test genotype lies inside a validation or training genotype, and
      no pair of a validation genotype inside a training one. Whole query pairs are drawn (the query pair of
      a genotype is that of its pairs which most genotypes hold). The few others that share another pair
      with a part held out from their own are left out.
    * `gene_disjoint_1`: every test genotype has at least one gene that is in no training and no validation
      genotype; every validation genotype has one that is in no training genotype. Nothing is left out.
    * `gene_disjoint_2`: no gene of a test genotype is in any training or validation genotype, and none of a
      validation genotype in any training one. Genotypes with genes of several parts are left out.

    The two gene-disjoint kinds are the gene-level splits of DANGO (Zhang et al. 2020), taken to mean what
    stands here. The fractions are of genotypes, except for `gene_disjoint_2` (of genes); parts come as near
    as whole gene sets, query pairs or genes allow.

    Raises:
      GiJaxError: an unknown kind, fractions that do not add up to 1, or an empty part.
    """
    shares = tuple(map(float, fractions))
    if not are_fractions(shares):
        raise GiJaxError(
            f"the split fractions are {shares}, expected three positive numbers that add up to 1"
        )
    of_train, of_val, of_test = shares
    units, num_units = _units(table, kind, seed)
    share = (
        np.ones(num_units)
        if kind == "gene_disjoint_2"
        else np.bincount(units.min(axis=1), minlength=num_units)
    )
    reached = np.cumsum(share) / share.sum()
    num_test, num_val = np.searchsorted(reached, [of_test, of_test + of_val]) + 1
    position = np.arange(num_units)
    drawn = np.where(position < num_test, TEST, np.where(position < num_val, VAL, TRAIN))
    return _split(table, kind, seed, (of_train, of_val, of_test), units, drawn)


def with_additional_training(split: Split, table: GenotypeTable) -> Split:
    """The split of a longer table: rows beyond those that were split are for training.

    Left out are rows that would give away what is held out: gene sets of validation and test genotypes; of
    a `query_pair` split any pair of genes of theirs; of the gene-disjoint kinds any gene that they have and
    no training genotype has.

    Args:
      split: of the first rows.
      table: these rows and others, which may be of other studies.
    """
    held_out = np.concatenate([split.val, split.test])
    num_split = len(split.train) + len(held_out) + len(split.left_out)
    added = np.arange(num_split, len(table))
    given_away = np.isin(table.set_ids[added], table.set_ids[held_out])
    if split.kind == "query_pair":
        pairs = gene_pairs(table.genes, table.num_genes)
        held = pairs[held_out]
        given_away |= np.isin(pairs[added], held[held >= 0]).any(axis=1)
    if split.kind.startswith("gene_disjoint"):
        new = np.setdiff1d(table.genes[held_out], table.genes[split.train])
        given_away |= (np.isin(table.genes[added], new) & (table.genes[added] < table.num_genes)).any(axis=1)
    return replace(
        split,
        train=np.concatenate([split.train, added[~given_away]]),
        left_out=np.concatenate([split.left_out, added[given_away]]),
        fingerprint=table.fingerprint,
    )


def k_fold_splits(table: GenotypeTable, kind: str, *, seed: int, folds: int) -> list[Split]:
    """Draws `folds` splits of one kind; number k tests on fold k and validates on fold k + 1.

    Folds are equal shares of gene sets or query pairs (by their genotypes) or of genes. With
    `random` every genotype is tested exactly once; `gene_disjoint_1` may test one several times,
    `query_pair` and `gene_disjoint_2` leave some out.

    Raises:
      GiJaxError: an unknown kind, fewer than 3 folds, or an empty part.
    """
    if folds < 3:
        raise GiJaxError(
            f"{folds} folds cannot hold a training, a validation and a test part; take 3 or more"
        )
    units, num_units = _units(table, kind, seed)
    by_gene = kind.startswith("gene_disjoint")
    share = np.ones(num_units) if by_gene else np.bincount(units[:, 0], minlength=num_units)
    fold = ((np.cumsum(share) - share / 2) * folds / share.sum()).astype(int)  # [num_units] 0 to folds - 1
    fractions = ((folds - 2) / folds, 1 / folds, 1 / folds)
    drawn = [np.where(fold == k, TEST, np.where(fold == (k + 1) % folds, VAL, TRAIN)) for k in range(folds)]
    return [_split(table, kind, seed, fractions, units, parts) for parts in drawn]


def _units(table: GenotypeTable, kind: str, seed: int) -> tuple[np.ndarray, int]:
    """What is drawn as a whole, numbered in random order: `[M, 1]` per genotype, or `[M, S]` its genes."""
    if kind == "random":
        units = table.set_ids[:, None]  # as they are: numbered without gaps, in the order of the sets
        return _shuffled(units, int(units.max(initial=-1)) + 1, seed)
    elif kind == "query_pair":
        pairs = gene_pairs(table.genes, table.num_genes)
        units = query_pairs(pairs, pairs)[:, None]
    elif kind in KINDS:
        # Repeating the first gene in the padding changes neither the smallest nor the largest class of a row.
        units = np.where(table.genes < table.num_genes, table.genes, table.genes[:, :1])
    else:
        raise GiJaxError(f"`{kind}` is no kind of split; expected one of {', '.join(KINDS)}")
    distinct, found = np.unique(units, return_inverse=True)
    return _shuffled(found.reshape(len(table), -1), len(distinct), seed)


def _shuffled(units: np.ndarray, num_units: int, seed: int) -> tuple[np.ndarray, int]:
    return np.random.default_rng(seed).permutation(num_units)[units], num_units


def _split(
    table: GenotypeTable,
    kind: str,
    seed: int,
    fractions: tuple[float, float, float],
    units: np.ndarray,
    drawn: np.ndarray,
) -> Split:
    """Gives each genotype its part from the parts `drawn` `[num_units]` for its units."""
    parts = drawn[units]  # [M, 1 or S]
    part = parts.max(axis=1)
    if kind == "gene_disjoint_2":
        part = np.where(parts.min(axis=1) == part, part, LEFT_OUT)
    if kind == "query_pair":
        pairs = gene_pairs(table.genes, table.num_genes)
        for stricter in (TEST, VAL):
            taken = np.unique(pairs[part == stricter])
            shared = (np.isin(pairs, taken) & (pairs >= 0)).any(axis=1)
            part = np.where(shared & (part < stricter), LEFT_OUT, part)
    train, val, test, left_out = (np.flatnonzero(part == p) for p in (TRAIN, VAL, TEST, LEFT_OUT))
    for name, found in (("training", train), ("validation", val), ("test", test)):
        if not len(found):
            raise GiJaxError(
                f"the {kind} split of {len(table):,} genotypes leaves the {name} part empty; change the "
                f"fractions, take a milder kind ({', '.join(KINDS)}) or more genotypes"
            )
    return Split(train, val, test, left_out, kind, seed, fractions, table.fingerprint)
