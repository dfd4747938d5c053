"""Figures drawn for people who compose their own: on a new figure of pyplot, or into given axes."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from sgram.array_types import AnyArray
from sgram.reports.figures.canvas import figure_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_GAP = 0.14
"""Space between panels inside given axes, as a share of these axes."""
_TITLE_HEIGHT = 20
"""Points between given axes and what stands above all panels: room for the titles of panels."""


def plot_figure(size: tuple[float, float], draw: Callable[["Figure"], None], ax: "Axes | None") -> "Axes":
    """Draw on a new figure of pyplot, of `size` in inches, or into `ax`; return the first panel.

    `ax` itself is returned if it is given. Raise `MissingExtraError` without matplotlib.
    """
    with figure_style():
        if ax is not None:
            draw(cast("Figure", AxesCanvas(ax)))
            return ax
        from matplotlib import pyplot

        figure = pyplot.figure(figsize=size, layout="constrained")
        draw(figure)
        return figure.axes[0]


class AxesCanvas:
    """Axes in place of a whole figure, with those of its methods that figures use to draw.

    >>> from matplotlib.figure import Figure
    >>> axes = Figure().subplots()
    >>> panels = AxesCanvas(axes).subplots(1, 2, squeeze=False)
    >>> panels.shape, len(axes.child_axes)
    ((1, 2), 2)
    """

    def __init__(self, ax: "Axes") -> None:
        self._ax = ax

    def subplots(
        self,
        nrows: int = 1,
        ncols: int = 1,
        *,
        squeeze: bool = True,
        sharex: bool | str = False,
        sharey: bool | str = False,
    ) -> Any:
        """Return the axes for one panel, or insets in a grid, which share axes as those of a figure do."""
        panels = np.empty((nrows, ncols), object)
        if nrows == ncols == 1:
            panels[0, 0] = self._ax
            return self._ax if squeeze else panels
        self._ax.set_axis_off()
        width, height = ((1 - _GAP * (n - 1)) / n for n in (ncols, nrows))
        for row in range(nrows):
            for column in range(ncols):
                bounds = (column * (width + _GAP), 1 - (row + 1) * height - row * _GAP, width, height)
                panels[row, column] = self._ax.inset_axes(
                    bounds, sharex=_peer(panels, row, column, sharex), sharey=_peer(panels, row, column, sharey)
                )
                if sharex and row < nrows - 1:
                    panels[row, column].tick_params(labelbottom=False)
                if sharey and column:
                    panels[row, column].tick_params(labelleft=False)
        return panels.squeeze() if squeeze else panels

    def suptitle(self, text: str, fontsize: float, color: str, **_: Any) -> None:
        """Write the title above all panels and their own titles, at the left."""
        self._ax.annotate(
            text,
            (0, 1),
            xycoords="axes fraction",
            xytext=(0, _TITLE_HEIGHT),
            textcoords="offset points",
            fontsize=fontsize,
            color=color,
            annotation_clip=False,
        )

    def get_figwidth(self) -> float:
        """Return the width of the axes in inches."""
        return self._ax.get_window_extent().width / self._ax.figure.dpi

    def colorbar(self, image: Any, ax: "Axes", **style: Any) -> Any:
        """Add a color bar beside a panel."""
        return self._ax.figure.colorbar(image, ax=ax, **style)


def _peer(panels: AnyArray, row: int, column: int, share: bool | str) -> "Axes | None":
    """Return the panel whose axis another one shares: the first of all, of its row or of its column."""
    if (row, column) == (0, 0) or not share or share == "none":
        return None
    peer_row = row if share == "row" else 0
    peer_column = column if share == "col" else 0
    if (peer_row, peer_column) == (row, column):
        return None
    peer: Axes = panels[peer_row, peer_column]
    return peer
