"""Where a wrong response leaves its correct siblings."""

from sgram.diagnosis.operations import extract_work
from sgram.diagnosis.siblings import find_divergence, find_plans, nearest_sibling, text_divergence
from sgram.lexicon import Lexicon
from sgram.tagging.spans import find_spans
from sgram.testbed.task import Testbed
from sgram.traces import Trace

RIGHT = "We get 6 + 9 = 15, so 15 * 2 = 30. The answer is 30."
AGAIN = "First 9 + 6 = 15. Then 2 * 15 = 30. The answer is 30."


def work(text: str):
    return extract_work(Trace(id="t", text=text))


def test_the_same_operation_with_another_result_is_reported_with_both_results():
    wrong = "We get 6 + 9 = 14, so 14 * 2 = 28. The answer is 28."
    divergence = text_divergence(wrong, RIGHT)
    assert (divergence.kind, divergence.start_wrong, divergence.start_correct) == (
        "result",
        wrong.index("6"),
        RIGHT.index("6"),
    )
    assert divergence.evidence == "6+9 is 14 here and 15 in the correct sibling"


def test_another_first_operation_is_reported_with_what_all_siblings_do():
    wrong = work("That gives 6 * 9 = 54, so 54 - 6 = 48. The answer is 48.")
    divergence = find_divergence(wrong, [work(RIGHT), work(AGAIN)])
    assert (divergence.kind, divergence.step) == ("operation", 0)
    assert divergence.evidence == "all 2 correct siblings add first; this response computes 6*9 = 54"
    assert find_divergence(wrong, [work(RIGHT)]).evidence.startswith("the correct sibling adds first; ")


def test_another_operation_with_the_same_operator_is_compared_with_the_nearest_sibling():
    wrong = work("We get 6 + 19 = 25, so 25 * 2 = 50. The answer is 50.")
    divergence = find_divergence(wrong, [work("Take 40 - 10 = 30. The answer is 30."), work(RIGHT)])
    assert divergence.kind == "number"  # 25 * 2 here, 15 * 2 there
    # only the second sibling computes 15 * 2
    assert divergence.evidence == "the answer is 2*25 = 50 here and 2*15 = 30 in 1 of 2 correct siblings"
    other_operation = work("We get 7 + 19 = 26, and 26 - 20 = 6. The answer is 6.")
    assert find_divergence(other_operation, [work(RIGHT)]).evidence == (
        "7+19 = 26 is computed in none of the correct sibling; the nearest has 6+9 = 15"
    )


def test_what_the_answer_does_not_rest_on_is_no_divergence():
    # 6 * 9 is an attempt that is dropped; what the answer rests on is the sibling's
    wrong = "Try 6 * 9 = 54. No: 6 + 9 = 15, 15 * 2 = 30. The answer is 31."
    assert text_divergence(wrong.replace("31", "30"), RIGHT) is None


def test_the_same_work_with_another_answer_is_a_divergence():
    wrong = "We get 6 + 9 = 15, so 15 * 2 = 30. The answer is 13."
    divergence = text_divergence(wrong, RIGHT)
    assert (divergence.kind, divergence.start_wrong) == ("answer", wrong.index("30") + 2)
    assert "who answer 30; this response answers 13" in divergence.evidence


def test_an_answer_to_half_of_the_work_is_not_the_same_work():
    assert text_divergence("We get 6 + 9 = 15. The answer is 14.", RIGHT) is None


def test_one_result_alone_is_too_little_to_be_the_same_work():
    assert text_divergence("So 15 * 2 = 30. The answer is 13.", "So 15 * 2 = 30. The answer is 30.") is None


def test_a_wrong_equation_of_a_sibling_makes_no_result_right():
    sibling = work("First 6 + 9 = 14. Wait, 6 + 9 = 15, and 15 * 2 = 30. The answer is 30.")
    divergence = find_divergence(work("So 6 + 9 = 14 and 14 * 2 = 28. The answer is 28."), [sibling])
    assert divergence.evidence == "6+9 is 14 here and 15 in the correct sibling"


