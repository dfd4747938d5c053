"""`analyze`: from inputs to an `Analysis`, every table that the inputs allow, beside its placebos."""

import os
import platform
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib import metadata
from typing import Any

import numpy as np

import sgram
from sgram.analysis.build_series import build_series, find_phase_order
from sgram.analysis.collect_traces import CollectedTraces, collect_traces
from sgram.analysis.config import AnalysisConfig
from sgram.analysis.diagnosed_traces import TraceDiagnosis
from sgram.analysis.diagnoses import diagnose_sampled_traces, error_kinds, error_weights, regrade_correct_traces
from sgram.analysis.examples import ExampleBuilder, SiblingPair, TraceExample
from sgram.analysis.findings import Finding, FindingContext, SourceKind, build_findings
from sgram.analysis.input_passes import AnalysisInputs, Progress
from sgram.analysis.measure import AnalysisData, Measure
from sgram.analysis.registry import all_measures
from sgram.analysis.sources import POOLED_SOURCES, Source, find_inputs, label_sources, model_of_key
from sgram.analysis.spooled_traces import reading_again, spooled
from sgram.analysis.step_series import StepSeries
from sgram.analysis.table import Table
from sgram.analysis.trace_counts import TraceCounts
from sgram.array_types import BoolArray
from sgram.diagnosis.kinds import Diagnosis
from sgram.engines import Engine
from sgram.errors import UsageError
from sgram.files import excerpt
from sgram.frames import Backend
from sgram.lexicon import Lexicon, connective_note
from sgram.metrics import PhaseOrder
from sgram.notebook_html import render_notebook_html
from sgram.traces import ReadOptions
from sgram.traces.from_python import Rollouts, are_paths
from sgram.traces.trace_keys import UNKNOWN_MODEL
from sgram.urls import base_name

