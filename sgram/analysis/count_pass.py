"""The second pass: traces are counted by every gram list, and the sampled ones are kept."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np

from sgram.analysis.columns_store import NO_STEP, ColumnStore, TraceFields
from sgram.analysis.config import AnalysisConfig
from sgram.analysis.examples import SampledTrace
from sgram.analysis.registry import per_trace_functions
from sgram.analysis.sample_plan import SamplePlan, recorded_error_kind
from sgram.analysis.sources import Source, model_of_key
from sgram.analysis.trace_counts import TokenSample
from sgram.array_types import FloatArray
from sgram.errors import SgramError
from sgram.evaluation.placebo_sets import PlaceboSet
from sgram.files import excerpt
from sgram.grading.notation import plain
from sgram.grading.numbers import parse_number
from sgram.grading.sequences import parse_intervals, parse_sequence, right_side
from sgram.grading.texts import is_words, normal_text
from sgram.lexicon import Lexicon
from sgram.scan import word_offsets
from sgram.tagging.part_marks import locate
from sgram.tagging.text_marks import TextMarker, TextMarks
from sgram.tagging.token_marks import TokenMarker, TokenMarks, tokenizer_digest
from sgram.traces import Trace
from sgram.traces.part_texts import PartText, part_text
from sgram.traces.policy_tokens import n_policy_tokens
from sgram.traces.trace_keys import group_name, outcome_index, problem_name, stable_key

_LONGEST_ANSWER = 300
"""Characters of the longest answer that is read; of a longer one only spaces are ignored."""
_LETTER = re.compile(r"[(\[]([A-Za-z])[)\]]|[A-Za-z]")


@dataclass(frozen=True, slots=True, eq=False)
class CountingPlan:
    """What the first pass decides about the second; it can be pickled."""

    samples: SamplePlan
    placebo_sets: tuple[PlaceboSet, ...]
    set_of_source: Mapping[str, int]
    """Key of a source -> index of its lexicon and placebos."""
    source_names: tuple[str, ...]
    """Display names of the sources, in the order in which they are numbered."""
    config: AnalysisConfig
    measures: tuple[str, ...] = ()
    """Measures that are computed for each trace."""

    @property
    def gram_lists(self) -> list[tuple[Lexicon, ...]]:
        """The lexicon and the placebos of each set."""
        return [(placebo_set.lexicon, *placebo_set.placebos) for placebo_set in self.placebo_sets]


@dataclass(slots=True, eq=False)
class PassCounts:
    """What the second pass yields, of all traces or of some."""

    store: ColumnStore
    sampled_traces: dict[int, SampledTrace] = field(default_factory=dict)
    """Key -> trace whose text is kept."""
    token_samples: list[TokenSample] = field(default_factory=list)
    n_with_ids: int = 0
    """Traces with token ids and a tokenizer."""
    n_misspelled: int = 0
    """Of these, traces whose ids do not spell their text."""
    n_unassigned: int = 0
    """Traces with token ids of which it is unknown which ones lie in the part."""

    def merge(self, counts: "PassCounts") -> None:
        """Add what was counted of other traces."""
        self.store.merge(counts.store)
        self.sampled_traces |= counts.sampled_traces
        self.token_samples += counts.token_samples
        self.n_with_ids += counts.n_with_ids
        self.n_misspelled += counts.n_misspelled
        self.n_unassigned += counts.n_unassigned


class TraceCounter:
    """Counts traces one by one, and keeps the sampled ones."""

    def __init__(self, plan: CountingPlan) -> None:
        """Raise `SgramError` if this process does not know a measure of the plan."""
        self._plan, self._per_trace = plan, per_trace_functions(plan.measures)
        self._gram_lists = plan.gram_lists
        self._text_markers = [[TextMarker(lexicon) for lexicon in lexicons] for lexicons in self._gram_lists]
        self._tokenizer_digests: dict[str, str] = {}
        self._token_markers: dict[tuple[str, int], TokenMarker] = {}
        """By the digest of the tokenizer, as runs of one model have copies of it, and by lexicon and placebos."""
        self._source_index = {name: source for source, name in enumerate(plan.source_names)}
        self._is_whole = plan.config.part == "all"
        """Whether the parts of traces are their whole texts."""
        self.counts = PassCounts(ColumnStore(max(map(len, self._gram_lists))))

    def add_all(self, traces: Iterable[Trace], source: Source, tokenizer: str | None) -> None:
        """Count the traces of one input that have the part."""
        config = self._plan.config
        for trace in traces:
            part = part_text(trace, config.part)
            if part is not None:
                self._add(trace, part, source.source_key(trace, config.pool_runs), tokenizer)

    def _token_marker(self, tokenizer: str, set_index: int) -> TokenMarker:
        if tokenizer not in self._tokenizer_digests:
            self._tokenizer_digests[tokenizer] = tokenizer_digest(tokenizer)
        key = self._tokenizer_digests[tokenizer], set_index
        if key not in self._token_markers:
            self._token_markers[key] = TokenMarker(tokenizer, self._gram_lists[set_index])
        return self._token_markers[key]

    def _add(self, trace: Trace, part: PartText, name: str, tokenizer: str | None) -> None:
        """Count the part of one trace of the source `name`."""
        samples, counts, set_index = self._plan.samples, self.counts, self._plan.set_of_source[name]
        source_name, key = samples.display_names[name], stable_key(model_of_key(name), trace.id, trace.text)
        words = word_offsets(part.text)
        marks = [marker(part.text, words) for marker in self._text_markers[set_index]]
        token_marker = None if tokenizer is None else self._token_marker(tokenizer, set_index)
        tokens: TokenMarks | None = None
        first_entropies = None
        n_tokens = n_policy_tokens(trace) if self._is_whole and trace.token_ids is not None else None
        if token_marker is not None:
            tokens = token_marker(trace, None if self._is_whole else part)
            counts.n_with_ids += trace.token_ids is not None
            counts.n_misspelled += tokens is None or not token_marker.spells(trace, tokens)
        if tokens is not None and token_marker is not None:
            n_tokens = int(tokens.by_policy.sum())
            located_marks = replace(marks[0], starts=locate(part, marks[0].starts))
            first_entropies = token_marker.first_entropies(trace, tokens, located_marks)
        counts.n_unassigned += n_tokens is None and trace.token_ids is not None
        problem = stable_key(problem_name(trace))
        fields = TraceFields(
            key=key,
            source=self._source_index[source_name],
            outcome=outcome_index(trace),
            problem=problem,
            group=stable_key(group_name(trace)),
            step=NO_STEP if trace.step is None else trace.step,
            words=len(words),
            tokens=-1 if n_tokens is None else n_tokens,
            answer=answer_key(trace.answer),
            recorded_error=recorded_error_kind(trace),
        )
        sums = () if tokens is None else tokens.sums
        part_trace = trace if self._is_whole else _cut_trace(trace, part)
        counts.store.add(fields, marks, sums, first_entropies, self._measure(part_trace, marks))
        is_sampled = key <= samples.max_entropy_key
        if is_sampled and tokens is not None and trace.token_ids is not None and trace.entropies is not None:
            entropies = np.array(trace.entropies, np.float32)
            entropies = (entropies if tokens.in_part is None else entropies[tokens.in_part])[tokens.by_policy]
            masks = tuple(mask[tokens.by_policy] for mask in tokens.masks)
            counts.token_samples.append(TokenSample(key, fields.source, problem, entropies, masks))
        if key in samples.sampled_keys:
            text_only = replace(trace, token_ids=None, logprobs=None, entropies=None)
            counts.sampled_traces[key] = SampledTrace(source_name, text_only)

    def _measure(self, trace: Trace, marks: Sequence[TextMarks]) -> dict[str, FloatArray]:
        """Return (lists, numbers) for each measure that is computed for each trace."""
        numbers = {}
        for name, per_trace in self._per_trace.items():
            try:
                by_list = [per_trace.compute(trace, mark) for mark in marks[: None if per_trace.by_list else 1]]
                numbers[name] = np.array(by_list, float)
            except SgramError:  # a sentence for the user
                raise
            except Exception as error:  # of any kind, as the function may be another package's
                where = f"the measure {name!r} failed on trace '{excerpt(trace.id)}'"
                raise SgramError(f"{where}: {error!r:.200}; mend it, or uninstall its package") from error
        return numbers


def answer_key(answer: str | None) -> int:
    r"""Return 62 bits that identify an answer whatever its spelling, as votes are counted; 0 if there is none.

    >>> len({answer_key(answer) for answer in ("5", "5.0", "$5", "x = 5", "\\frac{10}{2}")})
    1
    >>> answer_key("Paris.") == answer_key("paris"), answer_key(" ")
    (True, 0)
    """
    if answer is None:
        return 0
    return _spelling_key(answer if len(answer) <= _LONGEST_ANSWER else " ".join(answer.split()))


@lru_cache(maxsize=1 << 14)
def _spelling_key(answer: str) -> int:
    spelling = _one_spelling(answer) if len(answer) <= _LONGEST_ANSWER else answer
    return stable_key(spelling) if spelling else 0


def _one_spelling(answer: str) -> str:
    """Return one string for equal answers, as the grader reads them; formulas are compared as text, without spaces."""
    content = plain(answer)
    side = right_side(content)[1]
    number = parse_number(side)
    if number is not None:
        value = number.value if number.base is not None else number.share
        # hexadecimal: Python refuses to write thousands of decimal digits
        return f"#{value.numerator:x}/{value.denominator:x}{'' if number.base is None else f'_{number.base}'}"
    if letter := _LETTER.fullmatch(content):
        return (letter[1] or letter[0]).upper()
    if is_words(content) and parse_intervals(content) is None:
        return normal_text(content)
    sequence = parse_sequence(content)
    if sequence is None:
        return "".join(side.split())
    items = [_one_spelling(item) for item in sequence.items]
    if sequence.kind in ("set", "list"):
        return "{" + ", ".join(sorted(set(items))) + "}"
    return "(" + ", ".join(items) + ")"


def _cut_trace(trace: Trace, part: PartText) -> Trace:
    """Return the trace with the text of its part, as measures of single traces read it, without tokens and parts."""
    meta = {name: field for name, field in trace.meta.items() if name != "parts"}
    return replace(trace, text=part.text, token_ids=None, logprobs=None, entropies=None, meta=meta)
