"""What differs between two lexicons. Knows nothing about files or screens."""

from dataclasses import asdict, dataclass
from typing import Any

from sgram.lexicon.values import Gram, Lexicon

_COMPARED = ("df", "count", "df_correct", "df_wrong", "score", "core")


@dataclass(frozen=True, slots=True)
class Moved:
    """A gram of both lexicons whose cluster has another medoid or another move."""

    text: str
    old_medoid: str
    new_medoid: str
    old_move: str
    new_move: str


@dataclass(frozen=True, slots=True)
class Change:
    """A number of a gram of both lexicons that is another one now; None where it is not known."""

    text: str
    field: str
    """df, count, df_correct, df_wrong, score or core."""
    old: float | bool | None
    new: float | bool | None


@dataclass(frozen=True, slots=True)
class LexiconDiff:
    """The way from an old lexicon to a new one, gram by gram; false when the grams are alike in all."""

    added: tuple[Gram, ...]
    removed: tuple[Gram, ...]
    moved: tuple[Moved, ...]
    changed: tuple[Change, ...]

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.moved or self.changed)

    def to_json(self) -> dict[str, Any]:
        """As plain values; added and removed grams by their texts."""
        return {
            "added": [gram.text for gram in self.added],
            "removed": [gram.text for gram in self.removed],
            "moved": [asdict(moved) for moved in self.moved],
            "changed": [asdict(change) for change in self.changed],
        }


def diff(old: Lexicon, new: Lexicon) -> LexiconDiff:
    """Grams added, removed, moved to another cluster or move, and with other numbers; frequent first."""
    before = {gram.words: (cluster, gram) for cluster in old.clusters for gram in cluster.grams}
    after = {gram.words: (cluster, gram) for cluster in new.clusters for gram in cluster.grams}
    moved, changed = [], []
    for words, (cluster, gram) in sorted(after.items(), key=lambda item: item[1][1].rank):
        if words not in before:
            continue
        home, was = before[words]
        if (home.medoid, home.move) != (cluster.medoid, cluster.move):
            moved.append(Moved(gram.text, home.medoid, cluster.medoid, home.move, cluster.move))
        for name in _COMPARED:
            if getattr(was, name) != getattr(gram, name):
                changed.append(Change(gram.text, name, getattr(was, name), getattr(gram, name)))
    return LexiconDiff(
        added=_ranked(gram for words, (_, gram) in after.items() if words not in before),
        removed=_ranked(gram for words, (_, gram) in before.items() if words not in after),
        moved=tuple(moved),
        changed=tuple(changed),
    )


def _ranked(grams) -> tuple[Gram, ...]:
    return tuple(sorted(grams, key=lambda gram: gram.rank))
