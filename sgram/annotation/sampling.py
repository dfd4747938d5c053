"""Which occurrences of grams people are asked about, and which controls. Knows nothing about files, tools or ratings.

An item is an occurrence of a gram of the lexicon or a control: a run of as many words inside one sentence, at a random
place, that overlaps no occurrence of any gram of the lexicon. One pass over the traces, in memory that does not grow
with them, and a result that does not depend on their order:

1. Every occurrence has a key from a hash of (seed, trace, place). For each (gram, model) the occurrences of smallest
   key are held, no trace's second one before every trace's first; for each (length, model) likewise the controls.
2. Then items are taken one by one, always from a stratum whose cluster, gram, frequency band and model were taken
   least so far: a common cluster or model counts no more than a rare one. A band is the number of digits of the
   gram's document frequency in these traces.
3. Each item gets a control of its length, of its model where there is one.

A trace gives one item, two only when all else is used up, and those never overlap.
"""

import heapq
from collections import Counter
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field

import numpy as np

from sgram.annotation.candidate_pools import Candidate, Pools, Stratum, hash_name, mix
from sgram.annotation.context import Context, cut_context
from sgram.annotation.items import Item, Sample
from sgram.errors import InputError, UsageError
from sgram.files import canonical_json, digest
from sgram.lexicon import Lexicon
from sgram.scan import word_offsets
from sgram.tagging.span_finder import SpanFinder
from sgram.text import normal_word
from sgram.traces import Trace
from sgram.traces.ids import IdSet

