"""Diagnosis of a corpus in passes equals diagnosis group by group; files of diagnoses."""

import random

import orjson
import pytest

from sgram.diagnosis.diagnose_traces import CorpusDiagnosis
from sgram.diagnosis.diagnosis_files import COLUMNS, table_row, write_diagnoses
from sgram.diagnosis.kinds import diagnose_group
from sgram.errors import InputError, UsageError
from sgram.files import data_path
from sgram.grading import grade_many
from sgram.grading.fill_correct import AnswerGrader
from sgram.traces import Trace, read_traces

SAMPLE = list(read_traces(data_path("sample_traces.jsonl")))
ROWS = list(CorpusDiagnosis(lambda stage: SAMPLE))


def test_the_passes_yield_the_diagnoses_of_each_group():
    groups: dict[str, list[Trace]] = {}
    for trace in SAMPLE:
        groups.setdefault(trace.group, []).append(trace)
    by_group = {diagnosis.trace_id: diagnosis for group in groups.values() for diagnosis in diagnose_group(group)}
    assert {trace.id: diagnosis for trace, diagnosis in ROWS} == by_group
    assert len(ROWS) == 40


def test_the_order_of_the_traces_changes_nothing_but_the_order_of_the_rows():
    mixed = SAMPLE[:]
    random.Random(5).shuffle(mixed)
    rows = list(CorpusDiagnosis(lambda stage: mixed))
    assert sorted((trace.id, diagnosis.to_json()) for trace, diagnosis in rows) == sorted(
        (trace.id, diagnosis.to_json()) for trace, diagnosis in ROWS
    )


def test_the_same_siblings_are_selected_as_in_a_group():
    right = [
        Trace(id=f"r{number}", group="g", text=f"We get {number} + 1 = {number + 1}. The answer is 30.", correct=True)
        for number in range(20)
    ]
    wrong = Trace(id="w", group="g", text="We get 3 + 1 = 5. So 5 * 2 = 10. The answer is 10.", correct=False)
    traces = [*right, wrong]
    corpus = CorpusDiagnosis(lambda stage: traces)
    ((_, diagnosis),) = corpus
    assert diagnosis == diagnose_group(traces)[0]
    assert (corpus.report.correct, corpus.report.wrong, corpus.report.with_siblings) == (20, 1, 1)


def test_groups_are_kept_apart_and_a_trace_without_one_has_no_siblings():
    sibling = "We get 6 + 9 = 15, so 15 * 2 = 30. The answer is 30."
    text = "We get 6 * 9 = 54, so 54 - 6 = 48. The answer is 48."
    traces = [
        Trace(id="a", group="one", text=sibling, correct=True),
        Trace(id="b", group="two", text=text, correct=False),
        Trace(id="c", text=text, correct=False),
        Trace(id="d", text=sibling, correct=True),
        Trace(id="e", group="one", text=text, correct=False),
        Trace(id="f", group="one", text=text),
    ]
    corpus = CorpusDiagnosis(lambda stage: traces)
    n_evidence = {trace.id: len(diagnosis.evidence) for trace, diagnosis in corpus}
    assert n_evidence == {"b": 1, "c": 1, "e": 2}  # only e is compared with a sibling
    assert (corpus.report.not_judged, corpus.report.without_reference) == (1, 1)


def test_nothing_is_read_again_where_nothing_is_wrong():
    stages = []
    corpus = CorpusDiagnosis(lambda stage: stages.append(stage) or [Trace(id="a", text="x", correct=True)])
    assert list(corpus) == []
    assert stages == ["judging"]


def test_answers_are_judged_first_if_a_judge_of_answers_is_passed():
    pytest.importorskip("math_verify", reason="answers are compared with sgram[train]")
    traces = [Trace(id="a", text="\\boxed{3}", reference="4"), Trace(id="b", text="\\boxed{4}", reference="4")]
    assert list(CorpusDiagnosis(lambda stage: traces)) == []
    with AnswerGrader(workers=1) as answers:
        ((trace, _),) = CorpusDiagnosis(lambda stage: traces, answers=answers)
    assert (trace.id, trace.correct) == ("a", False)


def test_accuracy_by_the_grader_is_counted_beside_that_of_the_traces():
    traces = [
        Trace(id="a", text="It is 4. The answer is 4.", reference="4", correct=True),
        Trace(id="b", text="It is 5. The answer is 5.", reference="4", correct=True),
        Trace(id="c", text="It is 4. The answer is 4.", reference="4", correct=False),
        Trace(id="d", text="It is 6. The answer is 6.", reference="4", correct=False),
        Trace(id="e", text="It is 6.", correct=True),
    ]
    corpus = CorpusDiagnosis(lambda stage: traces, grade_many=grade_many)
    kinds = {trace.id: diagnosis.kind for trace, diagnosis in corpus}
    assert kinds["c"] == "not-wrong"
    # right by the traces: a, b, e of 5; by the grader: a, c, and e, which has no reference
    assert (corpus.accuracy.accuracy().value, corpus.accuracy.regraded().value) == (0.6, pytest.approx(0.6))
    assert (corpus.accuracy.n_regraded, corpus.accuracy.n_not_wrong, corpus.accuracy.n_not_right) == (2, 1, 1)
    assert (corpus.report.correct, corpus.report.wrong) == (3, 2)


