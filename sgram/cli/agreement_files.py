"""Files that ``sgram agreement`` writes for a paper: the section as LaTeX and Markdown, the numbers, the figure."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from sgram.cli.console import note
from sgram.cli.option_groups import OUTPUT
from sgram.cli.path_checks import check_outputs, check_writable
from sgram.errors import UsageError
from sgram.files import excerpt, write_bytes
from sgram.reports.figures.canvas import figure_format

if TYPE_CHECKING:
    from sgram.annotation.agreement import Agreement
    from sgram.annotation.agreement_methods import StudyDesign
    from sgram.annotation.confusion import ConfusionMatrix

_SUFFIXES = {"latex": (".tex",), "markdown": (".md", ".markdown"), "csv": (".csv",)}


@Parameter(name="*", group=OUTPUT)
@dataclass(frozen=True)
class PaperFlags:
    """Files for a paper."""

    latex: Annotated[str | None, Parameter(allow_leading_hyphen=True)] = None
    """.tex file for the section of a paper: methods paragraph and tables with booktabs."""
    markdown: Annotated[str | None, Parameter(allow_leading_hyphen=True)] = None
    """.md file for the same section."""
    csv: Annotated[str | None, Parameter(allow_leading_hyphen=True)] = None
    """.csv file for every number, one a row."""
    figure: Annotated[str | None, Parameter(allow_leading_hyphen=True)] = None
    """Confusion matrix to write: .pdf, .png or .svg."""
    rater_names: Annotated[bool, Parameter(negative="")] = False
    """Name the raters in these files; by default they are R1, R2, ..."""

    @property
    def outputs(self) -> dict[str, str | None]:
        """The file of each flag; None if the flag is not set."""
        return {"--latex": self.latex, "--markdown": self.markdown, "--csv": self.csv, "--figure": self.figure}

    def check(self, inputs: Iterable[str]) -> None:
        """Raise `UsageError` for a file name that cannot be meant."""
        check_outputs(self.outputs, inputs)
        for name, suffixes in _SUFFIXES.items():
            path = getattr(self, name)
            if path is not None and Path(path).suffix.lower() not in suffixes:
                raise UsageError(f"--{name} {excerpt(path)}: the name must end in {' or '.join(suffixes)}")
        if self.figure is not None:
            figure_format(self.figure)
        written = [path for path in self.outputs.values() if path is not None]
        if self.rater_names and not written:
            raise UsageError("--rater-names is for --latex, --markdown, --csv and --figure; give one of them")
        check_writable(written)


def write_paper_files(
    flags: PaperFlags, measured: "Agreement", matrix: "ConfusionMatrix", design: "StudyDesign"
) -> Mapping[str, str]:
    """Write the files of `flags`, and say so; return the pseudonym of each rater, {} if the names stay."""
    from dataclasses import replace

    from sgram.reports.figures.confusion_matrix import render_confusion_matrix
    from sgram.reports.pages import agreement_section as section_page

    if not any(flags.outputs.values()):
        return {}
    raters = [row.rater for row in measured.raters]
    pseudonyms = {} if flags.rater_names else section_page.name_raters(raters)
    if flags.figure is not None:
        named_matrix = replace(matrix, raters=tuple(pseudonyms.get(rater, rater) for rater in matrix.raters))
        write_bytes(flags.figure, render_confusion_matrix(named_matrix, figure_format(flags.figure)))
        note(f"confusion matrix written to {flags.figure}")
    section = section_page.build_section(measured, matrix, design, pseudonyms)
    if flags.latex is not None:
        figure = _relative(flags.figure, flags.latex)
        if figure is not None and not section_page.can_include(figure):
            note(f"LaTeX cannot include {flags.figure}: the section has the matrix as a table; write a .pdf figure")
            figure = None
        write_bytes(flags.latex, section_page.render_latex(section, figure).encode())
        note(f"agreement section written to {flags.latex}")
    if flags.markdown is not None:
        markdown = section_page.render_markdown(section, _relative(flags.figure, flags.markdown))
        write_bytes(flags.markdown, markdown.encode())
        note(f"agreement section written to {flags.markdown}")
    if flags.csv is not None:
        write_bytes(flags.csv, section_page.encode_section_csv(measured, matrix, design.shares, pseudonyms))
        note(f"numbers written to {flags.csv}")
    if pseudonyms:
        note(f"raters in these files: {', '.join(f'{alias} is {name}' for name, alias in pseudonyms.items())}")
    return pseudonyms


def _relative(figure: str | None, document: str) -> str | None:
    """Return the path of a figure relative to the folder of a document, with slashes; None without a figure."""
    if figure is None:
        return None
    return os.path.relpath(os.path.realpath(figure), os.path.realpath(Path(document).parent)).replace(os.sep, "/")
