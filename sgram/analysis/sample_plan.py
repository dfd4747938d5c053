"""The first look at all traces: which of them are sampled, held or shown later. Knows nothing about grams or metrics.

Whatever is chosen is chosen by the smallest keys, which are digests of source, id and text: the choice is random with
respect to what traces are like, and does not depend on the order in which they come.
"""

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush

import numpy as np

from sgram.analysis.columns_store import OUTCOMES
from sgram.analysis.config import AnalysisConfig
from sgram.traces import Trace

CANDIDATES = 4
"""Most traces held for each example; the one with the most kinds of moves is shown."""
_CORRECT, _WRONG = 0, 1


def key_of(*parts: str | None) -> int:
    """62 bits, never 0, that stand for the parts, the same in every process."""
    held = hashlib.blake2b(digest_size=8)
    for part in parts:
        data = b"\0" if part is None else b"\1" + part.encode("utf-8", "surrogatepass")
        held.update(len(data).to_bytes(8, "little") + data)
    return (int.from_bytes(held.digest(), "little") >> 2) or 1


def problem_of(trace: Trace) -> str:
    """What resampling takes for one problem: of a run, the prompt at whatever step; else the group."""
    if trace.step is None:
        known = (("group", trace.group), ("prompt", trace.prompt))
    else:
        known = (("prompt", trace.prompt), ("group", trace.group))
    return next((f"{kind} {value}" for kind, value in known if value is not None), f"trace {trace.id}")


def group_of(trace: Trace) -> str:
    """What makes samples comparable: the problem, at one step."""
    if trace.group is not None:
        return f"{trace.step} group {trace.group}"
    return f"{trace.step} {problem_of(trace)}"


def outcome_of(trace: Trace) -> int:
    """Place in `OUTCOMES`."""
    return 2 if trace.correct is None else int(not trace.correct)


class SmallestKeys:
    """Texts with the smallest keys, until they hold `budget` characters; the others are let go on the way."""

    def __init__(self, budget: int):
        self._budget, self._held, self._size, self.n_seen, self.chars_seen = budget, [], 0, 0, 0

    def add(self, key: int, text: str) -> None:
        """Offer one text."""
        self.n_seen += 1
        self.chars_seen += len(text)
        heappush(self._held, (-key, text))
        self._size += len(text)
        while self._size - len(self._held[0][1]) >= self._budget:
            self._size -= len(heappop(self._held)[1])

    def take(self, other: "SmallestKeys") -> None:
        """Offer what another holds; what it let go counts as seen."""
        for key, text in other._held:
            self.add(-key, text)
        self.n_seen += other.n_seen - len(other._held)
        self.chars_seen += other.chars_seen - other._size

    @property
    def texts(self) -> list[str]:
        """Those held, smallest key first."""
        return [text for _, text in sorted(self._held, reverse=True)]


@dataclass(frozen=True, slots=True)
class _Seen:
    key: int
    source: str
    outcome: int
    group: int
    chars: int
    n_entropies: int


@dataclass(frozen=True, slots=True)
class Slot:
    """A place for an example: one of the candidates will be shown."""

    source: str
    outcome: int
    candidates: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """What will be held, by keys."""

    names: dict[str, str]
    """What each source is called."""
    diagnosed: tuple[int, ...]
    n_wrong: int
    siblings: dict[int, tuple[int, ...]]
    """Of each that is diagnosed, correct traces of its group; the one of the nearest length first."""
    checked: dict[int, frozenset[int]]
    """Outcome -> those whose equations are checked."""
    slots: tuple[Slot, ...]
    pairs: tuple[tuple[int, int], ...]
    """(correct, wrong) of one group and source, with about equal lengths."""
    token_limit: int
    """Entropies of traces with larger keys are not held."""
    n_of: Counter
    """Traces of each source, by its own name."""
    held: frozenset[int] = field(default=frozenset())

    @property
    def n_checked(self) -> int:
        """Traces whose equations are checked."""
        return sum(map(len, self.checked.values()))


