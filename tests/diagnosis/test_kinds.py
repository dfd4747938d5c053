"""Kinds of errors, on responses of which the kind is plain to see."""

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
    """Of a procedural error, worked out from the weights."""
    return 1 / (1 + math.exp(-PRIOR - sum(WEIGHTS[name] for name in names)))


def test_a_wrong_equation_that_the_answer_rests_on_is_procedural_with_its_place():
    found = diagnose(trace(SLIP))
    assert (found.kind, found.start, found.end) == ("procedural", SLIP.index("6 + 9"), SLIP.index("6 + 9") + 10)
    assert found.evidence[0].what == "6 + 9 is 15, not 16 (step 1), and the answer rests on it"
    assert found.step == 0
    assert found.scores["procedural"] == pytest.approx(probability("slip behind the answer"))


def test_equations_that_hold_and_a_wrong_answer_are_strategic():
    found = diagnose(trace(PLAN))
    assert found.kind == "strategic"
    assert found.evidence[0].what == "the 2 equations that the answer rests on hold: 54-6 = 48 is the last"
    assert found.confidence == pytest.approx(1 - probability("equations hold"))


def test_without_a_sign_the_likeliest_step_is_named_and_so_is_its_probability():
    # no equation is wrong, but two claims about one order contradict each other
    steps = ["The oak is taller than the elm.", "The elm is taller than the ash.", "I assume the ash is a tree of 7 m."]
    found = diagnose(trace("\n\n".join([*steps, "The answer is 12."]), reference="3"))
    assert found.step is not None
    last = found.evidence[-1]
    assert last.what.startswith(f"its first error is likeliest in step {found.step + 1} of 4 (")
    assert (last.start, last.end) == (sum(len(each) + 2 for each in steps[: found.step]), last.end)
    alone = diagnose(trace("The answer is 12.", reference="3"))
    assert alone.step is None, "there is one step only, so there is nothing to choose"


def test_siblings_that_do_something_else_make_it_surer():
    found = diagnose(trace(PLAN), SIBLINGS)
    assert found.confidence == pytest.approx(1 - probability("equations hold", "other operations"))
    assert "all 2 correct siblings add first; this response computes 6*9 = 54" in {e.what for e in found.evidence}


def test_a_plan_by_another_name_is_strategic_whatever_the_arithmetic():
    slip_too = PLAN.replace("54", "53").replace("48", "47")
    beside = diagnose(trace(slip_too), SIBLINGS)  # other operations say nothing where a slip is seen
    assert beside.scores["procedural"] == pytest.approx(probability("slip behind the answer"))
    found = diagnose(trace(slip_too), SIBLINGS, LEXICON)
    assert found.kind == "strategic"
    assert found.evidence[0].what == (
        "all 2 correct siblings set out to 'add both and then double'; this response to 'take the product minus the "
        "first'"
    )
    # what speaks against it comes last
    assert found.evidence[-1].what.startswith("6 * 9 is 54, not 53")


def test_a_misread_number_under_the_plan_of_the_siblings_is_procedural():
    text = "Let's try to add both and then double. We get 4 + 9 = 13, so 13 * 2 = 26. The answer is 26."
    assert diagnose(trace(text)).kind == "strategic"  # alone, nothing is wrong with it
    assert diagnose(trace(text), SIBLINGS, LEXICON).kind == "procedural"


def test_a_right_result_that_is_not_answered_is_procedural():
    text = RIGHT.replace("answer is 30", "answer is 13")
    found = diagnose(trace(text, reference="30"))
    assert found.kind == "procedural"
    assert found.evidence[0].what == "2*15 = 30 is the right result, but the response answers 13"
    assert diagnose(trace(text), SIBLINGS).kind == "procedural"  # the siblings tell the same


def test_a_slip_that_is_put_right_is_none():
    text = "We get 6 * 9 = 53. Wait, 6 * 9 = 54, so 54 - 6 = 48. The answer is 48."
    assert diagnose(trace(text)).kind == "strategic"


def test_a_slip_that_the_answer_does_not_rest_on_weighs_less():
    text = "We get 2 + 2 = 5 in passing. And 6 * 9 = 54, so 54 - 6 = 48. The answer is 48."
    found = diagnose(trace(text))
    assert found.scores["procedural"] == pytest.approx(probability("slip elsewhere"))
    assert "rests" not in found.evidence[0].what


def test_many_equations_that_cannot_be_checked_may_hide_a_slip():
    text = "Let f = g. Then f(x) = g(x), h = f(g), u = v, v = w, w = y and so y = k. The answer is 4."
    found = diagnose(trace(text))
    assert found.kind == "procedural"
    assert "could not be checked, and may hide a slip" in found.evidence[0].what


