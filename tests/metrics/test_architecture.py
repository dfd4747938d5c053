"""Classes of sequences of lengths."""

import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.errors import InputError
from sgram.metrics import architecture


def test_the_four_classes_by_hand():
    # 1 10 100: C_S = log10(100) / 2 = 1
    assert architecture([1, 10, 100]).kind == "ordered"
    assert architecture([1, 10, 100]).similarity == pytest.approx(1)
    assert architecture([100, 10, 1]).kind == "anti-ordered"
    # 4 5 6: C_S = log10(1.5) / 2 = 0.088; C_V = sqrt(2/3) / 5 = 0.163 <= sqrt(2) / 2
    sequence = architecture([4, 5, 6])
    assert (sequence.kind, sequence.n) == ("similar", 3)
    assert (sequence.similarity, sequence.variation) == (
        pytest.approx(0.08805, abs=1e-5),
        pytest.approx(0.1633, abs=1e-4),
    )
    # 1 100 1: C_S = 0; mean 34, sd sqrt((2 * 33^2 + 66^2) / 3) = 46.67; C_V = 1.373 > sqrt(2) / 2
    assert architecture([1, 100, 1]).kind == "mixed"


@given(st.lists(st.integers(1, 10_000), min_size=3, max_size=30))
def test_the_coefficients_are_their_definitions(lengths):
    sequence = architecture(lengths)
    ratios = [math.log10(later / length) for length, later in zip(lengths, lengths[1:], strict=False)]
    similarity = sum(ratios) / len(ratios)
    variation = statistics.pstdev(lengths) / statistics.mean(lengths)
    assert sequence.similarity == pytest.approx(similarity, abs=1e-9)
    assert sequence.variation == pytest.approx(variation, abs=1e-9)
    if abs(abs(similarity) - 0.2) > 1e-9 and abs(variation - math.sqrt(len(lengths) - 1) / 2) > 1e-9:
        expected = "similar" if variation <= math.sqrt(len(lengths) - 1) / 2 else "mixed"
        assert sequence.kind == ("ordered" if similarity > 0.2 else "anti-ordered" if similarity < -0.2 else expected)


def test_the_bound_itself_is_similar():
    # n = 5 with only one length above the others: C_V = sqrt(4) / 2 = 1 for 1 1 1 1 x where
    # x - 1 times 2/5 = mean = (4 + x) / 5, so x = 6; C_S = 0 as the odd one stands inside
    sequence = architecture([1, 1, 6, 1, 1])
    assert sequence.variation == pytest.approx(1)
    assert architecture([10, 10, 59, 10, 10]).kind == "similar"
    assert architecture([10, 10, 61, 10, 10]).kind == "mixed"


def test_lengths_of_0_are_dropped_and_few_lengths_have_no_class():
    assert architecture([4, 0, 5, 0, 0, 6]) == architecture([4, 5, 6])
    assert architecture([4, 0, 6]).kind is None
    assert architecture([4, 0, 6]).n == 2
    assert architecture([]) == architecture([0, 0])
    assert architecture([7, 9]).similarity is None


def test_an_invalid_length_is_refused():
    for length in (-1, math.inf, math.nan):
        with pytest.raises(InputError, match="a length must be a number >= 0"):
            architecture([1, 2, length])
