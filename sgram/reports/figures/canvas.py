"""Style, palette, safe labels and deterministic file bytes, shared by all figures.

Colors are Okabe and Ito's, which differ for all kinds of color vision. Equal drawings give equal bytes, as SVG, PNG or
PDF; a matplotlibrc has no effect.
"""

import io
import unicodedata
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import PurePath
from typing import TYPE_CHECKING

from sgram.errors import MissingExtraError, UsageError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMS = ("svg", "png", "pdf")
COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
LINES = ("-", "--", "-.", (0, (3, 1, 1, 1, 1, 1)))
GRAY, PALE, GRID = "#767676", "#c8c8c8", "#e6e6e6"
ROLES = {
    "all": (COLORS[6], "o"),
    "correct": (COLORS[0], "o"),
    "wrong": (COLORS[1], "s"),
    "not judged": (COLORS[3], "^"),
    "planning": (COLORS[0], "o"),
    "execution": (COLORS[1], "s"),
    "SGs": (COLORS[0], "o"),
    "placebo": (GRAY, "D"),
    "start": (GRAY, "D"),
    "chance": (GRAY, "|"),
    "higher": (COLORS[0], "o"),
    "lower": (COLORS[1], "s"),
    "cannot say": (GRAY, "o"),
}
"""Color and marker of what a mark or a line stands for."""
NEAR_ZERO = 0.6
"""A scale begins at 0 if the smallest value is below this share of the largest."""
_STYLE: dict[str, object] = {
    "svg.hashsalt": "sgram",
    "svg.fonttype": "path",
    "pdf.fonttype": 42,
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.usetex": False,
    "text.parse_math": False,
    "axes.unicode_minus": False,
    "path.simplify": False,
    "axes.grid": True,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "axes.titlesize": 9,
    "axes.titlelocation": "left",
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.frameon": False,
    "legend.fontsize": 8,
}
_UNSAFE = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}


def render_figure(size: tuple[float, float], draw: Callable[["Figure"], None], form: str = "svg") -> bytes:
    """Return the file bytes of a figure; `draw` draws on an empty canvas of `size` (width, height) in inches.

    `form` is one of `FORMS`. Raise `UsageError` for another form, `MissingExtraError` without matplotlib.
    """
    if form not in FORMS:
        raise UsageError(f"unknown figure format {form!r}; the formats are {', '.join(FORMS)}")
    with figure_style():
        from matplotlib.figure import Figure

        figure = Figure(figsize=size, layout="constrained")
        draw(figure)
        buffer = io.BytesIO()
        # matplotlib warns of letters that the font lacks; they are drawn as boxes, and the page's text has them
        metadata = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {"Software": None}}[form]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            figure.savefig(buffer, format=form, dpi=160, metadata=metadata)
    return buffer.getvalue()


@contextmanager
def figure_style() -> Iterator[None]:
    """Use the style of all figures for a while; labels are never read as formulas.

    Raise `MissingExtraError` without matplotlib.
    """
    try:
        import matplotlib as mpl
    except ImportError as error:
        raise MissingExtraError(f"a figure needs matplotlib ({error}); pip install 'sgram[figures]'") from error
    with mpl.rc_context():
        mpl.rcdefaults()  # the same everywhere: ignore a matplotlibrc
        for name, setting in _STYLE.items():
            mpl.rcParams[name] = setting  # type: ignore[index]  # the stubs allow only literal names
        yield


def figure_format(path: str) -> str:
    """Return the format that a file name's suffix asks for; raise `UsageError` if it is not one of `FORMS`.

    >>> figure_format("curves.SVG")
    'svg'
    """
    form = PurePath(path).suffix.lower().removeprefix(".")
    if form not in FORMS:
        raise UsageError(f"{path}: a figure's name must end in .{', .'.join(FORMS)}")
    return form


def label(text: str, longest: int = 48) -> str:
    """Return `text` as a label of at most `longest` columns, control and bidi characters escaped.

    It is shortened in the middle: names of models of one family differ at their ends. East Asian letters are two
    columns wide.

    >>> label("hicra" + chr(0x202e)), label("Qwen2.5-Math-7B-Instruct", 16)
    ('hicra\\\\u202e', 'Qwen2.5...struct')
    """
    escaped = "".join(
        character.encode("unicode_escape", "surrogatepass").decode()
        if unicodedata.category(character) in _UNSAFE
        else character
        for character in text
    )
    shortened, n_kept = escaped, longest - 3
    while sum(1 + (unicodedata.east_asian_width(character) in "WF") for character in shortened) > longest:
        shortened = f"{escaped[: n_kept - n_kept // 2]}...{escaped[len(escaped) - n_kept // 2 :]}"
        n_kept -= 1
    return shortened


def spread_labels(targets: Sequence[float], gap: float, minimum: float = float("-inf")) -> list[float]:
    """Return positions of labels >= `minimum`, at least `gap` apart, as near to their `targets` as possible.

    Labels that would touch form a block around the mean of their targets (pool adjacent violators).

    >>> spread_labels([0.0, 0.1, 5.0], gap=1.0)
    [-0.45, 0.55, 5.0]
    """
    order = sorted(range(len(targets)), key=lambda index: (targets[index], index))
    blocks: list[list[float]] = []  # [sum of targets minus offsets, size]
    for rank, index in enumerate(order):
        blocks.append([targets[index] - rank * gap, 1])
        while len(blocks) > 1 and blocks[-2][0] / blocks[-2][1] > blocks[-1][0] / blocks[-1][1]:
            total, size = blocks.pop()
            blocks[-1] = [blocks[-1][0] + total, blocks[-1][1] + size]
    positions, rank = [0.0] * len(targets), 0
    for total, size in blocks:
        for _ in range(int(size)):
            positions[order[rank]] = max(total / size, minimum) + rank * gap
            rank += 1
    return positions
