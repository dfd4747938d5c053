"""The card of a repository: README.md with YAML front matter, made of what a value says of itself.

Names and phrases come from traces, so every text is escaped; the front matter holds checked identifiers only.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sgram.errors import UsageError
from sgram.files import excerpt
from sgram.hub.addresses import check_repository
from sgram.markdown import escape_markdown, markdown_table

MAX_ROWS = 60
"""Most rows of provenance."""
MAX_CHARACTERS = 200
"""Most characters of a cell."""
_MAX_FIELDS = 20
"""An object or list with more entries than this is shown by its size."""
_LICENSE = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,60}")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*")


@dataclass(frozen=True, slots=True)
class CardFields:
    """What a card says that the value itself does not know.

    Raise `UsageError` if a license, language or data set is not an identifier of the hub.

    >>> CardFields(license="mit", languages=("en",)).license
    'mit'
    """

    license: str | None = None
    """Identifier of the license, such as ``apache-2.0``; left out if it is unknown."""
    languages: tuple[str, ...] = ()
    """Codes of the traces' languages, such as ``en``."""
    datasets: tuple[str, ...] = ()
    """Data sets of the hub that the traces are part of, as ``owner/name``."""
    base_models: tuple[str, ...] = ()
    """Models of the hub that sampled the traces, as ``owner/name``."""
    validation: Mapping[str, Any] | None = None
    """What ``sgram validate --json`` printed."""

    def __post_init__(self) -> None:
        if self.license is not None and not _LICENSE.fullmatch(self.license):
            raise UsageError(f"{excerpt(self.license, 60)!r} is not the identifier of a license, such as apache-2.0")
        for language in self.languages:
            if not _LANGUAGE.fullmatch(language):
                raise UsageError(f"{excerpt(language, 60)!r} is not the code of a language, such as en")
        for name in (*self.datasets, *self.base_models):
            check_repository(name)


class CardSection(NamedTuple):
    """A heading and the Markdown below it."""

    title: str
    body: str


def render_card(
    title: str, tags: Sequence[str], fields: CardFields, summary: str, sections: Sequence[CardSection]
) -> bytes:
    """Return the bytes of README.md. `title` is escaped; `summary` and the bodies of `sections` are Markdown.

    >>> print(render_card("math", ["lexicon"], CardFields(license="mit"), "A lexicon.", []).decode(), end="")
    ---
    library_name: sgram
    license: "mit"
    tags:
    - "sgram"
    - "lexicon"
    ---
    <BLANKLINE>
    # math
    <BLANKLINE>
    A lexicon.
    """
    front_matter = ["---", "library_name: sgram"]
    if fields.license is not None:
        front_matter.append(f'license: "{fields.license}"')
    lists = {
        "language": fields.languages,
        "datasets": fields.datasets,
        "base_model": fields.base_models,
        "tags": ("sgram", *tags),
    }
    for name, entries in lists.items():
        if entries:
            front_matter += [f"{name}:", *(f'- "{entry}"' for entry in entries)]
    parts = ["\n".join([*front_matter, "---"]), f"# {escape_markdown(title[:MAX_CHARACTERS])}", summary]
    parts += [f"## {section.title}\n\n{section.body}" for section in sections]
    return ("\n\n".join(parts) + "\n").encode("utf-8", "backslashreplace")


def provenance_section(source: Mapping[str, Any]) -> CardSection:
    """Return the fields of a value's source as a table: one row for each text or number, named by its path."""
    rows = list(_flatten(source))
    table = markdown_table(["field", "value"], rows[:MAX_ROWS])
    omission = f"\n\n{len(rows) - MAX_ROWS:,} more fields are in the file." if len(rows) > MAX_ROWS else ""
    return CardSection("Provenance", f"{table}{omission}" if rows else "The file says nothing about its origin.")


def _flatten(field: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield (path, text) of the leaves of a JSON value, in the order of their names."""
    if isinstance(field, Mapping) and len(field) <= _MAX_FIELDS:
        for name in sorted(field):
            yield from _flatten(field[name], f"{path}.{name}" if path else name)
    elif isinstance(field, list) and any(isinstance(entry, Mapping | list) for entry in field[:_MAX_FIELDS]):
        for number, entry in enumerate(field[:_MAX_FIELDS]):
            yield from _flatten(entry, f"{path}[{number}]")
    else:
        yield path[:MAX_CHARACTERS], _leaf_text(field)


def _leaf_text(field: Any) -> str:
    if isinstance(field, Mapping):
        return f"{len(field):,} entries"
    if isinstance(field, list):
        text = ", ".join(str(entry)[:MAX_CHARACTERS] for entry in field[:_MAX_FIELDS])
        return text[:MAX_CHARACTERS] + (f" and {len(field) - _MAX_FIELDS:,} more" if len(field) > _MAX_FIELDS else "")
    if isinstance(field, bool):
        return "yes" if field else "no"
    if isinstance(field, float):
        return f"{field:.6g}"
    return "none" if field is None else str(field)[:MAX_CHARACTERS]


def code_block(lines: Sequence[str]) -> str:
    """Return lines of Python as a block. They hold no text from data but checked identifiers.

    >>> code_block(["import sgram"])
    '```python\\nimport sgram\\n```'
    """
    return "\n".join(["```python", *lines, "```"])
