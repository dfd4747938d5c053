"""Sentence scorers: how likely a sentence plans, and which move it makes, as a value.

A scorer is a linear model over the grams of a sentence's tokens (`sgram.sentences`). Its weights are whole thousandths
of a logit, so that sums do not depend on the order of terms. Each gram counts once in a sentence.
"""

import math
import os
from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

import orjson

from sgram.declarations import installed
from sgram.errors import InputError, UsageError
from sgram.files import canonical_json, digest, excerpt, pretty_json, write_bytes
from sgram.hub.addresses import check_repository, hub_file
from sgram.hub.card import CardFields
from sgram.hub.load_notes import note_load
from sgram.hub.publishable import Publishable
from sgram.lexicon.presets import find_file, is_path, names_in
from sgram.safe_reading import read_bytes
from sgram.sentences import MARKS, SENTENCE_FORM, find_sentences, grams_of, sentence_tokens
from sgram.text import find_words
from sgram.urls import printable_name

ENTRY_POINTS = "sgram.scorers"
"""Group of entry points by which installed packages add scorers."""
FORMAT, VERSION = "sgram-sentence-scorer", 1
HUB_SCORER = "scorer.json"
"""File of a repository of the hub that holds its sentence scorer."""
MAX_BYTES = 64 << 20
"""Largest file of a scorer that is read, in bytes."""
MAX_TOKENS = 4
"""Longest gram of a scorer, in tokens."""
MAX_WEIGHT = 1_000_000
"""Largest weight, in thousandths of a logit."""
UNIT = 1000
"""Weight of one logit."""
_N_STRONGEST = 3


class GramWeight(NamedTuple):
    """Gram of a sentence with its weight in logits."""

    text: str
    weight: float


class ScoredSentence(NamedTuple):
    """A sentence with the probability that it plans; offsets are half-open characters of the text."""

    start: int
    end: int
    probability: float
    is_planning: bool
    """Whether the probability reaches the scorer's threshold."""
    move: str | None
    """The likeliest move of a planning sentence, None for others."""
    grams: tuple[GramWeight, ...]
    """The grams that speak most for planning, the strongest first; ``^`` and ``$`` are the sentence's ends."""