MOST_ITEMS = 100_000
_CONTROLS_A_TRACE = 16
_LONGEST_GRAM = 400
"""Characters; a "word" may be a megabyte of letters, which nobody wants to read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingConfig:
    """What is drawn; the same traces, lexicon and config give the same items."""

    n: int = 200
    """Items in all."""
    controls: float = 0.5
    """Share of the items that are controls. Half, so that chance agreement (kappa) is not inflated by prevalence."""
    seed: int = 0
    context: int = 240
    """Characters of context on either side, at most."""
    all_grams: bool = False
    """Sample the full list, not only the core."""

    def __post_init__(self) -> None:
        if not 1 <= self.n <= MOST_ITEMS:
            raise UsageError(f"n is {self.n}; a sample has 1 to {MOST_ITEMS:,} items")
        if not 0 <= self.controls < 1:
            raise UsageError(f"controls is {self.controls}; it is a share of the items, from 0 to below 1")
        if not 0 <= self.context <= 2000:
            raise UsageError(f"context is {self.context}; it is a number of characters, from 0 to 2000")
        if not 0 <= self.seed < 1 << 63:
            raise UsageError(f"seed is {self.seed}; it is a whole number from 0")


@dataclass(frozen=True, slots=True)
class Found:
    """What there was to draw from."""

    n_traces: int
    n_models: int
    n_occurrences: int
    """Of the grams that are sampled."""
    n_grams: int
    """Of them, how many occur."""


@dataclass(frozen=True, slots=True)
class Draw:
    """A sample, and what it was drawn from."""

    sample: Sample
    found: Found
    n_wanted: tuple[int, int]
    """Strategic Grams and controls that were asked for; the sample may hold fewer."""

    def n_drawn(self, kind: str) -> int:
        """Items of a kind in the sample."""
        return sum(item.kind == kind for item in self.sample.items)


def draw_sample(
    traces: Iterable[Trace], lexicon: Lexicon, config: SamplingConfig | None = None, *, budget: int | None = None
) -> Draw:
    """Draw the items of an annotation; `InputError` where no gram occurs at all.

    About `budget` candidates are held at a time, by default 16,384 and 8 an item, each with its context.
    """
    config = config or SamplingConfig()
    budget = budget or (1 << 14) + 8 * config.n
    seen = _Seen(lexicon, config, budget)
    for trace in traces:
        seen.add(trace)
    found = Found(seen.n_traces, len(seen.models), int(seen.counts.sum()), int((seen.counts > 0).sum()))
    n_controls = round(config.n * config.controls)
    wanted = (config.n - n_controls, n_controls)
    taken = _Taken()
    chosen = _choose_grams(seen, wanted[0], taken)
    if not chosen:
        listed = "gram" if config.all_grams else "core gram"
        raise InputError(
            f"no {listed} of the lexicon {lexicon.name} occurs in the {found.n_traces:,} traces; look at them with "
            "sgram tag, or give other traces"
        )
    ratio = config.controls / (1 - config.controls)
    fewer = min(n_controls, round(len(chosen) * ratio)) if len(chosen) < wanted[0] else n_controls
    controls = _choose_controls(seen, chosen, fewer, taken)
    items = [_item(seen, candidate, row, model) for (row, model), candidate in chosen]
    items += [_item(seen, candidate, None, model) for (_, model), candidate in controls]
    source = {
        "name": lexicon.name,
        "asked": config.n,
        "controls": config.controls,
        "context": config.context,
        "all_grams": config.all_grams,
        "n_traces": found.n_traces,
    }
    return Draw(Sample(lexicon.digest, config.seed, tuple(items), source), found, wanted)


class _Seen:
    """What a pass over the traces leaves."""

    def __init__(self, lexicon: Lexicon, config: SamplingConfig, budget: int):
        grams = lexicon.grams
        self.lexicon, self.config = lexicon, config
        self.homes = [(cluster, gram) for cluster in lexicon.clusters for gram in cluster.grams]
        self.sampled = np.array([config.all_grams or gram.core for gram in grams])
        self.lengths = sorted({len(gram.words) for gram in grams if config.all_grams or gram.core})
        self.counts, self.dfs = np.zeros(len(grams), np.int64), np.zeros(len(grams), np.int64)
        self.n_traces, self.models = 0, IdSet()
        self.grams = Pools(budget, config.seed)
        self.controls = Pools(max(1, budget // 2), config.seed)
        self._find = SpanFinder(lexicon)

    def add(self, trace: Trace) -> None:
        """Offer the occurrences and the controls of one trace."""
        self.n_traces += 1
        model = trace.model or ""
        self.models.add(model)
        spans = self._find.offsets(trace.text)
        key = np.uint64(hash_name(self.config.seed, trace.id))
        self._add_grams(trace, model, spans[self.sampled[spans[:, 2]]], key)
        if self.config.controls:
            self._add_controls(trace, model, spans, key)

    def _add_grams(self, trace: Trace, model: str, spans: np.ndarray, key: np.uint64) -> None:
        rows, counts = np.unique(spans[:, 2], return_counts=True)
        self.counts[rows] += counts
        self.dfs[rows] += 1
        hashes = mix(key + spans[:, 0].astype(np.uint64))
        order, ends = np.lexsort((hashes, spans[:, 2])), np.cumsum(counts)
        for row, first, last in zip(rows.tolist(), (ends - counts).tolist(), ends.tolist(), strict=True):
            found = ((spans[at, :2].tolist(), int(hashes[at])) for at in order[first:last])
            self._offer(self.grams, (row, model), trace, found)

    def _add_controls(self, trace: Trace, model: str, spans: np.ndarray, key: np.uint64) -> None:
        words = word_offsets(trace.text)
        free = _free_words(words, spans)
        for length in self.lengths:
            starts = _runs(words, free, length)
            hashes = mix(key + starts.astype(np.uint64) + np.uint64(length << 40))
            order = _smallest(hashes, _CONTROLS_A_TRACE)
            places = ((words[starts[at], 0], words[starts[at] + length - 1, 1]) for at in order)
            found = zip((map(int, place) for place in places), hashes[order].tolist(), strict=True)
            self._offer(self.controls, (length, model), trace, found)

    def _offer(self, pools: Pools, stratum: Stratum, trace: Trace, found: Iterable[tuple[Iterable[int], int]]) -> None:
        """Offer places ((start, end), hash) of one trace, by hash."""
        for rank, (place, hashed) in enumerate(found):
            if not pools.wants(stratum, rank, hashed):
                return  # nor will it want those that follow
            start, end = place
            context = None
            if end - start <= _LONGEST_GRAM:
                context = cut_context(trace.text, start, end, self.config.context)
            if context is not None:
                pools.put(stratum, Candidate(rank, hashed, trace.id, start, end, context))


def _free_words(words: np.ndarray, spans: np.ndarray) -> np.ndarray:
    """Whether each word, (n, 3) of `word_offsets`, is outside every span; bool (n,)."""
    depth = np.zeros(len(words) + 1, np.int64)
    np.add.at(depth, np.searchsorted(words[:, 0], spans[:, 0]), 1)
    np.add.at(depth, np.searchsorted(words[:, 1], spans[:, 1]) + 1, -1)
    return np.cumsum(depth)[:-1] == 0


def _runs(words: np.ndarray, free: np.ndarray, length: int) -> np.ndarray:
    """First words of the runs of `length` free words inside one sentence."""
    n_runs = len(words) - length + 1
    if n_runs < 1:
        return np.zeros(0, np.int64)
    taken = np.concatenate(([0], np.cumsum(~free)))
    inside = words[:n_runs, 2] == words[length - 1 :, 2]
    return np.flatnonzero(inside & (taken[length:] == taken[:n_runs]))


def _smallest(hashes: np.ndarray, n: int) -> np.ndarray:
    """Places of the `n` smallest, in order."""
    if len(hashes) > n:
        few = np.argpartition(hashes, n)[:n]
        return few[np.argsort(hashes[few])]
    return np.argsort(hashes)


# -- choosing -------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Taken:
    """What the items taken so far use up."""

    places: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    """Offsets in each trace."""
    contexts: set[Context] = field(default_factory=set)

    def take(self, candidate: Candidate, *, again: bool) -> bool:
        """Take a candidate if its trace is not used yet, or `again` if nothing overlaps it; whether it was taken."""
        places = self.places.get(candidate.trace, [])
        overlaps = any(start < candidate.end and candidate.start < end for start, end in places)
        if (places and not again) or overlaps or candidate.context in self.contexts:
            return False
        self.places[candidate.trace] = [*places, (candidate.start, candidate.end)]
        self.contexts.add(candidate.context)
        return True


def _take_least(
    pools: Pools, n: int, cost: Callable[[Stratum], tuple | None], mark: Callable[[Stratum], None], taken: _Taken
) -> list[tuple[Stratum, Candidate]]:
    """At most `n` candidates, one after the other from the stratum that costs least; None closes a stratum.

    A cost may only rise; `mark` is told what is taken.
    """
    chosen = []
    for again in (False, True):
        heap = [(cost(stratum), pool[0], stratum, 0, pool) for stratum, pool in pools.items() if pool]
        heap = [entry for entry in heap if entry[0] is not None]
        heapq.heapify(heap)  # no two candidates are equal, so that strata and pools are never compared
        while heap and len(chosen) < n:
            known, candidate, stratum, at, pool = heapq.heappop(heap)
            now = cost(stratum)
            if now == known:
                if taken.take(candidate, again=again):
                    mark(stratum)
                    chosen.append((stratum, candidate))
                at += 1
                if at == len(pool):
                    continue
            if now is not None:
                heapq.heappush(heap, (now, pool[at], stratum, at, pool))
    return chosen


def _choose_grams(seen: _Seen, n: int, taken: _Taken) -> list[tuple[Stratum, Candidate]]:
    """At most `n` occurrences, strata are (row of the gram, model)."""
    uses: Counter[Hashable] = Counter()

    def parts(stratum: Stratum) -> tuple[Hashable, ...]:
        row, model = stratum
        return (("cluster", seen.homes[row][0].id), ("gram", row), ("band", len(str(seen.dfs[row]))), ("model", model))

    def cost(stratum: Stratum) -> tuple[int, int, int]:
        cluster, gram, band, model = (uses[part] for part in parts(stratum))
        return cluster, gram, band + model

    return _take_least(seen.grams, n, cost, lambda stratum: uses.update(parts(stratum)), taken)


def _choose_controls(
    seen: _Seen, chosen: list[tuple[Stratum, Candidate]], n: int, taken: _Taken
) -> list[tuple[Stratum, Candidate]]:
    """At most `n` controls, strata are (length, model): as many of each length as `chosen` asks."""
    pairs = [(len(seen.homes[row][1].words), model) for (row, model), _ in sorted(chosen, key=lambda each: each[1])]
    pairs = [pairs[number % len(pairs)] for number in range(n)]
    wanted, lengths = Counter(pairs), Counter(length for length, _ in pairs)
    uses: Counter[Hashable] = Counter()

    def cost(stratum: Stratum) -> tuple[bool, int] | None:
        length, model = stratum
        if uses["length", length] >= lengths[length]:
            return None
        return uses[stratum] >= wanted[stratum], uses["model", model]

    def mark(stratum: Stratum) -> None:
        uses.update((stratum, ("length", stratum[0]), ("model", stratum[1])))

    return _take_least(seen.controls, n, cost, mark, taken)


def _item(seen: _Seen, candidate: Candidate, row: int | None, model: str) -> Item:
    cluster, gram = (None, None) if row is None else seen.homes[row]
    context = candidate.context
    name = [seen.lexicon.digest, seen.config.seed, candidate.trace, candidate.start, candidate.end]
    return Item(
        item=digest(canonical_json(name))[:12],
        kind="control" if cluster is None else "sg",
        gram=_words(context.text[context.start : context.end]) if gram is None else gram.text,
        cluster=None if cluster is None else cluster.id,
        move=None if cluster is None else cluster.move,
        trace=candidate.trace,
        model=model or None,
        text=context.text,
        start=context.start,
        end=context.end,
    )


def _words(surface: str) -> str:
    return " ".join(normal_word(surface[start:end]) for start, end, _ in word_offsets(surface).tolist())
