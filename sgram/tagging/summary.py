"""What is reported about tagged traces, collected in one pass: shares, moves, grams."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sgram.errors import UsageError
from sgram.files import excerpt
from sgram.frames import Backend, CellKind, build_frame, interval_columns
from sgram.lexicon import Lexicon, SentenceScorer, order_moves
from sgram.tagging.planning_shares import Grouping, ShareCounts, ShareRow
from sgram.tagging.spans import PLANNING, MaskKind, remove_overlaps
from sgram.tagging.tagged_rollouts import TaggedTrace

_GROUPINGS: tuple[Grouping, ...] = ((), ("outcome",), ("model",), ("model", "outcome"))


class MoveRow(NamedTuple):
    """One move: its number of spans, and their share of all spans (None without any span)."""

    move: str
    spans: int
    share: float | None


class GramRow(NamedTuple):
    """One gram: its most frequent move, its number of spans, and the number of traces that contain one."""

    gram: str
    move: str
    spans: int
    traces: int


_SHARE_COLUMNS: dict[str, CellKind] = {
    **dict.fromkeys(("model", "outcome"), "text"),
    **dict.fromkeys(("n_traces", "n_groups", "n_units", "n_planning"), "offset"),
    **interval_columns("pooled"),
    **interval_columns("mean"),
}
_MOVE_COLUMNS: dict[str, CellKind] = {"move": "text", "spans": "offset", "share": "number"}
_GRAM_COLUMNS: dict[str, CellKind] = {"gram": "text", "move": "text", "spans": "offset", "traces": "offset"}


@dataclass(slots=True, repr=False)
class TagSummary:
    """Counts over tagged traces. Spans are counted as they are displayed (`remove_overlaps`).

    `mask` and `scorer` are those of the tagger. Planning sentences are no grams: of the kind ``sentences`` no grams are
    counted.

    Memory: about 30 bytes per trace, and the first `max_first_traces` traces.

    >>> from sgram.tagging.tagged_rollouts import RolloutTagger
    >>> from sgram.traces import Trace
    >>> summary = TagSummary(Lexicon.from_grams(["wait"], move="backtracking"))
    >>> tagged = RolloutTagger(summary.lexicon)([Trace(id="a", text="Wait. Wait!")])
    >>> len(list(summary.count_traces(tagged))), summary.grams(1)
    (1, [GramRow(gram='wait', move='backtracking', spans=2, traces=1)])
    """

    lexicon: Lexicon
    max_first_traces: int = 0
    mask: MaskKind = "grams"
    scorer: SentenceScorer | None = None
    first_traces: list[TaggedTrace] = field(default_factory=list)
    counts: ShareCounts = field(default_factory=ShareCounts)
    _move_spans: Counter[str] = field(default_factory=Counter)
    _gram_moves: dict[str, Counter[str]] = field(default_factory=dict)
    _gram_traces: Counter[str] = field(default_factory=Counter)

    def count_traces(self, tagged_traces: Iterable[TaggedTrace]) -> Iterator[TaggedTrace]:
        """Count the traces while they pass through, unchanged."""
        for tagged in tagged_traces:
            self.counts.add(tagged.trace, *tagged.count_units())
            spans = remove_overlaps(tagged.spans)
            self._move_spans.update(span.label for span in spans)
            for span in spans:
                if span.gram:
                    self._gram_moves.setdefault(span.gram, Counter())[span.label] += 1
            self._gram_traces.update({span.gram for span in spans})
            if len(self.first_traces) < self.max_first_traces:
                self.first_traces.append(tagged)
            yield tagged

    def shares(self, seed: int = 0) -> list[ShareRow]:
        """Return the planning shares of all traces, then by outcome, by model, and by both."""
        return [row for grouping in _GROUPINGS for row in self.counts.table(grouping, seed)]

    @property
    def move_names(self) -> tuple[str, ...]:
        """Moves that spans have or can have: the lexicon's, or for planning sentences the scorer's."""
        possible = self.lexicon.moves if self.scorer is None else self.scorer.moves or (PLANNING,)
        return order_moves([*possible, *self._move_spans])

    def moves(self) -> list[MoveRow]:
        """Return a row per move of `move_names`, in order."""
        total = sum(self._move_spans.values())
        return [
            MoveRow(move, self._move_spans[move], self._move_spans[move] / total if total else None)
            for move in self.move_names
        ]

    def grams(self, max_grams: int) -> list[GramRow]:
        """Return the grams with the most spans, most first; equal counts in alphabetical order."""
        counts = {gram: moves.total() for gram, moves in self._gram_moves.items()}
        ranked = sorted(counts, key=lambda gram: (-counts[gram], gram))[:max_grams]
        return [GramRow(gram, self._main_move(gram), counts[gram], self._gram_traces[gram]) for gram in ranked]

    def _main_move(self, gram: str) -> str:
        moves = self._gram_moves[gram]
        return max(order_moves(moves), key=moves.__getitem__)

    def frame(self, name: str = "shares", backend: Backend | None = None) -> Any:
        """Return the planning shares as a data frame, or with the name "moves" or "grams" the spans of each.

        `backend` is ``pandas`` or ``polars`` (`sgram.frames.build_frame`). Raise `UsageError` for another name,
        `MissingExtraError` if the library is not installed.
        """
        if name == "moves":
            return build_frame(_MOVE_COLUMNS, self.moves(), backend)
        if name == "grams":
            return build_frame(_GRAM_COLUMNS, self.grams(len(self._gram_moves)), backend)
        if name != "shares":
            raise UsageError(f"a summary has the tables shares, moves and grams (got {excerpt(name, 60)!r})")
        share_rows = (
            (
                *(row.model, row.outcome, row.n_traces, row.n_groups, row.n_units, row.n_planning),
                *row.pooled.numbers,
                *row.mean.numbers,
            )
            for row in self.shares()
        )
        return build_frame(_SHARE_COLUMNS, share_rows, backend)

    def __repr__(self) -> str:
        return f"TagSummary({self.lexicon!r}, mask {self.mask}, {len(self.counts):,} traces)"

    def to_json(self, seed: int = 0, max_grams: int = 10) -> dict[str, Any]:
        """Return the summary as JSON values; undefined numbers are None."""
        lexicon, scorer = self.lexicon, self.scorer
        return {
            "lexicon": {"name": lexicon.name, "digest": lexicon.digest, "n_grams": len(lexicon.grams)},
            "mask": self.mask,
            "scorer": scorer and {"name": scorer.name, "digest": scorer.digest, "threshold": scorer.threshold},
            "n_traces": len(self.counts),
            "seed": seed,
            "shares": [row.to_json() for row in self.shares(seed)],
            "moves": [row._asdict() for row in self.moves()],
            "grams": [row._asdict() for row in self.grams(max_grams)],
        }
