"""Which labeled units hold which grams, as arrays. Knows nothing about scores, precision or how grams were chosen.

A gram occurs in a unit when the occurrence (`sgram.tagging.spans` defines it) lies wholly inside it. What is covered
beside whole units is counted in words, or in the tokens of a tokenizer; a word or token that does not lie wholly
inside one unit has no label and is left out, and so is a token of nothing but space.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from sgram.evaluation.labels import POSITIVE_LABELS, LabeledDocument, Unit
from sgram.files import canonical_json, digest
from sgram.scan import word_offsets
from sgram.text import MAX_WORDS, SPACES, normal_word


class Encoder(Protocol):
    """What is asked of a tokenizer: a `Tokenizer` of the tokenizers library is one."""

    def encode(self, sequence: str, *, add_special_tokens: bool) -> Any:
        """Something whose ``offsets`` are the half-open character offsets of the tokens."""


def labels_digest(documents: Iterable[LabeledDocument]) -> str:
    """SHA-256 that stands for these documents and their labels, whatever file they came from and in which order.

    Documents without a unit do not count.
    """
    rows = [
        [each.id, each.text, each.problem, [[unit.start, unit.end, list(unit.labels)] for unit in each.units]]
        for each in documents
        if each.units
    ]
    return digest(canonical_json(sorted(rows, key=lambda row: row[0])))


@dataclass(frozen=True, slots=True, eq=False)
class Occurrences:
    """Where grams of a list occur, (N,) int64 each; `gram` is the row in the list."""

    gram: np.ndarray
    unit: np.ndarray
    first: np.ndarray
    """First piece (word or token) that the occurrence covers."""
    end: np.ndarray
    """The piece after the last one; `first` where no piece is counted."""
    n_grams: int
    n_units: int
    n_pieces: int

    def of(self, rows: np.ndarray) -> "Occurrences":
        """Only those of the grams for which the bool array `rows`, (G,), is true."""
        kept = rows[self.gram]
        fields = (self.gram[kept], self.unit[kept], self.first[kept], self.end[kept])
        return Occurrences(*fields, self.n_grams, self.n_units, self.n_pieces)

    def marked_units(self) -> np.ndarray:
        """Bool (U,): units that hold at least one of the grams."""
        marks = np.zeros(self.n_units, bool)
        marks[self.unit] = True
        return marks

    def covered_pieces(self) -> np.ndarray:
        """Bool (P,): words or tokens inside at least one occurrence."""
        size = self.n_pieces + 1
        edges = np.bincount(self.first, minlength=size) - np.bincount(self.end, minlength=size)
        return np.cumsum(edges[:-1]) > 0

    def pairs(self) -> tuple[np.ndarray, np.ndarray]:
        """(gram, unit) of each gram and each unit that holds it, every pair once, by gram, then by unit."""
        keys = np.unique(self.gram * max(1, self.n_units) + self.unit)
        return keys // max(1, self.n_units), keys % max(1, self.n_units)

    def best(self, scores: np.ndarray) -> np.ndarray:
        """Float (U,): the largest of the `scores`, (G,), of a unit's grams; -inf for a unit without any."""
        found = np.full(self.n_units, -np.inf)
        np.maximum.at(found, self.unit, scores[self.gram])
        return found


@dataclass(frozen=True, slots=True, eq=False)
class _Level:
    """The distinct grams of one length, numbered by key, and the words where they begin, gram by gram."""

    keys: np.ndarray
    begins: np.ndarray
    ends: np.ndarray
    """Gram g begins at ``begins[ends[g] : ends[g + 1]]``."""


