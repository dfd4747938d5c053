"""What figures of one house share: style, palette, safe labels, deterministic bytes. Knows nothing about what is drawn.

Colors are Okabe and Ito's, told apart with any kind of color vision. Equal drawings give equal bytes, as SVG, PNG or
PDF, whatever a matplotlibrc says.
"""

import io
import unicodedata
import warnings
from collections.abc import Callable, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING

from sgram.errors import MissingExtraError, UsageError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMS = ("svg", "png", "pdf")
COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
LINES = ("-", "--", "-.", (0, (3, 1, 1, 1, 1, 1)))
GRAY, PALE, GRID = "#767676", "#c8c8c8", "#e6e6e6"
_STYLE = {
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


def drawn(size: tuple[float, float], draw: Callable[["Figure"], None], form: str = "svg") -> bytes:
    """The bytes, in one of `FORMS`, of what `draw` puts on an empty figure of a `size` in inches."""
    if form not in FORMS:
        raise UsageError(f"a figure is written as {', '.join(FORMS)}, not as {form!r}")
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError(f"a figure needs matplotlib ({error}); pip install 'sgram[figures]'") from error
    with mpl.rc_context():
        mpl.rcdefaults()  # whatever a matplotlibrc says: the same bytes everywhere
        mpl.rcParams.update(_STYLE)
        figure = Figure(figsize=size, layout="constrained")
        draw(figure)
        held = io.BytesIO()
        # letters that the font lacks are drawn as boxes, the page's text has them all: no news for a terminal
        about = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {"Software": None}}[form]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            figure.savefig(held, format=form, dpi=160, metadata=about)
    return held.getvalue()


def figure_form(path: str) -> str:
    """Which of `FORMS` the name of a file asks for; `UsageError` for another."""
    form = PurePath(path).suffix.lower().removeprefix(".")
    if form not in FORMS:
        raise UsageError(f"{path}: a figure's name ends in .{', .'.join(FORMS)}")
    return form


def label(text: str, longest: int = 48) -> str:
    """`text` as a label: short, no control or bidi characters."""
    shown = "".join(
        character.encode("unicode_escape", "surrogatepass").decode()
        if unicodedata.category(character) in _UNSAFE
        else character
        for character in text
    )
    return shown if len(shown) <= longest else shown[: longest - 3] + "..."


def spread(wanted: Sequence[float], gap: float, least: float = float("-inf")) -> list[float]:
    """Places for labels, none below `least`, any two a `gap` apart, as near to those `wanted` as can be.

    Labels that would touch form a block about the mean of what they want (pool adjacent violators).
    """
    order = sorted(range(len(wanted)), key=lambda place: (wanted[place], place))
    blocks: list[list[float]] = []  # [sum of wanted less offsets, size]
    for rank, place in enumerate(order):
        blocks.append([wanted[place] - rank * gap, 1])
        while len(blocks) > 1 and blocks[-2][0] / blocks[-2][1] > blocks[-1][0] / blocks[-1][1]:
            total, size = blocks.pop()
            blocks[-1] = [blocks[-1][0] + total, blocks[-1][1] + size]
    found, rank = [0.0] * len(wanted), 0
    for total, size in blocks:
        for _ in range(int(size)):
            found[order[rank]] = max(total / size, least) + rank * gap
            rank += 1
    return found
