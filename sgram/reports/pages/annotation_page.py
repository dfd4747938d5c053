"""An annotation as one offline HTML page with its own small script. Knows nothing about how the items were drawn.

The page asks no host for anything: its content security policy allows the one script and the one style sheet that are
inside it, by their digests, and nothing else. Items travel as JSON in ASCII, in which no markup can stand, and the
script shows them as text only, control and bidi characters as visible escapes. Answers stay in the browser
(localStorage, under the digest of the items) until they are downloaded.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import TYPE_CHECKING

from sgram.annotation.guideline import Block
from sgram.annotation.items import BlindedItem
from sgram.reports.pages.templates import load_template, policy_digest, read_asset
from sgram.reports.pages.trace_page import escape_invisible

if TYPE_CHECKING:
    import jinja2

_ESCAPES = {ord(mark): f"\\u{ord(mark):04x}" for mark in "<>&"}


@dataclass(frozen=True, slots=True)
class LabelChoice:
    """A label that can be given."""

    label: str
    key: str
    """The key that gives it."""
    meaning: str


@dataclass(frozen=True, slots=True)
class AnnotationPage:
    """All that the page holds. What it does not hold, it cannot give away."""

    title: str
    question: str
    choices: tuple[LabelChoice, ...]
    guideline: tuple[Block, ...]
    items: tuple[BlindedItem, ...]

    @property
    def digest(self) -> str:
        """16 hex digits that stand for the items: what the answers are kept under."""
        return hashlib.sha256(_json([asdict(item) for item in self.items]).encode()).hexdigest()[:16]


def render_annotation_page(page: AnnotationPage) -> bytes:
    """The file's bytes: UTF-8 HTML, the same for equal pages."""
    style, script = read_asset("annotation_page.css"), read_asset("annotation_page.js")
    policy = (
        f"default-src 'none'; script-src 'sha256-{policy_digest(script)}'; style-src 'sha256-{policy_digest(style)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    sample = {
        "digest": page.digest,
        "labels": [asdict(choice) for choice in page.choices],
        "items": [asdict(item) for item in page.items],
    }
    made = _template().render(page=page, style=style, script=script, policy=policy, sample=_json(sample))
    return made.encode()


def _json(value: dict | Sequence) -> str:
    """JSON in ASCII that can stand inside a script element."""
    return json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":")).translate(_ESCAPES)


@cache
def _template() -> "jinja2.Template":
    return load_template("annotation_page.html.jinja", escape_invisible=escape_invisible)