@dataclass(frozen=True, slots=True)
class LinearWeights:
    """One linear model: intercept and weights of grams (tokens joined by one space) in thousandths of a logit."""

    intercept: int
    grams: Mapping[str, int]

    def total(self, grams: Iterable[str]) -> int:
        """Return the sum for a sentence with these grams, which are distinct.

        >>> LinearWeights(-500, {"let me": 900}).total(["let me", "me see"])
        400
        """
        return self.intercept + sum(self.grams.get(gram, 0) for gram in grams)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SentenceScorer(Publishable):
    """A sentence's probability of planning and its move. Two scorers are equal if their digests are.

    Raise `UsageError` if a weight or gram is invalid.

    >>> scorer = SentenceScorer("checks", LinearWeights(-1000, {"let me check": 3000}), {})
    >>> [(sentence.is_planning, round(sentence.probability, 2)) for sentence in scorer.score("Let me check. It is 4.")]
    [(True, 0.88), (False, 0.27)]
    """

    name: str
    planning: LinearWeights
    moves: Mapping[str, LinearWeights]
    """Model of each move; the largest sum names the move of a planning sentence, the first of equals."""
    threshold: float = 0.5
    """Probability from which a sentence is taken to plan."""
    source: Mapping[str, Any] = field(default_factory=dict)
    """What it was fitted on, and its figures."""
    max_tokens: int = field(init=False)
    """Tokens of the longest gram."""
    digest: str = field(init=False)
    """SHA-256 of the canonical JSON; it identifies the scorer."""

    def __post_init__(self) -> None:
        if type(self.name) is not str or not self.name:
            raise UsageError("the name of a scorer must be a string that is not empty")
        if type(self.threshold) is not float or not 0 < self.threshold < 1:
            raise UsageError(f"the threshold must be a probability between 0 and 1, not {self.threshold!r:.40}")
        longest = 1
        for label, weights in (("planning", self.planning), *self.moves.items()):
            longest = max(longest, _check_weights(label, weights))
        object.__setattr__(self, "max_tokens", longest)
        try:
            object.__setattr__(self, "source", orjson.loads(canonical_json(dict(self.source))))
            object.__setattr__(self, "digest", digest(canonical_json(self.to_json())))
        except (TypeError, ValueError, RecursionError) as error:
            raise UsageError(f"the scorer's name or source is not JSON: {error}") from None

    @property
    def least_total(self) -> int:
        """The sum of a planning sentence is at least this, in thousandths of a logit."""
        return math.ceil(UNIT * math.log(self.threshold / (1 - self.threshold)))

    def score(self, text: str) -> list[ScoredSentence]:
        """Return the sentences of a text in order, scored. This is pure Python, for reading and for single texts."""
        return [self._scored(sentence.start, sentence.end, sentence.tokens) for sentence in find_sentences(text)]

    def score_sentence(self, text: str) -> ScoredSentence | None:
        """Return `text` scored as one sentence, whatever ends in it; None if it has no word.

        >>> scorer = SentenceScorer("checks", LinearWeights(-1000, {"let me check": 3000}), {})
        >>> [gram.text for gram in scorer.score_sentence("So let me check.").grams]
        ['let me check']
        """
        tokens = sentence_tokens(text)
        return self._scored(0, len(text), tokens) if tokens else None

    def _scored(self, start: int, end: int, tokens: tuple[str, ...]) -> ScoredSentence:
        grams = sorted({" ".join(gram) for gram in grams_of(tokens, self.max_tokens)})
        total = self.planning.total(grams)
        is_planning = total >= self.least_total
        move = None
        if is_planning and self.moves:
            move = max(self.moves, key=lambda name: self.moves[name].total(grams))
        weights = ((self.planning.grams.get(gram, 0), gram) for gram in grams)
        strongest = sorted((pair for pair in weights if pair[0] > 0), key=lambda pair: (-pair[0], pair[1]))
        return ScoredSentence(
            start,
            end,
            probability_of(total),
            is_planning,
            move,
            tuple(GramWeight(gram, weight / UNIT) for weight, gram in strongest[:_N_STRONGEST]),
        )

    def to_json(self) -> dict[str, Any]:
        """Return the JSON document of format version 1."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "name": self.name,
            "tokens": SENTENCE_FORM,
            "threshold": self.threshold,
            "planning": _weights_json(self.planning),
            "moves": [{"move": move, **_weights_json(weights)} for move, weights in self.moves.items()],
            "source": deepcopy(self.source),
        }

    @classmethod
    def from_json(cls, document: Any, where: str = "the document") -> "SentenceScorer":
        """Return the scorer of a JSON document. Raise `InputError` with `where` if it is none."""
        if not isinstance(document, Mapping) or document.get("format") != FORMAT:
            raise InputError(f'{where} is not a sentence scorer: expected a JSON object with "format": "{FORMAT}"')
        if document.get("version") != VERSION or document.get("tokens") != SENTENCE_FORM:
            raise InputError(
                f"{where} has version {excerpt(str(document.get('version')), 40)} and tokens "
                f"{excerpt(str(document.get('tokens')), 40)}; this sgram reads {VERSION} and {SENTENCE_FORM}: fit the "
                "scorer again"
            )
        try:
            moves = {entry["move"]: LinearWeights(entry["intercept"], entry["grams"]) for entry in document["moves"]}
            planning = LinearWeights(document["planning"]["intercept"], document["planning"]["grams"])
            return cls(document["name"], planning, moves, document["threshold"], document["source"])
        except (AttributeError, KeyError, TypeError) as error:
            raise InputError(f"{where}: a field is missing or of another type: {excerpt(str(error))}") from None
        except UsageError as error:
            raise InputError(f"{where}: {error}") from None

    def to_bytes(self) -> bytes:
        """Return the bytes of the file: UTF-8 JSON, sorted keys, LF. Equal scorers have equal bytes."""
        return pretty_json(self.to_json())

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the file atomically. Raise `SgramError` if it cannot be written."""
        write_bytes(path, self.to_bytes())

    def hub_files(self, repository: str, card: CardFields | None = None) -> dict[str, bytes]:
        """Return the files that `push_to_hub` sends, content by name: the scorer and its card, README.md.

        Raise `UsageError` if `repository` is not ``owner/name``, or if the figures of `card` are those of another one.
        """
        from sgram.lexicon.scorer_card import render_scorer_card

        name = check_repository(repository)
        readme = render_scorer_card(self.to_json(), self.digest, name, card or CardFields())
        return {"README.md": readme, HUB_SCORER: self.to_bytes()}

    @property
    def hub_message(self) -> str:
        """Message of the commit that publishes it."""
        return f"Sentence scorer {excerpt(self.name, 60)}, digest {self.digest[:16]}"

    @classmethod
    def load(cls, path_or_preset: str | os.PathLike[str]) -> "SentenceScorer":
        """Return the scorer in a file (``-``: stdin) or URL, or a preset by its bare name, such as ``sgram``.

        ``hf://owner/name`` is scorer.json in a repository of the hub. Presets are the shipped scorers and those that
        `register_scorer` and installed packages add. Raise `UsageError` if the name is unknown, `InputError` if the
        file cannot be read or is not a scorer.

        >>> SentenceScorer.load("sgram").name
        'sgram'
        """
        added = {} if _is_shipped_or_file(path_or_preset) else _added_scorers()
        if path_or_preset in added:
            return added[str(path_or_preset)]
        path = hub_file(find_file(path_or_preset, "scorers", "sentence scorer", added), HUB_SCORER)
        where = printable_name(path)
        try:
            document = orjson.loads(read_bytes(path, MAX_BYTES, "a sentence scorer"))
        except orjson.JSONDecodeError as error:
            raise InputError(f"{where} is not JSON: {excerpt(str(error))}; a sentence scorer is one object") from None
        scorer = cls.from_json(document, where)
        note_load("sentence scorer", scorer.name, path, scorer.digest)
        return scorer

    @staticmethod
    def presets() -> list[str]:
        """Return the names of the scorers that are shipped, registered or added by installed packages.

        >>> "sgram" in SentenceScorer.presets()
        True
        """
        return sorted({*names_in("scorers"), *_added_scorers()})

    def __eq__(self, scorer: object) -> bool:
        return self.digest == scorer.digest if isinstance(scorer, SentenceScorer) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        n_grams = len(self.planning.grams)
        return f"SentenceScorer({self.name!r}, {n_grams:,} grams, {len(self.moves)} moves, digest {self.digest[:12]})"


