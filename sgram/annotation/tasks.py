"""What annotators are asked: a question, labels with their meanings and keys, and a guideline.

Formats, page and import take an `AnnotationTask`, so each of them serves every question.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from sgram.annotation.guideline import QUESTION, guideline_text
from sgram.annotation.items import LABEL_KEYS, LABEL_MEANINGS, STRATEGIC


@dataclass(frozen=True, slots=True)
class AnnotationTask:
    """A question about items of one kind."""

    question: str
    meanings: Mapping[str, str]
    """Meaning of each label that is offered, in their order."""
    keys: Mapping[str, str]
    """Keyboard shortcut of each label."""
    guideline_file: str
    """File name in data/."""
    item_name: str = "passage"
    """What annotators call an item."""
    introduction: str = "short passages, one phrase marked in each"
    """What they see; the number of items stands before it."""
    other_labels: Mapping[str, str] = field(default_factory=dict)
    """Labels that are read in answers but not offered, with the label that they stand for."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels that are offered."""
        return tuple(self.meanings)

    @property
    def guideline(self) -> str:
        """The guideline as Markdown."""
        return guideline_text(self.guideline_file)

    def find_label(self, answer: str) -> str | None:
        """Return the label that `answer` names, in any case of letters; None if it names none.

        >>> PHRASES.find_label("Deduction"), PHRASES.find_label("strategic"), PHRASES.find_label("maybe")
        ('deduction', 'strategic', None)
        """
        label = answer if answer in self.meanings or answer in self.other_labels else answer.lower()
        return self.other_labels.get(label, label if label in self.meanings else None)


PHRASES = AnnotationTask(
    QUESTION,
    LABEL_MEANINGS,
    LABEL_KEYS,
    "annotation_guideline.md",
    other_labels=MappingProxyType({STRATEGIC: STRATEGIC}),
)
"""What a phrase does in a passage."""
