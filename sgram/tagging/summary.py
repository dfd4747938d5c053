"""What is told of tagged traces that pass by: shares, moves, grams. Knows nothing about files or printing."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sgram.lexicon import MOVES, Lexicon
from sgram.tagging.planning_shares import ShareCounts, ShareRow
from sgram.tagging.spans import longest_first
from sgram.tagging.tagged_rollouts import TaggedTrace


class MoveRow(NamedTuple):
    """One move: its spans, and their share of all spans; None where there is no span at all."""

    move: str
    spans: int
    share: float | None


class GramRow(NamedTuple):
    """One gram: its move, its spans, the traces that hold one."""

    gram: str
    move: str
    spans: int
    traces: int


@dataclass(slots=True)
class TagSummary:
    """Counts of the traces that passed; spans are counted as people see them, none inside another.

    Memory does not grow with the traces, but for some 30 bytes each and the first `to_keep`, which are kept.
    """

    lexicon: Lexicon
    to_keep: int = 0
    kept: list[TaggedTrace] = field(default_factory=list)
    counts: ShareCounts = field(default_factory=ShareCounts)
    _moves: Counter[str] = field(default_factory=Counter)
    _spans: Counter[str] = field(default_factory=Counter)
    _traces: Counter[str] = field(default_factory=Counter)

    def passing(self, tagged: Iterable[TaggedTrace]) -> Iterator[TaggedTrace]:
        """The same traces, counted."""
        for one in tagged:
            self.counts.add(one.trace, *one.counts())
            shown = longest_first(one.spans)
            self._moves.update(span.label for span in shown)
            self._spans.update(span.gram for span in shown)
            self._traces.update({span.gram for span in shown})
            if len(self.kept) < self.to_keep:
                self.kept.append(one)
            yield one

    def shares(self, seed: int = 0) -> list[ShareRow]:
        """Planning shares of all traces, then by outcome, by model, and by both."""
        tables = ((), ("outcome",), ("model",), ("model", "outcome"))
        return [row for by in tables for row in self.counts.table(by, seed)]

    def moves(self) -> list[MoveRow]:
        """Every move, in the moves' fixed order."""
        total = sum(self._moves.values())
        return [MoveRow(move, self._moves[move], self._moves[move] / total if total else None) for move in MOVES]

    def grams(self, most: int) -> list[GramRow]:
        """The most frequent grams, by their spans."""
        ranked = sorted(self._spans, key=lambda gram: (-self._spans[gram], gram))[:most]
        return [
            GramRow(gram, self.lexicon.find(gram)[0].move, self._spans[gram], self._traces[gram]) for gram in ranked
        ]

    def to_json(self, seed: int = 0, most_grams: int = 10) -> dict[str, Any]:
        """All of it as JSON values; what is undefined is None."""
        lexicon = self.lexicon
        return {
            "lexicon": {"name": lexicon.name, "digest": lexicon.digest, "n_grams": len(lexicon.grams)},
            "n_traces": len(self.counts),
            "seed": seed,
            "shares": [row.to_json() for row in self.shares(seed)],
            "moves": [row._asdict() for row in self.moves()],
            "grams": [row._asdict() for row in self.grams(most_grams)],
        }
