"""Counting parameters by component."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax


def num_parameters(params: Mapping[str, Any]) -> dict[str, int]:
    """Parameters of each top-level component (`convs` for all layers together) and their `total`.

    Components that a configuration does not have (gate, local predictor) have no entry.
    """
    counts: dict[str, int] = {}
    for name, tree in params.items():
        component = "convs" if name.startswith("convs_") else name
        counts[component] = counts.get(component, 0) + sum(leaf.size for leaf in jax.tree.leaves(tree))
    return counts | {"total": sum(counts.values())}
