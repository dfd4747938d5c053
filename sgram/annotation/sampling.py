"""Draw the items of an annotation: occurrences of a lexicon's grams, and random grams as controls.

An item is an occurrence of a gram of the lexicon or a control: a random run of as many words inside one sentence that
overlaps no occurrence of any gram of the lexicon. The traces are read once, in memory that does not grow with them, and
the sample does not depend on their order:

1. Every occurrence gets a key from a hash of (seed, trace, offset). For each (gram, model) the occurrences of smallest
   key are kept, where the first occurrences of all traces precede any second one; for each (length, model) likewise
   the controls.
2. Items are drawn one by one, always from a stratum whose cluster, gram, frequency band and model were drawn least so
   far, so that a common cluster or model counts no more than a rare one. The band is the number of digits of the gram's
   document frequency in these traces.
3. Each item gets a control of its length, and of its model if there is one.

A trace gives one item. It gives another one only after all other candidates are used up, and the two never overlap.
"""

import heapq
from collections import Counter
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from sgram.annotation.candidate_pools import Candidate, Pools, Stratum, hash_name, mix
from sgram.annotation.context import Context, cut_context
from sgram.annotation.items import Item, Sample
from sgram.array_types import BoolArray, IntArray
from sgram.errors import InputError, UsageError
from sgram.files import canonical_json, digest
from sgram.lexicon import Lexicon, LexiconLike, as_lexicon
from sgram.scan import word_offsets
from sgram.tagging.span_finder import SpanFinder
from sgram.text import normal_word
from sgram.traces import Trace, as_traces
from sgram.traces.from_python import Rollouts
from sgram.traces.ids import IdSet

