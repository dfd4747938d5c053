"""The spaCy component ``sgram``: grams of a lexicon, or planning sentences, as spans of a Doc.

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

from sgram.errors import InputError, MissingExtraError, SgramError, UsageError
from sgram.files import canonical_json
from sgram.lexicon import DEFAULT_LEXICON, MOVES, Lexicon, SentenceScorer, order_moves
from sgram.tagging.spans import PLANNING, MaskKind, Span, check_mask_kind, remove_overlaps

try:
    import spacy.tokens
    from spacy.language import Language
    from spacy.tokens import Doc, SpanGroup
except ImportError as error:
    raise MissingExtraError(f"the pipeline component needs spaCy ({error}); pip install 'sgram[spacy]'") from error

if TYPE_CHECKING:
    from sgram.tagging.mask_kinds import PlanningFinder

LEXICON_FILE, SCORER_FILE = "lexicon.json", "scorer.json"
"""Names of the lexicon and the scorer in the component's directory of a saved pipeline."""


class PlanningSpans:
    """Component that writes the planning spans of ``doc.text`` to ``doc.spans[spans_key]``, replacing a group there.

    `mask` says what is marked. Each spaCy span of ``grams`` has the move as ``label_``, the gram in normal form as
    ``id_``, and the id of its cluster as ``kb_id_``; of ``grams-in-sentences`` the label is the sentence's move. Each
    span of ``sentences`` has the sentence's move as ``label_`` and the gram that speaks most for planning as ``id_``.
    The group's ``attrs`` are the lexicon's name (``lexicon``) and ``digest``; with sentences also ``mask``, the
    scorer's name (``scorer``) and ``scorer_digest``, and for ``sentences`` their probabilities (``scores``), in the
    order of the spans.

    spaCy's spans begin and end with its tokens. A span covers every token that shares a character with the gram, so it
    can be longer than the gram. Without `overlaps`, no two spans of the group share a token (`remove_overlaps`, applied
    to the spans of tokens); with it, the group has every occurrence, by start, the longest first.

    Raise `UsageError` for another kind of mask.

    >>> component = PlanningSpans("sgram", "wang2025", spans_key="sgram", overlaps=False)
    >>> doc = component(Doc(spacy.blank("en").vocab, words=["Well", "alternatively", ",", "we", "count"]))
    >>> [(span.text, span.label_) for span in doc.spans["sgram"]]
    [('alternatively', 'branching')]
    """

    def __init__(
        self, name: str, lexicon: str, spans_key: str, overlaps: bool, mask: MaskKind = "grams", scorer: str = "sgram"
    ):
        check_mask_kind(mask)
        self.name, self.spans_key, self.overlaps, self.mask = name, spans_key, overlaps, mask
        self._lexicon_source, self._scorer_source = lexicon, scorer
        self._lexicon: Lexicon | None = None
        self._scorer: SentenceScorer | None = None
        self._finder: PlanningFinder | None = None
        # spacy.load creates the component first and sets the saved lexicon and scorer afterwards, perhaps on a machine
        # without the files that the config names. So an error is raised only when one of them is needed.
        with suppress(SgramError):
            self._lexicon = Lexicon.load(lexicon)
        if mask != "grams":
            with suppress(SgramError):
                self._scorer = SentenceScorer.load(scorer)

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
    def scorer(self) -> SentenceScorer | None:
        """The sentence scorer in use, None for ``grams``; it can be set. Raise what `SentenceScorer.load` raises.

        >>> component = PlanningSpans("sgram", "wang2025", spans_key="sgram", overlaps=False, mask="sentences")
        >>> component.scorer.name
        'sgram'
        """
        if self._scorer is None and self.mask != "grams":
            self._scorer = SentenceScorer.load(self._scorer_source)
        return self._scorer

    @scorer.setter
    def scorer(self, scorer: SentenceScorer) -> None:
        if self.mask == "grams":
            raise UsageError("the mask grams has no sentence scorer; create the component with another mask")
        self._scorer, self._finder = scorer, None

    @property
    def labels(self) -> tuple[str, ...]:
        """All labels that a span can have: the moves of the lexicon, or with sentences those of the scorer.

        spaCy asks for them while it loads a pipeline. If lexicon or scorer cannot be read then, they are all moves.

        >>> "branching" in PlanningSpans("sgram", "wang2025", spans_key="sgram", overlaps=False).labels
        True
        """
        try:
            scorer = self.scorer
            return self.lexicon.moves if scorer is None else order_moves(scorer.moves or (PLANNING,))
        except SgramError:
            return MOVES

    def __call__(self, doc: Doc) -> Doc:
        """Add the group of spans to `doc` and return it."""
        scorer = self.scorer
        if self._finder is None:
            from sgram.tagging.mask_kinds import PlanningFinder

            self._finder = PlanningFinder(self.lexicon, self.mask, scorer or self._scorer_source)
        attrs: dict[str, Any] = {"lexicon": self.lexicon.name, "digest": self.lexicon.digest}
        if scorer is not None:
            attrs |= {"mask": self.mask, "scorer": scorer.name, "scorer_digest": scorer.digest}
        found = self._finder(doc.text)
        if scorer is None or self.mask == "grams-in-sentences":
            spans = [_spacy_span(doc, span, span.gram, str(span.cluster)) for span in self._in_tokens(doc, found)]
        else:
            # the row in `found` stands where a gram has its cluster, so that it outlives the selection
            numbered = [replace(span, cluster=row) for row, span in enumerate(found)]
            spans, attrs["scores"] = [], []
            for span in self._in_tokens(doc, numbered):
                sentence = found[span.cluster or 0]
                gram, probability = _describe(doc.text[sentence.start : sentence.end], scorer)
                spans.append(_spacy_span(doc, span, gram))
                attrs["scores"].append(probability)
        doc.spans[self.spans_key] = SpanGroup(doc, name=self.spans_key, attrs=attrs, spans=spans)
        return doc

    def _in_tokens(self, doc: Doc, spans: Iterable[Span]) -> list[Span]:
        """Return the spans that are written, with offsets of tokens."""
        token_spans = [_widen_to_tokens(doc, span) for span in spans]
        return token_spans if self.overlaps else remove_overlaps(token_spans)

    def __getstate__(self) -> dict[str, Any]:
        """Return the state for a worker of ``nlp.pipe(n_process=...)``: all but the finder, which is built again."""
        return self.__dict__ | {"_finder": None}

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """Return the JSON of the lexicon, with sentences that of ``{"lexicon": ..., "scorer": ...}``.

        spaCy itself saves the config; `exclude` has no effect.

        >>> component = PlanningSpans("sgram", "wang2025", spans_key="sgram", overlaps=False)
        >>> component.from_bytes(component.to_bytes()).lexicon.name
        'wang2025'
        """
        scorer = self.scorer
        if scorer is None:
            return self.lexicon.to_bytes()
        return canonical_json({"lexicon": self.lexicon.to_json(), "scorer": scorer.to_json()})

    def from_bytes(self, data: bytes, *, exclude: Iterable[str] = ()) -> "PlanningSpans":
        """Set lexicon and scorer from the bytes of `to_bytes` and return the component.

        Raise `InputError` if `data` contains no lexicon, or with sentences no scorer.
        """
        location = f"the saved component {self.name!r}"
        try:
            document = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{location} contains no lexicon: {error}; save the pipeline again") from None
        if self.mask != "grams":
            parts = document if isinstance(document, dict) else {}
            document = parts.get("lexicon")
            self.scorer = SentenceScorer.from_json(parts.get("scorer"), location)
        self.lexicon = Lexicon.from_json(document, location)
        return self

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
        """Write lexicon and scorer to the directory `path`, so that a saved pipeline needs no other file."""
        self.lexicon.save(Path(path) / LEXICON_FILE)
        scorer = self.scorer
        if scorer is not None:
            scorer.save(Path(path) / SCORER_FILE)

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> "PlanningSpans":
        """Set lexicon and scorer from the files of `to_disk` and return the component.

        Raise `InputError` if a file cannot be read.
        """
        self.lexicon = Lexicon.load(Path(path) / LEXICON_FILE)
        if self.mask != "grams":
            self.scorer = SentenceScorer.load(Path(path) / SCORER_FILE)
        return self