SentenceScorerLike: TypeAlias = SentenceScorer | str | os.PathLike[str]
"""A sentence scorer, its path, or the name of a preset."""


def as_sentence_scorer(scorer: SentenceScorerLike) -> SentenceScorer:
    """Return `scorer` itself, or the one in a file or of a preset. Raise what `SentenceScorer.load` raises.

    >>> as_sentence_scorer("sgram") == SentenceScorer.load("sgram")
    True
    """
    if isinstance(scorer, SentenceScorer):
        return scorer
    if not isinstance(scorer, str | os.PathLike):
        raise UsageError(
            f"scorer must be a SentenceScorer (got {type(scorer).__name__}), its path or the name of a preset"
        )
    return SentenceScorer.load(scorer)


_registered: dict[str, SentenceScorer] = {}


def register_scorer(scorer: SentenceScorer) -> SentenceScorer:
    """Make `scorer` a preset of this process by its name, and return it. An earlier one of that name is replaced.

    Raise `UsageError` if a shipped scorer has the name, or if it looks like a path.

    >>> doubts = register_scorer(SentenceScorer("doubts", LinearWeights(-1000, {"^ wait": 3000}), {}))
    >>> SentenceScorer.load("doubts") is doubts
    True
    >>> unregister_scorer("doubts")
    """
    _registered[_free_name(scorer)] = scorer
    return scorer


def unregister_scorer(name: str) -> None:
    """Remove a scorer that `register_scorer` added; nothing happens if there is none of that name."""
    _registered.pop(name, None)


def _added_scorers() -> dict[str, SentenceScorer]:
    """Return the scorers of installed packages and the registered ones, which come first where names are equal."""
    return {**{_free_name(scorer): scorer for scorer in installed(ENTRY_POINTS, SentenceScorer)}, **_registered}


def _is_shipped_or_file(name: str | os.PathLike[str]) -> bool:
    return not isinstance(name, str) or is_path(name) or name in names_in("scorers")


def _free_name(scorer: SentenceScorer) -> str:
    if scorer.name in names_in("scorers"):
        raise UsageError(f"{excerpt(scorer.name, 60)!r} is the name of a shipped sentence scorer; take another name")
    if is_path(scorer.name):
        raise UsageError(f"the name {excerpt(scorer.name, 60)!r} looks like a path; a preset has letters, digits, -, _")
    return scorer.name


def probability_of(total: int) -> float:
    """Return the probability that belongs to a sum of weights in thousandths of a logit.

    >>> probability_of(0), round(probability_of(2197), 3)
    (0.5, 0.9)
    """
    return 1 / (1 + math.exp(-max(-700.0, min(700.0, total / UNIT))))


def _check_weights(label: str, weights: LinearWeights) -> int:
    """Return the tokens of the longest gram. Raise `UsageError` for an invalid gram or weight."""
    longest = 1
    for gram, weight in (("", weights.intercept), *weights.grams.items()):
        if type(weight) is not int or abs(weight) > MAX_WEIGHT:
            name = f"gram {gram!r:.80}" if gram else "intercept"
            raise UsageError(f"{label}: the weight of the {name} must be a whole number up to {MAX_WEIGHT:,}")
        tokens = gram.split(" ") if gram else []
        if len(tokens) > MAX_TOKENS or not all(token in MARKS or _is_word(token) for token in tokens):
            raise UsageError(
                f"{label}: {gram!r:.80} is no gram of 1 to {MAX_TOKENS} words in normal form and marks "
                f"({' '.join(MARKS)})"
            )
        longest = max(longest, len(tokens))
    return longest


def _is_word(token: str) -> bool:
    if token.isascii() and token.isalpha() and token.islower():
        return True
    words = find_words(token)
    return len(words) == 1 and words[0].text == token


def _weights_json(weights: LinearWeights) -> dict[str, Any]:
    return {"intercept": weights.intercept, "grams": dict(weights.grams)}