def test_a_percentage_of_a_number_is_not_compared_with_its_multiple():
    # 2.5% of 5000 is 125; the sibling multiplies by 2.5 and divides by 100 later
    wrong = "It rises by $5,000 * 2.5% = $125. So 125 + 96 = 221. The answer is 221."
    sibling = "We get 5000 * 2.5 = 12500, so 12500 / 100 = 125. The answer is 125."
    divergence = text_divergence(wrong, sibling)
    assert (divergence.kind, divergence.start_wrong) == ("operation", wrong.index("125 + 96"))


def test_only_the_siblings_that_do_the_operation_are_counted():
    wrong = work("We get 6 + 9 = 14, so 14 * 2 = 28. The answer is 28.")
    others = [work("Take 40 - 10 = 30. The answer is 30."), work(RIGHT), work(AGAIN)]
    # 6+9 is in the second and the third
    assert find_divergence(wrong, others).evidence == "6+9 is 14 here and 15 in 2 of 3 correct siblings"


def test_siblings_that_disagree_on_a_result_give_no_other_result():
    wrong = work("We get 10 / 4 = 3, so 3 * 7 = 21. The answer is 21.")
    exact, cut = work("So 10 / 4 = 2.5. The answer is 2.5."), work("So 10 / 4 = 2. The answer is 2.")
    assert find_divergence(wrong, [exact]).kind == "result"
    assert [operation.verdict for operation in cut.operations] != ["wrong"]
    # 2.5 and 2: what a sibling would have said here is not known, so the next operation counts
    assert find_divergence(wrong, [exact, cut]).evidence.startswith("all 2 correct siblings divide first; ")


def test_a_right_equation_is_no_other_result_than_that_of_a_sibling():
    # 2 / 8 is 25 % as well as 0.25
    wrong = "He has 2 / 8 = 25%. And 25 + 1 = 26. The answer is 26."
    assert text_divergence(wrong, "So 2 / 8 = 0.25, and 0.25 * 4 = 1. The answer is 1.").kind == "operation"


def test_only_the_siblings_whose_work_was_done_are_counted_behind_another_answer():
    wrong = work("We get 6 + 9 = 15, so 15 * 2 = 30. The answer is 13.")
    others = [work(RIGHT), work("Take 40 - 12 = 28, and 28 + 2 = 30. The answer is 30.")]
    # 15 and 30 are computed as in the first; 28 is not
    assert find_divergence(wrong, others).evidence == (
        "it does all that 1 of 2 correct siblings did, who answer 30; this response answers 13"
    )


def test_nothing_to_compare_gives_nothing():
    assert text_divergence("No numbers at all.", RIGHT) is None
    assert text_divergence(RIGHT, "It is clear.") is None
    assert find_divergence(work(RIGHT), []) is None


def test_the_nearest_sibling_shares_most_and_the_first_of_equals_wins():
    far, near = work("4 + 4 = 8. The answer is 8."), work(RIGHT)
    wrong = work("6 + 9 = 15, and 15 * 3 = 45. The answer is 45.")
    assert nearest_sibling(wrong, [far, near]) == 1
    assert nearest_sibling(wrong, [near, near]) == 0
    assert nearest_sibling(work("1 + 1 = 2"), [far, near]) == 0


TESTBED = Testbed().lexicon()


def names(text: str, lexicon: Lexicon) -> list[str]:
    return [plan.name for plan in find_plans(text, find_spans(text, lexicon))]


def test_plans_are_the_names_behind_phrases_that_announce():
    text = (
        "Okay, let's think. Let's try to add both and then double. No. Another way is to square the first and add. "
        "We square the first and add."
    )
    assert names(text, TESTBED) == ["add both and then double", "square the first and add"]
    plan = find_plans(text, find_spans(text, TESTBED))[0]
    assert text[plan.start : plan.end] == "add both and then double"


def test_what_does_not_end_the_sentence_or_does_not_follow_at_once_is_no_name():
    assert names("Let's try to add both and then double it.", TESTBED) == []
    assert names("Let's try to now add both and then double.", TESTBED) == []
    assert names("Let's try to 5, add both and then double.", TESTBED) == []


def test_short_grams_name_no_plan():
    lexicon = Lexicon.from_grams(["let me", "count by weeks", "go on"], name="mine", move="goal-setting")
    assert names("Let me count by weeks. Let me go on.", lexicon) == ["count by weeks"]