_LIBRARIES = ("numpy", "numba", "tokenizers", "sympy", "math-verify")
_MAX_NAMED_SOURCES = 40
"""Pooled sources that a note names."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Analysis:
    """The tables of some inputs, with examples, provenance and notes. Notebooks show the grid of questions of a report.

    >>> from sgram.traces import Trace
    >>> analyze([Trace(id="1", text="wait, so it is 4", model="gpt", correct=True)], AnalysisConfig(n_placebos=0))
    Analysis('1 traces of gpt', 1 source, ... tables, ... findings)
    """

    title: str
    lexicon: Lexicon
    """The lexicon that tags most traces."""
    sources: tuple[str, ...]
    tables: Mapping[str, Table]
    """By name, in the order of the measures. A table that the inputs do not allow is absent."""
    phase_orders: Mapping[str, PhaseOrder]
    """Source -> whether execution settles before planning; empty without steps and entropies."""
    examples: tuple[TraceExample, ...]
    sibling_pairs: tuple[SiblingPair, ...]
    provenance: Mapping[str, Any]
    """Inputs with digests, versions, seeds, lexicons and settings: JSON values without folders of the machine."""
    notes: tuple[str, ...]
    """What was sampled, left out or set aside."""
    placebo_phase_orders: Mapping[str, PhaseOrder] = field(default_factory=dict)
    """`phase_orders` by the first placebo draw."""
    findings: tuple[Finding, ...] = ()
    """What the tables say, the finding about all sources before those of single ones."""
    measures: tuple[Measure, ...] = ()
    """All measures, in the order of a report; those whose tables are absent, too."""
    source_kind: SourceKind = "source"
    """What the sources are: runs, models, or both ("source")."""
    lookup: tuple[TraceExample, ...] = ()
    """Traces that a page can be searched for, by source, step and id: all, or a sample (`max_lookup_chars`)."""

    def frame(self, name: str, backend: Backend | None = None) -> Any:
        """Return a table as a data frame of ``pandas`` or ``polars`` (`sgram.frames.build_frame`).

        Raise `UsageError` if the analysis has no such table, `MissingExtraError` if the library is not installed.
        """
        if name not in self.tables:
            raise UsageError(f"no table {excerpt(name, 60)!r} in this analysis; it has {', '.join(self.tables)}")
        return self.tables[name].frame(backend)

    def _repr_html_(self) -> str:
        return render_notebook_html(self)

    def __repr__(self) -> str:
        counts = [
            f"{count:,} {noun}{'' if count == 1 else 's'}"
            for count, noun in (
                (len(self.sources), "source"),
                (len(self.tables), "table"),
                (len(self.findings), "finding"),
            )
        ]
        return f"Analysis({excerpt(self.title, 120)!r}, {', '.join(counts)})"


def _ignore_progress(stage: str, done: int, total: int) -> None:
    """Do nothing."""


def analyze(
    inputs: Rollouts,
    config: AnalysisConfig | None = None,
    progress: Progress = _ignore_progress,
    *,
    options: ReadOptions | None = None,
    dialect: str = "auto",
    engine: Engine | None = None,
) -> Analysis:
    """Return every table that `inputs` allow.

    `inputs` are directories of training runs or comparisons, rollouts of any format, or whatever else `as_traces`
    takes; what is no path is kept in a temporary file meanwhile, as it is read twice. `options` and `dialect` say how
    rollouts are read. `progress` is called with (stage, parts done, parts in all). `engine` reads files as tasks, such
    as those of a Ray cluster; without one they are read here, with the same result. The analysis depends on the traces,
    on `config` and on the versions of `sgram` and its libraries, not on the order of the inputs.

    Raise `InputError` if an input cannot be read or no trace is found, `UsageError` if there is no input.

    >>> import tempfile
    >>> from pathlib import Path
    >>> from sgram.traces import Trace, write_traces
    >>> path = Path(tempfile.mkdtemp(), "rollouts.jsonl")
    >>> _ = write_traces([Trace(id="1", text="wait, so it is 4", model="gpt", correct=True)], path)
    >>> analyze(path, AnalysisConfig(n_placebos=0, n_draws=10)).title
    '1 traces of gpt'
    """
    config = config or AnalysisConfig()
    if are_paths(inputs):
        sources, notes = find_inputs([inputs] if isinstance(inputs, str | os.PathLike) else list(inputs))
        return _analyze_sources(sources, notes, config, progress, options, dialect, engine)
    with spooled(inputs, options, dialect) as (source, notes):
        analysis = _analyze_sources([source], notes, config, progress, reading_again(options), "sgram")
    prefix = f"{source.paths[0]}: "
    return replace(analysis, notes=tuple(note.replace(prefix, "") for note in analysis.notes))


def _analyze_sources(
    sources: list[Source],
    input_notes: Sequence[str],
    config: AnalysisConfig,
    progress: Progress,
    options: ReadOptions | None,
    dialect: str,
    engine: Engine | None = None,
) -> Analysis:
    analysis_inputs = _load_lexicons(sources, config, options or ReadOptions(), dialect)
    measures = all_measures()
    per_trace = [measure.name for measure in measures if measure.per_trace is not None]
    collected = collect_traces(analysis_inputs, config, progress, per_trace, engine)
    counts, plan = collected.counts, collected.plan
    diagnoses, checks = diagnose_sampled_traces(collected, progress)
    kinds = error_kinds(counts, diagnoses)
    weights = error_weights(counts, kinds)
    series = {
        source: _distinct_series(
            [
                *build_series(counts, source, kinds, weights),
                *(of_measure for measure in measures for of_measure in measure.series(counts, source)),
            ]
        )
        for source in range(counts.n_sources)
    }
    trace_diagnoses = [
        TraceDiagnosis(*collected.sampled_traces[key], diagnosis) for key, diagnosis in diagnoses.items()
    ]
    series = {source: source_series for source, source_series in series.items() if source_series}
    regraded = regrade_correct_traces(collected)
    data = AnalysisData(counts, kinds, weights, regraded, trace_diagnoses, checks, series)
    tables = {}
    for number, measure in enumerate(measures, 1):
        table = measure.table(data)
        if len(table):
            tables[measure.name] = table
        progress("measuring", number, len(measures))
    phase_orders, placebo_phase_orders = (
        {
            counts.source_names[source]: order
            for source, source_series in data.series.items()
            if (order := find_phase_order(counts, source_series, list_index))
        }
        for list_index in (0, 1)
    )
    questions = [(measure.name, question) for measure in measures if measure.section for question in measure.questions]
    context = FindingContext(tables, counts.source_names, phase_orders, placebo_phase_orders)
    lexicon_of_source = {name: counts.lexicon(source) for source, name in enumerate(counts.source_names)}
    example_builder = ExampleBuilder(collected.sampled_traces, lexicon_of_source.__getitem__, diagnoses, config.part)
    source_kind = _source_kind(analysis_inputs.sources, collected.plan.display_names)
    return Analysis(
        title=_title(counts, source_kind),
        lexicon=counts.lexicons[0],
        sources=counts.source_names,
        tables=tables,
        phase_orders=phase_orders,
        examples=example_builder.build_examples(plan),
        sibling_pairs=example_builder.build_sibling_pairs(plan),
        provenance=_provenance(collected, analysis_inputs, config),
        notes=(*input_notes, *_notes(collected, analysis_inputs, diagnoses)),
        placebo_phase_orders=placebo_phase_orders,
        findings=build_findings(questions, context),
        measures=measures,
        source_kind=source_kind,
        lookup=example_builder.build_lookup(counts.source_names, config.max_lookup_chars),
    )


def _distinct_series(series: Sequence[StepSeries]) -> list[StepSeries]:
    """Return the first series of each name: two measures may follow the same quantity."""
    by_name: dict[str, StepSeries] = {}
    for one_series in series:
        by_name.setdefault(one_series.name, one_series)
    return list(by_name.values())


def _load_lexicons(
    sources: Sequence[Source], config: AnalysisConfig, options: ReadOptions, dialect: str
) -> AnalysisInputs:
    """Return the inputs, each source with its lexicon and its tokenizer."""
    lexicon_of_name: dict[str, Lexicon] = {}
    lexicons = []
    for source in sources:
        name = config.lexicon if config.lexicon is not None else source.lexicon or config.default_lexicon
        if name not in lexicon_of_name:
            lexicon_of_name[name] = Lexicon.load(name)
        lexicons.append(lexicon_of_name[name])
    tokenizers = tuple(
        source.tokenizer or config.tokenizer if source.kind == "run" else config.tokenizer for source in sources
    )
    return AnalysisInputs(tuple(sources), tuple(lexicons), tokenizers, options, dialect)


def _source_kind(sources: Sequence[Source], keys: Iterable[str]) -> SourceKind:
    """Return what the sources are; rollouts that name no model are told apart by their runs."""
    kinds = {source.kind for source in sources}
    if len(kinds) != 1:
        return "source"
    models = [model_of_key(key) for key in keys]
    return "run" if "run" in kinds or (len(models) > 1 and set(models) == {UNKNOWN_MODEL}) else "model"


def _title(counts: TraceCounts, source_kind: SourceKind) -> str:
    names = counts.source_names
    source_text = names[0] if len(names) == 1 else f"{len(names)} {source_kind}s"
    part = counts.config.part
    return f"{len(counts.columns):,} traces of {source_text}" + ("" if part == "all" else f", {part} only")


# -- notes ----------------------------------------------------------------------------------------------


def _notes(collected: CollectedTraces, inputs: AnalysisInputs, diagnoses: Mapping[int, Diagnosis]) -> list[str]:
    """Return what was sampled, left out or set aside."""
    plan, counts, notes = collected.plan, collected.counts, []
    for summary in collected.input_summaries:
        if summary.n_set_aside:
            notes.append(
                f"{summary.n_set_aside:,} rows of {summary.source.input_name} could not be read; first: "
                f"{summary.first_fault}."
            )
        notes += [f"{summary.source.input_name}: {warning}" for warning in summary.warnings]
        notes += [f"{summary.source.input_name}: {decision}" for decision in summary.decisions]
    notes += collected.notes
    notes += [f"{remark[0].upper()}{remark[1:]}." for remark in map(connective_note, counts.lexicons) if remark]
    labels = label_sources(plan.display_names)
    pooled = sorted(labels[key] for key, display_name in plan.display_names.items() if display_name == POOLED_SOURCES)
    if pooled:
        notes.append(
            f"{len(pooled)} sources with the fewest traces are put together as {POOLED_SOURCES!r}: "
            f"{', '.join(pooled[:_MAX_NAMED_SOURCES])}."
        )
    minor_lexicons = sorted(lexicon.name for lexicon in counts.lexicons[1:])
    if minor_lexicons:
        notes.append(
            f"Sources were tagged by different lexicons; the table grams is without {', '.join(minor_lexicons)}."
        )
    if len(diagnoses) < plan.n_wrong:
        notes.append(
            f"{len(diagnoses):,} of {plan.n_wrong:,} wrong traces were diagnosed, a sample stratified by step and "
            "problem (--max-diagnosed, and memory for their texts, limit it)."
        )
    has_recorded_kind = counts.columns.recorded_error[counts.columns.outcome == 1] >= 0
    if counts.config.recorded_errors and has_recorded_kind.any():
        notes.append(
            "If a trace records its error kind (meta.error), this kind is counted; the table diagnoses has ours."
        )
    return notes + _step_notes(counts) + _token_notes(collected, inputs)


def _step_notes(counts: TraceCounts) -> list[str]:
    """Return how many traces no curve shows, for each source of which others have a training step."""
    notes = []
    for source, name in enumerate(counts.source_names):
        n_traces, n_with_step = len(counts.rows(source)), len(counts.rows_with_step(source))
        if 0 < n_with_step < n_traces:
            notes.append(
                f"{n_traces - n_with_step:,} of {n_traces:,} traces of {name} have no step: levels count them, changes "
                "over training do not."
            )
    return notes


def _token_notes(collected: CollectedTraces, inputs: AnalysisInputs) -> list[str]:
    """Return what is missing for entropies of tokens, and what was sampled of them."""
    counts, notes = collected.counts, []
    has_entropies = _has_entropies(counts)
    if not has_entropies.any():
        if any(tokenizer is None for tokenizer in inputs.tokenizers) and (counts.columns.tokens >= 0).any():
            notes.append(
                "Entropies of planning and execution tokens are left out: only a tokenizer knows what token ids are; "
                "name the tokenizer.json of the model that wrote the traces (--tokenizer)."
            )
        elif not collected.n_unassigned:
            notes.append(
                "Entropies of planning and execution tokens are left out: the traces hold none. Compute them with the "
                "model that wrote them (sgram metrics --model)."
            )
    elif not has_entropies.all():
        notes.append(
            f"{int((~has_entropies).sum()):,} of {len(has_entropies):,} traces hold no entropies that could be "
            "assigned to tokens."
        )
    n_sampled = sum(len(sample.entropies) for sample in counts.token_samples)
    n_tokens = int(counts.columns.lists[0].tokens[has_entropies].sum())
    if n_sampled < n_tokens:
        notes.append(
            f"The tokens of high entropy were found among {n_sampled:,} of {n_tokens:,} tokens: whole traces, chosen "
            "by the digest of their text."
        )
    return notes


def _has_entropies(counts: TraceCounts) -> BoolArray:
    """Return whether each trace has entropies of planning and execution tokens, (traces,)."""
    return ~np.isnan(counts.columns.lists[0].entropy[:, 0])


# -- provenance -----------------------------------------------------------------------------------------


def _provenance(collected: CollectedTraces, inputs: AnalysisInputs, config: AnalysisConfig) -> dict[str, Any]:
    summary_of_source = {id(summary.source): summary for summary in collected.input_summaries}
    input_records = []
    for source in inputs.sources:
        summary = summary_of_source[id(source)]
        record = {
            **source.provenance(summary.digests, summary.n_bytes),
            "kind": source.kind,
            "traces": summary.n_traces,
            "set_aside": summary.n_set_aside,
        }
        if source.kind == "run":
            record |= {"source": source.name, **(source.run_record or {})}
        input_records.append(record)
    return {
        "inputs": input_records,
        "versions": _versions(),
        "seed": config.seed,
        "lexicons": [
            {
                "name": placebo_set.lexicon.name,
                "digest": placebo_set.lexicon.digest,
                "grams": len(placebo_set.lexicon.grams),
                "placebos_of": placebo_set.scope,
                "placebos": [placebo.digest for placebo in placebo_set.placebos],
            }
            for placebo_set in collected.counts.placebo_sets
        ],
        "config": _without_folders(asdict(config)),
    }


def _without_folders(settings: dict[str, Any]) -> dict[str, Any]:
    """Return `settings` with paths cut to their last part."""
    return {
        name: base_name(setting) if isinstance(setting, str) and os.sep in setting else setting
        for name, setting in settings.items()
    }


def _versions() -> dict[str, str]:
    """Return the versions of `sgram`, Python, the platform and the installed libraries that computations use."""
    versions = {"sgram": sgram.__version__, "python": platform.python_version(), "platform": sys.platform}
    for library in _LIBRARIES:
        try:
            versions[library] = metadata.version(library)
        except metadata.PackageNotFoundError:
            continue
    return versions
