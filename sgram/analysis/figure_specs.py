"""Specifications of figures: which cells of a measure's table a figure shows. `sgram.reports.figures` draws them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from sgram.analysis.table import Cell, Record

Cells: TypeAlias = Mapping[str, Cell]
"""Cells that a row must have, by column."""
Role = Literal["all", "correct", "wrong", "not judged", "planning", "execution", "SGs", "placebo", "start", "chance"]
"""What a mark stands for; it decides the color and the shape."""


@dataclass(frozen=True, slots=True)
class DotMark:
    """A dot with its interval: the columns that it is read from, and which row of a group of rows has it."""

    role: Role
    value: str = "value"
    low: str = "low"
    """Column of the lower end; "" for a dot without an interval."""
    high: str = "high"
    where: Cells = field(default_factory=dict)


def sgs_and_placebo(value: str = "value", low: str = "low", high: str = "high") -> tuple[DotMark, ...]:
    """Return the mark of the lexicon's value with its interval, and that of the placebo, which stands below it."""
    return DotMark("SGs", value, low, high, {"list": "SGs"}), DotMark("placebo", value, low, high, {"list": "placebo"})


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel of a dot plot: one scale, and the marks of each row of the plot."""

    title: str = ""
    unit: str = ""
    """Unit of the scale; a name in braces is a column, as in "% of {unit}"."""
    marks: tuple[DotMark, ...] = sgs_and_placebo()
    scale: float = 1.0
    """Factor of the cells: 100 for shares in per cent."""
    from_zero: bool = True
    reference: float | None = None
    """Value of a dotted line, on the scale: what chance gives."""
    chance: Callable[[Record], float | None] | None = None
    """What chance gives by the cells of a row, from which the dotted line is drawn; None for `reference`."""


@dataclass(frozen=True, slots=True)
class DotPlot:
    """Dots with intervals in rows, grouped by source; panels side by side."""

    name: str
    """Name of the file and of the anchor: lower-case words joined by hyphens."""
    title: str
    caption: str
    panels: tuple[Panel, ...]
    panel_by: str = ""
    """Column whose texts get a panel each; the only element of `panels` is then the pattern of all."""
    row_by: str = ""
    """Column whose texts are the rows of a source, "" for one row a source.

    Texts of the columns outcome and token_class are roles: they color the marks of SGs.
    """
    remark: str = ""
    """Sample size at the right of a row, such as "{traces} traces": names in braces are columns of counts."""
    where: Cells = field(default_factory=dict)
    """Cells of the rows that are drawn."""
    max_sources: int = 6
    """Most sources that are drawn, those with the most traces; tables have all."""
    largest: tuple[str, ...] = ()
    """Column by whose absolute value the rows are ranked, or two that are subtracted; () to draw all rows."""
    max_rows: int = 16
    """Most rows that are drawn if they are ranked; of several sources an equal part each, but at least 3."""
    filled_by: str = ""
    """Question whose findings fill the marks of the rows that they name; marks of other rows are hollow."""
    one_line: bool = False
    """Whether the marks of a row stand on one line, as the ends of a change."""
    key: str = ""
    """What the marks mean; "" for the key of SGs and placebo."""


@dataclass(frozen=True, slots=True)
class CurveLine:
    """A line of a panel over training steps: a series of the table, of one list, and its name at the end."""

    series: str
    list_name: Literal["SGs", "placebo"] = "SGs"
    name: str = ""
    role: Role = "SGs"


@dataclass(frozen=True, slots=True)
class CurvePanel:
    """A panel over training steps."""

    title: str
    lines: tuple[CurveLine, ...]
    scale: float = 1.0
    is_relative: bool = False
    """Whether values are divided by their value at the first step."""


@dataclass(frozen=True, slots=True)
class CurvePlot:
    """Curves over training steps, a column of panels for each source."""

    name: str
    title: str
    caption: str
    panels: tuple[CurvePanel, ...]
    table: str = ""
    """Table whose series are drawn, such as "curves"; "" for that of the measure."""


@dataclass(frozen=True, slots=True)
class BinPlot:
    """Values over bins of a quantity, a panel for each source, SGs beside the placebo."""

    name: str
    title: str
    caption: str
    low_end: str
    """Column of the lower end of a bin."""
    high_end: str
    x_label: str
    y_label: str
    scale: float = 1.0
    n: str = ""
    """Column of the sample size of a bin."""


@dataclass(frozen=True, slots=True)
class SharePlot:
    """Shares of the kinds of a column: over training steps if the sources have them, else as dots by source."""

    name: str
    title: str
    caption: str
    kind: str
    """Column of the kinds."""
    value: str
    """Column of the shares over all steps."""
    value_at_step: str
    """Column of the shares at each step."""
    unit_at_step: str
    """What the shares at each step are of, as in "% of judged traces"."""
    dots: DotPlot
    """What is drawn if no source has steps."""


FigureSpec: TypeAlias = DotPlot | CurvePlot | BinPlot | SharePlot
