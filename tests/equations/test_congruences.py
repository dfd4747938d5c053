r"""Congruences of numbers: false ones are found, everything that is no statement is passed over."""

import pytest

from sgram.equations.congruences import find_false_congruences


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (r"So 4^4 + 1 = 257 \equiv 0 \pmod{289}.", "257 is not congruent to 0 modulo 289"),
        (r"Since \( 2008 \equiv 2 \pmod{6} \),", "2008 is not congruent to 2 modulo 6"),
        ("n=4: 256 ≡15 mod 17, ", "256 is not congruent to 15 modulo 17"),
        (r"$17 \cdot 20 \equiv 84 \pmod{83}$", r"17 \cdot 20 is not congruent to 84 modulo 83"),
    ],
)
def test_a_false_congruence_is_found(text, reason):
    (found,) = find_false_congruences(text)
    assert found.reason == reason
    assert text[found.start :].lstrip().startswith(reason.split(" is not")[0])


@pytest.mark.parametrize(
    "text",
    [
        r"\( 257 \equiv 257 \pmod{289} \)",
        r"\( 20 \equiv 3 \pmod{17} \)",
        r"\( 20 \not\equiv 4 \pmod{17} \)",
        r"If \( 20 \equiv 4 \pmod{17} \), then",
        "so is 20 ≡ 4 mod 17? No.",
        r"\( n^4 + 1 \equiv 0 \pmod{17} \)",
        "0 ≡ 2 mod 5",  # nothing was reduced
        "n ≡ 25 ≡ 4 mod 7",  # two residues that are compared
        "20 ≡ 4",
    ],
)
def test_true_negated_asked_and_symbolic_congruences_are_passed_over(text):
    assert find_false_congruences(text) == []
