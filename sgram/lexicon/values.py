"""The values: Gram, Cluster, Lexicon. Knows nothing about where numbers come from.

A value that exists is sound: the constructors refuse words outside the normal form, unknown moves, a gram
in two clusters, ids that are not ranks. They raise `UsageError`; `Lexicon.load` turns it into an `InputError`
with the file and the cluster.
"""

import json
import math
import operator
import os
import re
from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from sgram.errors import InputError, UsageError
from sgram.files import canonical_json, digest, excerpt, pretty_json, write_bytes
from sgram.lexicon.document import (
    FORMAT,
    MAX_COUNT,
    VERSION,
    check_document,
    find_lexicon,
    preset_names,
    read_document,
    shown_path,
)
from sgram.text import MAX_WORDS, NORMAL_FORM, gram_words

# Wang et al. 2025 (HICRA), section 2.1, names the first three; it writes "backtracing".
MOVE_MEANINGS: Mapping[str, str] = MappingProxyType(
    {
        "deduction": "draws a consequence, or names a known fact to draw one from",
        "branching": "takes or proposes another path, case or assumption",
        "backtracking": "doubts, undoes, finds an error, reads something again",
        "verification": "checks a result or a step, or says that it will be checked",
        "goal-setting": "says what is asked or what is to be done next; plans",
        "other": "no clear move: connectives, openers, hedges",
    }
)
MOVES = tuple(MOVE_MEANINGS)

_PLAIN_WORD = "[a-z]+(?:['-][a-z]+)*"
_PLAIN_GRAM = re.compile(rf"{_PLAIN_WORD}(?: {_PLAIN_WORD}){{0,{MAX_WORDS - 1}}}")


@dataclass(frozen=True, slots=True)
class Gram:
    """A gram with what is known of it; two are the same gram when their `words` are equal."""

    words: tuple[str, ...]
    df: int | None = None
    """Distinct traces that hold it."""
    count: int | None = None
    """Occurrences in all."""
    df_correct: int | None = None
    """Of `df`, traces whose answer is correct."""
    df_wrong: int | None = None
    """Of `df`, traces whose answer is wrong; the rest of `df` is not known."""
    score: float | None = None
    """How strategic it is, in the scale of whatever scored it; kept to 6 decimals."""
    core: bool = True
    """Whether it is in the pruned list, the one that people read and annotate."""

    def __post_init__(self) -> None:
        _check_words(self.words)
        for name in ("df", "count", "df_correct", "df_wrong"):
            object.__setattr__(self, name, _whole(getattr(self, name), name, self.text))
        object.__setattr__(self, "score", _rounded(self.score, self.text))
        object.__setattr__(self, "core", bool(self.core))
        if self.df is not None:
            if self.count is not None and self.count < self.df:
                raise UsageError(f"gram {self.text!r}: count {self.count} is below df {self.df}")
            judged = (self.df_correct or 0) + (self.df_wrong or 0)
            if judged > self.df:
                raise UsageError(f"gram {self.text!r}: df_correct and df_wrong make {judged}, more than df {self.df}")

    @property
    def text(self) -> str:
        """The words with one space between them."""
        return " ".join(self.words)

    @property
    def rank(self) -> tuple[int, str]:
        """Sort key of the canonical order: frequent first, then by text."""
        return (-(self.df or 0), self.text)


def _check_words(words: tuple[str, ...]) -> None:
    """Refuse words outside the normal form. Cheap: a gram of plain ASCII words costs one match."""
    if type(words) is not tuple or not all(type(word) is str for word in words):
        raise UsageError(f"the words of a gram are a tuple of texts, not {excerpt(repr(words), 80)}")
    text = " ".join(words)
    if not (_PLAIN_GRAM.fullmatch(text) and text.count(" ") == len(words) - 1):
        shown = f"gram '{excerpt(text, 80)}'"
        try:
            normal = gram_words(text)
        except UsageError as error:
            raise UsageError(f"{shown} is no gram: {excerpt(str(error), 300)}") from None
        if normal != words:
            wanted = excerpt(" ".join(normal), 80)
            raise UsageError(f"{shown} is not in the normal form {NORMAL_FORM}; write '{wanted}'")


def _whole(value: Any, name: str, owner: str) -> int | None:
    if value is None:
        return None
    try:
        number = -1 if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = -1
    if not 0 <= number <= MAX_COUNT:
        raise UsageError(f"'{excerpt(owner, 80)}': {name} must be a whole number from 0, not {value!r}")
    return number


