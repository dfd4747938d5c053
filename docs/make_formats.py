"""Write docs/formats.md from docs/formats.template.md and what containers, dialects and the table of names declare.

python docs/make_formats.py
"""

import re
from collections.abc import Iterable
from pathlib import Path

from sgram.safe_reading import Caps
from sgram.traces.aliases import ALIASES, CONVERSATIONS
from sgram.traces.containers.json_values import MAX_DEPTH
from sgram.traces.containers.table import CONTAINERS, READ_SUFFIXES
from sgram.traces.dialect import Dialect, all_dialects
from sgram.traces.parts import MARKERS
from sgram.traces.readers import COLUMN_FIELDS

FOLDER = Path(__file__).parent
PAGE = FOLDER / "formats.md"
TEMPLATE = FOLDER / "formats.template.md"
NAME = re.compile(r"[\w.\[\]*-]*\w[\w.\[\]*-]*")
"""A column's name, as opposed to a phrase that speaks of columns."""


def code(name: str) -> str:
    """Return a name as code; a bar would end the cell of a table."""
    return f"`{name}`".replace("|", "\\|")


def prose(text: str) -> str:
    """Return a text for the cell of a table, without markup of its own; code in it stays code."""
    pieces = text.replace("|", "\\|").split("`")
    return "`".join(piece if n % 2 else re.sub(r"[*<\[]", r"\\\g<0>", piece) for n, piece in enumerate(pieces))


def listing(names: Iterable[str]) -> str:
    """Return names as code, between commas."""
    return ", ".join(map(code, names))


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Return a table in Markdown."""
    lines = [head, tuple("---" for _ in head), *rows]
    return (
        "\n".join(f"| {' | '.join(cells)} |" for cells in lines).replace("| --- |", "|---|").replace(" --- |", "---|")
    )


def columns_of(phrase: str) -> str:
    """Return a key of `Dialect.becomes`: names of columns as code, a phrase as it is."""
    names = phrase.split(", ")
    if not all(NAME.fullmatch(name) or name == "..." for name in names):
        return prose(phrase)
    return ", ".join(name if name == "..." else code(name) for name in names)


def recognized(dialect: Dialect) -> str:
    """Return how a dialect is recognized: by sets of columns, by what its function says of itself, or by both."""
    sets = "; or ".join(listing(sorted(columns)) for columns in dialect.columns)
    lines = (dialect.recognize.__doc__ or "" if dialect.recognize is not None else "").split("\n\n")[0]
    sentence = " ".join(lines.split()).removeprefix("Return whether ").rstrip(".")
    if not sentence:
        return f"the columns {sets}"
    return prose(sentence) if not sets else f"the columns {sets}, and {prose(sentence)}"


def meanings(dialect: Dialect) -> list[tuple[str, str]]:
    """Return (columns, what they become); columns that become the same as the one before stand in one row."""
    becomes = dict(dialect.becomes)
    if all(column == meaning for column, meaning in becomes.items()):
        return [(listing(becomes), "the field of this name")]
    rows: list[tuple[str, str]] = []
    if sum(column in ALIASES.get(meaning, ()) for column, meaning in becomes.items()) > 50:
        names = {name for names in ALIASES.values() for name in names}
        rows.append(("the [usual names](#names-of-columns)", "their fields"))
        becomes = {column: meaning for column, meaning in becomes.items() if column not in names}
    for column, meaning in becomes.items():
        cells = columns_of(column), prose(meaning)
        if rows and rows[-1][1] == cells[1]:
            rows[-1] = (f"{rows[-1][0]}, {cells[0]}", cells[1])
        else:
            rows.append(cells)
    return rows


def section(dialect: Dialect) -> str:
    """Return the section of a dialect."""
    facts = (
        f"**Written by:** {prose(dialect.written_by)}.",
        f"**Recognized by:** {recognized(dialect)}.",
        f"**Source:** {prose(dialect.source)}.",
    )
    return "\n\n".join((f"### {dialect.name}", *facts, table(("column", "becomes"), meanings(dialect))))


def caps_table() -> str:
    """Return the limits for untrusted files."""
    caps = Caps()
    rows = (
        (
            "one line",
            f"{caps.max_line_bytes >> 20} MiB; a longer one is passed over without being held",
            "max_line_bytes",
        ),
        ("inflation", f"{caps.max_inflation:g} times, judged after the first 1 MiB", "max_inflation"),
        ("inflated size of one compressed file", f"{caps.max_inflated_bytes >> 30} GiB", "max_inflated_bytes"),
        ("text of one trace", f"{caps.max_text_chars // 10**6} million characters", "max_text_chars"),
    )
    return table(
        ("cap", "value", "`sgram.safe_reading.Caps`"), [(what, value, code(name)) for what, value, name in rows]
    )


def make_page() -> str:
    """Return the page."""
    dialects = [dialect for dialect in all_dialects().values() if dialect.parse.__module__.startswith("sgram.")]
    containers = [
        (
            listing(container.suffixes) + (", any other text" if container.name == "lines" else ""),
            prose(container.description),
        )
        for container in CONTAINERS.values()
    ]
    markers = [(code(pair.opening), code(pair.closing) if pair.closing else "", prose(pair.source)) for pair in MARKERS]
    made = {
        "containers": table(("name ends in", "is read as"), containers),
        "suffixes": listing(READ_SUFFIXES),
        "column_fields": listing(COLUMN_FIELDS),
        "markers": table(("reasoning begins with", "ends with", "written by"), markers),
        "max_depth": str(MAX_DEPTH),
        "caps": caps_table(),
        "overview": " · ".join(f"[{dialect.name}](#{dialect.name})" for dialect in dialects),
        "dialects": "\n\n".join(map(section, dialects)),
        "aliases": table(
            ("field", "names, the likeliest first"), [(code(field), listing(names)) for field, names in ALIASES.items()]
        ),
        "conversations": listing(CONVERSATIONS),
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda match: made[match[1]], TEMPLATE.read_text(encoding="utf-8"))


if __name__ == "__main__":
    PAGE.write_text(make_page(), encoding="utf-8")
