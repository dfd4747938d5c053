"""`diagnose`: what is wrong with one response, or with every wrong one of many."""

from collections.abc import Iterable, Sequence
from typing import overload

from sgram.diagnosis import kinds
from sgram.diagnosis.diagnose_traces import CorpusDiagnosis, CorpusReport
from sgram.diagnosis.diagnosis_list import DiagnosisList
from sgram.diagnosis.kinds import Diagnosis, Spans, make_span_finder
from sgram.diagnosis.operations import EquationFinder
from sgram.errors import InputError, UsageError
from sgram.grading.fill_correct import AnswerGrader
from sgram.lexicon import LexiconLike
from sgram.traces import Trace, TraceReader, as_traces
from sgram.traces.from_python import Rollouts, can_be_reread


@overload
def diagnose(
    trace: Trace,
    siblings: Sequence[Trace] = ...,
    lexicon: LexiconLike | Spans | None = ...,
    check: EquationFinder | None = ...,
) -> Diagnosis: ...


@overload
def diagnose(
    trace: Rollouts,
    siblings: Sequence[Trace] = ...,
    lexicon: LexiconLike | Spans | None = ...,
    check: EquationFinder | None = ...,
    *,
    judge_answers: bool = ...,
) -> DiagnosisList: ...


def diagnose(
    trace: Trace | Rollouts,
    siblings: Sequence[Trace] = (),
    lexicon: LexiconLike | Spans | None = None,
    check: EquationFinder | None = None,
    *,
    judge_answers: bool = True,
) -> Diagnosis | DiagnosisList:
    """Return what is wrong with a wrong trace, or with each wrong one of many, in their order.

    One `Trace` is compared with the correct ones of its `siblings`. Anything else is what `as_traces` takes: a list of
    rows or traces, a DataFrame, paths. Each wrong trace is then compared with the correct ones of its group; with
    `judge_answers`, traces that do not say whether they are correct are judged by their reference answers.

    `lexicon` is a `Lexicon`, its path, the name of a preset, or what finds spans; it tells the plans that are
    announced. `check` is another way to find equations. The list of many has the method `frame`.

    Raise `UsageError` for siblings of many traces, `InputError` if none of them is known to be correct or wrong, and
    what `as_traces` and reading raise.

    >>> diagnose(Trace(id="1", text="We get 6 + 9 = 14. The answer is 14.", correct=False)).kind
    'procedural'
    >>> rows = [{"prompt": "6 + 9?", "response": "We get 6 + 9 = 14. The answer is 14.", "correct": False}]
    >>> [diagnosis.kind for diagnosis in diagnose(rows)]
    ['procedural']
    """
    if isinstance(trace, Trace):
        return kinds.diagnose(trace, siblings, lexicon, check)
    if siblings:
        raise UsageError("siblings belong to one trace; many traces are compared by their groups, so leave them out")
    given = as_traces(trace)
    if isinstance(given, TraceReader):
        given.copy_streams()  # the traces are read several times
    traces: Iterable[Trace] = given if can_be_reread(given) else list(given)
    with AnswerGrader() as answers:
        corpus = CorpusDiagnosis(
            lambda stage: traces, make_span_finder(lexicon), answers if judge_answers else None, check
        )
        diagnoses = DiagnosisList(diagnosis for _, diagnosis in corpus)
    _check_judged(corpus.report)
    return diagnoses


def _check_judged(report: CorpusReport) -> None:
    """Raise `InputError` if no trace has a verdict."""
    if not report.traces:
        raise InputError("there are no traces to diagnose")
    if report.not_judged == report.traces:
        raise InputError(
            f"nothing to diagnose: none of the {report.traces:,} traces says whether it is correct, or has a reference "
            "answer that can be compared; add a column correct or reference"
        )