def _rounded(value: Any, owner: str) -> float | None:
    if value is None:
        return None
    try:
        number = math.nan if isinstance(value, bool | str) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise UsageError(f"'{excerpt(owner, 80)}': score must be a finite number, not {value!r}")
    return round(number, 6) + 0.0  # + 0.0 turns -0.0 into 0.0


@dataclass(frozen=True, slots=True)
class Cluster:
    """Grams that make one move in one way, named by one of them; `id` is its rank in the lexicon."""

    id: int
    grams: tuple[Gram, ...]
    df: int | None
    """ClusterDF: distinct traces that hold at least one of its grams."""
    medoid: str
    """Text of the gram that names it."""
    move: str
    score: float | None = None

    def __post_init__(self) -> None:
        shown = f"cluster '{excerpt(str(self.medoid), 80)}'"
        grams = tuple(sorted(self.grams, key=lambda gram: gram.rank))
        if not grams:
            raise UsageError(f"{shown} holds no gram; leave it out")
        if self.medoid not in {gram.text for gram in grams}:
            raise UsageError(f"{shown}: the medoid is not one of its grams ({excerpt(grams[0].text, 80)}, ...)")
        if self.move not in MOVE_MEANINGS:
            raise UsageError(f"{shown}: unknown move {excerpt(repr(self.move), 80)}; one of {', '.join(MOVES)}")
        object.__setattr__(self, "grams", grams)
        object.__setattr__(self, "id", _whole(self.id, "id", self.medoid))
        object.__setattr__(self, "df", _whole(self.df, "df", self.medoid))
        object.__setattr__(self, "score", _rounded(self.score, self.medoid))

    @property
    def rank(self) -> tuple[int, str]:
        """Sort key of the canonical order: frequent first, then by medoid."""
        return (-(self.df or 0), self.medoid)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Lexicon:
    """A set of Strategic Grams in ranked clusters, with its provenance. A value: equality is its digest."""

    name: str
    clusters: tuple[Cluster, ...]
    source: dict[str, Any]
    """Provenance as JSON: config, inputs' digests, counts. No time stamp: equal inputs give equal bytes."""
    digest: str = field(init=False)
    """SHA-256 of the canonical JSON bytes, in hex."""
    _homes: dict[tuple[str, ...], tuple[Cluster, Gram]] = field(init=False)

    def __post_init__(self) -> None:
        if type(self.name) is not str or not self.name:
            raise UsageError("a lexicon needs a name: a text that is not empty")
        object.__setattr__(self, "clusters", tuple(self.clusters))
        object.__setattr__(self, "_homes", _placed(self.clusters))
        try:
            source = json.loads(canonical_json(dict(self.source)))  # a copy of its own, with lists for tuples
            object.__setattr__(self, "source", source)
            object.__setattr__(self, "digest", digest(canonical_json(self.to_json())))
        except (TypeError, ValueError, RecursionError) as error:
            raise UsageError(f"the lexicon's name or source is no JSON: {error}") from None

    @classmethod
    def build(cls, name: str, clusters: Iterable[Cluster], source: Mapping[str, Any]) -> "Lexicon":
        """Lexicon of `clusters` in rank order, whatever order and ids they come with."""
        ranked = sorted(clusters, key=lambda cluster: cluster.rank)
        return cls(name, tuple(replace(cluster, id=rank) for rank, cluster in enumerate(ranked)), dict(source))

    @classmethod
    def from_grams(cls, texts: Iterable[str], name: str = "custom", move: str = "other") -> "Lexicon":
        """Lexicon of phrases as a person writes them, one cluster a gram; the same gram twice counts once.

        Texts are brought into the normal form; the order does not matter. `UsageError` names a bad text.
        """
        if isinstance(texts, str):
            raise UsageError("from_grams takes a list of texts, not one text; write [text]")
        found = set()
        for place, text in enumerate(texts, start=1):
            if type(text) is not str:
                raise UsageError(f"text {place} of the list is {type(text).__name__}, not a text")
            try:
                found.add(gram_words(text))
            except UsageError as error:
                raise UsageError(f"text {place} of the list is no gram: {excerpt(str(error), 300)}") from None
        clusters = [Cluster(0, (Gram(words),), None, " ".join(words), move) for words in found]
        return cls.build(name, clusters, {"method": "list of grams"})

    @property
    def grams(self) -> tuple[Gram, ...]:
        """All grams, cluster by cluster: the full list, which masks use."""
        return tuple(gram for cluster in self.clusters for gram in cluster.grams)

    @property
    def core(self) -> tuple[Gram, ...]:
        """The pruned list, frequent first: what people read and annotate."""
        return tuple(sorted((gram for gram in self.grams if gram.core), key=lambda gram: gram.rank))

    def find(self, text: str) -> tuple[Cluster, Gram] | None:
        """The gram that `text` is in normal form, with its cluster; None if the lexicon does not hold it."""
        try:
            return self._homes.get(gram_words(text))
        except UsageError:
            return None

    def to_json(self) -> dict[str, Any]:
        """The document of format version 1; what is None is left out."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "name": self.name,
            "words": NORMAL_FORM,
            "source": deepcopy(self.source),
            "clusters": [_cluster_json(each) for each in self.clusters],
        }

    @classmethod
    def from_json(cls, document: Any, where: str = "the document") -> "Lexicon":
        """The lexicon of a document; `InputError` says `where`, which cluster and which gram is at fault."""
        check_document(document, where)
        clusters = []
        for number, entry in enumerate(document["clusters"]):
            try:
                clusters.append(_cluster_of(entry))
            except UsageError as error:
                raise InputError(f"{where}, cluster {number}: {error}") from None
        try:
            return cls(document["name"], tuple(clusters), document["source"])
        except UsageError as error:
            raise InputError(f"{where}: {error}") from None

    def to_bytes(self) -> bytes:
        """The file's bytes: UTF-8 JSON, sorted keys, LF; the same for equal lexicons."""
        return pretty_json(self.to_json())

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the file, atomically."""
        write_bytes(path, self.to_bytes())

    @classmethod
    def load(cls, path_or_preset: str | os.PathLike[str]) -> "Lexicon":
        """The lexicon in a file (``-``: stdin), or a preset by its bare name, such as ``wang2025``."""
        path = find_lexicon(path_or_preset)
        return cls.from_json(read_document(path), shown_path(path))

    @staticmethod
    def presets() -> list[str]:
        """Names of the lexicons that are shipped."""
        return preset_names()

    def __eq__(self, other: object) -> bool:
        return self.digest == other.digest if isinstance(other, Lexicon) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        grams, clusters = len(self._homes), len(self.clusters)
        return f"Lexicon({self.name!r}, {grams} grams in {clusters} clusters, digest {self.digest[:12]})"


def _placed(clusters: tuple[Cluster, ...]) -> dict[tuple[str, ...], tuple[Cluster, Gram]]:
    """Cluster and gram by words; refuses a gram that stands twice, and ids that are not ranks."""
    if not clusters:
        raise UsageError("a lexicon holds at least one gram; this one has none")
    homes: dict[tuple[str, ...], tuple[Cluster, Gram]] = {}
    for rank, cluster in enumerate(clusters):
        if cluster.id != rank:
            raise UsageError(f"cluster ids run 0, 1, 2, ...; id {cluster.id} stands where {rank} is due")
        if rank and clusters[rank - 1].rank > cluster.rank:
            raise UsageError(
                f"cluster {rank} ('{cluster.medoid}') ranks before cluster {rank - 1} "
                f"('{clusters[rank - 1].medoid}'); clusters go by df, largest first, then by medoid"
            )
        for gram in cluster.grams:
            if gram.words in homes:
                first = homes[gram.words][0].id
                both = f"twice in cluster {rank}" if first == rank else f"in clusters {first} and {rank}"
                raise UsageError(f"gram '{gram.text}' is {both}; keep it once")
            homes[gram.words] = (cluster, gram)
    return homes


def _known(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _cluster_json(cluster: Cluster) -> dict[str, Any]:
    grams = [
        _known(
            text=gram.text,
            df=gram.df,
            count=gram.count,
            df_correct=gram.df_correct,
            df_wrong=gram.df_wrong,
            score=gram.score,
            core=gram.core,
        )
        for gram in cluster.grams
    ]
    return _known(
        id=cluster.id, move=cluster.move, df=cluster.df, score=cluster.score, medoid=cluster.medoid, grams=grams
    )


def _cluster_of(entry: dict[str, Any]) -> Cluster:
    grams = tuple(
        Gram(words=tuple(gram["text"].split(" ")), **{key: gram[key] for key in gram if key != "text"})
        for gram in entry["grams"]
    )
    return Cluster(entry["id"], grams, entry.get("df"), entry["medoid"], entry["move"], entry.get("score"))
