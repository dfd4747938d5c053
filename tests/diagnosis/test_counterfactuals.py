"""Single changes that lead to the reference."""

from fractions import Fraction

import pytest

from sgram.diagnosis.counterfactuals import find_counterfactuals
from sgram.diagnosis.derivations import derive
from sgram.diagnosis.operations import extract_work
from sgram.traces import Trace


def changes(text, reference):
    trace = Trace(id="1", prompt="6 old and 9 new pens in each of two crates", text=text)
    work = extract_work(trace)
    return {found.change: found.sentence for found in find_counterfactuals(work, derive(work, trace), reference)}


@pytest.mark.parametrize(
    ("text", "reference", "change", "sentence"),
    [
        (
            "6 + 9 = 14, 14 * 2 = 28. The answer is 28.",
            30,
            "slip put right",
            "6+9 is 15, not 14; with 15 the answer would be 30, the reference",
        ),
        # the first result was right, then a count was changed by one
        (
            "999 - 99 = 900. Or 998 - 99 = 899. The answer is 899.",
            900,
            "right result changed",
            "it has 999-99 = 900, which is right, and 998-99 = 899, which it answers",
        ),
        ("6 - 36 = -30. The answer is -30.", 30, "sign turned", "the answer is the reference 30 with the other sign"),
        (
            "6 * 9 = 54, 54 * 2 = 108. The answer is 108.",
            30,  # (6 + 9) * 2
            "other operation",
            "6*9 with + in place of * would lead to 30, the reference",
        ),
    ],
)
def test_a_change_that_leads_to_the_reference_is_told(text, reference, change, sentence):
    assert changes(text, Fraction(reference))[change] == sentence


def test_nothing_is_told_without_a_number_to_compare_or_where_nothing_leads_there():
    assert changes("6 + 9 = 14. The answer is 14.", None) == {}
    assert changes("6 + 9 = 14. The answer is 14.", Fraction(14)) == {}
    assert changes("6 + 9 = 14, 14 * 2 = 28. The answer is 28.", Fraction(77)) == {}
    assert changes("No number at all.", Fraction(3)) == {}
