"""Two passes over all traces: the first draws samples and placebos, the second counts by every gram list."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sgram.analysis.columns_store import ColumnStore
from sgram.analysis.config import AnalysisConfig
from sgram.analysis.count_pass import CountingPlan, PassCounts
from sgram.analysis.examples import SampledTrace
from sgram.analysis.input_passes import AnalysisInputs, EnginePasses, InputPasses, Progress, SerialPasses
from sgram.analysis.sample_plan import SamplePlan, TextSample, TraceSurvey
from sgram.analysis.sources import POOLED_SOURCES, Source, label_sources, pool_small_sources
from sgram.analysis.survey_pass import PassSurvey, survey_traces
from sgram.analysis.trace_counts import TraceCounts
from sgram.engines import Engine
from sgram.errors import InputError
from sgram.evaluation.placebo_sets import PlaceboSet, draw_placebos
from sgram.grading.fill_correct import AnswerGrader, GradingReport
from sgram.lexicon import Lexicon
from sgram.traces.input_files import natural_key
from sgram.traces.tokens import load_tokenizer

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


def collect_traces(
    inputs: AnalysisInputs,
    config: AnalysisConfig,
    progress: Progress,
    measures: Sequence[str],
    engine: Engine | None = None,
) -> CollectedTraces:
    """Read all traces twice: first to sample them and to draw placebos, then to count.

    `measures` are the names of those that are computed for each trace. `engine` reads the files as tasks; without one
    they are read here. Raise `InputError` if an input cannot be read or changes meanwhile, or if the inputs have no
    trace.
    """
    with AnswerGrader(needs_formulas=False) as grader:
        passes = SerialPasses(inputs, grader) if engine is None else EnginePasses(inputs, engine)
        return _collect_traces(inputs, passes, config, progress, measures)


def _collect_traces(
    inputs: AnalysisInputs, passes: InputPasses, config: AnalysisConfig, progress: Progress, measures: Sequence[str]
) -> CollectedTraces:
    whole = survey_traces((), inputs.sources[0], config)
    surveys: list[PassSurvey] = []
    lexicon_of_source: dict[str, Lexicon] = {}
    for lexicon, survey in zip(inputs.lexicons, passes.survey(config, progress), strict=True):
        for name in survey.traces.source_sizes:
            lexicon_of_source.setdefault(name, lexicon)
        whole.merge(survey)
        surveys.append(survey)
    whole.selection.check()
    if not len(whole.traces):
        raise InputError("the inputs contain no trace; name files with rollouts, or drop conditions such as --where")
    display_names = _display_names(whole.traces, lexicon_of_source, config)
    samples = whole.traces.plan(display_names)
    scopes = _placebo_scopes(inputs, display_names, lexicon_of_source)
    tokenizers = _shared_tokenizers(inputs, scopes)
    placebo_sets, notes = _draw_placebo_sets(whole.traces, scopes, tokenizers, config, progress)
    if config.part != "all":
        what_is_whole = "correctness, answers, equations and diagnoses are of whole traces"
        notes.insert(0, f"{whole.selection.describe().capitalize()}; {what_is_whole}.")
    notes += _graded_note(whole.grading)
    plan = _counting_plan(inputs, samples, scopes, placebo_sets, config, measures)
    all_counts = PassCounts(ColumnStore(max(map(len, plan.gram_lists))))
    for counts in passes.count(plan, surveys, progress):
        all_counts.merge(counts)
    notes += _token_id_notes(all_counts, inputs, config)
    summaries = [_summarize(source, survey) for source, survey in zip(inputs.sources, surveys, strict=True)]
    return CollectedTraces(
        _trace_counts(all_counts, plan),
        samples,
        all_counts.sampled_traces,
        tuple(summaries),
        tuple(notes),
        all_counts.n_unassigned,
    )


def _summarize(source: Source, survey: PassSurvey) -> InputSummary:
    report = survey.report
    return InputSummary(
        source,
        len(survey.traces),
        report.rows_quarantined,
        report.first_fault,
        tuple(report.warnings),
        tuple(report.decisions),
        survey.digests,
        survey.n_bytes,
    )


def _graded_note(report: GradingReport) -> list[str]:
    """Return a note on the traces that were judged by their reference answers, if there are any."""
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


def _counting_plan(
    inputs: AnalysisInputs,
    samples: SamplePlan,
    scopes: dict[str, _PlaceboScope],
    placebo_sets: tuple[PlaceboSet, ...],
    config: AnalysisConfig,
    measures: Sequence[str],
) -> CountingPlan:
    index_of_scope = {
        (placebo_set.lexicon.digest, placebo_set.scope): index for index, placebo_set in enumerate(placebo_sets)
    }
    set_of_source = {name: index_of_scope[scope.digest, scope.texts] for name, scope in scopes.items()}
    return CountingPlan(
        samples, placebo_sets, set_of_source, _order_names(samples, inputs, scopes), config, tuple(measures)
    )


def _trace_counts(counts: PassCounts, plan: CountingPlan) -> TraceCounts:
    set_of_display_name = {plan.samples.display_names[name]: index for name, index in plan.set_of_source.items()}
    return TraceCounts(
        counts.store.columns(),
        plan.source_names,
        tuple(set_of_display_name[name] for name in plan.source_names),
        plan.placebo_sets,
        plan.config,
        tuple(sorted(counts.token_samples, key=lambda sample: (sample.key, len(sample.entropies)))),
    )


def _token_id_notes(counts: PassCounts, inputs: AnalysisInputs, config: AnalysisConfig) -> list[str]:
    """Return what is wrong with the token ids of the traces."""
    notes = []
    if counts.n_misspelled > MAX_MISSPELLED * counts.n_with_ids:
        notes.append(
            f"In {counts.n_misspelled:,} of {counts.n_with_ids:,} traces the token ids do not spell the text by the "
            "tokenizer given: it may be that of another model, and then nothing said of tokens holds."
        )
    if counts.n_unassigned:
        reason = (
            "without their tokenizer (--tokenizer)"
            if all(tokenizer is None for tokenizer in inputs.tokenizers)
            else "as they do not spell the text"
        )
        notes.append(
            f"The token ids of {counts.n_unassigned:,} traces are left out: {reason}, it is unknown which of them are "
            f"{config.part}."
        )
    return notes


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
            sizes,
            key=lambda name: (
                name == POOLED_SOURCES,
                run_order.get(name, len(run_order)),
                -sizes[name],
                natural_key(name),
                name,
            ),
        )
    )
