"""Gram, Cluster and Lexicon: frozen dataclasses that are valid once they exist.

The constructors raise `UsageError` for words outside the normal form, unknown moves, a gram in two clusters and ids
that are not ranks. `Lexicon.load` turns it into an `InputError` with the file and the cluster.
"""

import json
import math
import operator
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from sgram.errors import InputError, UsageError
from sgram.files import canonical_json, digest, excerpt, pretty_json, write_bytes
from sgram.frames import Backend, CellKind, build_frame
from sgram.hub.addresses import check_repository
from sgram.hub.card import CardFields
from sgram.hub.load_notes import note_load
from sgram.hub.publishable import Publishable
from sgram.lexicon.document import (
    FORMAT,
    HUB_LEXICON,
    MAX_COUNT,
    VERSION,
    check_document,
    find_lexicon,
    preset_names,
    read_document,
)
from sgram.notebook_html import render_notebook_html
from sgram.text import MAX_WORDS, NORMAL_FORM, gram_words
from sgram.urls import printable_name

# Wang et al. 2025 (HICRA), section 2.1, names the first three (it spells the third "backtracing").
MOVE_MEANINGS: Mapping[str, str] = MappingProxyType(
    {
        "deduction": "draws a consequence, or names a known fact to draw one from",
        "branching": "takes or proposes another path, case or assumption",
        "backtracking": "doubts, undoes, finds an error, reads something again",
        "verification": "checks a result or a step, or says that it will be checked",
        "goal-setting": "says what is asked or what is to be done next; plans",
        "monitoring": "assesses progress, certainty, difficulty or plausibility",
        "other": "no clear move: connectives, openers",
    }
)
"""Meaning of each move: what a planning span does."""
MOVES = tuple(MOVE_MEANINGS)


def order_moves(moves: Iterable[str]) -> tuple[str, ...]:
    """Return distinct moves in the order of `MOVES`; behind them names that only a scorer has, by name.

    >>> order_moves(["other", "branching", "guessing", "other"])
    ('branching', 'other', 'guessing')
    """
    names = set(moves)
    return (*(move for move in MOVES if move in names), *sorted(names.difference(MOVES)))


_PLAIN_WORD = "[a-z]+(?:['-][a-z]+)*"
_PLAIN_GRAM = re.compile(rf"{_PLAIN_WORD}(?: {_PLAIN_WORD}){{0,{MAX_WORDS - 1}}}")


@dataclass(frozen=True, slots=True)
class Gram:
    """Gram with its counts and score; a missing number is None.

    Raise `UsageError` if the words are not in the normal form, or the numbers are invalid or contradict each other.

    >>> gram = Gram(("let", "me", "check"), df=9, score=0.5)
    >>> gram.text, gram.df, gram.count
    ('let me check', 9, None)
    """

    words: tuple[str, ...]
    """1 to 6 words in normal form; they identify the gram."""
    df: int | None = None
    """Number of distinct traces that contain the gram."""
    count: int | None = None
    """Number of occurrences."""
    df_correct: int | None = None
    """Number of the `df` traces with a correct answer."""
    df_wrong: int | None = None
    """Number of the `df` traces with a wrong answer; for the remaining ones correctness is unknown."""
    score: float | None = None
    """How strategic the gram is, in the scale of its scorer; rounded to 6 decimals."""
    core: bool = True
    """Whether the gram is in the pruned list, which people read and annotate."""

    def __post_init__(self) -> None:
        _check_words(self.words)
        for name in ("df", "count", "df_correct", "df_wrong"):
            object.__setattr__(self, name, _check_count(getattr(self, name), name, self.text))
        object.__setattr__(self, "score", _round_score(self.score, self.text))
        object.__setattr__(self, "core", bool(self.core))
        if self.df is not None:
            if self.count is not None and self.count < self.df:
                raise UsageError(f"gram {self.text!r}: count {self.count} is below df {self.df}")
            n_checked = (self.df_correct or 0) + (self.df_wrong or 0)
            if n_checked > self.df:
                raise UsageError(f"gram {self.text!r}: df_correct + df_wrong is {n_checked}, above df {self.df}")

    @property
    def text(self) -> str:
        """The words with one space between them."""
        return " ".join(self.words)

    @property
    def rank(self) -> tuple[int, str]:
        """Sort key of the canonical order: frequent first, then by text."""
        return (-(self.df or 0), self.text)


