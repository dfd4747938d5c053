"""Tables as files: CSV for programs, Markdown for papers. Knows nothing about what the tables hold.

What stands in cells may come from traces: in CSV no cell is taken for a formula by a spreadsheet, in Markdown none is
taken for markup.
"""

import math
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from sgram.analysis.table import Cell, Table
from sgram.reports.pages.table_cells import FormattedTable, format_table
from sgram.reports.pages.trace_page import escape_invisible

if TYPE_CHECKING:
    from sgram.analysis import Analysis
    from sgram.reports.figures.figure import Figure
    from sgram.reports.findings.wording import Sentence

MAX_MARKDOWN_ROWS = 60
"""Most rows of a table in Markdown; CSV holds all."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_MARKUP = re.compile(
    r"([\\`*_{}\[\]<>#!|~$&@])|(?<=^)([-+=])|(?<=^)(\d+)(?=[.)](?:\s|$))|:(?=//)|(?<=www)\.", re.IGNORECASE
)
_QUOTE = '"'
_NAMED = {"<": "&lt;", ">": "&gt;", "&": "&amp;"}


def encode_csv(table: Table) -> bytes:
    """The table as CSV (RFC 4180, UTF-8, line feeds): numbers in full, nothing where there is no value.

    Text that a spreadsheet would take for a formula has an apostrophe before it.
    """
    rows = [table.names, *table.rows]
    text = "".join(",".join(_quoted(_cell(cell)) for cell in row) + "\n" for row in rows)
    return text.encode("utf-8", "backslashreplace")


def _quoted(text: str) -> str:
    """A cell as RFC 4180 has it; the csv module leaves a lone carriage return as it is."""
    return f'"{text.replace(_QUOTE, _QUOTE * 2)}"' if any(each in text for each in ',"\r\n') else text


def _cell(cell: Cell) -> str:
    if cell is None or (isinstance(cell, float) and not math.isfinite(cell)):
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, int | float):
        return repr(cell)
    text = str(cell).replace("\0", "\\x00")
    return f"'{text}" if text.startswith(_FORMULA) else text


def render_markdown(
    analysis: "Analysis",
    sentences: Sequence["Sentence"] = (),
    figures: Sequence["Figure"] = (),
    files: Mapping[str, str] | None = None,
) -> str:
    """The summary, the tables with their intervals as value [low, high], and the figures' captions and `files`.

    `files` are paths by the names of figures, as seen from the Markdown file.
    """
    parts = [f"# {escape_markdown(analysis.title)}"]
    if sentences:
        parts += ["## Summary", "\n".join(f"- {_SAID[each.kind]}{escape_markdown(each.text)}" for each in sentences)]
    parts += [_table(table) for table in analysis.tables.values() if table.rows]
    shown = [figure for figure in figures if files is None or figure.name in files]
    if shown:
        parts.append("## Figures")
        for number, figure in enumerate(shown, 1):
            picture = f"![{escape_markdown(figure.title)}](<{_address(files[figure.name])}>)\n\n" if files else ""
            parts.append(
                f"{picture}**Figure {number}: {escape_markdown(figure.title)}.** {escape_markdown(figure.caption)}"
            )
    if analysis.notes:
        parts += ["## Notes", "\n".join(f"- {escape_markdown(note)}" for note in analysis.notes)]
    return "\n\n".join(parts) + "\n"


_SAID = {"finding": "", "control": "*Control.* ", "caution": "*Caution.* "}


def escape_markdown(text: str) -> str:
    """`text` on one line, with nothing in it that Markdown or HTML would take for markup."""
    line = " ".join(escape_invisible(text).split())
    return _MARKUP.sub(_escape, line)


def _escape(found: re.Match) -> str:
    text = found.group()
    return f"&#{ord(text[0])};{text[1:]}" if text.isdecimal() else _NAMED.get(text, f"\\{text}")


def _address(path: str) -> str:
    return escape_invisible(path).replace("\\", "/").replace("<", "%3C").replace(">", "%3E").replace("\n", "%0A")


def _table(table: Table) -> str:
    shown = format_table(table, MAX_MARKDOWN_ROWS)
    heads, rows = _merged(shown)
    ruler = ["---:" if right else "---" for _, right in heads]
    lines = [[head for head, _ in heads], ruler, *rows]
    text = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    more = f"\n\n{shown.n_left:,} more rows are left out." if shown.n_left else ""
    note = f"\n\n{escape_markdown(table.note)}" if table.note else ""
    return f"## {escape_markdown(table.title)}\n\n{text}{more}{note}"


def _merged(shown: FormattedTable) -> tuple[list[tuple[str, bool]], list[list[str]]]:
    """Heads (with whether they are of numbers) and rows, each interval put behind the value before it."""
    heads: list[tuple[str, bool]] = []
    rows: list[list[str]] = [[] for _ in shown.rows]
    for place, column in enumerate(shown.columns):
        cells = [row[place] for row in shown.rows]
        joins = column.kind == "interval" and heads and shown.columns[place - 1].kind == "number"
        if joins:
            heads[-1] = (f"{heads[-1][0]} \\[95 %\\]", True)
        else:
            unit = f", {column.unit}" if column.unit else ""
            heads.append((escape_markdown(f"{column.name}{unit}"), column.kind in ("number", "interval")))
        for row, cell in zip(rows, cells, strict=True):
            if column.kind == "interval":
                text = "" if cell.missing else f"\\[{escape_markdown(cell.text.replace(' – ', ', '))}\\]"
            else:
                text = escape_markdown(cell.text)
            if joins:
                row[-1] = f"{row[-1]} {text}".rstrip()
            else:
                row.append(text)
    return heads, rows
