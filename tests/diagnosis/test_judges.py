"""Judges that other packages and scripts add."""

from importlib.metadata import EntryPoint

import pytest

from sgram.diagnosis.judges import (
    ENTRY_POINTS,
    ErrorJudge,
    ErrorVerdict,
    NamedJudge,
    all_judges,
    find_judge,
    register_judge,
    unregister_judge,
)
from sgram.errors import SgramError, UsageError
from tests.builders.wrong_traces import wrong_trace

TRACES = [wrong_trace(str(number)) for number in range(4)]
QUOTER = ErrorJudge("quoter", lambda problem, response, reference: ErrorVerdict("format", response[:5], problem))


@pytest.fixture
def registered():
    yield register_judge
    for name in ("quoter", "other"):
        unregister_judge(name)


def test_a_registered_judge_is_found_by_name(registered):
    registered(QUOTER)
    assert find_judge("quoter") is QUOTER
    assert registered(QUOTER) is QUOTER
    with pytest.raises(UsageError, match="a judge named 'quoter' exists already"):
        registered(ErrorJudge("quoter", lambda *_: None))
    with pytest.raises(
        UsageError, match=r"unknown judge 'quotter'; give the URL.*judges of installed packages are quoter"
    ):
        find_judge("quotter")
    unregister_judge("quoter")
    assert QUOTER not in all_judges()


def test_judges_of_packages_are_found_and_what_is_none_is_refused(monkeypatch):
    def install(value):
        entries = [EntryPoint("mine", value, ENTRY_POINTS)]
        monkeypatch.setattr("sgram.declarations.entry_points", lambda group: entries if group == ENTRY_POINTS else [])

    install("tests.diagnosis.test_judges:QUOTER")
    assert all_judges() == (QUOTER,)
    for value, words in (("no_such_module:JUDGE", "cannot load"), ("sgram.errors:UsageError", "is not a ErrorJudge")):
        install(value)
        with pytest.raises(UsageError, match=words):
            all_judges()


def test_verdicts_are_checked_cached_and_counted(tmp_path):
    judge = NamedJudge(QUOTER, tmp_path)
    first = list(judge(TRACES[:2]))
    assert [(judgment.kind, judgment.quote, judgment.reason) for judgment in first] == [
        ("format", "It is", "What is 0 + 1?"),
        ("format", "It is", "What is 1 + 1?"),
    ]
    again = NamedJudge(ErrorJudge("quoter", lambda *_: ErrorVerdict("strategic", "nowhere")), tmp_path)
    judgments = list(again(TRACES[:3]))
    assert judgments[:2] == first
    assert (judgments[2].kind, judgments[2].quote) == ("strategic", "")
    assert (again.report.n_cached, again.report.n_replies, again.report.n_foreign_quotes) == (2, 1, 1)
    newer = NamedJudge(ErrorJudge("quoter", lambda *_: ErrorVerdict("strategic"), version="2"), tmp_path)
    assert [judgment.kind for judgment in newer(TRACES[:2])] == ["strategic"] * 2


def test_a_judge_that_fails_or_says_nothing_is_an_error(tmp_path):
    def fail(problem, response, reference):
        raise ValueError("out of tokens")

    def sometimes(problem, response, reference):
        return ErrorVerdict("format") if problem == "What is 0 + 1?" else {"kind": "format"}

    with pytest.raises(SgramError, match="judge other fails on trace '0': out of tokens; mend the judge"):
        list(NamedJudge(ErrorJudge("other", fail), tmp_path)(TRACES))
    with pytest.raises(SgramError, match=r"the judge answered no question: .*out of tokens"):
        list(NamedJudge(ErrorJudge("other", fail), tmp_path)(TRACES[:1]))
    with pytest.raises(SgramError, match="named no kind in 4 replies"):
        list(NamedJudge(ErrorJudge("other", lambda *_: None), tmp_path)(TRACES))
    judge = NamedJudge(ErrorJudge("mixed", sometimes), tmp_path)
    assert [judgment.kind for judgment in judge(TRACES)] == ["format", None, None, None]
    assert judge.report.n_unanswered == 3
    assert "it returned dict, not an ErrorVerdict" in judge.report.first_fault
