"""How the inputs of an analysis are read twice: here, an input at a time, or file by file as tasks of an engine.

Both ways give the same surveys and counts (`sgram.traces.file_tasks` says how).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Protocol

from sgram.analysis.config import AnalysisConfig
from sgram.analysis.count_pass import CountingPlan, PassCounts, TraceCounter
from sgram.analysis.sources import Source
from sgram.analysis.survey_pass import PassSurvey, survey_traces
from sgram.engines import Engine
from sgram.file_passes import run_first_pass, run_in_order
from sgram.grading.fill_correct import AnswerGrader, GradingReport
from sgram.lexicon import Lexicon
from sgram.traces import ReadOptions, Trace, TraceReader
from sgram.traces.file_tasks import FileTask, file_tasks
from sgram.traces.input_files import check_unchanged, digest_file

Progress = Callable[[str, int, int], None]
"""Called with a stage, the number of its parts that are done, and their total."""


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

    def readers(self) -> list[TraceReader]:
        """Return a reader of each source."""
        return [source.reader(self.options, self.dialect) for source in self.sources]


class InputPasses(Protocol):
    """Reads the inputs twice."""

    def survey(self, config: AnalysisConfig, progress: Progress) -> Iterator[PassSurvey]:
        """Yield the survey of each source, in their order. Raise every error of `TraceReader`."""
        ...

    def count(self, plan: CountingPlan, surveys: Sequence[PassSurvey], progress: Progress) -> Iterator[PassCounts]:
        """Yield counts that add up to those of all traces; raise `InputError` if a file has changed meanwhile."""
        ...


class SerialPasses:
    """Reads all files of an input together, in this process."""

    def __init__(self, inputs: AnalysisInputs, grader: AnswerGrader) -> None:
        self._inputs, self._grader = inputs, grader
        self._readers = inputs.readers()

    def _judged(self, reader: TraceReader, config: AnalysisConfig) -> Iterable[Trace]:
        return self._grader(reader) if config.judge_answers else reader

    def survey(self, config: AnalysisConfig, progress: Progress) -> Iterator[PassSurvey]:
        """Yield the survey of each source; see `InputPasses`."""
        for number, (source, reader) in enumerate(zip(self._inputs.sources, self._readers, strict=True), 1):
            reader.copy_streams()
            digests = tuple(map(digest_file, reader.files))
            self._grader.report = GradingReport()
            survey = survey_traces(self._judged(reader, config), source, config)
            survey.grading, survey.report, survey.digests = self._grader.report, reader.report, digests
            survey.n_bytes = reader.bytes_total or 0
            progress("reading", number, len(self._readers))
            yield survey

    def count(self, plan: CountingPlan, surveys: Sequence[PassSurvey], progress: Progress) -> Iterator[PassCounts]:
        """Yield the counts of all sources together; see `InputPasses`."""
        counter = TraceCounter(plan)
        inputs = zip(self._inputs.sources, self._inputs.tokenizers, self._readers, surveys, strict=True)
        for number, (source, tokenizer, reader, survey) in enumerate(inputs, 1):
            counter.add_all(self._judged(reader, plan.config), source, tokenizer)
            check_unchanged(reader.files, survey.digests)
            progress("counting", number, len(self._readers))
        yield counter.counts


class EnginePasses:
    """Reads each file as a task of an engine."""

    def __init__(self, inputs: AnalysisInputs, engine: Engine) -> None:
        self._inputs, self._engine = inputs, engine
        self._readers = inputs.readers()
        self._files: list[list[FileTask]] = []
        for source, reader in zip(inputs.sources, self._readers, strict=True):
            self._files.append(file_tasks(reader, "sgram" if source.kind == "run" else inputs.dialect))

    def _task_source(self, index: int) -> Source:
        return replace(self._inputs.sources[index], runs={}, run_record=None)  # a task needs neither

    def survey(self, config: AnalysisConfig, progress: Progress) -> Iterator[PassSurvey]:
        """Yield the survey of each source; see `InputPasses`."""
        arguments = [(self._task_source(index),) for index in range(len(self._files))]
        report = partial(progress, "reading")
        self._files, surveys = run_first_pass(self._engine, survey_file, self._files, arguments, (config,), report)
        for source, reader, of_files in zip(self._inputs.sources, self._readers, surveys, strict=True):
            whole = survey_traces((), source, config)
            for survey in of_files:
                whole.merge(survey)
            reader.adopt(survey.report for survey in of_files)
            whole.report, whole.n_bytes = reader.report, reader.bytes_total or 0
            yield whole

    def count(self, plan: CountingPlan, surveys: Sequence[PassSurvey], progress: Progress) -> Iterator[PassCounts]:
        """Yield the counts of each file, in their order; see `InputPasses`."""
        tasks = [
            (file, self._task_source(index), self._inputs.tokenizers[index], digest)
            for index, (files, survey) in enumerate(zip(self._files, surveys, strict=True))
            for file, digest in zip(files, survey.digests, strict=True)
        ]
        return run_in_order(self._engine, count_file, tasks, (plan,), partial(progress, "counting"))


def survey_file(task: FileTask, source: Source, config: AnalysisConfig) -> PassSurvey:
    """Return the survey of one file; a task of an engine."""
    reader = task.reader()
    digests = tuple(map(digest_file, reader.files))
    with AnswerGrader(workers=1, needs_formulas=False) as grader:
        survey = survey_traces(grader(reader) if config.judge_answers else reader, source, config)
    survey.report, survey.grading, survey.digests, survey.id_log = reader.report, grader.report, digests, reader.id_log
    return survey


def count_file(task: FileTask, source: Source, tokenizer: str | None, digest: str, plan: CountingPlan) -> PassCounts:
    """Return the counts of one file whose content has this digest; a task of an engine."""
    reader = task.reader()
    counter = TraceCounter(plan)
    with AnswerGrader(workers=1, needs_formulas=False) as grader:
        counter.add_all(grader(reader) if plan.config.judge_answers else reader, source, tokenizer)
    check_unchanged(reader.files, (digest,))
    return counter.counts
