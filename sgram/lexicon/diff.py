"""The differences between two lexicons, gram by gram."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from sgram.frames import Backend, build_frame
from sgram.lexicon.lexicon import Gram
from sgram.lexicon.loading import LexiconLike, as_lexicon

_COMPARED_FIELDS = ("df", "count", "df_correct", "df_wrong", "score", "core")


@dataclass(frozen=True, slots=True)
class MovedGram:
    """Gram of both lexicons whose cluster has another medoid or another move."""

    text: str
    old_medoid: str
    new_medoid: str
    old_move: str
    new_move: str


@dataclass(frozen=True, slots=True)
class FieldChange:
    """Field of a gram of both lexicons whose value changed; None if it is missing."""

    text: str
    field: str
    """df, count, df_correct, df_wrong, score or core."""
    old: float | bool | None
    new: float | bool | None


@dataclass(frozen=True, slots=True, repr=False)
class LexiconDiff:
    """Differences between an old and a new lexicon. It is false if all grams are equal.

    >>> diff_lexicons(["wait", "hold on"], ["wait", "let me check"])
    LexiconDiff(1 added, 1 removed, 0 moved, 0 changed)
    """

    added: tuple[Gram, ...]
    removed: tuple[Gram, ...]
    moved: tuple[MovedGram, ...]
    changed: tuple[FieldChange, ...]

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.moved or self.changed)

    def frame(self, backend: Backend | None = None) -> Any:
        """Return a data frame with one row per difference: change, gram, field, old and new, as texts.

        `backend` is ``pandas`` or ``polars`` (`sgram.frames.build_frame`). Raise `MissingExtraError` if it is not
        installed.

        >>> diff_lexicons(["wait", "hold on"], ["wait"]).frame()[["change", "gram"]].values.tolist()
        [['removed', 'hold on']]
        """
        rows: list[tuple[str | None, ...]] = []
        for kind, grams in (("added", self.added), ("removed", self.removed)):
            rows += [(kind, gram.text, None, None, None) for gram in grams]
        for moved in self.moved:
            names = ("medoid", moved.old_medoid, moved.new_medoid), ("move", moved.old_move, moved.new_move)
            rows += [("moved", moved.text, name, old, new) for name, old, new in names if old != new]
        for change in self.changed:
            numbers = (None if number is None else str(number) for number in (change.old, change.new))
            rows.append(("changed", change.text, change.field, *numbers))
        return build_frame(dict.fromkeys(("change", "gram", "field", "old", "new"), "text"), rows, backend)

    def __repr__(self) -> str:
        counts = (f"{len(getattr(self, name)):,} {name}" for name in ("added", "removed", "moved", "changed"))
        return f"LexiconDiff({', '.join(counts)})"

    def to_json(self) -> dict[str, Any]:
        """Return the differences as JSON values; added and removed grams by their texts."""
        return {
            "added": [gram.text for gram in self.added],
            "removed": [gram.text for gram in self.removed],
            "moved": [asdict(moved_gram) for moved_gram in self.moved],
            "changed": [asdict(change) for change in self.changed],
        }


def diff_lexicons(old: LexiconLike, new: LexiconLike) -> LexiconDiff:
    """Return the grams added, removed, moved to another cluster or move, or with other numbers; frequent ones first.

    >>> from sgram.lexicon import Lexicon
    >>> old, new = Lexicon.from_grams(["wait", "hold on"]), Lexicon.from_grams(["wait", "let me check"])
    >>> diff = diff_lexicons(old, new)
    >>> [gram.text for gram in diff.added], [gram.text for gram in diff.removed]
    (['let me check'], ['hold on'])
    """
    old, new = as_lexicon(old), as_lexicon(new)
    old_grams = {gram.words: (cluster, gram) for cluster in old.clusters for gram in cluster.grams}
    new_grams = {gram.words: (cluster, gram) for cluster in new.clusters for gram in cluster.grams}
    moved, changed = [], []
    for cluster, gram in sorted(new_grams.values(), key=lambda cluster_and_gram: cluster_and_gram[1].rank):
        if gram.words not in old_grams:
            continue
        old_cluster, old_gram = old_grams[gram.words]
        if (old_cluster.medoid, old_cluster.move) != (cluster.medoid, cluster.move):
            moved.append(MovedGram(gram.text, old_cluster.medoid, cluster.medoid, old_cluster.move, cluster.move))
        for name in _COMPARED_FIELDS:
            if getattr(old_gram, name) != getattr(gram, name):
                changed.append(FieldChange(gram.text, name, getattr(old_gram, name), getattr(gram, name)))
    return LexiconDiff(
        added=_by_rank(gram for words, (_, gram) in new_grams.items() if words not in old_grams),
        removed=_by_rank(gram for words, (_, gram) in old_grams.items() if words not in new_grams),
        moved=tuple(moved),
        changed=tuple(changed),
    )


def _by_rank(grams: Iterable[Gram]) -> tuple[Gram, ...]:
    return tuple(sorted(grams, key=lambda gram: gram.rank))
