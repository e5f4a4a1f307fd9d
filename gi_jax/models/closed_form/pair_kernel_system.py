"""Genotypes of several studies as a linear system over their genes."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array

from gi_jax.data.gene_pairs import columns_of_pairs
from gi_jax.data.genotype_table import GenotypeTable
from gi_jax.models.closed_form.pair_kernel_weights import System
from gi_jax.ops.pair_kernel import Pairs, Study

MOST_TUNED = 800  # genes; with more, weights are tuned on those that most genotypes delete


class Genotypes(NamedTuple):
    """Training and validation genotypes, studies numbered from 0 to T - 1."""

    train: GenotypeTable
    val: GenotypeTable
    intercepts: np.ndarray  # [T] mean training labels

    def rows(self, study: int) -> tuple[np.ndarray, np.ndarray]:
        """Row numbers of one study's training and validation genotypes."""
        return np.flatnonzero(self.train.study == study), np.flatnonzero(self.val.study == study)


def genotypes_of(train: GenotypeTable, val: GenotypeTable, apart: bool) -> Genotypes:
    """Genotypes with their studies, or all of them as one study."""
    if not apart:
        return Genotypes(_one_study(train), _one_study(val), np.array([train.score.mean()]))
    totals = np.bincount(train.study, train.score, minlength=len(train.studies))
    counts = np.bincount(train.study, minlength=len(train.studies))
    return Genotypes(train, val, totals / np.maximum(counts, 1))


def system_of(data: Genotypes, genes: np.ndarray) -> System:
    """The system over the genes `[n]`, which hold those of all genotypes."""
    position = np.full(data.train.num_genes + 1, len(genes), np.int64)
    position[genes] = np.arange(len(genes))
    parts = [_of_one_study(data, t, position, len(genes)) for t in range(len(data.intercepts))]
    studies, labels, val, val_labels = zip(*parts, strict=True)
    return System(studies, labels, val, val_labels)


def system_to_tune_on(data: Genotypes, genes: np.ndarray) -> tuple[System, np.ndarray]:
    """The system to choose weights by, and which of the genes it is over.

    Of many genes those are taken that most validation genotypes delete, then most training genotypes: where
    one study is predicted with the help of others, it is that study's genes which matter.
    """
    if len(genes) <= MOST_TUNED:
        return system_of(data, genes), np.arange(len(genes))
    studies = np.unique(data.val.study)
    in_val = np.bincount(data.val.genes.reshape(-1), minlength=data.train.num_genes + 1)[genes]
    counted = data.train.genes[np.isin(data.train.study, studies)]
    in_train = np.bincount(counted.reshape(-1), minlength=data.train.num_genes + 1)[genes]
    chosen = np.sort(np.argsort(-(in_val + in_train), kind="stable")[:MOST_TUNED])
    outside = np.ones(data.train.num_genes + 1, bool)
    outside[genes[chosen]] = False
    outside[-1] = False  # padding
    train, val = (t.take(np.flatnonzero(~outside[t.genes].any(axis=1))) for t in (data.train, data.val))
    if not len(train) or not len(val):  # few genotypes over many genes: no part has enough
        return system_of(data, genes), np.arange(len(genes))
    return system_of(data._replace(train=train, val=val), genes[chosen]), chosen


def _of_one_study(data: Genotypes, study: int, position: np.ndarray, n: int) -> tuple:
    tables = [table.take(rows) for table, rows in zip(data[:2], data.rows(study), strict=True)]
    used = np.unique(np.concatenate([position[table.genes].reshape(-1) for table in tables]))
    own = used[used < n] if (used < n).any() else np.zeros(1, np.int64)  # a study is never without genes
    place = np.full(n + 1, len(own), np.int32)
    place[own] = np.arange(len(own))
    train, val = tables
    labels, val_labels = (_labels(table, data.intercepts[study]) for table in tables)
    measured = Study(jnp.asarray(own, jnp.int32), _pairs(train, place[position], len(own)))
    return measured, labels, _pairs(val, place[position], len(own)), val_labels


def _pairs(table: GenotypeTable, place: np.ndarray, padding: int) -> Pairs:
    first, second = (place[column] for column in columns_of_pairs(table.genes))
    # A pair with padding is none: both of its places lie in the row that is cut off.
    none = (first == padding) | (second == padding)
    return Pairs(*(jnp.asarray(np.where(none, padding, column)) for column in (first, second)))


def _labels(table: GenotypeTable, intercept: float) -> Array:
    return jnp.asarray(table.score - intercept, jnp.float32)


def _one_study(table: GenotypeTable) -> GenotypeTable:
    return replace(table, study=np.zeros(len(table), np.int32), studies=("all",))