def _check_words(words: tuple[str, ...]) -> None:
    """Raise `UsageError` for words outside the normal form. A gram of plain ASCII words costs one match."""
    if type(words) is not tuple or not all(type(word) is str for word in words):
        raise UsageError(f"the words of a gram must be a tuple of strings, not {excerpt(repr(words), 80)}")
    text = " ".join(words)
    if not (_PLAIN_GRAM.fullmatch(text) and text.count(" ") == len(words) - 1):
        gram_name = f"gram '{excerpt(text, 80)}'"
        try:
            normal_words = gram_words(text)
        except UsageError as error:
            raise UsageError(f"{gram_name} is invalid: {excerpt(str(error), 300)}") from None
        if normal_words != words:
            normal_text = excerpt(" ".join(normal_words), 80)
            raise UsageError(f"{gram_name} is not in the normal form {NORMAL_FORM}; write '{normal_text}'")


def _check_count(count: Any, name: str, owner: str) -> int | None:
    """Return `count` as a plain int. Raise `UsageError` if it is neither None nor an integer >= 0."""
    if count is None:
        return None
    try:
        number = -1 if isinstance(count, bool) else operator.index(count)
    except TypeError:
        number = -1
    if not 0 <= number <= MAX_COUNT:
        raise UsageError(f"'{excerpt(owner, 80)}': {name} must be an integer >= 0, not {count!r}")
    return number


def _round_score(score: Any, owner: str) -> float | None:
    """Return `score` rounded to 6 decimals. Raise `UsageError` if it is neither None nor a finite number."""
    if score is None:
        return None
    try:
        number = math.nan if isinstance(score, bool | str) else float(score)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise UsageError(f"'{excerpt(owner, 80)}': score must be a finite number, not {score!r}")
    return round(number, 6) + 0.0  # + 0.0 turns -0.0 into 0.0


@dataclass(frozen=True, slots=True, repr=False)
class Cluster:
    """Grams with the same meaning and move, named after one of them.

    Raise `UsageError` if there are no grams, the medoid is not one of them, the move is unknown, or a number is
    invalid.

    >>> grams = (Gram(("wait",), df=9), Gram(("hold", "on"), df=2))
    >>> Cluster(0, grams, 10, "wait", "backtracking")
    Cluster(0, 'wait', backtracking, 2 grams, df 10)
    """

    id: int
    """Rank in the lexicon."""
    grams: tuple[Gram, ...]
    df: int | None
    """ClusterDF: number of distinct traces that contain at least one of the grams."""
    medoid: str
    """Text of the gram that names the cluster."""
    move: str
    score: float | None = None

    def __post_init__(self) -> None:
        cluster_name = f"cluster '{excerpt(str(self.medoid), 80)}'"
        grams = tuple(sorted(self.grams, key=lambda gram: gram.rank))
        if not grams:
            raise UsageError(f"{cluster_name} has no gram; leave it out")
        if self.medoid not in {gram.text for gram in grams}:
            raise UsageError(f"{cluster_name}: the medoid is not one of its grams ({excerpt(grams[0].text, 80)}, ...)")
        if self.move not in MOVE_MEANINGS:
            raise UsageError(f"{cluster_name}: unknown move {excerpt(repr(self.move), 80)}; known: {', '.join(MOVES)}")
        object.__setattr__(self, "grams", grams)
        object.__setattr__(self, "id", _check_count(self.id, "id", self.medoid))
        object.__setattr__(self, "df", _check_count(self.df, "df", self.medoid))
        object.__setattr__(self, "score", _round_score(self.score, self.medoid))

    @property
    def rank(self) -> tuple[int, str]:
        """Sort key of the canonical order: frequent first, then by medoid."""
        return (-(self.df or 0), self.medoid)

    def __repr__(self) -> str:
        n_grams = f"{len(self.grams)} gram{'' if len(self.grams) == 1 else 's'}"
        df = "" if self.df is None else f", df {self.df}"
        return f"Cluster({self.id}, {self.medoid!r}, {self.move}, {n_grams}{df})"


