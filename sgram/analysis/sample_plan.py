"""First pass over all traces: which of them are diagnosed, checked or shown as examples in the second pass.

Traces are selected by the smallest keys. A key is a digest of source, id and text, so the selection is random with
respect to what a trace is like, and does not depend on the order in which traces come. If not all wrong traces can be
diagnosed, a sample stratified by source, step and problem is (`sgram.diagnosis.error_sample`).
"""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush

import numpy as np

from sgram.analysis.config import AnalysisConfig
from sgram.analysis.sources import model_of_key
from sgram.diagnosis.error_sample import draw_error_sample
from sgram.diagnosis.kinds import KINDS, sibling_rank
from sgram.diagnosis.siblings import MAX_SIBLINGS
from sgram.traces import Trace
from sgram.traces.policy_tokens import n_policy_tokens
from sgram.traces.trace_keys import OUTCOMES, group_name, outcome_index, problem_name, stable_key

MAX_CANDIDATES = 4
"""Most candidates for one example; the one with the most kinds of moves is shown."""
_CORRECT, _WRONG = 0, 1
RECORDED_KINDS = {
    "strategic": "strategic",
    "procedural": "procedural",
    "unfinished": "unfinished",
    "degenerate": "degenerate",
    "format": "format",
    "not-wrong": "not-wrong",
    "undecided": "undecided",
    "other": "undecided",  # the name before `undecided`
}
"""Error kinds as checkers write them to ``meta.error``, and the kind of `sgram.diagnosis` that each stands for."""
_MAX_KEY = 1 << 62
_MAX_PEERS = 32
"""Correct traces of a group that a wrong trace is paired with on trial."""
_MAX_RANKED = 400
"""Traces of each source and outcome that examples are selected from."""


def recorded_error_kind(trace: Trace) -> int:
    """Return the index in `KINDS` of the error kind that a checker wrote to ``meta.error``; -1 if there is none.

    >>> KINDS[recorded_error_kind(Trace(id="1", text="so", meta={"error": "format"}))]
    'format'
    """
    kind = trace.meta.get("error")
    return KINDS.index(RECORDED_KINDS[kind]) if isinstance(kind, str) and kind in RECORDED_KINDS else -1


class TextSample:
    """The texts with the smallest keys, as many as reach a budget of characters.

    >>> sample = TextSample(budget=5)
    >>> for key, text in ((3, "third"), (1, "one"), (2, "two")):
    ...     sample.add(key, text)
    >>> sample.texts, sample.n_offered
    (['one', 'two'], 3)
    """

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._heap: list[tuple[int, str]] = []  # (negative key, text): the largest key comes first
        self._n_chars = 0
        self.n_offered = 0
        """Texts offered so far."""
        self.n_offered_chars = 0
        """Characters of the texts offered so far."""

    def add(self, key: int, text: str) -> None:
        """Offer one text."""
        self.n_offered += 1
        self.n_offered_chars += len(text)
        heappush(self._heap, (-key, text))
        self._n_chars += len(text)
        while self._n_chars - len(self._heap[0][1]) >= self._budget:
            self._n_chars -= len(heappop(self._heap)[1])

    def merge(self, sample: "TextSample") -> None:
        """Offer the texts of another sample; texts that it dropped count as offered."""
        for negative_key, text in sample._heap:
            self.add(-negative_key, text)
        self.n_offered += sample.n_offered - len(sample._heap)
        self.n_offered_chars += sample.n_offered_chars - sample._n_chars

    @property
    def texts(self) -> list[str]:
        """The sampled texts, smallest key first."""
        return [text for _, text in sorted(self._heap, reverse=True)]


@dataclass(frozen=True, slots=True)
class _SurveyRow:
    """What the first pass stores about one trace."""

    key: int
    source: str
    outcome: int
    group: int
    sibling_rank: int
    """By it siblings are chosen, smallest first; it is of a digest of the id, as in `sgram.diagnosis`."""
    problem: int
    step: int | None
    has_recorded_kind: bool
    n_chars: int
    n_entropies: int


@dataclass(frozen=True, slots=True)
class Slot:
    """An example to be shown: one of the candidates is selected in the second pass."""

    source: str
    outcome: int
    candidates: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SamplePlan:
    """Keys of the traces whose texts the second pass keeps, and for what."""

    display_names: dict[str, str]
    """Source -> the name under which it is shown."""
    diagnosed: tuple[int, ...]
    n_wrong: int
    siblings: dict[int, tuple[int, ...]]
    """Key of a diagnosed trace -> correct traces of its group, by the digests of their ids."""
    equation_keys: dict[int, frozenset[int]]
    """Outcome -> traces whose equations are checked."""
    slots: tuple[Slot, ...]
    pairs: tuple[tuple[int, int], ...]
    """(correct, wrong) traces of one group and source with about equal lengths."""
    max_entropy_key: int
    """Entropies of traces with larger keys are not kept."""
    source_sizes: Counter[str]
    """Source -> number of its traces."""
    sampled_keys: frozenset[int] = frozenset()
    """Traces whose texts are kept, for any of the purposes above."""

    @property
    def n_checked(self) -> int:
        """Number of traces whose equations are checked."""
        return sum(map(len, self.equation_keys.values()))


