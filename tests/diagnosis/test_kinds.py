"""Kinds of errors, on responses whose kind is obvious."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.diagnosis.kinds import KINDS, chosen_siblings, diagnose, diagnose_group
from sgram.diagnosis.signals import PRIOR, WEIGHTS
from sgram.files import data_path
from sgram.testbed.solver import Solver
from sgram.testbed.task import Testbed
from sgram.traces import Trace, read_traces

PROMPT = "In each of two crates are 6 old and 9 new pens. How many pens?"
RIGHT = "Let's try to add both and then double. We get 6 + 9 = 15, so 15 * 2 = 30. The answer is 30."
AGAIN = "My first idea is to add both and then double. So 6 + 9 = 15, 15 * 2 = 30. The answer is 30."
SLIP = "Let's try to add both and then double. We get 6 + 9 = 16, so 16 * 2 = 32. The answer is 32."
PLAN = "Let's try to take the product minus the first. We get 6 * 9 = 54, so 54 - 6 = 48. The answer is 48."
LEXICON = Testbed().lexicon()


def trace(text: str, correct: bool | None = False, name: str = "w", **fields: object) -> Trace:
    return Trace(id=name, group="g", prompt=PROMPT, text=text, correct=correct, **fields)


SIBLINGS = (trace(RIGHT, True, "a"), trace(AGAIN, True, "b"))


def probability(*names: str) -> float:
    """Return the probability of a procedural error by the weights of the signals."""
    return 1 / (1 + math.exp(-PRIOR - sum(WEIGHTS[name] for name in names)))


def test_a_wrong_equation_that_the_answer_rests_on_is_procedural_with_its_place():
    diagnosis = diagnose(trace(SLIP))
    assert (diagnosis.kind, diagnosis.start, diagnosis.end) == (
        "procedural",
        SLIP.index("6 + 9"),
        SLIP.index("6 + 9") + 10,
    )
    assert diagnosis.evidence[0].sentence == "6 + 9 is 15, not 16 (step 1), and the answer rests on it"
    assert diagnosis.step == 0
    assert diagnosis.scores["procedural"] == pytest.approx(probability("slip behind the answer"))


def test_equations_that_hold_and_a_wrong_answer_are_strategic():
    diagnosis = diagnose(trace(PLAN))
    assert diagnosis.kind == "strategic"
    assert diagnosis.evidence[0].sentence == "the 2 equations that the answer rests on hold: 54-6 = 48 is the last"
    assert diagnosis.confidence == pytest.approx(1 - probability("equations hold"))


def test_without_a_sign_the_likeliest_step_is_named_and_so_is_its_probability():
    # no equation is wrong, but two claims about one order contradict each other
    steps = ["The oak is taller than the elm.", "The elm is taller than the ash.", "I assume the ash is a tree of 7 m."]
    diagnosis = diagnose(trace("\n\n".join([*steps, "The answer is 12."]), reference="3"))
    assert diagnosis.step is not None
    last = diagnosis.evidence[-1]
    assert last.sentence.startswith(f"its first error is likeliest in step {diagnosis.step + 1} of 4 (")
    assert (last.start, last.end) == (sum(len(step) + 2 for step in steps[: diagnosis.step]), last.end)
    alone = diagnose(trace("The answer is 12.", reference="3"))
    assert alone.step is None, "there is one step only, so there is nothing to choose"


def test_siblings_that_do_something_else_make_it_surer():
    diagnosis = diagnose(trace(PLAN), SIBLINGS)
    assert diagnosis.confidence == pytest.approx(1 - probability("equations hold", "other operations"))
    assert "all 2 correct siblings add first; this response computes 6*9 = 54" in {
        evidence.sentence for evidence in diagnosis.evidence
    }


def test_a_plan_by_another_name_is_strategic_whatever_the_arithmetic():
    slip_too = PLAN.replace("54", "53").replace("48", "47")
    beside = diagnose(trace(slip_too), SIBLINGS)  # other operations say nothing where a slip is seen
    assert beside.scores["procedural"] == pytest.approx(probability("slip behind the answer"))
    diagnosis = diagnose(trace(slip_too), SIBLINGS, LEXICON)
    assert diagnosis.kind == "strategic"
    assert diagnosis.evidence[0].sentence == (
        "all 2 correct siblings set out to 'add both and then double'; this response to 'take the product minus the "
        "first'"
    )
    # what speaks against it comes last
    assert diagnosis.evidence[-1].sentence.startswith("6 * 9 is 54, not 53")


def test_a_misread_number_under_the_plan_of_the_siblings_is_procedural():
    text = "Let's try to add both and then double. We get 4 + 9 = 13, so 13 * 2 = 26. The answer is 26."
    assert diagnose(trace(text)).kind == "strategic"  # alone, nothing is wrong with it
    assert diagnose(trace(text), SIBLINGS, LEXICON).kind == "procedural"


def test_a_right_result_that_is_not_answered_is_procedural():
    text = RIGHT.replace("answer is 30", "answer is 13")
    diagnosis = diagnose(trace(text, reference="30"))
    assert diagnosis.kind == "procedural"
    assert diagnosis.evidence[0].sentence == "2*15 = 30 is the right result, but the response answers 13"
    assert diagnose(trace(text), SIBLINGS).kind == "procedural"  # the siblings tell the same


def test_a_slip_that_is_put_right_is_none():
    text = "We get 6 * 9 = 53. Wait, 6 * 9 = 54, so 54 - 6 = 48. The answer is 48."
    assert diagnose(trace(text)).kind == "strategic"


def test_a_slip_that_the_answer_does_not_rest_on_weighs_less():
    text = "We get 2 + 2 = 5 in passing. And 6 * 9 = 54, so 54 - 6 = 48. The answer is 48."
    diagnosis = diagnose(trace(text))
    assert diagnosis.scores["procedural"] == pytest.approx(probability("slip elsewhere"))
    assert "rests" not in diagnosis.evidence[0].sentence


def test_many_equations_that_cannot_be_checked_may_hide_a_slip():
    text = "Let f = g. Then f(x) = g(x), h = f(g), u = v, v = w, w = y and so y = k. The answer is 4."
    diagnosis = diagnose(trace(text))
    assert diagnosis.kind == "procedural"
    assert "could not be checked, and may hide a slip" in diagnosis.evidence[0].sentence


def test_without_any_evidence_a_wrong_plan_is_likelier_and_that_is_said():
    diagnosis = diagnose(trace("I think that there are many pens, so the answer is 7."))
    assert (diagnosis.kind, diagnosis.step, diagnosis.start) == ("strategic", None, None)
    assert diagnosis.evidence[0].sentence.startswith("no slip was found (it holds no equation)")
    assert diagnosis.confidence == pytest.approx(1 - probability())


@pytest.mark.parametrize(
    ("text", "fields", "kind", "why"),
    [
        ("", {}, "undecided", "it is empty"),
        ("30.", {}, "undecided", "nothing but an answer"),
        ("It is 30, so \\boxed{30.0}", {"reference": "30"}, "not-wrong", "equals the reference"),
        ("One adds the pens of both kinds, and then one doubles.", {}, "undecided", "without an answer"),
        ("We add 6 and 9 and then we", {}, "unfinished", "in the middle"),
        ("We add and add. " + "and again " * 60, {}, "degenerate", "repeat the same 10"),
    ],
)
def test_loops_cutoffs_and_missing_answers_are_diagnosed_by_form(text, fields, kind, why):
    diagnosis = diagnose(trace(text, **fields), SIBLINGS)
    assert diagnosis.kind == kind
    assert why in diagnosis.evidence[0].sentence


def test_a_response_without_a_named_plan_is_undecided_where_all_siblings_name_theirs():
    text = "Let's try to 5 times back, the first. We get 6 * 9 = 54. The answer is 54."
    assert diagnose(trace(text), SIBLINGS, LEXICON).kind == "undecided"
    assert diagnose(trace(text), SIBLINGS).kind == "strategic"
    assert diagnose(trace(text), [*SIBLINGS, trace("It is 30.", True, "c")], LEXICON).kind == "strategic"


def test_wrong_siblings_count_for_nothing():
    assert diagnose(trace(PLAN), [trace(SLIP, False, "x"), trace(RIGHT, None, "y")]) == diagnose(trace(PLAN))


def test_a_group_gives_a_diagnosis_for_each_wrong_trace_in_order():
    group = [trace(SLIP, False, "s"), SIBLINGS[0], trace(PLAN, False, "p"), SIBLINGS[1], trace(PLAN, None, "n")]
    diagnoses = diagnose_group(group, LEXICON)
    assert [(diagnosis.trace_id, diagnosis.kind) for diagnosis in diagnoses] == [
        ("s", "procedural"),
        ("p", "strategic"),
    ]
    assert diagnoses[0] == diagnose(group[0], group, LEXICON)
    assert diagnose_group(SIBLINGS) == []


def test_siblings_are_chosen_in_any_order_alike():
    siblings = [trace(RIGHT, True, f"t{number}") for number in range(20)]
    assert chosen_siblings(siblings) == chosen_siblings(siblings[::-1])
    assert len(chosen_siblings(siblings)) == 8


@given(st.text(max_size=300), st.sampled_from(["", SLIP, PLAN]))
def test_any_text_gets_a_kind_with_evidence_inside_it(noise, body):
    text = body + noise
    diagnosis = diagnose(trace(text), SIBLINGS, LEXICON)
    assert diagnosis.kind in KINDS
    assert sum(diagnosis.scores.values()) == pytest.approx(1)
    assert diagnosis.confidence == pytest.approx(diagnosis.scores[diagnosis.kind])
    assert diagnosis.evidence
    for evidence in diagnosis.evidence:
        assert evidence.sentence
        end = evidence.end if evidence.end is not None else len(text)
        assert evidence.start is None or 0 <= evidence.start <= end <= len(text)


def test_most_strategic_errors_of_the_testbeds_solver_are_diagnosed_so():
    task, rng = Testbed(), np.random.default_rng(3)
    solver, kinds = Solver(task.config), []
    for problem in task.problems("train")[:12]:
        texts = [solver(problem, rng) for _ in range(6)]
        verdicts = task.judge([problem] * 6, texts)
        group = [
            trace(text, verdict.correct, str(at))
            for at, (text, verdict) in enumerate(zip(texts, verdicts, strict=True))
        ]
        kinds += [diagnosis.kind for diagnosis in diagnose_group(group, LEXICON)]
    assert len(kinds) > 20
    assert kinds.count("strategic") / len(kinds) > 0.9  # the solver's arithmetic is always right


def test_errors_of_the_sample_traces_are_diagnosed_better_than_by_chance():
    traces = list(read_traces(data_path("sample_traces.jsonl")))
    groups = {trace.group: [peer for peer in traces if peer.group == trace.group] for trace in traces}
    true_kinds = {trace.id: trace.meta.get("error") for trace in traces}
    diagnoses = [diagnosis for group in groups.values() for diagnosis in diagnose_group(group)]
    n_right = sum(diagnosis.kind == true_kinds[diagnosis.trace_id] for diagnosis in diagnoses)
    assert (len(diagnoses), n_right >= 30) == (40, True)