class Survey:
    """What the first pass remembers: about 150 bytes a trace, and the texts that placebos are drawn from."""

    def __init__(self, config: AnalysisConfig):
        self._config, self._seen = config, []
        self.texts: dict[str, SmallestKeys] = defaultdict(lambda: SmallestKeys(config.placebo_chars))
        self.n_of: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._seen)

    def add(self, trace: Trace, source: str) -> None:
        """Note one trace of the source of that name."""
        key = key_of(source, trace.id, trace.text)
        n_entropies = len(trace.entropies or ())
        self._seen.append(_Seen(key, source, outcome_of(trace), key_of(group_of(trace)), len(trace.text), n_entropies))
        self.texts[source].add(key, trace.text)
        self.n_of[source] += 1

    def choose(self, names: dict[str, str]) -> Choice:
        """Decide what is held; `names` is what each source is called."""
        config, seen = self._config, sorted(self._seen, key=lambda each: each.key)
        budget = config.max_kept_chars * 2 // 3
        by_group: dict[int, list[_Seen]] = defaultdict(list)
        for each in seen:
            if each.outcome == _CORRECT:
                by_group[each.group].append(each)
        wrong = [each for each in seen if each.outcome == _WRONG]
        diagnosed, siblings = [], {}
        for each in wrong[: config.max_diagnosed]:
            near = _nearest(each, by_group[each.group])[:4]
            budget -= each.chars + sum(other.chars for other in near)
            if budget < 0 and diagnosed:
                break
            diagnosed.append(each.key)
            siblings[each.key] = tuple(other.key for other in near)
        checked = {}
        for outcome in range(len(OUTCOMES)):
            of = [each for each in seen if each.outcome == outcome]
            few = min(config.max_diagnosed, len(diagnosed) if outcome == _WRONG else len(of))
            checked[outcome] = _within(of[:few], config.max_kept_chars // 9)
        slots = _slots(seen, names, config.n_examples)
        pairs = _pairs(seen, by_group, config.n_siblings)
        held = {*diagnosed, *(key for keys in siblings.values() for key in keys)}
        held |= {key for keys in checked.values() for key in keys}
        held |= {key for slot in slots for key in slot.candidates} | {key for pair in pairs for key in pair}
        return Choice(
            names,
            tuple(diagnosed),
            len(wrong),
            siblings,
            checked,
            slots,
            pairs,
            _limit(seen, config.max_tokens),
            self.n_of,
            frozenset(held),
        )


def _within(seen: Sequence[_Seen], budget: int) -> frozenset[int]:
    kept = []
    for each in seen:
        budget -= each.chars
        if budget < 0 and kept:
            break
        kept.append(each.key)
    return frozenset(kept)


def _nearest(wrong: _Seen, correct: Iterable[_Seen]) -> list[_Seen]:
    """Correct traces of its group, those of its own source first, then by how near their lengths are."""
    return sorted(correct, key=lambda each: (each.source != wrong.source, abs(each.chars - wrong.chars), each.key))


def _slots(seen: Sequence[_Seen], names: dict[str, str], most: int) -> tuple[Slot, ...]:
    """Places for examples: correct and wrong ones of each source in turn, larger sources first."""
    held: dict[tuple[str, int], list[_Seen]] = defaultdict(list)
    for each in seen:
        held[names[each.source], each.outcome].append(each)
    sizes = Counter(names[each.source] for each in seen)
    ranked = sorted(sizes, key=lambda name: (-sizes[name], name))
    queues = {kind: [each.key for each in _of_common_length(of)] for kind, of in held.items()}
    each_kind = -(-most // max(1, len(queues)))
    sizes_of = {kind: max(1, min(CANDIDATES, len(queue) // max(1, each_kind))) for kind, queue in queues.items()}
    slots: list[Slot] = []
    while len(slots) < most and any(queues.values()):
        for name in ranked:
            for outcome in range(len(OUTCOMES)):
                queue = queues.get((name, outcome))
                if queue and len(slots) < most:
                    size = sizes_of[name, outcome]
                    slots.append(Slot(name, outcome, tuple(queue[:size])))
                    del queue[:size]
    return tuple(slots)


def _of_common_length(seen: Sequence[_Seen]) -> list[_Seen]:
    """Those of neither very small nor very great length, of the first few hundred."""
    if len(seen) < 2 * CANDIDATES:
        return list(seen)
    first = seen[:400]
    low, high = np.percentile([each.chars for each in first], (25, 75))
    return [each for each in first if low <= each.chars <= high]


def _pairs(seen: Sequence[_Seen], by_group: dict[int, list[_Seen]], most: int) -> tuple[tuple[int, int], ...]:
    """Correct and wrong traces of one group and source that are about equally long, one pair a group."""
    best: dict[int, tuple[float, int, int, int]] = {}
    for each in seen:
        if each.outcome != _WRONG or not each.chars:
            continue
        same = [other for other in by_group[each.group] if other.source == each.source and other.chars]
        for other in same[:32]:
            apart = round(abs(math.log(other.chars / each.chars)), 1)
            found = (apart, each.key, other.key, each.group)
            if each.group not in best or found < best[each.group]:
                best[each.group] = found
    return tuple((correct, wrong) for _, wrong, correct, _ in sorted(best.values())[:most])


def _limit(seen: Sequence[_Seen], most: int) -> int:
    total = 0
    for each in seen:
        total += each.n_entropies
        if total > most:
            return each.key - 1
    return 1 << 62
