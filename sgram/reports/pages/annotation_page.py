"""Annotation as one offline HTML page with an inline script.

The page makes no network request: its content security policy allows only the inline script and style sheet, by their
digests. The items are embedded as ASCII JSON that cannot contain markup, and the script shows them as text, with
control and bidi characters as visible escapes. Answers stay in the browser (localStorage, keyed by the digest of the
items) until the annotator downloads them.
"""

import hashlib
from dataclasses import asdict, dataclass

from sgram.annotation.guideline import Block, parse_guideline
from sgram.annotation.items import BlindedItem
from sgram.annotation.tasks import PHRASES, AnnotationTask
from sgram.reports.pages.templates import render_page, script_json


@dataclass(frozen=True, slots=True)
class LabelChoice:
    """A label that an annotator can choose."""

    label: str
    key: str
    """The key that chooses it."""
    meaning: str


@dataclass(frozen=True, slots=True)
class AnnotationPage:
    """Contents of the page. The items are blinded, so the page cannot reveal their kind."""

    title: str
    question: str
    choices: tuple[LabelChoice, ...]
    guideline: tuple[Block, ...]
    items: tuple[BlindedItem, ...]
    item_name: str = PHRASES.item_name
    """What annotators call an item."""
    introduction: str = PHRASES.introduction
    """What they see; the number of items stands before it."""

    @classmethod
    def of_task(cls, task: AnnotationTask, title: str, items: tuple[BlindedItem, ...]) -> "AnnotationPage":
        """Return the page that asks the question of `task` about `items`."""
        choices = tuple(LabelChoice(label, task.keys[label], meaning) for label, meaning in task.meanings.items())
        guideline = parse_guideline(task.guideline)
        return cls(title, task.question, choices, guideline, items, task.item_name, task.introduction)

    @property
    def digest(self) -> str:
        """Digest of the items (16 hex digits), under which the browser stores the answers."""
        return hashlib.sha256(script_json([asdict(item) for item in self.items]).encode()).hexdigest()[:16]


def render_annotation_page(page: AnnotationPage) -> bytes:
    """Return the page as UTF-8 HTML; equal pages give equal bytes.

    >>> choices = (LabelChoice("verification", "4", "checks a step"),)
    >>> page = AnnotationPage("Phrases", "What does it do?", choices, (), (BlindedItem("0a", "Let me check.", 0, 6),))
    >>> b'"text":"Let me check."' in render_annotation_page(page)
    True
    """
    sample = {
        "digest": page.digest,
        "item_name": page.item_name,
        "labels": [asdict(choice) for choice in page.choices],
        "items": [asdict(item) for item in page.items],
    }
    return render_page(
        "annotation_page", shared_styles=["base"], title=page.title, page=page, sample=script_json(sample)
    )
