"""Lines of Markdown tables, whose cells hold any text."""

from collections.abc import Iterable, Sequence


def table_head(names: Sequence[str]) -> list[str]:
    """Return the two lines of a table's head; all columns but the first are aligned to the right.

    >>> table_head(["arm", "runs"])
    ['| arm | runs |', '|---|--:|']
    """
    return [table_line(names), "|" + "|".join(["---"] + ["--:"] * (len(names) - 1)) + "|"]


def table_line(cells: Iterable[object]) -> str:
    """Return one line of a table.

    >>> table_line(["a|b", 3])
    '| a\\\\|b | 3 |'
    """
    return "| " + " | ".join(table_cell(str(cell)) for cell in cells) + " |"


def table_cell(text: str) -> str:
    """Return text that stays in its table cell and holds no HTML tag."""
    text = " ".join(text.split())
    for character, escaped in (("\\", "\\\\"), ("|", "\\|"), ("<", "&lt;"), ("`", "\\`"), ("*", "\\*")):
        text = text.replace(character, escaped)
    return text
