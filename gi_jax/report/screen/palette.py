"""Pictures that follow the reader: light or dark, for a wide page or a phone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, LinearSegmentedColormap
from matplotlib.figure import Figure

from gi_jax.report.blocks import Picture, picture
from gi_jax.report.panels import frameless, new_figure


class Palette(NamedTuple):
    """The colours of a scheme."""

    name: str
    paper: str
    ink: str
    soft: str
    line: str
    negative: str
    positive: str
    groups: tuple[str, ...]

    @property
    def scores(self) -> Colormap:
        """From negative scores over the paper at 0 to positive ones; few shades make small files."""
        return LinearSegmentedColormap.from_list("scores", [self.negative, self.paper, self.positive], N=63)


LIGHT = Palette(
    "light",
    "#ffffff",
    "#222222",
    "#666666",
    "#dddddd",
    "#1d5fa8",
    "#c2410c",
    ("#1d5fa8", "#c2410c", "#2f855a", "#6b46c1", "#b7791f", "#0e7490", "#be185d", "#4a5568"),
)
DARK = Palette(
    "dark", "#16181c", "#e6e6e6", "#a3a3a3", "#3a3d44", "#5aa9ff", "#ff9a4d",
    ("#5aa9ff", "#ff9a4d", "#5fd08f", "#b794f4", "#f0c05a", "#4fd1dc", "#f687b3", "#a0aec0"),
)  # fmt: skip


class Canvas(NamedTuple):
    """What a drawing is made for."""

    colours: Palette
    narrow: bool  # for a phone

    def figure(self, wide: tuple[float, float], narrow: tuple[float, float]) -> Figure:
        """An empty figure on the paper, of so many inches on a wide page and on a phone."""
        figure = new_figure(*(narrow if self.narrow else wide))
        figure.set_facecolor(self.colours.paper)
        return figure

    def panel(self, figure: Figure) -> Axes:
        """Axes that fill a figure, without frame lines above and at the right."""
        axes = figure.subplots()
        frameless(axes)
        return axes


@dataclass(frozen=True)
class Themed:
    """A drawing in four versions, of which a browser shows the one that fits."""

    light: Picture
    dark: Picture
    narrow_light: Picture
    narrow_dark: Picture
    kind: ClassVar[str] = "themed"


def themed(draw: Callable[[Canvas], Figure], alt: str) -> Themed:
    """A picture drawn in light and dark colours, for a wide page and for a phone.

    Args:
      draw: makes the figure; called with the colours of the scheme as Matplotlib's defaults.
      alt: what it shows in words.
    """
    made = []
    for narrow in (False, True):
        for palette in (LIGHT, DARK):
            with rc_context(_defaults(palette, narrow)):
                made.append(picture(draw(Canvas(palette, narrow)), alt))
    return Themed(*made)


def _defaults(palette: Palette, narrow: bool) -> dict[Any, Any]:
    ink = ("text.color", "axes.labelcolor", "xtick.labelcolor", "ytick.labelcolor")
    lines = ("axes.edgecolor", "xtick.color", "ytick.color")
    return {
        **dict.fromkeys(ink, palette.ink),
        **dict.fromkeys(lines, palette.soft),
        "axes.facecolor": palette.paper,
        "savefig.facecolor": palette.paper,
        "legend.labelcolor": palette.ink,
        "font.size": 8.5 if narrow else 9.5,
    }
