"""What a traced program is made of."""

from __future__ import annotations

from collections.abc import Iterator

import jax
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn


def result_shapes(jaxpr: Jaxpr, primitive: str) -> list[tuple[int, ...]]:
    """The shapes that all equations of one primitive result in, those of inner programs too."""
    found = (equation for equation in _equations(jaxpr) if equation.primitive.name == primitive)
    return [equation.outvars[0].aval.shape for equation in found]


def _equations(jaxpr: Jaxpr) -> Iterator[JaxprEqn]:
    for equation in jaxpr.eqns:
        yield equation
        parts = list(equation.params.values())
        for part in jax.tree.leaves(parts, is_leaf=lambda x: isinstance(x, (Jaxpr, ClosedJaxpr))):
            if isinstance(part, (Jaxpr, ClosedJaxpr)):
                yield from _equations(getattr(part, "jaxpr", part))
