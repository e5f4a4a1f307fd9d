"""What a page is made of: sections of sentences, tables, pictures and verbatim text."""

from __future__ import annotations

import base64
import io
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Protocol

from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib import rc_context
from matplotlib.figure import Figure


class Block(Protocol):
    """A part of a section that is no paragraph; `templates/blocks.html.jinja` shows it by its kind."""

    kind: ClassVar[str]


@dataclass(frozen=True)
class Table:
    """Rows of text under a heading; the first `words` columns read left to right, the others are numbers."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: int = 1
    kind: ClassVar[str] = "table"


@dataclass(frozen=True)
class Picture:
    """A drawing that the page carries in itself, and what it shows in words."""

    uri: str
    alt: str
    width: int  # CSS pixels
    kind: ClassVar[str] = "picture"


@dataclass(frozen=True)
class Verbatim:
    """A text as it is, line by line."""

    text: str
    kind: ClassVar[str] = "verbatim"


@dataclass(frozen=True)
class Section:
    """A titled part of the page; a block that is a plain string is a paragraph."""

    title: str
    blocks: tuple[str | Block, ...]

    @property
    def anchor(self) -> str:
        """The title as a fragment identifier."""
        return re.sub(r"\W+", "-", self.title.lower()).strip("-")


def picture(figure: Figure, alt: str) -> Picture:
    """A figure as an SVG data URI: letters are outlines, rasterised parts have 200 dots per inch.

    The same figure always gives the same bytes.
    """
    text = io.StringIO()
    with rc_context({"svg.hashsalt": "gi_jax"}):
        figure.savefig(text, format="svg", dpi=200, metadata={"Date": None, "Creator": None})
    encoded = base64.b64encode(text.getvalue().encode()).decode()
    return Picture(f"data:image/svg+xml;base64,{encoded}", alt, round(96 * figure.get_figwidth()))


def number(value: float, digits: int = 3) -> str:
    """A number with so many decimals and a proper minus sign; a dash where there is none."""
    return "–" if math.isnan(value) else f"{value:z.{digits}f}".replace("-", "−")


def scaled(value: float) -> str:
    """A number of any magnitude, to four significant digits."""
    return "–" if math.isnan(value) else f"{value:.4g}".replace("-", "−")


def aligned(values: Iterable[float]) -> list[str]:
    """Numbers of one unit with equally many decimals: four significant digits for the largest."""
    largest = max((abs(value) for value in values if value and math.isfinite(value)), default=1.0)
    decimals = min(max(3 - math.floor(math.log10(largest)), 0), 8)
    return [number(value, decimals) for value in values]


def rendered(template: str, **shown: object) -> str:
    """A page as text; whatever names, configuration and data hold is escaped."""
    environment = Environment(
        loader=PackageLoader("gi_jax.report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    return environment.get_template(template).render(**shown)