@dataclass(frozen=True, slots=True, eq=False)
class UnitIndex:
    """Labeled texts, indexed by every gram that occurs in a unit. Units and pieces are numbered in text order."""

    documents: tuple[LabeledDocument, ...]
    """Those that hold a unit."""
    document: np.ndarray
    """(U,) number of each unit's document."""
    positive: np.ndarray
    """(U,) bool: whether the unit has one of the positive labels."""
    piece_unit: np.ndarray
    """(P,) unit of each word or token."""
    pieces: str
    """What pieces are: "words" or "tokens"."""
    _starts: np.ndarray
    _ids: dict[str, int]
    _words: np.ndarray
    _word_unit: np.ndarray
    _piece_from: np.ndarray
    _piece_to: np.ndarray
    _levels: tuple[_Level, ...]

    @classmethod
    def of(
        cls,
        documents: Sequence[LabeledDocument],
        positive: frozenset[str] = POSITIVE_LABELS,
        tokenizer: Encoder | None = None,
    ) -> "UnitIndex":
        """Index `documents`; with a `tokenizer` the pieces are its tokens, without their words."""
        documents = tuple(document for document in documents if document.units)
        lengths = [len(each.text) + 1 for each in documents]  # + 1: nothing reaches from one text into the next
        bases = np.concatenate(([0], np.cumsum(lengths, dtype=np.int64)))
        units = np.array(
            [
                (base + unit.start, base + unit.end, number)
                for number, (base, each) in enumerate(zip(bases.tolist(), documents, strict=False))
                for unit in each.units
            ],
            np.int64,
        ).reshape(-1, 3)
        ids: dict[str, int] = {}
        rows, words = [], []
        for base, each in zip(bases.tolist(), documents, strict=False):
            offsets = word_offsets(each.text)
            for start, end, _ in offsets.tolist():
                words.append(ids.setdefault(normal_word(each.text[start:end]), len(ids)))
            rows.append(offsets + np.array([base, base, 0]))
        places = np.concatenate(rows) if rows else np.zeros((0, 3), np.int64)  # start, end, sentence
        word_unit = _unit_at(units, places[:, 0], places[:, 1])
        inside = word_unit >= 0
        atoms, pieces = np.arange(0, 2 * len(places), 2), (inside, word_unit[inside])
        if tokenizer is None:
            spans = np.stack((atoms[inside], atoms[inside] + 1), axis=1)
        else:
            tokens = np.concatenate(
                [np.zeros((0, 2), np.int64)]
                + [
                    _token_offsets(each.text, tokenizer) + base
                    for base, each in zip(bases.tolist(), documents, strict=False)
                ]
            )
            token_unit = _unit_at(units, tokens[:, 0], tokens[:, 1])
            tokens, pieces = tokens[token_unit >= 0], (token_unit >= 0, token_unit[token_unit >= 0])
            spans = np.stack((_atom_at(places, tokens[:, 0]), _atom_at(places, tokens[:, 1] - 1) + 1), axis=1)
        numbers = np.array(words, np.int64)
        same = (word_unit[1:] == word_unit[:-1]) & inside[1:] & (places[1:, 2] == places[:-1, 2])
        return cls(
            documents,
            units[:, 2],
            np.array([unit.is_positive(positive) for each in documents for unit in each.units], bool),
            pieces[1],
            "words" if tokenizer is None else "tokens",
            units[:, 0] - bases[units[:, 2]],
            ids,
            numbers,
            word_unit,
            np.searchsorted(spans[:, 1], atoms, "right"),
            np.searchsorted(spans[:, 0], atoms + 1, "left"),
            _levels(numbers, inside, np.append(same, False), len(ids)),
        )

    @classmethod
    def of_texts(cls, texts: Iterable[str], tokenizer: Encoder | None = None) -> "UnitIndex":
        """Index texts that nobody has labeled: each is one unit, none positive. For controls on traces."""
        made = (
            LabeledDocument(str(number), text, (Unit(0, len(text), ()),) if text else ())
            for number, text in enumerate(texts)
        )
        return cls.of(list(made), tokenizer=tokenizer)

    @property
    def n_units(self) -> int:
        """U."""
        return len(self.document)

    @property
    def n_pieces(self) -> int:
        """P."""
        return len(self.piece_unit)

    def unit_text(self, unit: int) -> str:
        """The text of one unit."""
        number = int(self.document[unit])
        first = int(np.searchsorted(self.document, number))
        place = self.documents[number].units[unit - first]
        return self.documents[number].text[place.start : place.end]

    def find(self, grams: Sequence[str]) -> Occurrences:
        """Every occurrence of `grams` (texts in normal form, each once) inside a unit."""
        cut = [gram.split(" ") for gram in grams]
        sizes = np.array([len(words) for words in cut], np.int64)
        gram_ids, found = np.zeros(len(cut), np.int64), []
        alive = np.ones(len(cut), bool)
        for n, level in enumerate(self._levels, start=1):
            rows = np.flatnonzero(alive & (sizes >= n))
            if not len(level.keys) or not len(rows):
                break
            last = np.array([self._ids.get(cut[row][n - 1], -1) for row in rows.tolist()], np.int64)
            keys = gram_ids[rows] * (len(self._ids) if n > 1 else 0) + last
            at = np.searchsorted(level.keys, keys).clip(0, len(level.keys) - 1)
            known = (last >= 0) & (level.keys[at] == keys)
            alive[rows[~known]] = False
            gram_ids[rows[known]] = at[known]
            whole = rows[known & (sizes[rows] == n)]
            found.append((n, whole, gram_ids[whole]))
        parts = [self._occurrences(*part) for part in found]
        columns = (
            [np.concatenate(column) for column in zip(*parts, strict=True)] if parts else [np.zeros(0, np.int64)] * 4
        )
        return Occurrences(*columns, len(cut), self.n_units, self.n_pieces)

    def _occurrences(self, n: int, rows: np.ndarray, ids: np.ndarray) -> tuple[np.ndarray, ...]:
        level = self._levels[n - 1]
        counts = level.ends[ids + 1] - level.ends[ids]
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        begins = level.begins[np.repeat(level.ends[ids], counts) + within]
        first = self._piece_from[begins]
        end = np.maximum(first, self._piece_to[begins + n - 1])
        return np.repeat(rows, counts), self._word_unit[begins], first, end

    def grams(self, min_df: int) -> list[str]:
        """Texts of all grams that occur in units of at least `min_df` documents, sorted."""
        texts, vocabulary = [], list(self._ids)
        for n, level in enumerate(self._levels, start=1):
            if not len(level.keys):
                break
            homes = self.document[self._word_unit[level.begins]]
            new = np.append(True, homes[1:] != homes[:-1])
            new[level.ends[:-1]] = True
            df = np.add.reduceat(new.astype(np.int64), level.ends[:-1])
            for begin in level.begins[level.ends[:-1][df >= min_df]].tolist():
                texts.append(" ".join(vocabulary[word] for word in self._words[begin : begin + n].tolist()))
        return sorted(texts)


