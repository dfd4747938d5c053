"""Claims about orders, swaps and brackets."""

import pytest

from sgram.diagnosis.claims import check_claims


def reasons(*steps):
    """Return the reasons of wrong claims of each step; None for a step without a claim."""
    return [[claim.reason for claim in claims if not claim.right] if claims else None for claims in check_claims(steps)]


def test_words_in_order():
    assert reasons('(1) "ash" < (2) ["birch" ? "beech"] < (5) "elm"') == [[]]
    assert reasons('"birch" < "ash" < "elm"') == [["'ash' comes before 'birch'"]]
    assert reasons('(2) "ash" < (2) "elm"') == [["2 is not below 2"]]
    assert reasons("3 < 4 and a < b") == [None]


def test_letters_of_words():
    assert reasons('The second letter: "ash": "s" (19). "elm": "l" (12).') == [[]]
    assert reasons('The second letter: "ash": "h" (8).') == [["letter 2 of 'ash' is not 'h'"]]
    assert reasons('The first letter: "ash": "a" (2).') == [["'a' is not letter 2"]]
    assert reasons('He said: "ash": "h"') == [None]


def test_two_who_swap():
    start = "At the start: Ann: pen, Bob: cup, Cid: hat."
    assert reasons(start, "Ann and Bob swap: Ann: cup, Bob: pen, Cid: hat.") == [None, []]
    wrong = "Ann and Bob swap: Ann: cup, Bob: hat, Cid: pen."
    assert reasons(start, wrong) == [None, ["Bob holds pen after that"]]
    # a step is compared with the one before it, so one slip is reported once
    assert reasons(start, wrong, "Ann and Cid trade: Ann: pen, Bob: hat, Cid: cup.")[2] == []
    assert reasons(start, "Ann and Dan swap: Ann: cup, Bob: pen, Cid: hat.")[1] is None


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        (["stack: empty", "( ; stack: (", "[ ; stack: ( [", "] ; stack: ("], [None, [], [], []]),
        (["stack: empty", "( ; stack: (", ") ; stack: ("], [None, [], ["the stack is empty after )"]]),
        (["( ; stack: (", "[ ; stack: ["], [None, ["the stack is ( [ after ["]]),
        (["The stack: I forgot", "x"], [None, None]),
    ],
)
def test_brackets_on_a_stack(steps, expected):
    assert reasons(*steps) == expected
