"""Two passes over all traces: the first draws samples and placebos, the second counts by every gram list."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from sgram.analysis.columns_store import NO_STEP, ColumnStore, PerTrace, TraceFields
from sgram.analysis.config import AnalysisConfig
from sgram.analysis.examples import SampledTrace
from sgram.analysis.sample_plan import SamplePlan, TextSample, TraceSurvey, recorded_error_kind
from sgram.analysis.sources import POOLED_SOURCES, Source, label_sources, model_of_key, pool_small_sources
from sgram.analysis.trace_counts import TokenSample, TraceCounts
from sgram.array_types import FloatArray
from sgram.errors import InputError, SgramError
from sgram.evaluation.placebo_sets import PlaceboSet, draw_placebos
from sgram.files import excerpt
from sgram.grading.fill_correct import AnswerGrader
from sgram.lexicon import Lexicon
from sgram.scan import word_offsets
from sgram.tagging.part_marks import locate
from sgram.tagging.text_marks import TextMarker, TextMarks
from sgram.tagging.token_marks import TokenMarker, TokenMarks, tokenizer_digest
from sgram.traces import ReadOptions, Trace, TraceReader
from sgram.traces.input_files import check_unchanged, digest_file
from sgram.traces.part_texts import PartSelection, PartText, part_text
from sgram.traces.policy_tokens import n_policy_tokens
from sgram.traces.tokens import load_tokenizer
from sgram.traces.trace_keys import group_name, outcome_index, problem_name, stable_key

Progress = Callable[[str, int, int], None]
"""Called with a stage, the number of its parts that are done, and their total."""
RUNS_SCOPE = "training runs"
"""Scope of the placebos of all training runs, which are compared with each other."""
MAX_MISSPELLED = 0.05
"""Largest share of traces whose token ids do not spell their text that needs no note. A text that is cut within a
character, or has special tokens in it, is no sign of another tokenizer."""


@dataclass(slots=True)
class InputSummary:
    """What reading one input yielded."""

    source: Source
    n_traces: int = 0
    n_set_aside: int = 0
    """Rows that could not be read."""
    first_fault: str = ""
    warnings: tuple[str, ...] = ()
    decisions: tuple[str, ...] = ()
    """What was inferred."""
    digests: tuple[str, ...] = ()
    """SHA-256 of each file that was read."""
    n_bytes: int = 0
    """Bytes of these files."""


@dataclass(frozen=True, slots=True, eq=False)
class CollectedTraces:
    """Everything that the two passes collect."""

    counts: TraceCounts
    plan: SamplePlan
    sampled_traces: dict[int, SampledTrace]
    """Key -> trace whose text is kept."""
    input_summaries: tuple[InputSummary, ...]
    notes: tuple[str, ...]
    n_unassigned: int = 0
    """Traces whose token ids are left out, because it is unknown which of them lie in the part."""


@dataclass(frozen=True, slots=True)
class AnalysisInputs:
    """What is read, and how."""

    sources: tuple[Source, ...]
    lexicons: tuple[Lexicon, ...]
    """Lexicon of each source."""
    tokenizers: tuple[str | None, ...]
    """Tokenizer of each source."""
    options: ReadOptions = field(default_factory=ReadOptions)
    dialect: str = "auto"


def collect_traces(
    inputs: AnalysisInputs, config: AnalysisConfig, progress: Progress, per_trace: Mapping[str, PerTrace]
) -> CollectedTraces:
    """Read all traces twice: first to sample them and to draw placebos, then to count.

    `per_trace` are the functions of measures that are computed for each trace.
    Raise `InputError` if an input cannot be read or changes meanwhile, or if the inputs have no trace.
    """
    with AnswerGrader(needs_formulas=False) as answers:
        return _collect_traces(inputs, config, progress, per_trace, answers if config.judge_answers else None)


def _collect_traces(
    inputs: AnalysisInputs,
    config: AnalysisConfig,
    progress: Progress,
    per_trace: Mapping[str, PerTrace],
    answers: AnswerGrader | None,
) -> CollectedTraces:
    survey, selection = TraceSurvey(config), PartSelection(config.part)
    summaries: list[InputSummary] = []
    lexicon_of_source: dict[str, Lexicon] = {}
    readers = [source.reader(inputs.options, inputs.dialect) for source in inputs.sources]
    for number, (source, lexicon, reader) in enumerate(zip(inputs.sources, inputs.lexicons, readers, strict=True), 1):
        reader.copy_streams()
        digests = tuple(map(digest_file, reader.files))
        n_selected = 0
        for trace in reader if answers is None else answers(reader):
            part = selection.select(trace)
            if part is None:
                continue
            n_selected += 1
            name = source.source_key(trace, config.pool_runs)
            lexicon_of_source.setdefault(name, lexicon)
            survey.add(trace, name, part.text)
        report = reader.report
        summaries.append(
            InputSummary(
                source,
                n_selected,
                report.rows_quarantined,
                report.first_fault,
                tuple(report.warnings),
                tuple(report.decisions),
                digests,
                reader.bytes_total or 0,
            )
        )
        progress("reading", number, len(inputs.sources))
    selection.check()
    if not len(survey):
        raise InputError("the inputs contain no trace; name files with rollouts, or drop conditions such as --where")
    display_names = _display_names(survey, lexicon_of_source, config)
    plan = survey.plan(display_names)
    scopes = _placebo_scopes(inputs, display_names, lexicon_of_source)
    tokenizers = _shared_tokenizers(inputs, scopes)
    placebo_sets, notes = _draw_placebo_sets(survey, scopes, tokenizers, config, progress)
    if config.part != "all":
        what_is_whole = "correctness, answers, equations and diagnoses are of whole traces"
        notes.insert(0, f"{selection.describe().capitalize()}; {what_is_whole}.")
    if answers is not None:
        notes += _graded_note(answers)
    sets = placebo_sets, summaries, notes
    return _count_traces(inputs, readers, config, progress, plan, scopes, *sets, per_trace, answers)


def _graded_note(answers: AnswerGrader) -> list[str]:
    """Return a note on the traces that were judged by their reference answers, if there are any."""
    report = answers.report
    if not report.n_graded + report.n_unverifiable:
        return []
    unverifiable_note = f"; {report.n_unverifiable:,} could not be compared" if report.n_unverifiable else ""
    return [
        f"{report.n_graded:,} traces do not say whether they are correct and are judged by their reference "
        f"answers{unverifiable_note} (--no-judge-answers leaves that out)."
    ]


def _display_names(
    survey: TraceSurvey, lexicon_of_source: dict[str, Lexicon], config: AnalysisConfig
) -> dict[str, str]:
    """Return the name under which each source is shown; only sources of the most used lexicon are pooled."""
    n_traces: dict[str, int] = {}
    for name, size in survey.source_sizes.items():
        digest = lexicon_of_source[name].digest
        n_traces[digest] = n_traces.get(digest, 0) + size
    main_digest = min(n_traces, key=lambda digest: (-n_traces[digest], digest))
    labels = label_sources(survey.source_sizes)
    pooled = pool_small_sources(((labels[key], size) for key, size in survey.source_sizes.items()), config.max_sources)
    return {
        key: pooled[label] if lexicon_of_source[key].digest == main_digest else label for key, label in labels.items()
    }


@dataclass(frozen=True, slots=True, order=True)
class _PlaceboScope:
    """What sources with the same placebos share: the lexicon, and the texts that placebos are matched on."""

    digest: str
    texts: str
    """All training runs together, because they are compared with each other; any other source by itself."""
    lexicon: Lexicon = field(compare=False)


def _placebo_scopes(
    inputs: AnalysisInputs, display_names: dict[str, str], lexicon_of_source: dict[str, Lexicon]
) -> dict[str, _PlaceboScope]:
    """Return the placebo scope of each source."""
    runs = {source.name for source in inputs.sources if source.kind == "run"}
    return {
        name: _PlaceboScope(lexicon.digest, RUNS_SCOPE if name in runs else display_names[name], lexicon)
        for name, lexicon in lexicon_of_source.items()
    }


def _shared_tokenizers(inputs: AnalysisInputs, scopes: dict[str, _PlaceboScope]) -> dict[_PlaceboScope, str]:
    """Return a tokenizer for matching placebos, for each scope in which every source has one."""
    pairs = list(zip(inputs.sources, inputs.tokenizers, strict=True))
    tokenizer_of_source = {source.name: tokenizer for source, tokenizer in pairs}
    rollout_tokenizers = [tokenizer for source, tokenizer in pairs if source.kind == "traces"]
    scope_tokenizers: dict[_PlaceboScope, list[str | None]] = {}
    for name, scope in scopes.items():
        tokenizers = [tokenizer_of_source[name]] if name in tokenizer_of_source else rollout_tokenizers
        scope_tokenizers.setdefault(scope, []).extend(tokenizers)
    shared = {}
    for scope, tokenizers in scope_tokenizers.items():
        named = [tokenizer for tokenizer in tokenizers if tokenizer is not None]
        if len(named) == len(tokenizers):
            shared[scope] = min(named)
    return shared


def _draw_placebo_sets(
    survey: TraceSurvey,
    scopes: dict[str, _PlaceboScope],
    tokenizers: dict[_PlaceboScope, str],
    config: AnalysisConfig,
    progress: Progress,
) -> tuple[tuple[PlaceboSet, ...], list[str]]:
    """Return the placebos of each scope, and notes for the user."""
    notes, placebo_sets, sampled_texts = [], [], []
    distinct_scopes = sorted(set(scopes.values()))
    for number, scope in enumerate(distinct_scopes, 1):
        sample = TextSample(config.placebo_chars)
        for name in sorted(scopes):
            if scopes[name] == scope:
                sample.merge(survey.texts[name])
        texts = sample.texts
        tokenizer = load_tokenizer(tokenizers[scope]) if scope in tokenizers else None
        placebo_set = draw_placebos(scope.lexicon, scope.texts, texts, config.n_placebos, config.seed, tokenizer)
        placebo_sets.append(placebo_set)
        if len(texts) < sample.n_offered:
            sampled_texts.append(f"{len(texts):,} of the {sample.n_offered:,} traces of {scope.texts}")
        if placebo_set.failures:
            notes.append(
                f"{len(placebo_set.failures)} of {config.n_placebos} placebos of {scope.lexicon.name} could not be "
                f"drawn for {scope.texts}: {placebo_set.failures[0]}."
            )
        progress("drawing placebos", number, len(distinct_scopes))
    if sampled_texts and config.n_placebos:
        notes.insert(0, f"Placebos were matched on {', '.join(sampled_texts)}, chosen by the digest of their text.")
    return tuple(placebo_sets), notes


def _count_traces(
    inputs: AnalysisInputs,
    readers: Sequence[TraceReader],
    config: AnalysisConfig,
    progress: Progress,
    plan: SamplePlan,
    scopes: dict[str, _PlaceboScope],
    placebo_sets: tuple[PlaceboSet, ...],
    summaries: list[InputSummary],
    notes: list[str],
    per_trace: Mapping[str, PerTrace],
    answers: AnswerGrader | None,
) -> CollectedTraces:
    """Run the second pass."""
    index_of_scope = {
        (placebo_set.lexicon.digest, placebo_set.scope): index for index, placebo_set in enumerate(placebo_sets)
    }
    placebo_set_of_source = {name: index_of_scope[scope.digest, scope.texts] for name, scope in scopes.items()}
    lexicon_lists = [(placebo_set.lexicon, *placebo_set.placebos) for placebo_set in placebo_sets]
    text_markers = [[TextMarker(lexicon) for lexicon in lexicons] for lexicons in lexicon_lists]
    store = ColumnStore(max(map(len, text_markers)))
    source_names = _order_names(plan, inputs, scopes)
    source_index = {name: source for source, name in enumerate(source_names)}
    counter = _TraceCounter(plan, store, source_index, per_trace, is_whole=config.part == "all")
    token_markers: dict[tuple[str, int], TokenMarker] = {}
    tokenizer_digests = {path: tokenizer_digest(path) for path in inputs.tokenizers if path is not None}
    for number, (summary, tokenizer, reader) in enumerate(zip(summaries, inputs.tokenizers, readers, strict=True), 1):
        source = summary.source
        for trace in reader if answers is None else answers(reader):
            part = part_text(trace, config.part)
            if part is None:
                continue
            name = source.source_key(trace, config.pool_runs)
            set_index = placebo_set_of_source[name]
            token_marker = None
            if tokenizer is not None:
                key = tokenizer_digests[tokenizer], set_index
                if key not in token_markers:
                    token_markers[key] = TokenMarker(tokenizer, lexicon_lists[set_index])
                token_marker = token_markers[key]
            counter.add(trace, part, name, text_markers[set_index], token_marker)
        check_unchanged(reader.files, summary.digests)
        progress("counting", number, len(inputs.sources))
    set_of_display_name = {plan.display_names[name]: index for name, index in placebo_set_of_source.items()}
    counts = TraceCounts(
        store.columns(),
        source_names,
        tuple(set_of_display_name[name] for name in source_names),
        placebo_sets,
        config,
        tuple(sorted(counter.token_samples, key=lambda sample: (sample.key, len(sample.entropies)))),
    )
    if counter.n_misspelled > MAX_MISSPELLED * counter.n_with_ids:
        notes.append(
            f"In {counter.n_misspelled:,} of {counter.n_with_ids:,} traces the token ids do not spell the text by the "
            "tokenizer given: it may be that of another model, and then nothing said of tokens holds."
        )
    if counter.n_unassigned:
        reason = (
            "without their tokenizer (--tokenizer)"
            if all(tokenizer is None for tokenizer in inputs.tokenizers)
            else "as they do not spell the text"
        )
        notes.append(
            f"The token ids of {counter.n_unassigned:,} traces are left out: {reason}, it is unknown which of them are "
            f"{config.part}."
        )
    summaries_and_notes = tuple(summaries), tuple(notes)
    return CollectedTraces(counts, plan, counter.sampled_traces, *summaries_and_notes, counter.n_unassigned)


def _order_names(plan: SamplePlan, inputs: AnalysisInputs, scopes: dict[str, _PlaceboScope]) -> tuple[str, ...]:
    """Return the display names of sources: runs in their order, then models by size, then the pooled sources."""
    runs = [source.name for source in inputs.sources if source.kind == "run"]
    run_order = {plan.display_names[name]: index for index, name in enumerate(runs) if name in plan.display_names}
    sizes: dict[str, int] = {}
    for name in scopes:
        display_name = plan.display_names[name]
        sizes[display_name] = sizes.get(display_name, 0) + plan.source_sizes[name]
    return tuple(
        sorted(
            sizes, key=lambda name: (name == POOLED_SOURCES, run_order.get(name, len(run_order)), -sizes[name], name)
        )
    )


class _TraceCounter:
    """Counts traces one by one, and keeps the sampled ones."""

    def __init__(
        self,
        plan: SamplePlan,
        store: ColumnStore,
        source_index: dict[str, int],
        per_trace: Mapping[str, PerTrace],
        *,
        is_whole: bool,
    ) -> None:
        self._plan, self._store, self._source_index, self._per_trace = plan, store, source_index, per_trace
        self._is_whole = is_whole
        """Whether the parts of traces are their whole texts."""
        self.sampled_traces: dict[int, SampledTrace] = {}
        self.token_samples: list[TokenSample] = []
        self.n_with_ids = 0
        """Traces with token ids and a tokenizer."""
        self.n_misspelled = 0
        """Of these, traces whose ids do not spell their text."""
        self.n_unassigned = 0
        """Traces with token ids of which it is unknown which ones lie in the part."""

    def add(
        self,
        trace: Trace,
        part: PartText,
        name: str,
        text_markers: Sequence[TextMarker],
        token_marker: TokenMarker | None,
    ) -> None:
        """Count the part of one trace of the source `name`."""
        source_name, key = self._plan.display_names[name], stable_key(model_of_key(name), trace.id, trace.text)
        words = word_offsets(part.text)
        marks = [marker(part.text, words) for marker in text_markers]
        tokens: TokenMarks | None = None
        first_entropies = None
        n_tokens = n_policy_tokens(trace) if self._is_whole and trace.token_ids is not None else None
        if token_marker is not None:
            tokens = token_marker(trace, None if self._is_whole else part)
            self.n_with_ids += trace.token_ids is not None
            self.n_misspelled += tokens is None or not token_marker.spells(trace, tokens)
        if tokens is not None and token_marker is not None:
            n_tokens = int(tokens.by_policy.sum())
            located_marks = replace(marks[0], starts=locate(part, marks[0].starts))
            first_entropies = token_marker.first_entropies(trace, tokens, located_marks)
        self.n_unassigned += n_tokens is None and trace.token_ids is not None
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
            answer=stable_key(trace.answer) if trace.answer is not None else 0,
            recorded_error=recorded_error_kind(trace),
        )
        sums = () if tokens is None else tokens.sums
        part_trace = trace if self._is_whole else _cut_trace(trace, part)
        self._store.add(fields, marks, sums, first_entropies, self._measure(part_trace, marks))
        is_sampled = key <= self._plan.max_entropy_key
        if is_sampled and tokens is not None and trace.token_ids is not None and trace.entropies is not None:
            entropies = np.array(trace.entropies, np.float32)
            entropies = (entropies if tokens.in_part is None else entropies[tokens.in_part])[tokens.by_policy]
            masks = tuple(mask[tokens.by_policy] for mask in tokens.masks)
            self.token_samples.append(TokenSample(key, fields.source, problem, entropies, masks))
        if key in self._plan.sampled_keys:
            text_only = replace(trace, token_ids=None, logprobs=None, entropies=None)
            self.sampled_traces[key] = SampledTrace(source_name, text_only)

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


def _cut_trace(trace: Trace, part: PartText) -> Trace:
    """Return the trace with the text of its part, as measures of single traces read it, without tokens and parts."""
    meta = {name: field for name, field in trace.meta.items() if name != "parts"}
    return replace(trace, text=part.text, token_ids=None, logprobs=None, entropies=None, meta=meta)