def _spacy_span(doc: Doc, span: Span, span_id: str, kb_id: str = "") -> "spacy.tokens.Span":
    return spacy.tokens.Span(doc, span.start, span.end, label=span.label, kb_id=kb_id, span_id=span_id)


def _describe(text: str, scorer: SentenceScorer) -> tuple[str, float]:
    """Return the strongest gram of a planning sentence, "" if none speaks for planning, and its probability."""
    sentence = scorer.score_sentence(text)
    if sentence is None:
        raise ValueError(f"{text!r:.40} has no word")
    return (sentence.grams[0].text if sentence.grams else ""), sentence.probability


def _widen_to_tokens(doc: Doc, span: Span) -> Span:
    """Return `span` with offsets of tokens instead of characters."""
    tokens = doc.char_span(span.start, span.end, alignment_mode="expand")
    if tokens is None:
        raise ValueError(f"no token of the Doc has the characters {span.start} to {span.end} of its text")
    return replace(span, start=tokens.start, end=tokens.end)


@Language.factory(
    "sgram",
    default_config={
        "lexicon": DEFAULT_LEXICON,
        "spans_key": "sgram",
        "overlaps": False,
        "mask": "grams",
        "scorer": "sgram",
    },
    assigns=["doc.spans"],
)
def make_component(
    nlp: Language, name: str, lexicon: str, spans_key: str, overlaps: bool, mask: MaskKind, scorer: str
) -> PlanningSpans:
    """Return the component for ``nlp.add_pipe("sgram", config={...})``.

    - `lexicon`: path of a lexicon, or the name of a preset.
    - `spans_key`: key of the group in ``doc.spans``.
    - `overlaps`: whether the group has every occurrence, or only spans that do not overlap.
    - `mask`: what is marked: ``grams``, ``sentences`` or ``grams-in-sentences``.
    - `scorer`: path of the sentence scorer of the last two, or the name of a preset.

    >>> nlp = spacy.blank("en")
    >>> _ = nlp.add_pipe("sgram")
    >>> doc = nlp("Alternatively, count.")
    >>> [span.text for span in doc.spans["sgram"]]
    ['Alternatively']
    """
    return PlanningSpans(name, lexicon, spans_key, overlaps, mask, scorer)