MAX_ITEMS = 100_000
_MAX_CONTROLS_PER_TRACE = 16
_MAX_GRAM_CHARS = 400
"""Longer occurrences are not sampled: a "word" may be a megabyte of letters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingConfig:
    """Options of a sample; the same traces, lexicon and options give the same items.

    Raise `UsageError` if an option is out of range.

    >>> SamplingConfig(n=100, controls=0.25).seed
    0
    """

    n: int = 200
    """Number of items, controls included."""
    controls: float = 0.5
    """Share of the items that are controls. At one half, prevalence does not lower kappa."""
    seed: int = 0
    context: int = 240
    """Maximum number of characters of context on either side."""
    all_grams: bool = False
    """Sample all grams instead of the core grams only."""

    def __post_init__(self) -> None:
        if not 1 <= self.n <= MAX_ITEMS:
            raise UsageError(f"n must be between 1 and {MAX_ITEMS:,} (got {self.n})")
        if not 0 <= self.controls < 1:
            raise UsageError(f"controls must be >= 0 and < 1 (got {self.controls})")
        if not 0 <= self.context <= 2000:
            raise UsageError(f"context must be between 0 and 2000 characters (got {self.context})")
        if not 0 <= self.seed < 1 << 63:
            raise UsageError(f"seed must be >= 0 and < 2^63 (got {self.seed})")


@dataclass(frozen=True, slots=True)
class CandidateCounts:
    """Size of the corpus that a sample was drawn from."""

    n_traces: int
    n_models: int
    n_occurrences: int
    """Occurrences of the sampled grams."""
    n_grams: int
    """Sampled grams that occur."""


@dataclass(frozen=True, slots=True)
class Draw:
    """A sample, and the corpus that it was drawn from."""

    sample: Sample
    candidate_counts: CandidateCounts
    n_requested: tuple[int, int]
    """Requested numbers of Strategic Grams and of controls; the sample may have fewer."""

    def n_drawn(self, kind: str) -> int:
        """Return the number of items of a kind ("sg" or "control") in the sample."""
        return sum(item.kind == kind for item in self.sample.items)


def draw_sample(
    traces: Rollouts, lexicon: LexiconLike, config: SamplingConfig | None = None, *, budget: int | None = None
) -> Draw:
    """Draw the items of an annotation from `traces`, which are what `as_traces` takes.

    About `budget` candidates are kept in memory, by default 16,384 and 8 per item, each with its context.
    Raise `InputError` if no gram of the lexicon occurs in the traces.

    >>> from sgram.lexicon import Lexicon
    >>> traces = [Trace(id=name, text=f"Wait, let me check {name} again.") for name in ("one", "two")]
    >>> draw = draw_sample(traces, Lexicon.load("wang2025"), SamplingConfig(n=2, controls=0))
    >>> sorted((item.trace, item.gram) for item in draw.sample.items)
    [('one', 'let me'), ('two', 'wait')]
    """
    config = config or SamplingConfig()
    budget = budget or (1 << 14) + 8 * config.n
    lexicon = as_lexicon(lexicon)
    corpus = _CorpusPass(lexicon, config, budget)
    for trace in as_traces(traces):
        corpus.add(trace)
    candidate_counts = CandidateCounts(
        corpus.n_traces, len(corpus.models), int(corpus.counts.sum()), int((corpus.counts > 0).sum())
    )
    n_controls = round(config.n * config.controls)
    n_requested = (config.n - n_controls, n_controls)
    used = _UsedSpans()
    gram_draws = _draw_grams(corpus, n_requested[0], used)
    if not gram_draws:
        gram_kind = "gram" if config.all_grams else "core gram"
        raise InputError(
            f"no {gram_kind} of the lexicon {lexicon.name} occurs in the {candidate_counts.n_traces:,} traces; look at "
            "them with sgram tag, or give other traces"
        )
    if len(gram_draws) < n_requested[0]:  # too few occurrences: keep the share of controls
        ratio = config.controls / (1 - config.controls)
        n_controls = min(n_controls, round(len(gram_draws) * ratio))
    control_draws = _draw_controls(corpus, gram_draws, n_controls, used)
    items = [_build_item(corpus, candidate, row, model) for (row, model), candidate in gram_draws]
    items += [_build_item(corpus, candidate, None, model) for (_, model), candidate in control_draws]
    source = {
        "name": lexicon.name,
        "asked": config.n,
        "controls": config.controls,
        "context": config.context,
        "all_grams": config.all_grams,
        "n_traces": candidate_counts.n_traces,
    }
    return Draw(Sample(lexicon.digest, config.seed, tuple(items), source), candidate_counts, n_requested)


class _CorpusPass:
    """Counts and candidates collected in one pass over the traces."""

    def __init__(self, lexicon: Lexicon, config: SamplingConfig, budget: int):
        grams = lexicon.grams
        self.lexicon, self.config = lexicon, config
        self.clusters_and_grams = [(cluster, gram) for cluster in lexicon.clusters for gram in cluster.grams]
        self.is_sampled: BoolArray = np.array([config.all_grams or gram.core for gram in grams])
        self.lengths = sorted({len(gram.words) for gram in grams if config.all_grams or gram.core})
        self.counts: IntArray = np.zeros(len(grams), np.int64)
        self.dfs: IntArray = np.zeros(len(grams), np.int64)
        self.n_traces, self.models = 0, IdSet()
        self.gram_pools = Pools(budget, config.seed)
        self.control_pools = Pools(max(1, budget // 2), config.seed)
        self._finder = SpanFinder(lexicon)

    def add(self, trace: Trace) -> None:
        """Count one trace, and offer its occurrences and controls to the pools."""
        self.n_traces += 1
        model = trace.model or ""
        self.models.add(model)
        spans = self._finder.offsets(trace.text)
        trace_key = np.uint64(hash_name(self.config.seed, trace.id))
        self._add_grams(trace, model, spans[self.is_sampled[spans[:, 2]]], trace_key)
        if self.config.controls:
            self._add_controls(trace, model, spans, trace_key)

    def _add_grams(self, trace: Trace, model: str, spans: npt.NDArray[Any], trace_key: np.uint64) -> None:
        rows, counts = np.unique(spans[:, 2], return_counts=True)
        self.counts[rows] += counts
        self.dfs[rows] += 1
        hashes = mix(trace_key + spans[:, 0].astype(np.uint64))
        order, ends = np.lexsort((hashes, spans[:, 2])), np.cumsum(counts)
        for row, first, end in zip(rows.tolist(), (ends - counts).tolist(), ends.tolist(), strict=True):
            occurrences = (
                (int(spans[index, 0]), int(spans[index, 1]), int(hashes[index])) for index in order[first:end]
            )
            self._offer(self.gram_pools, (row, model), trace, occurrences)

    def _add_controls(self, trace: Trace, model: str, spans: npt.NDArray[Any], trace_key: np.uint64) -> None:
        words = word_offsets(trace.text)
        is_free = _find_free_words(words, spans)
        for length in self.lengths:
            first_words = _find_runs(words, is_free, length)
            hashes = mix(trace_key + first_words.astype(np.uint64) + np.uint64(length << 40))
            controls = (
                (int(words[first_words[row], 0]), int(words[first_words[row] + length - 1, 1]), int(hashes[row]))
                for row in _smallest(hashes, _MAX_CONTROLS_PER_TRACE)
            )
            self._offer(self.control_pools, (length, model), trace, controls)

    def _offer(self, pools: Pools, stratum: Stratum, trace: Trace, spans: Iterable[tuple[int, int, int]]) -> None:
        """Offer spans (start, end, hash) of one trace, sorted by hash."""
        for rank, (start, end, span_hash) in enumerate(spans):
            if not pools.accepts(stratum, rank, span_hash):
                return  # the following spans have larger keys
            context = None
            if end - start <= _MAX_GRAM_CHARS:
                context = cut_context(trace.text, start, end, self.config.context)
            if context is not None:
                pools.add(stratum, Candidate(rank, span_hash, trace.id, start, end, context))


def _find_free_words(words: IntArray, spans: npt.NDArray[Any]) -> BoolArray:
    """Return whether each word, (n, 3) of `word_offsets`, lies outside every span; bool (n,)."""
    depth = np.zeros(len(words) + 1, np.int64)
    np.add.at(depth, np.searchsorted(words[:, 0], spans[:, 0]), 1)
    np.add.at(depth, np.searchsorted(words[:, 1], spans[:, 1]) + 1, -1)
    is_free: BoolArray = np.cumsum(depth)[:-1] == 0
    return is_free


def _find_runs(words: IntArray, is_free: BoolArray, length: int) -> IntArray:
    """Return the first words of all runs of `length` free words inside one sentence."""
    n_runs = len(words) - length + 1
    if n_runs < 1:
        return np.zeros(0, np.int64)
    n_covered = np.concatenate(([0], np.cumsum(~is_free)))
    same_sentence = words[:n_runs, 2] == words[length - 1 :, 2]
    return np.flatnonzero(same_sentence & (n_covered[length:] == n_covered[:n_runs]))


def _smallest(hashes: npt.NDArray[np.uint64], n: int) -> IntArray:
    """Return the indices of the `n` smallest hashes, in ascending order of hash."""
    if len(hashes) > n:
        indices = np.argpartition(hashes, n)[:n]
        return indices[np.argsort(hashes[indices])]
    return np.argsort(hashes)


# -- drawing --------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _UsedSpans:
    """Spans and contexts of the items drawn so far."""

    spans: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    """Character offsets by trace id."""
    contexts: set[Context] = field(default_factory=set)

    def claim(self, candidate: Candidate, *, reuse_traces: bool) -> bool:
        """Claim a candidate's span and return True, or return False if the candidate must not be used.

        A candidate must not be used if its context was used or its span overlaps a used one, nor, unless
        `reuse_traces`, if its trace was used.
        """
        spans = self.spans.get(candidate.trace, [])
        overlaps = any(start < candidate.end and candidate.start < end for start, end in spans)
        if (spans and not reuse_traces) or overlaps or candidate.context in self.contexts:
            return False
        self.spans[candidate.trace] = [*spans, (candidate.start, candidate.end)]
        self.contexts.add(candidate.context)
        return True


Cost = tuple[int, ...]


def _draw_cheapest(
    pools: Pools,
    n: int,
    cost: Callable[[Stratum], Cost | None],
    record_use: Callable[[Stratum], None],
    used: _UsedSpans,
) -> list[tuple[Stratum, Candidate]]:
    """Draw at most `n` candidates one by one, always from the stratum of least cost.

    A cost may only rise; the cost None closes a stratum. `record_use` is called with the stratum of each draw.
    """
    draws: list[tuple[Stratum, Candidate]] = []
    for reuse_traces in (False, True):
        heap: list[tuple[Cost, Candidate, Stratum, int, list[Candidate]]] = []
        for stratum, pool in pools.items():
            if pool and (first_cost := cost(stratum)) is not None:
                heap.append((first_cost, pool[0], stratum, 0, pool))
        heapq.heapify(heap)  # no two candidates are equal, so strata and pools are never compared
        while heap and len(draws) < n:
            queued_cost, candidate, stratum, index, pool = heapq.heappop(heap)
            current_cost = cost(stratum)
            if current_cost == queued_cost:
                if used.claim(candidate, reuse_traces=reuse_traces):
                    record_use(stratum)
                    draws.append((stratum, candidate))
                index += 1
                if index == len(pool):
                    continue
            if current_cost is not None:
                heapq.heappush(heap, (current_cost, pool[index], stratum, index, pool))
    return draws


def _draw_grams(corpus: _CorpusPass, n: int, used: _UsedSpans) -> list[tuple[Stratum, Candidate]]:
    """Draw at most `n` occurrences; strata are (row of the gram, model)."""
    uses: Counter[Hashable] = Counter()

    def balanced_factors(stratum: Stratum) -> tuple[Hashable, ...]:
        row, model = stratum
        cluster, _ = corpus.clusters_and_grams[row]
        return (("cluster", cluster.id), ("gram", row), ("band", len(str(corpus.dfs[row]))), ("model", model))

    def cost(stratum: Stratum) -> Cost:
        cluster, gram, band, model = (uses[factor] for factor in balanced_factors(stratum))
        return cluster, gram, band + model

    return _draw_cheapest(corpus.gram_pools, n, cost, lambda stratum: uses.update(balanced_factors(stratum)), used)


def _draw_controls(
    corpus: _CorpusPass, gram_draws: list[tuple[Stratum, Candidate]], n: int, used: _UsedSpans
) -> list[tuple[Stratum, Candidate]]:
    """Draw at most `n` controls with the lengths and models of `gram_draws`; strata are (length, model)."""
    sorted_draws = sorted(gram_draws, key=lambda draw: draw[1])
    strata = [(len(corpus.clusters_and_grams[row][1].words), model) for (row, model), _ in sorted_draws]
    strata = [strata[number % len(strata)] for number in range(n)]
    n_by_stratum, n_by_length = Counter(strata), Counter(length for length, _ in strata)
    uses: Counter[Hashable] = Counter()

    def cost(stratum: Stratum) -> Cost | None:
        length, model = stratum
        if uses["length", length] >= n_by_length[length]:
            return None
        return uses[stratum] >= n_by_stratum[stratum], uses["model", model]

    def record_use(stratum: Stratum) -> None:
        uses.update((stratum, ("length", stratum[0]), ("model", stratum[1])))

    return _draw_cheapest(corpus.control_pools, n, cost, record_use, used)


def _build_item(corpus: _CorpusPass, candidate: Candidate, row: int | None, model: str) -> Item:
    """Build the item of an occurrence of the gram in `row`, or of a control if `row` is None."""
    cluster, gram = (None, None) if row is None else corpus.clusters_and_grams[row]
    context = candidate.context
    identity = [corpus.lexicon.digest, corpus.config.seed, candidate.trace, candidate.start, candidate.end]
    return Item(
        item=digest(canonical_json(identity))[:12],
        kind="control" if cluster is None else "sg",
        gram=_normalize(context.text[context.start : context.end]) if gram is None else gram.text,
        cluster=None if cluster is None else cluster.id,
        move=None if cluster is None else cluster.move,
        trace=candidate.trace,
        model=model or None,
        text=context.text,
        start=context.start,
        end=context.end,
    )


def _normalize(surface: str) -> str:
    return " ".join(normal_word(surface[start:end]) for start, end, _ in word_offsets(surface).tolist())
