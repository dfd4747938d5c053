"""Widths of the columns of a table in a terminal, so that it fills the terminal and no word is broken."""

from collections.abc import Sequence

from rich.cells import cell_len
from rich.text import Text

UNBROKEN = 16
"""A cell of at most so many characters stays on one line: a number with its unit, an interval, a short name."""


def least_width(cell: str) -> int:
    """Return the width below which a word of the cell would be broken; a short cell counts as one word.

    >>> least_width("12.5 %"), least_width("let me check whether that is right")
    (6, 7)
    """
    width = cell_len(cell)
    return width if width <= UNBROKEN else max(map(cell_len, cell.split()), default=0)


def column_widths(columns: Sequence[Sequence[str]], width: int, gap: int = 1) -> list[int]:
    """Return the width of each column, of which `columns` are the cells, in a table of `width` characters.

    A column is as wide as its longest cell if all of them fit. If not, the widest columns share what the others leave,
    but none is narrower than its longest word. The sum is above `width` only where the words alone need more.

    >>> column_widths([["rank", "1"], ["let me check whether that is right"]], width=20)
    [4, 15]
    """
    least = [max(map(least_width, cells), default=0) for cells in columns]
    full = [max(map(cell_len, cells), default=0) for cells in columns]
    free = width - gap * (len(columns) - 1)
    widths = list(least)
    for limit in sorted(set(full)):  # raise the narrow columns first, until nothing is left
        raised = [max(low, min(high, limit)) for low, high in zip(least, full, strict=True)]
        if sum(raised) > free:
            break
        widths = raised
    left = free - sum(widths)
    while left > 0 and (narrow := [index for index, high in enumerate(full) if widths[index] < high]):
        for index in narrow[:left]:
            widths[index] += 1
        left = free - sum(widths)
    return widths


def crop_words(text: Text, width: int) -> Text:
    """Return the text with as many whole words as `width` takes, and an ellipsis if some are left out.

    >>> crop_words(Text("let me check"), 8).plain
    'let me …'
    """
    if cell_len(text.plain) <= width:
        return text
    cropped = text.copy()
    cropped.truncate(max(width - 2, 0), overflow="crop")
    end = len(cropped.plain)
    if text.plain[end : end + 1].strip():  # the cut is inside a word
        end = cropped.plain.rfind(" ")
    whole_words = cropped[: max(end, 0)]
    whole_words.rstrip()
    if whole_words.plain:
        return whole_words.append(" …")
    cropped = text.copy()  # not even the first word has room
    cropped.truncate(width, overflow="ellipsis")
    return cropped
