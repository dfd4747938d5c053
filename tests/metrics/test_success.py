"""pass@k, avg@k and maj@k against every draw there is."""

import math
from collections import Counter
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.errors import InputError, UsageError
from sgram.metrics import avg_at_k, maj_at_k, pass_at_k


def test_pass_at_k_is_the_chance_of_one_correct_sample():
    # 4 samples, 1 correct: of the 6 pairs 3 hold it; of 3 samples out of 4, 3 of 4
    assert pass_at_k(4, 1, 1) == 0.25
    assert pass_at_k(4, 1, 2) == 0.5
    assert pass_at_k(4, 1, 3) == pytest.approx(0.75)
    assert pass_at_k(4, 0, 2) == 0
    assert pass_at_k(4, 3, 2) == 1  # one wrong sample cannot fill a pair
    assert isinstance(pass_at_k(4, 1, 2), float)


@given(st.integers(1, 9), st.data())
def test_pass_at_k_counts_every_draw(n, data):
    c, k = data.draw(st.integers(0, n)), data.draw(st.integers(1, n))
    draws = list(combinations(range(n), k))
    expected = sum(any(sample < c for sample in draw) for draw in draws) / len(draws)
    assert pass_at_k(n, c, k) == pytest.approx(expected, abs=1e-12)


def test_arrays_hold_a_problem_an_entry():
    probability = pass_at_k(np.array([4, 10, 4]), [1, 3, 0], 2)
    # 10 samples, 3 correct: 1 - (7 * 6) / (10 * 9) = 8/15
    assert probability.tolist() == pytest.approx([0.5, 8 / 15, 0])
    assert pass_at_k(8, np.array([[0, 8], [4, 1]]), 8).tolist() == [[0, 1], [1, 1]]
    assert pass_at_k(8, [], 8).shape == (0,)


def test_pass_at_k_holds_for_many_samples():
    # 1 - C(9000, 1000) / C(10000, 1000), by exact whole numbers
    expected = 1 - math.comb(9990, 1000) / math.comb(10000, 1000)
    assert pass_at_k(10_000, 10, 1000) == pytest.approx(expected, abs=1e-12)


def test_invalid_numbers_of_samples_are_refused():
    with pytest.raises(UsageError, match="k is 5, but there are 4 samples"):
        pass_at_k([8, 4], 1, 5)
    for k in (0, -1, 1.0, True):
        with pytest.raises(UsageError, match=r"k must be a whole number >= 1 \(got"):
            pass_at_k(4, 1, k)
    for c in (5, -1):
        with pytest.raises(InputError, match="must be from 0 to n"):
            pass_at_k(4, c, 1)
    with pytest.raises(UsageError, match="c must be whole numbers"):
        pass_at_k(4, 0.25, 1)


@given(st.integers(1, 7), st.data())
def test_avg_at_k_is_the_mean_over_every_draw(n, data):
    c, k = data.draw(st.integers(0, n)), data.draw(st.integers(1, n))
    draws = list(combinations(range(n), k))
    expected = sum(sum(sample < c for sample in draw) / k for draw in draws) / len(draws)
    assert avg_at_k(n, c, k) == pytest.approx(expected, abs=1e-12)


def test_avg_at_k_takes_arrays_and_refuses_invalid_numbers():
    assert avg_at_k([4, 8], [1, 8], 4).tolist() == [0.25, 1.0]
    assert isinstance(avg_at_k(4, 1, 2), float)
    with pytest.raises(UsageError, match="k is 8, but there are 4 samples"):
        avg_at_k([4, 8], [1, 8], 8)
    with pytest.raises(InputError, match="must be from 0 to n"):
        avg_at_k(4, 5, 1)


# -- majority -------------------------------------------------------------------------------------------


def maj_by_enumeration(answers, correct, k):
    """Every draw, every vote."""
    draws = list(combinations(range(len(answers)), k))
    total = 0.0
    for draw in draws:
        votes = Counter(answers[sample] for sample in draw if answers[sample] is not None)
        best = [answer for answer, count in votes.items() if count == max(votes.values())]
        right = {answer for answer, ok in zip(answers, correct, strict=True) if ok}
        total += sum(answer in right for answer in best) / len(best) if best else 0
    return total / len(draws)


def test_a_majority_wins_and_a_tie_is_shared():
    # a a b, a is right. Pairs: aa (1), ab (1/2), ab (1/2): 2/3; one: 2/3; all three: a
    assert [maj_at_k("aab", [1, 1, 0], k) for k in (1, 2, 3)] == pytest.approx([2 / 3, 2 / 3, 1])
    # b is right: 1/3; aa 0, ab 1/2 twice: 1/3; never
    assert [maj_at_k("aab", [0, 0, 1], k) for k in (1, 2, 3)] == pytest.approx([1 / 3, 1 / 3, 0])


def test_a_sample_without_an_answer_has_no_vote():
    # a and none: pairs of [a, none, none]: a wins two of three, a pair of none is wrong
    assert maj_at_k(["a", None, None], [1, 0, 0], 2) == pytest.approx(2 / 3)
    assert maj_at_k([None, None], [0, 0], 2) == 0
    assert maj_at_k([None, "a"], [1, 0], 1) == 0  # nothing that can win is right


@given(
    st.lists(st.sampled_from(["a", "b", "c", "d", None]), min_size=1, max_size=9),
    st.sets(st.sampled_from(["a", "b", "c", "d"])),
    st.data(),
)
def test_maj_at_k_counts_every_draw(answers, right, data):
    k = data.draw(st.integers(1, len(answers)))
    correct = [answer in right for answer in answers]
    probability = maj_at_k(answers, correct, k)
    assert probability == pytest.approx(maj_by_enumeration(answers, correct, k), abs=1e-12)
    order = data.draw(st.permutations(range(len(answers))))
    assert maj_at_k([answers[sample] for sample in order], [correct[sample] for sample in order], k) == probability


def test_equal_answers_with_different_verdicts_count_by_their_share():
    # a is right in one of two samples: half of maj@2 of a a
    assert maj_at_k(["a", "a"], [True, False], 2) == 0.5


def test_arrays_are_taken_too():
    assert maj_at_k(np.array(["a", "b", "a"]), np.array([True, False, True]), 3) == 1


def test_many_samples_are_counted_exactly():
    # 60 % of 200 samples are right, the rest agree on one wrong answer: k = 101 is odd, so no ties
    answers, k = ["right"] * 120 + ["wrong"] * 80, 101
    expected = sum(math.comb(120, j) * math.comb(80, k - j) for j in range(51, k + 1)) / math.comb(200, k)
    assert maj_at_k(answers, [True] * 120 + [False] * 80, k) == pytest.approx(expected, abs=1e-12)


def test_invalid_votes_are_refused():
    with pytest.raises(UsageError, match="2 answers and 1 verdicts; give one verdict an answer"):
        maj_at_k(["a", "b"], [True], 1)
    with pytest.raises(InputError, match="the verdict of sample 1 is missing; leave such samples out"):
        maj_at_k(["a", "b"], [True, None], 1)
    with pytest.raises(UsageError, match="k is 3, but there are 2 samples"):
        maj_at_k(["a", "b"], [True, False], 3)
