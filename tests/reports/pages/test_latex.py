"""LaTeX: whatever a text holds, it is text."""

from hypothesis import given
from hypothesis import strategies as st

from sgram.reports.pages.latex import escape_latex, latex_table, needs_unicode_engine
from tests.builders.annotation_examples import NASTY
from tests.builders.latex_check import check_latex

HOSTILE = ("\\input{/etc/passwd}", "\\end{tabular}", "$x$ & y \\\\", "%\n", "^^M", "a\\", "[1]", "*", "}{", "--", "?`")


@given(st.text(max_size=20) | st.sampled_from(NASTY + HOSTILE))
def test_any_text_is_text_in_a_table(text):
    table = latex_table("tab:x", text, ["label", text], [[text, "1"], ["[", text]], is_small=True)
    assert check_latex(table) == {"table": 1, "tabular": 1}
    assert "\x1b" not in table
    assert "\u202e" not in table


def test_special_characters_are_printed_as_they_are():
    assert escape_latex(r"\input{x} 50% #1 a_b ~ ^") == (
        r"\textbackslash{}input\{x\} 50\% \#1 a\_b \textasciitilde{} \textasciicircum{}"
    )
    assert escape_latex("<a|b> \"c\" `d` -- ,, ''") == (
        r"\textless{}a\textbar{}b\textgreater{} \char34{}c\char34{} \textasciigrave{}d\textasciigrave{} -{}- ,{}, '{}'"
    )
    assert escape_latex("κ ≥ −0.5 – “x”") == "$\\kappa$ $\\ge$ $-$0.5 -- ``x''"
    assert escape_latex("{}") == r"\{\}"


def test_what_the_line_break_of_a_row_would_take_is_in_braces():
    assert escape_latex("[2cm]") == "{[}2cm]"
    assert escape_latex("*") == "{*}"
    assert escape_latex("") == ""


def test_letters_that_need_another_engine_are_known():
    assert not needs_unicode_engine(escape_latex("Zoë, Łukasz, ε, κ"))
    assert needs_unicode_engine(escape_latex("思考"))
