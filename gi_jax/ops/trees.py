"""Pytrees whose arrays have a leading axis in common: of networks, of pairs of networks, of members."""

from __future__ import annotations

from typing import Any

import jax


def take(tree: Any, index: Any) -> Any:
    """Entry `index` of the leading axis of every array of a pytree; an index is what arrays take."""
    return jax.tree.map(lambda leaf: leaf[index], tree)
