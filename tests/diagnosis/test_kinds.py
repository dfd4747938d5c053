"""Kinds of errors, on responses whose kind is obvious."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.diagnosis.kind_model import packaged_model
from sgram.diagnosis.kinds import KINDS, diagnose, diagnose_group, diagnose_solution, read_solution, select_siblings
from sgram.files import data_path
from sgram.grading import Grade
from sgram.lexicon import Lexicon
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
    """Return the probability of the kind that signals decide."""
    kind, share = packaged_model().decide(names)
    assert kind is not None
    return share


def test_a_wrong_equation_that_the_answer_rests_on_is_procedural_with_its_place():
    diagnosis = diagnose(trace(SLIP))
    assert (diagnosis.kind, diagnosis.start, diagnosis.end) == (
        "procedural",
        SLIP.index("6 + 9"),
        SLIP.index("6 + 9") + 10,
    )
    assert diagnosis.evidence[0].sentence == "6 + 9 is 15, not 16 (step 1), and the answer rests on it"
    assert diagnosis.step is None  # a slip shows the kind; whether it is the first error is another question
    assert diagnosis.scores["procedural"] == pytest.approx(probability("slip behind the answer"))


def test_computations_that_hold_from_the_problem_to_a_wrong_answer_are_strategic():
    diagnosis = diagnose(trace(PLAN))
    assert diagnosis.kind == "strategic"
    assert diagnosis.evidence[0].sentence == (
        "its 2 computations hold and lead from numbers of the problem (6, 9) to the answer: 54-6 = 48 is the last"
    )
    assert diagnosis.confidence == pytest.approx(probability("computation holds"))
    # from the first computation to the last
    assert (diagnosis.start, diagnosis.end) == (PLAN.index("6 * 9"), PLAN.index("54 - 6") + len("54 - 6 = 48"))


def test_what_siblings_do_is_told_and_decides_nothing():
    alone, beside = diagnose(trace(PLAN)), diagnose(trace(PLAN), SIBLINGS)
    assert (beside.kind, beside.confidence) == (alone.kind, alone.confidence)
    assert "all 2 correct siblings add first; this response computes 6*9 = 54" in {
        evidence.sentence for evidence in beside.evidence
    }
    unknown = PLAN.replace("6 * 9 = 54", "7 * 8 = 56").replace("54 - 6 = 48", "56 - 6 = 50").replace("is 48", "is 50")
    assert diagnose(trace(unknown), SIBLINGS).kind == "undecided"  # 7 and 8 come from nowhere


def test_a_plan_by_another_name_and_a_slip_contradict_each_other():
    slip_too = PLAN.replace("54", "53").replace("48", "47")
    assert diagnose(trace(slip_too), SIBLINGS).kind == "procedural"
    diagnosis = diagnose(trace(slip_too), SIBLINGS, LEXICON)
    assert diagnosis.kind == "undecided"
    assert diagnosis.evidence[0].sentence.startswith("what was seen does not tell a wrong plan from a slip")
    sentences = {evidence.sentence for evidence in diagnosis.evidence}
    assert any(sentence.startswith("6 * 9 is 54, not 53") for sentence in sentences)
    assert (
        "all 2 correct siblings set out to 'add both and then double'; this response to 'take the product minus the "
        "first'"
    ) in sentences


def test_a_general_phrase_of_a_lexicon_names_no_plan():
    lexicon = Lexicon.from_grams(["let's", "follow these steps", "think it over again"], move="goal-setting")
    wrong, right = "Let's follow these steps. So it is 7.", "Let's follow these steps. It is 30."
    other = "Let's think it over again. It is 30."
    for sibling in (right, other):  # neither the same phrase nor another one is evidence
        assert diagnose(trace(wrong), [trace(sibling, True, "a")], lexicon).kind == "undecided"


def test_a_misread_number_under_the_plan_of_the_siblings_is_procedural():
    text = "Let's try to add both and then double. We get 4 + 9 = 13, so 13 * 2 = 26. The answer is 26."
    assert diagnose(trace(text)).kind == "undecided"  # 4 is no number of the problem, and nothing else is wrong
    assert diagnose(trace(text), SIBLINGS, LEXICON).kind == "procedural"


def test_a_slip_without_which_the_answer_would_be_right_is_procedural():
    diagnosis = diagnose(trace(SLIP, reference="30"))
    assert diagnosis.kind == "procedural"
    assert diagnosis.evidence[0].sentence == ("6+9 is 15, not 16; with 15 the answer would be 30, the reference")
    assert diagnosis.confidence == pytest.approx(probability("slip put right"))
    assert diagnosis.step == 0  # without it the answer would be right


def test_a_right_result_that_is_not_answered_decides_nothing():
    diagnosis = diagnose(trace(RIGHT.replace("answer is 30", "answer is 13"), reference="30"))
    assert diagnosis.kind == "undecided"
    assert "15*2 = 30" in diagnosis.evidence[1].sentence or "2*15 = 30" in diagnosis.evidence[1].sentence


def test_a_slip_that_is_put_right_or_doubted_is_none():
    text = "We get 6 * 9 = 53. Wait, 6 * 9 = 54, so 54 - 6 = 48. The answer is 48."
    assert diagnose(trace(text)).kind == "strategic"
    doubted = "We get 6 * 9 = 53. Hmm, that seems off. So the answer is 53."
    assert diagnose(trace(doubted)).kind == "undecided"


def test_a_slip_that_the_answer_does_not_rest_on_counts_too():
    text = "We get 2 + 2 = 5 in passing. And 6 * 9 = 54, so 54 - 6 = 48. The answer is 48."
    diagnosis = diagnose(trace(text))
    assert (diagnosis.kind, diagnosis.confidence) == ("procedural", pytest.approx(probability("slip elsewhere")))
    assert "rests" not in diagnosis.evidence[0].sentence


@pytest.mark.parametrize(
    "text",
    [
        "I think that there are many pens, so the answer is 7.",
        "Let f = g. Then f(x) = g(x), h = f(g), u = v, v = w, w = y and so y = k. The answer is 4.",
        "On pages 4-7 are 4 pictures, so the answer is 4.",
        "The free hour is 5-6 PM, then 7-8 is $30, so the answer is 30.",
        "At n=3 is 2.420 times 10 to the negative 19, so the answer is 3.",
        "It takes 3 hours + 24 minutes = 3 hours 24 minutes. The answer is 3.",
    ],
)
def test_the_absence_of_evidence_decides_nothing(text):
    diagnosis = diagnose(trace(text))
    assert (diagnosis.kind, diagnosis.confidence) == ("undecided", 1.0)
    assert diagnosis.evidence[0].sentence.startswith("nothing shows a wrong plan or a slip (")


def test_a_wrong_trace_that_the_grader_calls_right_is_not_wrong():
    wrong = trace(PLAN, reference="48")
    verdict = Grade(True, "48", "equal numbers")
    assert diagnose_solution(wrong, read_solution(wrong), [], verdict).kind == "not-wrong"
    rounded = Grade(False, "48.2", "", "a number rounded to the digits of the reference")
    assert diagnose_solution(wrong, read_solution(wrong), [], rounded).kind == "undecided"
    changed = Grade(False, "48", "", "minutes in hours")
    diagnosis = diagnose_solution(wrong, read_solution(wrong), [], changed)
    assert (diagnosis.kind, "minutes in hours" in diagnosis.evidence[0].sentence) == ("format", True)


@pytest.mark.parametrize(
    ("text", "fields", "kind", "why"),
    [
        ("", {}, "undecided", "it is empty"),
        ("30.", {}, "undecided", "nothing but an answer"),
        ("It is 30, so \\boxed{30.0}", {"reference": "30"}, "not-wrong", "equals the reference"),
        ("One adds the pens of both kinds, and then one doubles.", {}, "undecided", "without an answer"),
        ("We add 6 and 9 and then we", {}, "unfinished", "in the middle"),
        ("Error: Failed to get response from the model", {}, "undecided", "an error message of a service"),
        (PROMPT, {}, "undecided", "only repeats the problem"),
        ("<|im_start|>system", {}, "undecided", "marks and instructions of a chat template"),
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
    # without that, its computation decides: of the numbers of the problem, right, and a wrong answer
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
    assert select_siblings(siblings) == select_siblings(siblings[::-1])
    assert len(select_siblings(siblings)) == 8


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


def test_strategic_errors_of_the_testbeds_solver_are_diagnosed_so_or_left_undecided():
    task, rng = Testbed(), np.random.default_rng(3)
    solver, kinds = Solver(task.config), []
    for problem in task.problems("train")[:12]:
        texts = [solver(problem, rng) for _ in range(6)]
        verdicts = task.judge([problem] * 6, texts)
        group = [
            Trace(id=str(at), group="g", prompt=problem.prompt, text=text, correct=verdict.correct)
            for at, (text, verdict) in enumerate(zip(texts, verdicts, strict=True))
        ]
        kinds += [diagnosis.kind for diagnosis in diagnose_group(group, LEXICON)]
    assert len(kinds) > 20
    assert set(kinds) <= {"strategic", "undecided"}  # the solver's arithmetic is always right
    assert kinds.count("strategic") / len(kinds) > 0.8


def test_decided_errors_of_the_sample_traces_are_mostly_right():
    traces = list(read_traces(data_path("sample_traces.jsonl")))
    groups = {trace.group: [peer for peer in traces if peer.group == trace.group] for trace in traces}
    true_kinds = {trace.id: trace.meta.get("error") for trace in traces}
    diagnoses = [diagnosis for group in groups.values() for diagnosis in diagnose_group(group)]
    decided = [diagnosis for diagnosis in diagnoses if diagnosis.kind in ("strategic", "procedural")]
    n_right = sum(diagnosis.kind == true_kinds[diagnosis.trace_id] for diagnosis in decided)
    assert len(diagnoses) == 40
    assert len(decided) >= 10
    assert n_right / len(decided) >= 0.75
