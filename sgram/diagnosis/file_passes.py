"""The passes of a diagnosis over the files of an input, as tasks of an engine."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from sgram.diagnosis.diagnosis_passes import (
    DiagnosisTools,
    SiblingRows,
    SiblingWork,
    WrongSurvey,
    diagnose_rows,
    read_siblings,
    survey_wrong,
)
from sgram.diagnosis.kinds import Diagnosis, Solution, make_span_finder
from sgram.engines import Engine
from sgram.file_passes import run_first_pass, run_in_order
from sgram.grading.fill_correct import AnswerGrader, GradingReport
from sgram.lexicon import Lexicon
from sgram.traces import Trace, TraceReader
from sgram.traces.file_tasks import FileTask, file_tasks
from sgram.traces.ids import IdLog
from sgram.traces.readers import ReadReport


@dataclass(frozen=True, slots=True)
class DiagnosisSettings:
    """What a task needs to diagnose traces; it can be pickled."""

    lexicon: Lexicon
    """Its phrases of planning tell the plans that traces announce."""
    judge_answers: bool = True
    """Whether answers are compared with references."""

    @contextmanager
    def tools(self) -> Iterator[DiagnosisTools]:
        """Return the tools, whose worker process ends with the block."""
        with AnswerGrader(workers=1) as answers:
            grader = answers if self.judge_answers else None
            grade = answers.grade if self.judge_answers else None
            yield DiagnosisTools(make_span_finder(self.lexicon), grader, grade=grade)


@dataclass(slots=True, eq=False)
class FileSurvey:
    """The first pass over one file."""

    wrong: WrongSurvey
    report: ReadReport
    id_log: IdLog
    grading: GradingReport


@dataclass(eq=False)
class FilePasses:
    """Passes over the files of `reader`, which has the reports of all files after the first."""

    reader: TraceReader
    dialect: str
    settings: DiagnosisSettings
    engine: Engine
    grading: GradingReport = field(default_factory=GradingReport)
    _n_traces: list[int] = field(default_factory=list)
    """Traces of each file."""

    _files: list[FileTask] = field(init=False)

    def __post_init__(self) -> None:
        self._files = file_tasks(self.reader, self.dialect)

    def survey(self) -> WrongSurvey:
        """Return which traces are wrong; see `sgram.diagnosis.diagnose_traces.DiagnosisPasses`."""
        (self._files,), (surveys,) = run_first_pass(
            self.engine, survey_file, [self._files], [()], (self.settings,), _ignore
        )
        self.reader.adopt(survey.report for survey in surveys)
        whole = WrongSurvey()
        for survey in surveys:
            whole.merge(survey.wrong)
            self.grading.merge(survey.grading)
        self._n_traces = [survey.wrong.report.traces for survey in surveys]
        return whole

    def siblings(self, rows: SiblingRows) -> SiblingWork:
        """Return the work of the traces in `rows`."""
        places = self._by_file(rows)
        tasks = [
            (file, {row: rows[first + row] for row in file_rows}) for file, first, file_rows in places if file_rows
        ]
        work: SiblingWork = {}
        for of_file in run_in_order(self.engine, read_sibling_file, tasks, (self.settings,), _ignore):
            for name, solutions in of_file.items():
                work.setdefault(name, []).extend(solutions)
        return work

    def diagnoses(
        self, rows: Collection[int], siblings: Mapping[str, Sequence[Solution]]
    ) -> Iterator[tuple[Trace, Diagnosis]]:
        """Yield (wrong trace, diagnosis) of the traces in `rows`, in their order."""
        tasks = [(file, frozenset(file_rows)) for file, _, file_rows in self._by_file(rows) if file_rows]
        shared = (siblings, self.settings)
        for of_file in run_in_order(self.engine, diagnose_file, tasks, shared, _ignore):
            yield from of_file

    def _by_file(self, rows: Collection[int]) -> list[tuple[FileTask, int, list[int]]]:
        """Return for each file its first row among those of all traces, and which of its own rows are in `rows`."""
        places, first = [], 0
        for file, n_traces in zip(self._files, self._n_traces, strict=True):
            places.append((file, first, [row for row in range(n_traces) if first + row in rows]))
            first += n_traces
        return places


def _ignore(*_: Any) -> None:
    """Report nothing."""


def survey_file(task: FileTask, settings: DiagnosisSettings) -> FileSurvey:
    """Return the survey of one file; a task of an engine."""
    reader = task.reader()
    with settings.tools() as tools:
        wrong = survey_wrong(reader, tools)
        grading = GradingReport() if tools.answers is None else tools.answers.report
    return FileSurvey(wrong, reader.report, reader.id_log, grading)


def read_sibling_file(task: FileTask, rows: SiblingRows, settings: DiagnosisSettings) -> SiblingWork:
    """Return the work of the siblings in one file; a task of an engine."""
    with settings.tools() as tools:
        return read_siblings(task.reader(), rows, tools)


def diagnose_file(
    task: FileTask, rows: Collection[int], siblings: Mapping[str, Sequence[Solution]], settings: DiagnosisSettings
) -> list[tuple[Trace, Diagnosis]]:
    """Return the diagnoses of one file, without the token ids of the traces; a task of an engine."""
    with settings.tools() as tools:
        return [
            (replace(trace, token_ids=None, logprobs=None, entropies=None), diagnosis)
            for trace, diagnosis in diagnose_rows(task.reader(), rows, siblings, tools)
        ]
