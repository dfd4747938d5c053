"""Figure of a confusion matrix: shares of rows as colors, counts and shares as numbers."""

from typing import TYPE_CHECKING

from sgram.annotation.confusion import ConfusionMatrix
from sgram.reports.figures.canvas import COLORS, GRAY, label
from sgram.reports.figures.figure import Figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

_CELL = 0.62
"""Width and height of a cell in inches."""
_MAX_CELLS_WITH_NUMBERS = 14
_DARK = 0.6
"""Shares above this have white numbers."""


def render_confusion_matrix(matrix: ConfusionMatrix, form: str = "svg") -> bytes:
    """Return the bytes of `confusion_figure` as ``svg``, ``png`` or ``pdf``.

    Raise `UsageError` for another format, `MissingExtraError` without matplotlib.
    """
    return confusion_figure(matrix).bytes(form)


def confusion_figure(matrix: ConfusionMatrix) -> Figure:
    """Return the figure of a matrix.

    Rows and columns are in the order of the matrix. Of two raters, rows are the first rater's labels; of more, a row is
    the label of one rater of an item, and a column that of another.

    >>> confusion_figure(ConfusionMatrix(("fact", "plan"), ((3.0, 1.0), (0.0, 2.0)), ("ada", "ben"), 6))
    Figure('confusion', 'Labels of ada and ben')
    """
    n = len(matrix.labels)
    longest = max(len(label(name, 24)) for name in matrix.labels)
    margin = 0.9 + 0.075 * longest
    size = (max(3.2, margin + _CELL * n + 1.0), max(2.6, margin + _CELL * n))

    def draw(figure: "Canvas") -> None:
        from matplotlib.colors import LinearSegmentedColormap

        axes = figure.subplots()
        shares = [[0.0 if share is None else share for share in row] for row in matrix.row_shares]
        colors = LinearSegmentedColormap.from_list("shares", ["#ffffff", COLORS[0]])
        image = axes.imshow(shares, cmap=colors, vmin=0, vmax=1, interpolation="nearest")
        names = [label(name, 24) for name in matrix.labels]
        axes.set_xticks(range(n), names, rotation=45 if longest > 3 else 0, ha="right" if longest > 3 else "center")
        axes.set_yticks(range(n), names)
        axes.tick_params(length=0)
        axes.grid(visible=False)
        axes.set_xlabel(_axis_name(matrix, 1), fontsize=8)
        axes.set_ylabel(_axis_name(matrix, 0), fontsize=8)
        for spine in axes.spines.values():
            spine.set(visible=True, color=GRAY, linewidth=0.6)
        if n <= _MAX_CELLS_WITH_NUMBERS:
            for row, counts in enumerate(matrix.counts):
                for column, count in enumerate(counts):
                    if count:
                        share = shares[row][column]
                        text, color = (
                            f"{format_count(count)}\n{100 * share:.0f} %",
                            "white" if share > _DARK else "black",
                        )
                        axes.text(column, row, text, ha="center", va="center", fontsize=7, color=color)
        bar = figure.colorbar(image, ax=axes, shrink=0.8, pad=0.02, ticks=[0, 0.5, 1])
        bar.ax.set_yticklabels(["0 %", "50 %", "100 %"], fontsize=7)
        bar.set_label("share of the row", fontsize=8)
        bar.outline.set(color=GRAY, linewidth=0.6)

    title = f"Labels of {' and '.join(matrix.raters)}" if matrix.is_of_pair else "Labels of pairs of raters"
    return Figure("confusion", title, "Colors are shares of rows.", size, draw)


def format_count(count: float) -> str:
    """Return a count; coincidences that are not whole have one decimal.

    >>> format_count(3.0), format_count(2.5)
    ('3', '2.5')
    """
    return f"{count:,.0f}" if abs(count - round(count)) < 1e-6 else f"{count:,.1f}"


def _axis_name(matrix: ConfusionMatrix, axis: int) -> str:
    if matrix.is_of_pair:
        return f"label by {label(matrix.raters[axis], 24)}"
    return ("label by one rater", "label by another rater of the item")[axis]
