"""Tables as files: CSV for programs, Markdown for papers.

Cells may contain text from traces. In CSV no cell can be taken for a formula by a spreadsheet, and in Markdown no cell
can be taken for markup.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sgram.analysis.table import Cell, Table
from sgram.files import write_bytes
from sgram.markdown import escape_invisible
from sgram.markdown import escape_markdown as escape_markdown
from sgram.reports.pages.table_cells import FormattedTable, format_table
from sgram.reports.wording import group_statements

if TYPE_CHECKING:
    from sgram.analysis import Analysis
    from sgram.reports.figures.figure import Figure

MAX_MARKDOWN_ROWS = 60
"""Maximum rows of a table in Markdown; CSV contains all rows."""
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_QUOTE = '"'


def encode_csv(table: Table) -> bytes:
    """Return the table as CSV (RFC 4180, UTF-8, line feeds): numbers in full, nothing for a missing value.

    Text that a spreadsheet would take for a formula gets an apostrophe before it.

    >>> from sgram.analysis.table import Column
    >>> encode_csv(Table("t", "T", (Column("gram", "words"), Column("share", "of words")), (("=1+1", 1 / 4),)))
    b"gram,share\\n'=1+1,0.25\\n"
    """
    rows = [table.names, *table.rows]
    text = "".join(",".join(_quote(_format_cell(cell)) for cell in row) + "\n" for row in rows)
    return text.encode("utf-8", "backslashreplace")


def write_tables(tables: Mapping[str, Table], folder: Path) -> list[Path]:
    """Write each table to a CSV file in `folder`; return the files."""
    files = [folder / f"{name}.csv" for name in tables]
    for path, table in zip(files, tables.values(), strict=True):
        write_bytes(path, encode_csv(table))
    return files


def _quote(text: str) -> str:
    """Return a cell quoted by RFC 4180. The csv module does not quote a lone carriage return."""
    needs_quotes = any(character in text for character in ',"\r\n')
    return f'"{text.replace(_QUOTE, _QUOTE * 2)}"' if needs_quotes else text


def _format_cell(cell: Cell) -> str:
    if cell is None or (isinstance(cell, float) and not math.isfinite(cell)):
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, int | float):
        return repr(cell)
    text = str(cell).replace("\0", "\\x00")
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def render_markdown(
    analysis: "Analysis", figures: Sequence["Figure"] = (), files: Mapping[str, str] | None = None
) -> str:
    """Return a report as Markdown: the findings, the tables with intervals as value [low, high], the figure captions.

    `files` maps names of figures to paths relative to the Markdown file. If it is given, only these figures are
    included, each with its picture.
    """
    parts = [f"# {escape_markdown(analysis.title)}"]
    points = []
    for group in group_statements(analysis):
        points.append(f"- {escape_markdown(group.headline.text)} {group.caution}".rstrip())
        points += [f"  - {escape_markdown(statement.text)}" for statement in group.details[:MAX_MARKDOWN_ROWS]]
    parts += ["## Findings", "\n".join(points)] if points else []
    parts += [_render_table(table) for table in analysis.tables.values() if table.rows]
    included_figures = [figure for figure in figures if files is None or figure.name in files]
    if included_figures:
        parts.append("## Figures")
        for number, figure in enumerate(included_figures, 1):
            title = escape_markdown(figure.title)
            picture = f"![{title}](<{_escape_path(files[figure.name])}>)\n\n" if files else ""
            parts.append(f"{picture}**Figure {number}: {title}.** {escape_markdown(figure.caption)}")
    if analysis.notes:
        parts += ["## Notes", "\n".join(f"- {escape_markdown(note)}" for note in analysis.notes)]
    return "\n\n".join(parts) + "\n"


def _escape_path(path: str) -> str:
    return escape_invisible(path).replace("\\", "/").replace("<", "%3C").replace(">", "%3E").replace("\n", "%0A")


def _render_table(table: Table) -> str:
    formatted = format_table(table, MAX_MARKDOWN_ROWS)
    columns = _merge_intervals(formatted)
    ruler = ["---:" if is_numeric else "---" for _, is_numeric, _ in columns]
    lines = [[head for head, _, _ in columns], ruler, *zip(*(texts for _, _, texts in columns), strict=True)]
    text = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    omission = f"\n\n{formatted.n_omitted:,} more rows are left out." if formatted.n_omitted else ""
    note = f"\n\n{escape_markdown(table.note)}" if table.note else ""
    return f"## {escape_markdown(table.title)}\n\n{text}{omission}{note}"


def _merge_intervals(table: FormattedTable) -> list[tuple[str, bool, list[str]]]:
    """Return (head, whether it is numeric, cells) of each column; an interval is appended to its value."""
    columns: list[tuple[str, bool, list[str]]] = []
    for index, column in enumerate(table.columns):
        cells = [row[index] for row in table.rows]
        texts = [escape_markdown(cell.text) for cell in cells]
        if column.kind == "interval":
            texts = [
                "" if cell.is_missing else f"\\[{escape_markdown(cell.text.replace(' – ', ', '))}\\]" for cell in cells
            ]
        if column.kind == "interval" and columns and table.columns[index - 1].kind == "number":
            head, _, values = columns.pop()
            merged = [f"{value} {text}".rstrip() for value, text in zip(values, texts, strict=True)]
            columns.append((f"{head} \\[95 %\\]", True, merged))
        else:
            head = escape_markdown(f"{column.name}{', ' if column.unit else ''}{column.unit}")
            columns.append((head, column.kind in ("number", "interval"), texts))
    return columns
