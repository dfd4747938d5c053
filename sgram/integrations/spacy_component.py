"""The spaCy component ``sgram``: grams of a lexicon as spans of a Doc.

spaCy finds it through the entry point that the package declares, so no import of sgram is needed::

    nlp = spacy.blank("en")
    nlp.add_pipe("sgram", config={"lexicon": "wang2025"})
    doc = nlp("Wait, let me check.")
    doc.spans["sgram"]

Wherever sgram is installed, spaCy imports this module for every pipeline. Therefore the finder, which takes long to
import, is imported at the first text.
"""

import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sgram.errors import InputError, MissingExtraError, SgramError
from sgram.lexicon import DEFAULT_LEXICON, MOVES, Lexicon
from sgram.tagging.spans import Span, remove_overlaps

try:
    import spacy.tokens
    from spacy.language import Language
    from spacy.tokens import Doc, SpanGroup
except ImportError as error:
    raise MissingExtraError(f"the pipeline component needs spaCy ({error}); pip install 'sgram[spacy]'") from error

if TYPE_CHECKING:
    from sgram.tagging.span_finder import SpanFinder

LEXICON_FILE = "lexicon.json"
"""Name of the lexicon in the component's directory of a saved pipeline."""


class PlanningSpans:
    """Component that writes the grams of ``doc.text`` to ``doc.spans[spans_key]``, replacing a group with that key.

    Each spaCy span has the move as ``label_``, the gram in normal form as ``id_``, and the id of its cluster as
    ``kb_id_``. The group's ``attrs`` are the lexicon's name (``lexicon``) and ``digest``.

    spaCy's spans begin and end with its tokens. A span covers every token that shares a character with the gram, so it
    can be longer than the gram. Without `overlaps`, no two spans of the group share a token (`remove_overlaps`, applied
    to the spans of tokens); with it, the group has every occurrence, by start, the longest first.

    >>> component = PlanningSpans("sgram", "wang2025", spans_key="sgram", overlaps=False)
    >>> doc = component(Doc(spacy.blank("en").vocab, words=["Well", "alternatively", ",", "we", "count"]))
    >>> [(span.text, span.label_) for span in doc.spans["sgram"]]
    [('alternatively', 'branching')]
    """

    def __init__(self, name: str, lexicon: str, spans_key: str, overlaps: bool):
        self.name, self.spans_key, self.overlaps = name, spans_key, overlaps
        self._lexicon_source = lexicon
        self._lexicon: Lexicon | None = None
        self._finder: SpanFinder | None = None
        # spacy.load creates the component first and sets the saved lexicon afterwards, perhaps on a machine without
        # the file that the config names. So an error is raised only when the lexicon is needed.
        with suppress(SgramError):
            self._lexicon = Lexicon.load(lexicon)

    @property
    def lexicon(self) -> Lexicon:
        """The lexicon in use; it can be set. Raise the `UsageError` or `InputError` of `Lexicon.load` without one.

        >>> component = PlanningSpans("sgram", "wang2025", spans_key="sgram", overlaps=False)
        >>> component.lexicon = Lexicon.from_grams(["let me"], name="mine")
        >>> component.lexicon.name
        'mine'
        """
        if self._lexicon is None:
            self._lexicon = Lexicon.load(self._lexicon_source)
        return self._lexicon

    @lexicon.setter
    def lexicon(self, lexicon: Lexicon) -> None:
        self._lexicon, self._finder = lexicon, None

    @property
    def labels(self) -> tuple[str, ...]:
        """All labels that a span can have.

        >>> "branching" in PlanningSpans("sgram", "wang2025", spans_key="sgram", overlaps=False).labels
        True
        """
        return MOVES

    def __call__(self, doc: Doc) -> Doc:
        """Add the group of spans to `doc` and return it."""
        if self._finder is None:
            from sgram.tagging.span_finder import SpanFinder

            self._finder = SpanFinder(self.lexicon)
        token_spans = [_widen_to_tokens(doc, span) for span in self._finder(doc.text)]
        spans = [
            spacy.tokens.Span(doc, span.start, span.end, label=span.label, kb_id=str(span.cluster), span_id=span.gram)
            for span in (token_spans if self.overlaps else remove_overlaps(token_spans))
        ]
        attrs = {"lexicon": self.lexicon.name, "digest": self.lexicon.digest}
        doc.spans[self.spans_key] = SpanGroup(doc, name=self.spans_key, attrs=attrs, spans=spans)
        return doc

    def __getstate__(self) -> dict[str, Any]:
        """Return the state for a worker of ``nlp.pipe(n_process=...)``: all but the finder, which is built again."""
        return self.__dict__ | {"_finder": None}

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """Return the lexicon's JSON. spaCy itself saves the config; `exclude` has no effect.

        >>> component = PlanningSpans("sgram", "wang2025", spans_key="sgram", overlaps=False)
        >>> component.from_bytes(component.to_bytes()).lexicon.name
        'wang2025'
        """
        return self.lexicon.to_bytes()

    def from_bytes(self, data: bytes, *, exclude: Iterable[str] = ()) -> "PlanningSpans":
        """Set the lexicon from the bytes of `to_bytes` and return the component.

        Raise `InputError` if `data` contains no lexicon.
        """
        location = f"the saved component {self.name!r}"
        try:
            document = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{location} contains no lexicon: {error}; save the pipeline again") from None
        self.lexicon = Lexicon.from_json(document, location)
        return self

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
        """Write the lexicon to the directory `path`, so that a saved pipeline needs no other file."""
        self.lexicon.save(Path(path) / LEXICON_FILE)

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> "PlanningSpans":
        """Set the lexicon from the file of `to_disk` and return the component.

        Raise `InputError` if the file cannot be read.
        """
        self.lexicon = Lexicon.load(Path(path) / LEXICON_FILE)
        return self


def _widen_to_tokens(doc: Doc, span: Span) -> Span:
    """Return `span` with offsets of tokens instead of characters."""
    tokens = doc.char_span(span.start, span.end, alignment_mode="expand")
    if tokens is None:
        raise ValueError(f"no token of the Doc has the characters {span.start} to {span.end} of its text")
    return replace(span, start=tokens.start, end=tokens.end)


@Language.factory(
    "sgram", default_config={"lexicon": DEFAULT_LEXICON, "spans_key": "sgram", "overlaps": False}, assigns=["doc.spans"]
)
def make_component(nlp: Language, name: str, lexicon: str, spans_key: str, overlaps: bool) -> PlanningSpans:
    """Return the component for ``nlp.add_pipe("sgram", config={...})``.

    - `lexicon`: path of a lexicon, or the name of a preset.
    - `spans_key`: key of the group in ``doc.spans``.
    - `overlaps`: whether the group has every occurrence, or only spans that do not overlap.

    >>> nlp = spacy.blank("en")
    >>> _ = nlp.add_pipe("sgram")
    >>> doc = nlp("Alternatively, count.")
    >>> [span.text for span in doc.spans["sgram"]]
    ['Alternatively']
    """
    return PlanningSpans(name, lexicon, spans_key, overlaps)
