"""The agreement section of a made-up study: LaTeX that compiles, Markdown, CSV."""

import csv
import io
import shutil
import subprocess

import pytest

pytest.importorskip("krippendorff", reason="krippendorff comes with the extra validate")
pytest.importorskip("statsmodels", reason="statsmodels comes with the extra validate")

from sgram.annotation.agreement import measure_agreement
from sgram.annotation.confusion import count_confusions
from sgram.annotation.rating_table import RatingTable
from sgram.annotation.ratings import Rating
from sgram.reports.pages.agreement_section import (
    build_section,
    can_include,
    encode_section_csv,
    name_raters,
    render_latex,
    render_markdown,
)
from tests.builders.latex_check import check_latex
from tests.builders.rating_examples import of_rows, of_table

HOSTILE_LABELS = ("\\input{/etc/passwd}", "[2cm] a & b", "50 % of_x^y ~ $5", "<script>|`x`", 'Zoë "q" #1')


def section_of(ratings, names=True):
    ratings = list(ratings)
    measured, matrix = measure_agreement(ratings, n_draws=20), count_confusions(RatingTable.from_ratings(ratings))
    return build_section(measured, matrix, None, name_raters([row.rater for row in measured.raters]) if names else {})


def hostile_ratings():
    rows = of_rows("01234012", "01134*22", "0123401*")
    return [Rating(rating.item, f"r_{rating.rater} & co", HOSTILE_LABELS[int(rating.label)]) for rating in rows]


def latex_document(body: str) -> str:
    return "\n".join(
        [r"\documentclass{article}", r"\usepackage{booktabs}", r"\begin{document}", body, r"\end{document}"]
    )


def test_the_section_has_the_paragraph_and_every_table():
    section = section_of(of_table([[4, 1], [1, 4]]))
    latex = render_latex(section)
    assert check_latex(latex) == {"table": 3, "tabular": 3}
    # kappa .6 (see test_agreement_methods)
    assert "Cohen's $\\kappa$ & 10 & 0.60 [" in latex
    assert "1 0 & 4 & 1 \\\\\n    2 1 & 1 & 4 \\\\" in latex
    assert "rows are the labels of R1, columns those of R2" in latex
    assert "% Fleiss, J. L. (1971)." in latex
    assert "Table~\\ref{tab:agreement-confusion} has the labels that raters confuse." in latex
    assert "rater00" not in latex
    assert render_latex(section_of(of_table([[4, 1], [1, 4]]))) == latex


def test_names_of_raters_are_written_only_if_they_are_asked_for():
    assert "rater00" in render_latex(section_of(of_table([[4, 1], [1, 4]]), names=False))
    assert "r\\_rater00 \\& co, r\\_rater01 \\& co" in render_latex(section_of(hostile_ratings(), names=False))


def test_labels_of_strangers_are_text_in_latex_and_markdown():
    for names in (True, False):
        section = section_of(hostile_ratings(), names)
        assert check_latex(render_latex(section)) == {"table": 4, "tabular": 4}
        markdown = render_markdown(section)
        assert "<script>" not in markdown
        assert "\\[2cm\\] a &amp; b" in markdown


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex, which is not a part of Python")
def test_the_section_compiles(tmp_path):
    (tmp_path / "a.tex").write_text(latex_document(render_latex(section_of(hostile_ratings(), names=False))))
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "a.tex"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
    assert ran.returncode == 0, ran.stdout.decode(errors="replace")[-2000:]


def test_a_figure_stands_in_place_of_the_matrix():
    section = section_of(of_table([[4, 1], [1, 4]]))
    latex = render_latex(section, "figures/confusion.pdf")
    assert check_latex(latex) == {"table": 2, "tabular": 2, "figure": 1}
    assert "\\includegraphics[width=0.8\\linewidth]{figures/confusion.pdf}" in latex
    assert "\\usepackage{graphicx}" in latex
    assert "![Confusion matrix](<a b.svg>)" in render_markdown(section, "a b.svg")
    assert [can_include(name) for name in ("a.pdf", "x/b.PNG", "c.svg", "d e.pdf", "f_g.pdf")] == [
        *(True, True, False, False, False)
    ]


def test_one_rater_and_one_label_give_a_section_too():
    for rows in (("ab",), ("aa", "aa"), ("ab**", "**ab")):
        latex = render_latex(section_of(of_rows(*rows)))
        check_latex(latex)
        assert "nan" not in latex


def test_the_csv_file_has_every_number_once():
    ratings = of_table([[4, 1], [1, 4]])
    measured, matrix = measure_agreement(ratings, n_draws=20), count_confusions(RatingTable.from_ratings(ratings))
    rows = list(csv.DictReader(io.StringIO(encode_section_csv(measured, matrix, None, {"rater00": "R1"}).decode())))
    (alpha,) = [row for row in rows if row["statistic"] == "Krippendorff's alpha" and row["question"] == "all labels"]
    # 1 - (n - 1) D / (n^2 - sum n_k^2): n = 20, D = 4, n_k = 10: 1 - 19 * 4 / 200
    assert (alpha["value"], alpha["n"]) == ("0.62", "10")
    (cell,) = [row for row in rows if (row["label_1"], row["label_2"]) == ("0", "1")]
    assert (cell["statistic"], cell["rater_1"], cell["rater_2"], cell["value"]) == (
        *("items with both labels", "R1", "rater01", "1.0"),
    )
    assert len({tuple(list(row.items())[:6]) for row in rows}) == len(rows)
