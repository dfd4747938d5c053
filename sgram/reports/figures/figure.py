"""A figure as a value: its name, what it says, and how it is drawn when asked. Knows nothing about what it shows."""

import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sgram.reports.figures.canvas import GRAY, drawn

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas


@dataclass(frozen=True, slots=True)
class ShownFigure:
    """A figure that has been drawn, as a page takes it."""

    name: str
    """Of the file and of the anchor: lower-case words joined by hyphens."""
    title: str
    caption: str
    """What is drawn, of how much, and what the bars are; a reader needs nothing else."""
    svg: bytes


@dataclass(frozen=True, slots=True, eq=False)
class Figure:
    """A figure that can be drawn in any of `sgram.reports.figures.canvas.FORMS`; equal tables give equal bytes."""

    name: str
    title: str
    caption: str
    size: tuple[float, float]
    """Width and height in inches."""
    draw: Callable[["Canvas"], None]

    def bytes(self, form: str = "svg") -> bytes:
        """The figure as a file: ``svg``, ``png`` or ``pdf``."""
        return drawn(self.size, self.draw, form)

    def shown(self) -> ShownFigure:
        """The figure as a page takes it."""
        return ShownFigure(self.name, self.title, self.caption, self.bytes())


def say_key(canvas: "Canvas", text: str) -> None:
    """Say in small gray words above the panels what the marks are, in lines as long as the figure is wide."""
    lines = textwrap.wrap(text, int(15 * canvas.get_figwidth()))
    canvas.suptitle("\n".join(lines), fontsize=8, x=0.01, ha="left", color=GRAY)
