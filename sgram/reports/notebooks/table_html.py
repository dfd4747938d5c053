"""A table of an analysis in a notebook: its first rows, formatted as on the page of a report."""

from sgram.analysis.table import Table
from sgram.reports.notebooks.output_html import render_output
from sgram.reports.pages.table_cells import format_table

_MAX_ROWS = 30


def render(table: Table) -> str:
    """Return the HTML of a table.

    >>> from sgram.analysis.table import Column, build_table
    >>> "12.5" in render(build_table("s", "Shares", [Column("share", "of words", "share")], [{"share": 0.125}]))
    True
    """
    return render_output(
        "notebook_table",
        title=table.title,
        counts=f"{len(table):,} row{'' if len(table) == 1 else 's'}, table {table.name}",
        formatted=format_table(table, _MAX_ROWS),
        note=table.note,
    )