def test_without_any_evidence_a_wrong_plan_is_likelier_and_that_is_said():
    found = diagnose(trace("I think that there are many pens, so the answer is 7."))
    assert (found.kind, found.step, found.start) == ("strategic", None, None)
    assert found.evidence[0].what.startswith("no slip was found (it holds no equation)")
    assert found.confidence == pytest.approx(1 - probability())


@pytest.mark.parametrize(
    ("text", "fields", "kind", "why"),
    [
        ("", {}, "other", "it is empty"),
        ("30.", {}, "other", "nothing but an answer"),
        ("It is 30, so \\boxed{30.0}", {"reference": "30"}, "other", "equals the reference"),
        ("One adds the pens of both kinds, and then one doubles.", {}, "other", "without an answer"),
        ("We add 6 and 9 and then we", {}, "unfinished", "in the middle"),
        ("We add and add. " + "and again " * 60, {}, "degenerate", "repeat the same 10"),
    ],
)
def test_what_is_no_error_of_thought_is_told_by_its_form(text, fields, kind, why):
    found = diagnose(trace(text, **fields), SIBLINGS)
    assert found.kind == kind
    assert why in found.evidence[0].what


def test_a_response_without_a_named_plan_is_other_where_all_siblings_name_theirs():
    text = "Let's try to 5 times back, the first. We get 6 * 9 = 54. The answer is 54."
    assert diagnose(trace(text), SIBLINGS, LEXICON).kind == "other"
    assert diagnose(trace(text), SIBLINGS).kind == "strategic"
    assert diagnose(trace(text), [*SIBLINGS, trace("It is 30.", True, "c")], LEXICON).kind == "strategic"


def test_wrong_siblings_count_for_nothing():
    assert diagnose(trace(PLAN), [trace(SLIP, False, "x"), trace(RIGHT, None, "y")]) == diagnose(trace(PLAN))


def test_a_group_gives_a_diagnosis_for_each_wrong_trace_in_order():
    group = [trace(SLIP, False, "s"), SIBLINGS[0], trace(PLAN, False, "p"), SIBLINGS[1], trace(PLAN, None, "n")]
    found = diagnose_group(group, LEXICON)
    assert [(each.trace_id, each.kind) for each in found] == [("s", "procedural"), ("p", "strategic")]
    assert found[0] == diagnose(group[0], group, LEXICON)
    assert diagnose_group(SIBLINGS) == []


def test_siblings_are_chosen_in_any_order_alike():
    many = [trace(RIGHT, True, f"t{number}") for number in range(20)]
    assert chosen_siblings(many) == chosen_siblings(many[::-1])
    assert len(chosen_siblings(many)) == 8


@given(st.text(max_size=300), st.sampled_from(["", SLIP, PLAN]))
def test_any_text_gets_a_kind_with_evidence_inside_it(noise, body):
    text = body + noise
    found = diagnose(trace(text), SIBLINGS, LEXICON)
    assert found.kind in KINDS
    assert sum(found.scores.values()) == pytest.approx(1)
    assert found.confidence == pytest.approx(found.scores[found.kind])
    assert found.evidence
    for each in found.evidence:
        assert each.what
        assert each.start is None or 0 <= each.start <= (each.end if each.end is not None else len(text)) <= len(text)


def test_most_strategic_errors_of_the_testbeds_solver_are_told_so():
    task, rng = Testbed(), np.random.default_rng(3)
    solver, told = Solver(task.config), []
    for problem in task.problems("train")[:12]:
        texts = [solver(problem, rng) for _ in range(6)]
        verdicts = task.judge([problem] * 6, texts)
        group = [
            trace(text, verdict.correct, str(at))
            for at, (text, verdict) in enumerate(zip(texts, verdicts, strict=True))
        ]
        told += [each.kind for each in diagnose_group(group, LEXICON)]
    assert len(told) > 20
    assert told.count("strategic") / len(told) > 0.9  # the solver's arithmetic is always right


def test_the_sample_traces_are_told_apart_better_than_by_chance():
    traces = list(read_traces(data_path("sample_traces.jsonl")))
    groups = {each.group: [one for one in traces if one.group == each.group] for each in traces}
    truth = {each.id: each.meta.get("error") for each in traces}
    told = [each for group in groups.values() for each in diagnose_group(group)]
    right = sum(each.kind == truth[each.trace_id] for each in told)
    assert (len(told), right >= 30) == (40, True)