def _levels(words: np.ndarray, inside: np.ndarray, joined: np.ndarray, n_words: int) -> tuple[_Level, ...]:
    """The grams of 1 to 6 words; word i goes on to the next where ``joined[i]``."""
    begins, levels = np.flatnonzero(inside), []
    keys = words[begins]
    for n in range(1, MAX_WORDS + 1):
        distinct, ids = np.unique(keys, return_inverse=True)
        counts = np.bincount(ids, minlength=len(distinct))
        order = np.argsort(ids, kind="stable")
        levels.append(_Level(distinct, begins[order], np.concatenate(([0], np.cumsum(counts)))))
        goes_on = joined[begins + n - 1]
        begins, ids = begins[goes_on], ids[goes_on]
        keys = ids * n_words + words[begins + n]
    return tuple(levels)


def _unit_at(units: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """(N,) the unit in which ``[start, end)`` lies wholly, -1 for none."""
    if not len(units):
        return np.full(len(starts), -1)
    at = np.searchsorted(units[:, 0], starts, "right") - 1
    return np.where((at >= 0) & (ends <= units[at.clip(0), 1]), at, -1)


def _atom_at(places: np.ndarray, characters: np.ndarray) -> np.ndarray:
    """(N,) what a character belongs to: 2 i for word i, 2 i + 1 for what stands between it and the next.

    A span begins and ends with a word, so it holds such an atom wholly or not at all.
    """
    at = np.searchsorted(places[:, 0], characters, "right") - 1
    within = (at >= 0) & (characters < places[at.clip(0), 1]) if len(places) else np.zeros(len(at), bool)
    return 2 * at + ~within


def _token_offsets(text: str, tokenizer: Encoder) -> np.ndarray:
    """(T, 2) the first non-space character of each token and the one after its last; tokens of space are left out."""
    offsets = np.array(tokenizer.encode(text, add_special_tokens=False).offsets, np.int64).reshape(-1, 2)
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    filled = np.flatnonzero(~np.isin(codes, SPACES))
    first = np.searchsorted(filled, offsets[:, 0], "left")
    last = np.searchsorted(filled, offsets[:, 1], "left")
    kept = last > first
    return np.stack((filled[first[kept]], filled[last[kept] - 1] + 1), axis=1).astype(np.int64)
