"""``sgram tag PATHS -o FOLDER/``: a data set of traces with planning masks, a file for each input."""

import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from sgram.cli.console import note, print_json, print_table, switching_meter
from sgram.cli.estimate_cells import percent
from sgram.cli.path_checks import check_not_inputs
from sgram.cli.read import InputFlags
from sgram.errors import UsageError
from sgram.traces import TraceReader
from sgram.traces.part_texts import describe_part
from sgram.urls import printable_name

if TYPE_CHECKING:
    from sgram.engines import Engine
    from sgram.tagging.tagged_files import FileReport, TagSettings

_FILES_SHOWN = 20


def is_folder_name(output: str) -> bool:
    """Return whether an output is a folder: one that exists, or a name that ends in a slash.

    >>> is_folder_name("tagged/"), is_folder_name("masks.parquet")
    (True, False)
    """
    return output.endswith(("/", os.sep)) or Path(output).is_dir()


def tag_folder(
    paths: Sequence[str], output: str, reading: InputFlags, settings: "TagSettings", engine: "Engine", as_json: bool
) -> None:
    """Tag every input file by `engine`, and print what became of each."""
    from sgram.tagging.tagged_files import plan_files, tag_file

    if reading.quarantine is not None:
        raise UsageError("--quarantine names one file; a folder of masks has a folder for the rows set aside")
    folder = Path(output)
    check_not_inputs([folder / "traces.parquet"], paths)
    reader = TraceReader(paths, reading.dialect, options=reading.options())
    tasks = plan_files(reader, folder, settings, reading.dialect)
    folder.mkdir(parents=True, exist_ok=True)
    reports: list[FileReport | None] = [None] * len(tasks)
    with switching_meter() as show:
        show("tagging", 0, len(tasks), "files", "")
        for n_done, (index, report) in enumerate(engine.run(tag_file, [(task,) for task in tasks]), 1):
            reports[index] = report
            show("tagging", n_done, len(tasks), "files", printable_name(report.source))
    finished = [report for report in reports if report is not None]
    if as_json:
        print_json("tag-folder", _json(folder, finished))
    else:
        _print_reports(finished)
    _note_reports(folder, finished, settings.part)


def _json(folder: Path, reports: Sequence["FileReport"]) -> dict[str, object]:
    return {
        "output": str(folder),
        "files": [
            {name: setting for name, setting in asdict(report).items() if name != "warnings"} for report in reports
        ],
    }


def _print_reports(reports: Sequence["FileReport"]) -> None:
    rows = [
        (printable_name(report.source), report.traces, report.tokens, _share(report.planning, report.tokens))
        for report in reports[:_FILES_SHOWN]
    ]
    n_planning, n_tokens = (sum(getattr(report, name) for report in reports) for name in ("planning", "tokens"))
    if len(reports) > 1:
        rows.append(
            (
                f"all {len(reports)} files",
                sum(report.traces for report in reports),
                n_tokens,
                _share(n_planning, n_tokens),
            )
        )
    print_table(("file", "traces", "tokens", "planning"), rows)


def _share(n_planning: int, n_tokens: int) -> str:
    return percent(n_planning / n_tokens) if n_tokens else "-"


def _note_reports(folder: Path, reports: Sequence["FileReport"], part: str) -> None:
    if len(reports) > _FILES_SHOWN:
        note(f"... {len(reports) - _FILES_SHOWN} more files")
    n_reused = sum(report.reused for report in reports)
    if n_reused:
        note(f"{n_reused} files were there already")
    if part != "all":
        n_left_out = sum(report.left_out for report in reports)
        note(describe_part(part, n_left_out + sum(report.traces for report in reports), n_left_out))
    n_unlike = sum(report.ids.get("n_mismatched", 0) for report in reports)
    if n_unlike:
        note(f"warning: {n_unlike:,} rollouts have ids that do not spell their text; their mask follows the ids")
    n_quarantined = sum(report.rows.get("quarantined", 0) for report in reports)
    if n_quarantined:
        from sgram.tagging.tagged_files import QUARANTINES

        note(f"rows set aside: {n_quarantined:,}; see {folder / QUARANTINES}")
    for report in reports:
        for warning in report.warnings:
            note(f"warning: {warning}")
    note(f"traces with masks written to {folder}")
