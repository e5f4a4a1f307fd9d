"""What tells one screen from another: the state of one must not be continued by another."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import jax
import numpy as np

from gi_jax.models.wanted import Combinations, Crosses, ListedGenotypes, Wanted
from gi_jax.predict.predictor import Predictor


def weights_sha256(predictor: Predictor) -> str:
    """SHA-256 of everything that was fitted, by name, and of what turns labels into scores."""
    leaves = jax.tree_util.tree_leaves_with_path(predictor.bundle.variables)
    digest = hashlib.sha256(repr(predictor.bundle.transform.to_dict()).encode())
    for name, leaf in leaves:
        array = np.ascontiguousarray(leaf)
        digest.update(f"{jax.tree_util.keystr(name)} {array.dtype} {array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def wanted_sha256(wanted: Wanted) -> str:
    """SHA-256 of the genotypes that are wanted."""
    if isinstance(wanted, Combinations):
        return arrays_sha256([np.sort(wanted.pool), wanted.fixed, np.array(wanted.free)])
    if isinstance(wanted, Crosses):
        return arrays_sha256([wanted.queries, wanted.arrays])
    assert isinstance(wanted, ListedGenotypes), "there are three forms"
    return arrays_sha256([wanted.genes])


def arrays_sha256(arrays: Iterable[np.ndarray]) -> str:
    """SHA-256 of integers and their shapes."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(str(array.shape).encode() + np.ascontiguousarray(array, np.int64).tobytes())
    return digest.hexdigest()


def identity(
    predictor: Predictor, wanted: Wanted, left_out: np.ndarray | None, asked: dict[str, Any]
) -> dict[str, Any]:
    """What a screen was asked, in plain values that JSON keeps.

    Args:
      left_out: keys of genotypes that are not to be kept.
      asked: further plain values.
    """
    return {
        "model": weights_sha256(predictor),
        "genes of the model": predictor.bundle.genes.fingerprint,
        "genotypes": wanted_sha256(wanted),
        "genotypes left out": None if left_out is None else arrays_sha256([left_out]),
        **asked,
        "number of genotypes": wanted.num_genotypes,
    }