def run_of_steps():
    """Three steps of 2, 10 and 10 wrong traces, of five problems at the later steps."""
    return [
        Trace(id=f"{step}-{number}", group=f"{step}-{number % 5}", text=f"It is {number}.", correct=False, step=step)
        for step, size in ((1, 2), (2, 10), (3, 10))
        for number in range(size)
    ]


def test_above_a_limit_a_sample_of_every_step_is_diagnosed_and_stands_for_the_others():
    traces = run_of_steps()
    corpus = CorpusDiagnosis(lambda stage: traces, max_diagnosed=12)
    diagnosed = [trace for trace, _ in corpus]
    # all 2 of step 1; then 5 of 10 each, one of each problem
    assert [sum(trace.step == step for trace in diagnosed) for step in (1, 2, 3)] == [2, 5, 5]
    assert len({trace.group for trace in diagnosed if trace.step == 2}) == 5
    assert {trace.step: corpus.weight(trace) for trace in diagnosed} == {1: 1.0, 2: 2.0, 3: 2.0}
    assert (corpus.report.wrong, corpus.report.diagnosed) == (22, 12)
    mixed = traces[:]
    random.Random(1).shuffle(mixed)
    again = {trace.id for trace, _ in CorpusDiagnosis(lambda stage: mixed, max_diagnosed=12)}
    assert again == {trace.id for trace in diagnosed}


def test_within_the_limit_every_trace_stands_for_itself():
    corpus = CorpusDiagnosis(lambda stage: run_of_steps(), max_diagnosed=22)
    assert [corpus.weight(trace) for trace, _ in corpus] == [1.0] * 22


def test_a_check_that_fails_ends_the_diagnosis_before_anything_is_diagnosed(tmp_path):
    def refuse(report):
        raise InputError(f"{report.wrong} wrong")

    (tmp_path / "d.jsonl").write_text("earlier")
    stages = []
    corpus = CorpusDiagnosis(lambda stage: stages.append(stage) or run_of_steps(), check=refuse)
    with pytest.raises(InputError, match="22 wrong"):
        write_diagnoses(corpus, tmp_path / "d.jsonl")
    assert stages == ["judging"]
    assert (tmp_path / "d.jsonl").read_text() == "earlier"


def test_the_weight_of_a_sampled_trace_is_in_every_file(tmp_path):
    pq = pytest.importorskip("pyarrow.parquet", reason="Parquet needs pyarrow")
    traces = run_of_steps()
    for name in ("d.jsonl", "d.parquet"):
        corpus = CorpusDiagnosis(lambda stage: traces, max_diagnosed=12)
        write_diagnoses(corpus, tmp_path / name, corpus.weight)
    weights = [2.0 if row["training_step"] > 1 else 1.0 for row in pq.read_table(tmp_path / "d.parquet").to_pylist()]
    assert pq.read_table(tmp_path / "d.parquet")["weight"].to_pylist() == weights
    lines = [orjson.loads(line) for line in (tmp_path / "d.jsonl").read_bytes().splitlines()]
    assert [line.get("weight", 1.0) for line in lines] == weights


def test_jsonl_lines_have_all_fields(tmp_path):
    path = tmp_path / "d.jsonl"
    assert write_diagnoses(iter(ROWS), path) == 40
    lines = [orjson.loads(line) for line in path.read_bytes().splitlines()]
    assert [line["id"] for line in lines] == [trace.id for trace, _ in ROWS]
    trace, diagnosis = ROWS[0]
    assert lines[0]["evidence"] == [
        {"what": evidence.sentence, "start": evidence.start, "end": evidence.end} for evidence in diagnosis.evidence
    ]
    assert (lines[0]["group"], lines[0]["model"]) == (trace.group, trace.model)
    assert "training_step" not in lines[0]


def test_parquet_holds_a_row_a_diagnosis(tmp_path):
    pq = pytest.importorskip("pyarrow.parquet", reason="Parquet needs pyarrow")
    path = tmp_path / "d.parquet"
    write_diagnoses(iter(ROWS), path)
    table = pq.read_table(path)
    assert tuple(table.column_names) == COLUMNS
    assert table.to_pylist()[3] == table_row(*ROWS[3])
    write_diagnoses(iter(()), tmp_path / "none.parquet")
    assert pq.read_table(tmp_path / "none.parquet").num_rows == 0


def test_nothing_is_left_of_a_file_that_breaks_off(tmp_path):
    def rows():
        yield ROWS[0]
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError):
        write_diagnoses(rows(), tmp_path / "d.jsonl")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(UsageError, match=r"must end in .jsonl or .parquet"):
        write_diagnoses([], tmp_path / "d.txt")
