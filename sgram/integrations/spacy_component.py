"""The spaCy component ``sgram``: grams of a lexicon as spans of a Doc. Knows nothing about token ids, models or masks.

spaCy finds it through the entry point that the package declares, so nothing of sgram needs to be imported::

    nlp = spacy.blank("en")
    nlp.add_pipe("sgram", config={"lexicon": "wang2025"})
    doc = nlp("Wait, let me check.")
    doc.spans["sgram"]

spaCy imports this module for every pipeline that anyone makes where sgram is installed; therefore what takes long
to import (the finder) is imported at the first text.
"""

import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sgram.errors import InputError, MissingExtraError, SgramError
from sgram.lexicon import MOVES, Lexicon
from sgram.tagging.spans import longest_first

try:
    from spacy.language import Language
    from spacy.tokens import Doc, Span, SpanGroup
except ImportError as error:
    raise MissingExtraError(f"the pipeline component needs spaCy ({error}); pip install 'sgram[spacy]'") from error

if TYPE_CHECKING:
    from sgram.tagging.span_finder import SpanFinder

FILE = "lexicon.json"
"""Name of the lexicon in the component's directory of a saved pipeline."""


class PlanningSpans:
    """Writes the grams found in ``doc.text`` to ``doc.spans[spans_key]``, in place of what was there.

    Of each spaCy span, ``label_`` is the move, ``id_`` the gram in normal form, ``kb_id_`` the id of its cluster.
    The group's ``attrs`` hold the name (``lexicon``) and the ``digest`` of the lexicon.

    spaCy's spans begin and end with its tokens: one covers every token that shares a character with the gram, so
    it may be longer than the gram. Without `overlaps`, no two of the group share a token (`longest_first`, applied
    to the spans of tokens); with it, every occurrence is there, by start, the longest first.
    """

    def __init__(self, name: str, lexicon: str, spans_key: str, overlaps: bool):
        self.name, self.spans_key, self.overlaps = name, spans_key, overlaps
        self._source = lexicon
        self._lexicon: Lexicon | None = None
        self._finder: SpanFinder | None = None
        # spacy.load makes the component first and hands it the saved lexicon afterwards, perhaps where the file
        # that the config names is missing: a fault is told when the lexicon is needed.
        with suppress(SgramError):
            self._lexicon = Lexicon.load(lexicon)

    @property
    def lexicon(self) -> Lexicon:
        """The lexicon in use; may be set. `UsageError` or `InputError` of `Lexicon.load` if there is none."""
        if self._lexicon is None:
            self._lexicon = Lexicon.load(self._source)
        return self._lexicon

    @lexicon.setter
    def lexicon(self, lexicon: Lexicon) -> None:
        self._lexicon, self._finder = lexicon, None

    @property
    def labels(self) -> tuple[str, ...]:
        """Every label that a span may have."""
        return MOVES

    def __call__(self, doc: Doc) -> Doc:
        """`doc` itself, with the group of spans."""
        if self._finder is None:
            from sgram.tagging.span_finder import SpanFinder

            self._finder = SpanFinder(self.lexicon)
        found = []
        for span in self._finder(doc.text):
            tokens = doc.char_span(span.start, span.end, alignment_mode="expand")
            found.append(replace(span, start=tokens.start, end=tokens.end))
        spans = [
            Span(doc, span.start, span.end, label=span.label, kb_id=str(span.cluster), span_id=span.gram)
            for span in (found if self.overlaps else longest_first(found))
        ]
        attrs = {"lexicon": self.lexicon.name, "digest": self.lexicon.digest}
        doc.spans[self.spans_key] = SpanGroup(doc, name=self.spans_key, attrs=attrs, spans=spans)
        return doc

    def __getstate__(self) -> dict[str, Any]:
        """What travels to a worker of ``nlp.pipe(n_process=...)``: all but the finder, which is made again."""
        return self.__dict__ | {"_finder": None}

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """The lexicon's JSON. What the config holds, spaCy saves itself; `exclude` changes nothing."""
        return self.lexicon.to_bytes()

    def from_bytes(self, data: bytes, *, exclude: Iterable[str] = ()) -> "PlanningSpans":
        """The component itself, with the lexicon that `to_bytes` gave."""
        where = f"the saved component {self.name!r}"
        try:
            document = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{where} holds no lexicon: {error}; save the pipeline again") from None
        self.lexicon = Lexicon.from_json(document, where)
        return self

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
        """Write the lexicon itself into the directory `path`: a saved pipeline needs no other file."""
        self.lexicon.save(Path(path) / FILE)

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> "PlanningSpans":
        """The component itself, with the lexicon that `to_disk` wrote."""
        self.lexicon = Lexicon.load(Path(path) / FILE)
        return self


@Language.factory(
    "sgram", default_config={"lexicon": "wang2025", "spans_key": "sgram", "overlaps": False}, assigns=["doc.spans"]
)
def make_component(nlp: Language, name: str, lexicon: str, spans_key: str, overlaps: bool) -> PlanningSpans:
    """The component for ``nlp.add_pipe("sgram", config={...})``.

    `lexicon`: path of a lexicon's file, or the name of a preset. `spans_key`: the group's key in ``doc.spans``.
    `overlaps`: whether every occurrence is written, or only those that are shown to people.
    """
    return PlanningSpans(name, lexicon, spans_key, overlaps)