class TraceSurvey:
    """Counts of the first pass, about 200 bytes a trace, and the texts from which placebos are drawn."""

    def __init__(self, config: AnalysisConfig) -> None:
        self._config = config
        self._rows: list[_SurveyRow] = []
        self.texts: dict[str, TextSample] = {}
        """Source -> texts from which its placebos are drawn."""
        self.source_sizes: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, trace: Trace, source: str, text: str | None = None) -> None:
        """Add one trace of the source with that name; placebos are drawn from `text`, by default the trace's."""
        key = stable_key(model_of_key(source), trace.id, trace.text)
        n_entropies = 0 if trace.entropies is None or trace.token_ids is None else n_policy_tokens(trace)
        group = stable_key(group_name(trace))
        row = _SurveyRow(
            key=key,
            source=source,
            outcome=outcome_index(trace),
            group=group,
            sibling_rank=int(sibling_rank(trace.id)[:16], 16),
            problem=stable_key(problem_name(trace)),
            step=trace.step,
            has_recorded_kind=recorded_error_kind(trace) >= 0,
            n_chars=len(trace.text),
            n_entropies=n_entropies,
        )
        self._rows.append(row)
        self._texts_of(source).add(key, trace.text if text is None else text)
        self.source_sizes[source] += 1

    def _texts_of(self, source: str) -> TextSample:
        if source not in self.texts:
            self.texts[source] = TextSample(self._config.placebo_chars)
        return self.texts[source]

    def merge(self, survey: "TraceSurvey") -> None:
        """Add the traces of another survey with the same settings."""
        self._rows += survey._rows
        for source, sample in survey.texts.items():
            self._texts_of(source).merge(sample)
        self.source_sizes.update(survey.source_sizes)

    def plan(self, display_names: dict[str, str]) -> SamplePlan:
        """Decide which traces are kept; `display_names` maps each source to the name under which it is shown."""
        config, rows = self._config, sorted(self._rows, key=lambda row: row.key)
        correct_by_group: dict[int, list[_SurveyRow]] = defaultdict(list)
        for row in rows:
            if row.outcome == _CORRECT:
                correct_by_group[row.group].append(row)
        wrong_rows = [row for row in rows if row.outcome == _WRONG]

        siblings_by_group = {
            group: sorted(correct_rows, key=lambda row: (row.sibling_rank, row.key))[:MAX_SIBLINGS]
            for group, correct_rows in correct_by_group.items()
        }

        def find_siblings(wrong: _SurveyRow) -> Sequence[_SurveyRow]:
            return siblings_by_group.get(wrong.group, ())

        diagnosed_rows = self._select_diagnosed(wrong_rows, find_siblings, display_names)
        diagnosed = [row.key for row in diagnosed_rows]
        siblings = {row.key: tuple(sibling.key for sibling in find_siblings(row)) for row in diagnosed_rows}
        equation_keys = {}
        for outcome in range(len(OUTCOMES)):
            outcome_rows = [row for row in rows if row.outcome == outcome]
            n_rows = min(config.max_diagnosed, len(diagnosed) if outcome == _WRONG else len(outcome_rows))
            equation_keys[outcome] = _keys_within_budget(outcome_rows[:n_rows], config.max_kept_chars // 9)
        slots = _plan_slots(rows, display_names, config.n_examples)
        pairs = _pair_outcomes(rows, correct_by_group, config.n_siblings)
        sampled_keys = {*diagnosed, *(key for keys in siblings.values() for key in keys)}
        sampled_keys |= {key for keys in equation_keys.values() for key in keys}
        sampled_keys |= {key for slot in slots for key in slot.candidates} | {key for pair in pairs for key in pair}
        return SamplePlan(
            display_names=display_names,
            diagnosed=tuple(diagnosed),
            n_wrong=len(wrong_rows),
            siblings=siblings,
            equation_keys=equation_keys,
            slots=slots,
            pairs=pairs,
            max_entropy_key=_max_entropy_key(rows, config.max_tokens),
            source_sizes=self.source_sizes,
            sampled_keys=frozenset(sampled_keys),
        )

    def _select_diagnosed(
        self,
        wrong_rows: Sequence[_SurveyRow],
        find_siblings: Callable[[_SurveyRow], Sequence[_SurveyRow]],
        display_names: Mapping[str, str],
    ) -> list[_SurveyRow]:
        """Return the wrong traces that are diagnosed, as many as limit and memory allow, by key.

        Those whose kind a checker recorded come last, since only the others need a diagnosis to be counted.
        """
        needs_diagnosis = [row for row in wrong_rows if not (self._config.recorded_errors and row.has_recorded_kind)]
        others = [row for row in wrong_rows if self._config.recorded_errors and row.has_recorded_kind]
        budget, limit = self._config.max_kept_chars * 2 // 3, self._config.max_diagnosed
        selected: list[_SurveyRow] = []
        for candidates in (needs_diagnosis, others):
            strata = [(display_names[row.source], row.step) for row in candidates]
            problems, keys = [row.problem for row in candidates], [row.key for row in candidates]
            n_max = min(len(candidates), limit - len(selected))
            while n_max > 0:
                sample = [candidates[row] for row in draw_error_sample(strata, problems, keys, n_max)]
                texts = {text.key: text.n_chars for row in sample for text in (row, *find_siblings(row))}
                n_chars = sum(texts.values())
                if n_chars <= budget or (n_max == 1 and not selected):
                    selected += sample
                    budget -= n_chars
                    break
                n_max = min(n_max - 1, int(n_max * budget / n_chars))
        return sorted(selected, key=lambda row: row.key)


def _keys_within_budget(rows: Sequence[_SurveyRow], budget: int) -> frozenset[int]:
    """Return the keys of the first rows whose texts fit into `budget` characters; at least one if there is a row."""
    keys: list[int] = []
    for row in rows:
        budget -= row.n_chars
        if budget < 0 and keys:
            break
        keys.append(row.key)
    return frozenset(keys)


def _plan_slots(rows: Sequence[_SurveyRow], display_names: dict[str, str], max_slots: int) -> tuple[Slot, ...]:
    """Return slots for examples: each source and outcome in turn, larger sources first."""
    by_kind: dict[tuple[str, int], list[_SurveyRow]] = defaultdict(list)  # kind: (source, outcome)
    for row in rows:
        by_kind[display_names[row.source], row.outcome].append(row)
    sizes = Counter(display_names[row.source] for row in rows)
    ranked_sources = sorted(sizes, key=lambda name: (-sizes[name], name))
    queues = {kind: [row.key for row in _of_common_length(kind_rows)] for kind, kind_rows in by_kind.items()}
    slots_per_kind = -(-max_slots // max(1, len(queues)))
    n_candidates = {
        kind: max(1, min(MAX_CANDIDATES, len(queue) // max(1, slots_per_kind))) for kind, queue in queues.items()
    }
    slots: list[Slot] = []
    while len(slots) < max_slots and any(queues.values()):
        for source in ranked_sources:
            for outcome in range(len(OUTCOMES)):
                queue = queues.get((source, outcome))
                if queue and len(slots) < max_slots:
                    size = n_candidates[source, outcome]
                    slots.append(Slot(source, outcome, tuple(queue[:size])))
                    del queue[:size]
    return tuple(slots)


def _of_common_length(rows: Sequence[_SurveyRow]) -> list[_SurveyRow]:
    """Return the rows with lengths between the quartiles, of the first `_MAX_RANKED`; all rows if they are few."""
    if len(rows) < 2 * MAX_CANDIDATES:
        return list(rows)
    first_rows = rows[:_MAX_RANKED]
    low, high = np.percentile([row.n_chars for row in first_rows], (25, 75))
    return [row for row in first_rows if low <= row.n_chars <= high]


def _pair_outcomes(
    rows: Sequence[_SurveyRow], correct_by_group: dict[int, list[_SurveyRow]], max_pairs: int
) -> tuple[tuple[int, int], ...]:
    """Return (correct, wrong) traces of one group and source with about equal lengths, one pair a group."""
    best_pairs: dict[int, tuple[float, int, int, int]] = {}  # group -> (distance, wrong, correct, group)
    for wrong in rows:
        if wrong.outcome != _WRONG or not wrong.n_chars:
            continue
        peers = [row for row in correct_by_group[wrong.group] if row.source == wrong.source and row.n_chars]
        for correct in peers[:_MAX_PEERS]:
            distance = round(abs(math.log(correct.n_chars / wrong.n_chars)), 1)
            pair = (distance, wrong.key, correct.key, wrong.group)
            if wrong.group not in best_pairs or pair < best_pairs[wrong.group]:
                best_pairs[wrong.group] = pair
    return tuple((correct_key, wrong_key) for _, wrong_key, correct_key, _ in sorted(best_pairs.values())[:max_pairs])


def _max_entropy_key(rows: Sequence[_SurveyRow], max_tokens: int) -> int:
    """Return the largest key such that traces up to it have at most `max_tokens` entropies; `rows` are by key."""
    n_tokens = 0
    for row in rows:
        n_tokens += row.n_entropies
        if n_tokens > max_tokens:
            return row.key - 1
    return _MAX_KEY