_GRAM_NAMES: dict[str, CellKind] = {"gram": "text", "cluster": "offset", "medoid": "text", "move": "text"}
_GRAM_NUMBERS: dict[str, CellKind] = {
    "df": "count",
    "count": "count",
    "df_correct": "count",
    "df_wrong": "count",
    "score": "number",
    "core": "flag",
}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Lexicon(Publishable):
    """Set of Strategic Grams in ranked clusters, with its provenance. Two lexicons are equal if their digests are.

    ``len(lexicon)`` is the number of grams, iteration gives the grams cluster by cluster, and ``in`` says whether a
    text, in any spelling of the same words, is one of them. Notebooks show a lexicon as a table of its clusters.

    Raise `UsageError` if there is no gram, a gram appears twice, or the ids of the clusters are not their ranks.

    >>> lexicon = Lexicon.from_grams(["Wait", "let me check"])
    >>> lexicon
    Lexicon('custom', 2 grams in 2 clusters, digest 0243f3a8ee7c)
    >>> len(lexicon), [gram.text for gram in lexicon], "Let me check!" in lexicon
    (2, ['let me check', 'wait'], True)
    """

    name: str
    clusters: tuple[Cluster, ...]
    source: dict[str, Any]
    """Provenance as JSON: config, digests of the inputs, counts. No time stamp, so equal inputs give equal bytes."""
    digest: str = field(init=False)
    """SHA-256 of the canonical JSON bytes, in hex."""
    _grams_by_words: dict[tuple[str, ...], tuple[Cluster, Gram]] = field(init=False)

    def __post_init__(self) -> None:
        if type(self.name) is not str or not self.name:
            raise UsageError("the name of a lexicon must be a string that is not empty")
        object.__setattr__(self, "clusters", tuple(self.clusters))
        object.__setattr__(self, "_grams_by_words", _index_grams(self.clusters))
        try:
            source = json.loads(canonical_json(dict(self.source)))  # a deep copy, with lists for tuples
            object.__setattr__(self, "source", source)
            object.__setattr__(self, "digest", digest(canonical_json(self.to_json())))
        except (TypeError, ValueError, RecursionError) as error:
            raise UsageError(f"the lexicon's name or source is not JSON: {error}") from None

    @classmethod
    def build(cls, name: str, clusters: Iterable[Cluster], source: Mapping[str, Any]) -> "Lexicon":
        """Return the lexicon of `clusters`, sorted by rank; their order and ids do not matter."""
        ranked = sorted(clusters, key=lambda cluster: cluster.rank)
        return cls(name, tuple(replace(cluster, id=rank) for rank, cluster in enumerate(ranked)), dict(source))

    @classmethod
    def from_grams(cls, texts: Iterable[str], name: str = "custom", move: str = "other") -> "Lexicon":
        """Return the lexicon of phrases as a person writes them, one cluster per gram.

        Texts are normalized, repeats count once, the order does not matter. Raise `UsageError` if a text is not a
        gram.

        >>> [gram.text for gram in Lexicon.from_grams(["Hold on!", "wait", "hold on"]).grams]
        ['hold on', 'wait']
        """
        if isinstance(texts, str):
            raise UsageError("from_grams takes a list of texts, not one text; write [text]")
        grams = set()
        for number, text in enumerate(texts, start=1):
            if type(text) is not str:
                raise UsageError(f"text {number} of the list is {type(text).__name__}, not a text")
            try:
                grams.add(gram_words(text))
            except UsageError as error:
                raise UsageError(f"text {number} of the list is not a gram: {excerpt(str(error), 300)}") from None
        clusters = [Cluster(0, (Gram(words),), None, " ".join(words), move) for words in grams]
        return cls.build(name, clusters, {"method": "list of grams"})

    @property
    def grams(self) -> tuple[Gram, ...]:
        """All grams, cluster by cluster: the full list, which masks use."""
        return tuple(gram for cluster in self.clusters for gram in cluster.grams)

    @property
    def moves(self) -> tuple[str, ...]:
        """Moves that the clusters make, in the order of `MOVES`.

        >>> Lexicon.from_grams(["wait"], move="backtracking").moves
        ('backtracking',)
        """
        return order_moves(cluster.move for cluster in self.clusters)

    @property
    def core(self) -> tuple[Gram, ...]:
        """The pruned list, which people read and annotate; frequent grams first."""
        return tuple(sorted((gram for gram in self.grams if gram.core), key=lambda gram: gram.rank))

    def find(self, text: str) -> tuple[Cluster, Gram] | None:
        """Return the gram that `text` is in normal form, with its cluster; None if the lexicon does not contain it.

        >>> cluster, gram = Lexicon.load("wang2025").find("Does this hold true?")
        >>> gram.text, cluster.move
        ('does this hold true', 'verification')
        """
        try:
            return self._grams_by_words.get(gram_words(text))
        except UsageError:
            return None

    def frame(self, backend: Backend | None = None) -> Any:
        """Return a data frame with one row per gram, cluster by cluster; a number that the lexicon lacks is missing.

        Columns are gram, cluster, medoid, move, df, count, df_correct, df_wrong, score and core. `backend` is
        ``pandas`` or ``polars`` (`sgram.frames.build_frame`). Raise `MissingExtraError` if it is not installed.

        >>> Lexicon.from_grams(["wait"], move="backtracking").frame()[["gram", "move"]].values.tolist()
        [['wait', 'backtracking']]
        """
        rows = (
            (gram.text, cluster.id, cluster.medoid, cluster.move, *(getattr(gram, name) for name in _GRAM_NUMBERS))
            for cluster in self.clusters
            for gram in cluster.grams
        )
        return build_frame({**_GRAM_NAMES, **_GRAM_NUMBERS}, rows, backend)

    def to_json(self) -> dict[str, Any]:
        """Return the JSON document of format version 1, without missing values."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "name": self.name,
            "words": NORMAL_FORM,
            "source": deepcopy(self.source),
            "clusters": [_cluster_json(cluster) for cluster in self.clusters],
        }

    @classmethod
    def from_json(cls, document: Any, where: str = "the document") -> "Lexicon":
        """Return the lexicon of a JSON document. Raise `InputError` with `where`, cluster and gram if it is invalid."""
        check_document(document, where)
        clusters = []
        for number, cluster in enumerate(document["clusters"]):
            try:
                clusters.append(_parse_cluster(cluster))
            except UsageError as error:
                raise InputError(f"{where}, cluster {number}: {error}") from None
        try:
            return cls(document["name"], tuple(clusters), document["source"])
        except UsageError as error:
            raise InputError(f"{where}: {error}") from None

    def to_bytes(self) -> bytes:
        """Return the bytes of the file: UTF-8 JSON, sorted keys, LF. Equal lexicons have equal bytes."""
        return pretty_json(self.to_json())

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the file atomically. Raise `SgramError` if it cannot be written."""
        write_bytes(path, self.to_bytes())

    def hub_files(self, repository: str, card: CardFields | None = None) -> dict[str, bytes]:
        """Return the files that `push_to_hub` sends, content by name: the lexicon and its card, README.md.

        Raise `UsageError` if `repository` is not ``owner/name``, or if the figures of `card` are those of another one.

        >>> sorted(Lexicon.from_grams(["wait"]).hub_files("owner/name"))
        ['README.md', 'lexicon.json']
        """
        from sgram.lexicon.lexicon_card import render_lexicon_card

        name = check_repository(repository)
        readme = render_lexicon_card(self.to_json(), self.moves, self.digest, name, card or CardFields())
        return {"README.md": readme, HUB_LEXICON: self.to_bytes()}

    @property
    def hub_message(self) -> str:
        """Message of the commit that publishes it."""
        return f"Lexicon {excerpt(self.name, 60)}, digest {self.digest[:16]}"

    @classmethod
    def load(cls, path_or_preset: str | os.PathLike[str]) -> "Lexicon":
        """Return the lexicon in a file (``-``: stdin) or URL, or a preset by its bare name, such as ``wang2025``.

        ``hf://owner/name`` is lexicon.json in a repository of the hub, ``hf://owner/name@revision/file.json`` another
        file of it. Raise `UsageError` if the name is unknown, `InputError` if the file cannot be read or is not a valid
        lexicon.

        >>> len(Lexicon.load("wang2025").grams)
        249
        """
        path = find_lexicon(path_or_preset)
        lexicon = cls.from_json(read_document(path), printable_name(path))
        note_load("lexicon", lexicon.name, path, lexicon.digest)
        return lexicon

    @staticmethod
    def presets() -> list[str]:
        """Return the names of the shipped lexicons."""
        return preset_names()

    def __len__(self) -> int:
        return len(self._grams_by_words)

    def __iter__(self) -> Iterator[Gram]:
        return iter(self.grams)

    def __contains__(self, gram: object) -> bool:
        if isinstance(gram, Gram):
            return gram.words in self._grams_by_words
        return isinstance(gram, str) and self.find(gram) is not None

    def _repr_html_(self) -> str:
        return render_notebook_html(self)

    def __eq__(self, lexicon: object) -> bool:
        return self.digest == lexicon.digest if isinstance(lexicon, Lexicon) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        n_grams, n_clusters = len(self._grams_by_words), len(self.clusters)
        return f"Lexicon({self.name!r}, {n_grams} grams in {n_clusters} clusters, digest {self.digest[:12]})"


