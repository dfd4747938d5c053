"""The agreement section of a paper: methods paragraph and tables, as LaTeX, Markdown and CSV.

Raters have pseudonyms (R1, R2, ...) unless their names are asked for: names and e-mail addresses do not belong into a
paper.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath

import sgram
from sgram.analysis.table import Column, build_table
from sgram.annotation.agreement import Agreement, LabelAgreement
from sgram.annotation.agreement_methods import (
    StudyDesign,
    cited_references,
    describe_methods,
    format_number,
    format_value,
)
from sgram.annotation.confusion import ConfusionMatrix
from sgram.annotation.strategic_share import StrategicShares
from sgram.reports.figures.confusion_matrix import format_count
from sgram.reports.pages.exports import encode_csv, escape_markdown
from sgram.reports.pages.latex import escape_latex, latex_table, needs_unicode_engine
from sgram.statistics import Estimate

_CONTENTS = {
    "coefficients": "the coefficients",
    "labels": "the agreement on each label",
    "pairs": "that of each pair of raters",
    "strategic": "the shares judged strategic",
    "confusion": "the labels that raters confuse",
}
"""What each table shows, by its name."""
_INTERVALS = "Brackets are 95% bootstrap intervals over items."
_MAX_PAIRS = 28
"""Pairs of raters in a table: those of eight raters. The CSV file has all."""
_MAX_NORMAL_COLUMNS = 4
"""Wider tables are set in small letters in LaTeX."""
_MAX_MATRIX_LABELS = 12
"""A wider matrix does not fit on a page; the figure and the CSV file have it."""


@dataclass(frozen=True, slots=True)
class SectionTable:
    """A table of the section as text."""

    name: str
    """Lower-case words joined by hyphens: the label in LaTeX is ``tab:agreement-NAME``."""
    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class AgreementSection:
    """Everything that the section says, before it is written in a format."""

    methods: tuple[str, ...]
    """Sentences of the methods paragraph."""
    tables: tuple[SectionTable, ...]
    matrix: ConfusionMatrix
    references: tuple[str, ...]


def name_raters(raters: Sequence[str]) -> dict[str, str]:
    """Return a pseudonym for each rater, in the order of their names.

    >>> name_raters(["ben", "ada"])
    {'ada': 'R1', 'ben': 'R2'}
    """
    return {rater: f"R{number}" for number, rater in enumerate(sorted(raters), start=1)}


def build_section(
    measured: Agreement,
    matrix: ConfusionMatrix,
    design: StudyDesign | None = None,
    pseudonyms: Mapping[str, str] | None = None,
) -> AgreementSection:
    """Return the section of `measured`; `pseudonyms` replace the names of raters (None: names stay)."""
    design = StudyDesign() if design is None else design
    names = pseudonyms or {}
    matrix = replace(matrix, raters=tuple(names.get(rater, rater) for rater in matrix.raters))
    methods = describe_methods(measured, design)
    tables = [_coefficient_table(measured), _label_table(measured)]
    if measured.n_raters > 2 and measured.overall.pairs:
        tables.append(_pair_table(measured, names))
    if design.shares is not None:
        tables.append(_share_table(design.shares))
    if len(matrix.labels) <= _MAX_MATRIX_LABELS and matrix.n_items:
        tables.append(_matrix_table(matrix))
    return AgreementSection(methods, tuple(tables), matrix, cited_references(methods))


# -- tables -----------------------------------------------------------------------------------------------


def _number(estimate: Estimate) -> str:
    """Return a number with its interval, a dash if it is undefined."""
    return "–" if estimate.value is None else format_value(estimate)


def _coefficient_table(measured: Agreement) -> SectionTable:
    questions = [(_all_labels(measured.overall), measured.overall)]
    if measured.strategic is not None and len(measured.overall.labels) > 2:
        questions.append(("strategic or not", measured.strategic))
    coefficients = (
        ("Percent agreement", "agreement", measured.n_items_with_two),
        ("Krippendorff's α", "alpha", measured.n_items_with_two),
        ("Gwet's AC1", "ac1", measured.n_items_with_two),
        ("Fleiss' κ", "fleiss", measured.n_items_with_all),
    )
    rows = [
        (name, f"{n_items:,}", *(_number(getattr(question, key)) for _, question in questions))
        for name, key, n_items in coefficients
    ]
    if measured.n_raters == 2 and measured.overall.pairs:
        pairs = [question.pairs[0] for _, question in questions]
        rows.append(("Cohen's κ", f"{pairs[0].n_items:,}", *(_number(pair.kappa) for pair in pairs)))
    caption = f"Inter-rater agreement of {measured.n_raters:,} raters on {measured.n_items:,} items. {_INTERVALS}"
    return SectionTable(
        "coefficients", caption, ("coefficient", "items", *(name for name, _ in questions)), tuple(rows)
    )


def _all_labels(overall: LabelAgreement) -> str:
    return f"{len(overall.labels)} labels"


def _label_table(measured: Agreement) -> SectionTable:
    by_share = sorted(measured.by_label, key=lambda question: (-(question.share or 0.0), question.name))
    rows = tuple(
        (
            question.name,
            "–" if question.share is None else f"{100 * question.share:.1f}%",
            _number(question.agreement),
            _number(question.alpha),
            _number(question.ac1),
        )
        for question in by_share
    )
    caption = f"Agreement on each label against all others; share is that of all ratings. {_INTERVALS}"
    return SectionTable("labels", caption, ("label", "share", "percent agreement", "α", "AC1"), rows)


def _pair_table(measured: Agreement, names: Mapping[str, str]) -> SectionTable:
    pairs = measured.overall.pairs
    rows = tuple(
        (
            f"{names.get(pair.first, pair.first)}, {names.get(pair.second, pair.second)}",
            f"{pair.n_items:,}",
            _number(pair.agreement),
            _number(pair.kappa),
        )
        for pair in pairs[:_MAX_PAIRS]
    )
    omitted = (
        f" The {len(pairs) - _MAX_PAIRS:,} pairs with the fewest items are left out." if len(pairs) > _MAX_PAIRS else ""
    )
    caption = f"Agreement of each pair of raters on the items that both labeled. {_INTERVALS}{omitted}"
    return SectionTable("pairs", caption, ("raters", "items", "percent agreement", "Cohen's κ"), rows)


def _share_table(shares: StrategicShares) -> SectionTable:
    rows = []
    for name, share in (("Strategic Grams", shares.sg), ("controls", shares.control)):
        if share.share is None or share.low is None or share.high is None:
            rows.append((name, f"{share.n_rated:,} of {share.n_items:,}", "–"))
        else:
            ends = f"[{100 * share.low:.1f}, {100 * share.high:.1f}]"
            rows.append((name, f"{share.n_rated:,} of {share.n_items:,}", f"{100 * share.share:.1f}% {ends}"))
    if shares.difference is not None and shares.low is not None and shares.high is not None:
        low, high = (format_number(100 * end, 1) for end in (shares.low, shares.high))
        rows.append(("difference", "", f"{format_number(100 * shares.difference, 1)} [{low}, {high}]"))
    caption = (
        "Items that the majority of raters judged strategic; ties count half. Brackets are 95% intervals (Wilson; of "
        "the difference, in percentage points, Newcombe)."
    )
    return SectionTable("strategic", caption, ("items", "rated", "judged strategic"), tuple(rows))


def _matrix_table(matrix: ConfusionMatrix) -> SectionTable:
    rows = tuple(
        (f"{number} {name}", *(format_count(count) for count in counts))
        for number, (name, counts) in enumerate(zip(matrix.labels, matrix.counts, strict=True), start=1)
    )
    numbers = (str(number) for number in range(1, len(matrix.labels) + 1))
    return SectionTable("confusion", matrix_caption(matrix), ("label", *numbers), rows)


def matrix_caption(matrix: ConfusionMatrix) -> str:
    """Return what the rows, columns and numbers of a confusion matrix are."""
    if matrix.is_of_pair:
        first, second = matrix.raters
        return (
            f"Confusion matrix of {matrix.n_items:,} items: rows are the labels of {first}, columns those of {second}."
        )
    return (
        f"Coincidence matrix of {matrix.n_items:,} items: rows are the label of one rater of an item, columns that of "
        "another. Each ordered pair of raters of an item counts 1 / (raters of the item - 1)."
    )


# -- formats ----------------------------------------------------------------------------------------------


def render_latex(section: AgreementSection, figure: str | None = None) -> str:
    r"""Return the section as LaTeX for ``\input``; it needs the package booktabs.

    `figure` is the path of the confusion matrix as PDF or PNG, relative to the file of the section; it then stands in
    place of the table, and needs the package graphicx.
    """
    tables = [table for table in section.tables if table.name != "confusion" or figure is None]
    references = {table.name: rf"Table~\ref{{tab:agreement-{table.name}}}" for table in tables}
    if figure is not None:
        references["confusion"] = r"Figure~\ref{fig:agreement-confusion}"
    sentences = [*map(escape_latex, section.methods), _point_to(references)]
    parts = [r"\subsection{Inter-rater agreement}", "\n".join(sentences)]
    for table in tables:
        label = f"tab:agreement-{table.name}"
        is_wide = len(table.columns) > _MAX_NORMAL_COLUMNS
        parts.append(latex_table(label, table.caption, table.columns, table.rows, is_small=is_wide))
    if figure is not None:
        parts.append(_latex_figure(section.matrix, figure))
    head = [
        f"% Inter-rater agreement, written by sgram {sgram.__version__}. Input it into a paper whose preamble has",
        rf"% \usepackage[T1]{{fontenc}} \usepackage{{booktabs}}{' ' if figure else ''}"
        + (r"\usepackage{graphicx}" if figure else ""),
    ]
    if needs_unicode_engine("".join(parts)):
        head.append("% Some letters need LuaLaTeX or XeLaTeX, and a font that has them.")
    sources = [f"% {_comment(reference)}" for reference in section.references]
    return "\n\n".join(["\n".join(head), *parts, "\n".join(["% References:", *sources])]) + "\n"


def _point_to(references: Mapping[str, str]) -> str:
    """Return a sentence that says which table or figure has what.

    >>> _point_to({"coefficients": "Table 1", "confusion": "Figure 1"})
    'Table 1 has the coefficients, Figure 1 has the labels that raters confuse.'
    """
    clauses = [f"{reference} has {_CONTENTS[name]}" for name, reference in references.items()]
    return f"{', '.join(clauses)}."


def _latex_figure(matrix: ConfusionMatrix, figure: str) -> str:
    return "\n".join(
        [
            r"\begin{figure}[tbp]",
            r"  \centering",
            rf"  \includegraphics[width=0.8\linewidth]{{{figure}}}",
            rf"  \caption{{{escape_latex(f'{matrix_caption(matrix)} Colors and percentages are shares of the row.')}}}",
            r"  \label{fig:agreement-confusion}",
            r"\end{figure}",
        ]
    )


def _comment(text: str) -> str:
    return " ".join(text.split())


def can_include(figure: str) -> bool:
    r"""Return whether ``\includegraphics`` of pdfLaTeX takes the file: PDF or PNG, no special character of TeX.

    >>> can_include("figures/matrix.pdf"), can_include("matrix.svg"), can_include("100%.pdf")
    (True, False, False)
    """
    return PurePath(figure).suffix.lower() in (".pdf", ".png") and not set(figure) & set(r'\{}$&#%_^~" ' + "\n\t")


def render_markdown(section: AgreementSection, figure: str | None = None) -> str:
    """Return the section as Markdown; `figure` is the path of the confusion matrix, relative to the file."""
    references = {table.name: f"Table {number}" for number, table in enumerate(section.tables, 1)}
    sentences = [*map(escape_markdown, section.methods), _point_to(references)]
    parts = ["## Inter-rater agreement", " ".join(sentences)]
    for number, table in enumerate(section.tables, 1):
        ruler = ["---", *("---:" for _ in table.columns[1:])]
        lines = [[escape_markdown(name) for name in table.columns], ruler]
        lines += [[escape_markdown(cell) for cell in row] for row in table.rows]
        text = "\n".join(f"| {' | '.join(line)} |" for line in lines)
        parts += [f"**Table {number}.** {escape_markdown(table.caption)}", text]
    if figure is not None:
        caption = escape_markdown(f"{matrix_caption(section.matrix)} Colors and percentages are shares of the row.")
        parts += [f"![Confusion matrix](<{figure}>)", f"**Figure 1.** {caption}"]
    parts += ["### References", "\n".join(f"- {escape_markdown(reference)}" for reference in section.references)]
    return "\n\n".join(parts) + "\n"


_COLUMNS = (
    Column("statistic", "what was measured"),
    Column("question", "all labels, strategic or not, or one label against the rest"),
    Column("rater_1", "first rater, of a pair"),
    Column("rater_2", "second rater, of a pair"),
    Column("label_1", "row of the confusion matrix"),
    Column("label_2", "column of the confusion matrix"),
    Column("value", "the number", "number"),
    Column("low", "lower end of the 95 % interval", "number"),
    Column("high", "upper end of the 95 % interval", "number"),
    Column("n", "items, or items rated", "count"),
    Column("undefined", "why there is no value"),
)


def encode_section_csv(
    measured: Agreement,
    matrix: ConfusionMatrix,
    shares: StrategicShares | None = None,
    pseudonyms: Mapping[str, str] | None = None,
) -> bytes:
    """Return every number as CSV, one a row: statistic, question, raters, labels, value, interval, n, why undefined."""
    names = pseudonyms or {}
    rows = [*_measured_rows(measured, names), *_matrix_rows(matrix, names), *_share_rows(shares)]
    return encode_csv(build_table("agreement", "Agreement", _COLUMNS, rows))


def _estimate_cells(estimate: Estimate) -> dict[str, object]:
    numbers = estimate.to_json()
    return {name: numbers[name] for name in ("value", "low", "high", "undefined")}


def _measured_rows(measured: Agreement, names: Mapping[str, str]) -> Iterator[dict[str, object]]:
    questions = [("all labels", measured.overall)]
    questions += [] if measured.strategic is None else [("strategic or not", measured.strategic)]
    questions += [(f"label: {question.name}", question) for question in measured.by_label]
    for question_name, question in questions:
        cells = {"question": question_name}
        if question.share is not None:
            yield {**cells, "statistic": "share of ratings", "value": round(question.share, 6), "n": measured.n_ratings}
        for statistic, estimate, n_items in (
            ("percent agreement", question.agreement, measured.n_items_with_two),
            ("Krippendorff's alpha", question.alpha, measured.n_items_with_two),
            ("Gwet's AC1", question.ac1, measured.n_items_with_two),
            ("Fleiss' kappa", question.fleiss, measured.n_items_with_all),
        ):
            yield {**cells, "statistic": statistic, **_estimate_cells(estimate), "n": n_items}
        for pair in question.pairs:
            raters = {
                "rater_1": names.get(pair.first, pair.first),
                "rater_2": names.get(pair.second, pair.second),
                "n": pair.n_items,
            }
            yield {**cells, **raters, "statistic": "percent agreement", **_estimate_cells(pair.agreement)}
            yield {**cells, **raters, "statistic": "Cohen's kappa", **_estimate_cells(pair.kappa)}


def _matrix_rows(matrix: ConfusionMatrix, names: Mapping[str, str]) -> Iterator[dict[str, object]]:
    raters = [names.get(rater, rater) for rater in matrix.raters] if matrix.is_of_pair else ["", ""]
    statistic = "items with both labels" if matrix.is_of_pair else "coincidences"
    for first, counts in zip(matrix.labels, matrix.counts, strict=True):
        for second, count in zip(matrix.labels, counts, strict=True):
            yield {
                "statistic": statistic,
                "question": "all labels",
                "rater_1": raters[0],
                "rater_2": raters[1],
                "label_1": first,
                "label_2": second,
                "value": round(count, 6),
                "n": matrix.n_items,
            }


def _share_rows(shares: StrategicShares | None) -> Iterator[dict[str, object]]:
    if shares is None:
        return
    for name, share in (("Strategic Grams", shares.sg), ("controls", shares.control)):
        cells = {"value": share.share, "low": share.low, "high": share.high, "n": share.n_rated}
        yield {"statistic": "share judged strategic", "question": name, **_rounded(cells)}
    cells = {"value": shares.difference, "low": shares.low, "high": shares.high}
    yield {"statistic": "share judged strategic", "question": "difference", **_rounded(cells)}


def _rounded(cells: Mapping[str, float | None]) -> dict[str, object]:
    return {name: round(cell, 6) if isinstance(cell, float) else cell for name, cell in cells.items()}
