"""A figure as a value: name, title, caption, and a function that draws it."""

import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sgram.reports.figures.canvas import GRAY, render_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas


@dataclass(frozen=True, slots=True)
class RenderedFigure:
    """A figure that has been drawn as SVG, for a page."""

    name: str
    """Name of the file and of the anchor: lower-case words joined by hyphens."""
    title: str
    caption: str
    """What is drawn, from how much data, and what the bars mean."""
    svg: bytes


@dataclass(frozen=True, slots=True, eq=False)
class Figure:
    """A figure that can be drawn in each of `sgram.reports.figures.canvas.FORMS`; equal tables give equal bytes."""

    name: str
    title: str
    caption: str
    size: tuple[float, float]
    """Width and height in inches."""
    draw: Callable[["Canvas"], None]

    def bytes(self, form: str = "svg") -> bytes:
        """Return the bytes of the figure as ``svg``, ``png`` or ``pdf``."""
        return render_figure(self.size, self.draw, form)

    def render(self) -> RenderedFigure:
        """Return the figure drawn for a page."""
        return RenderedFigure(self.name, self.title, self.caption, self.bytes())


def draw_key(canvas: "Canvas", text: str) -> None:
    """Write the key of the marks above the panels, in small gray lines as wide as the figure."""
    lines = textwrap.wrap(text, int(15 * canvas.get_figwidth()))
    canvas.suptitle("\n".join(lines), fontsize=8, x=0.01, ha="left", color=GRAY)