def _index_grams(clusters: tuple[Cluster, ...]) -> dict[tuple[str, ...], tuple[Cluster, Gram]]:
    """Return cluster and gram by words. Raise `UsageError` for a repeated gram or ids that are not ranks."""
    if not clusters:
        raise UsageError("a lexicon must have at least one gram; this one has none")
    grams_by_words: dict[tuple[str, ...], tuple[Cluster, Gram]] = {}
    for rank, cluster in enumerate(clusters):
        if cluster.id != rank:
            raise UsageError(f"cluster ids must be 0, 1, 2, ... in order; found id {cluster.id} instead of {rank}")
        if rank and clusters[rank - 1].rank > cluster.rank:
            raise UsageError(
                f"cluster {rank} ('{cluster.medoid}') ranks before cluster {rank - 1} "
                f"('{clusters[rank - 1].medoid}'); clusters are sorted by df, largest first, then by medoid"
            )
        for gram in cluster.grams:
            if gram.words in grams_by_words:
                first = grams_by_words[gram.words][0].id
                location = f"twice in cluster {rank}" if first == rank else f"in clusters {first} and {rank}"
                raise UsageError(f"gram '{gram.text}' is {location}; keep it once")
            grams_by_words[gram.words] = (cluster, gram)
    return grams_by_words


def _without_none(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _cluster_json(cluster: Cluster) -> dict[str, Any]:
    grams = [
        _without_none(
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
    return _without_none(
        id=cluster.id, move=cluster.move, df=cluster.df, score=cluster.score, medoid=cluster.medoid, grams=grams
    )


def _parse_cluster(document: dict[str, Any]) -> Cluster:
    """Return the cluster of a JSON object whose fields are checked."""
    grams = tuple(
        Gram(words=tuple(gram["text"].split(" ")), **{key: gram[key] for key in gram if key != "text"})
        for gram in document["grams"]
    )
    score = document.get("score")
    return Cluster(document["id"], grams, document.get("df"), document["medoid"], document["move"], score)
