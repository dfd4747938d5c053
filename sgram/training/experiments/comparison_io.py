"""A comparison of arms as JSON, Markdown and CSV files."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from sgram.files import pretty_json, write_bytes
from sgram.grading.outcome import ERROR_KINDS
from sgram.training.experiments.compare import MEASURES, ArmComparison, Difference, RunRow, mean_or_none
from sgram.training.experiments.markdown_tables import table_cell, table_head, table_line
from sgram.training.experiments.matrix import Failure

ARM_COLUMNS = {
    "start": "start",
    "pass_at_1": "pass@1",
    "accuracy": "mean of run",
    "strategic": "strategic",
    "procedural": "procedural",
    "format": "form",
    "planning_entropy": "H planning",
    "execution_entropy": "H execution",
    "semantic_entropy": "H semantic",
    "length": "tokens",
}
"""Field of `RunRow` -> title of its column in the table of arms."""
NOTES = (
    "Differences are taken within pairs of runs of one seed and one start model. Brackets are 95 % intervals: "
    "Student's over the pairs where there is one start model or one seed, else intervals over both factors, because "
    "runs of one seed or from one start model are not independent (a seed that some start model lacks is then left "
    'out). "higher" and "lower" are said where an interval excludes 0, "cannot say" where it does not; Holm\'s p is '
    "that of a difference among all that are compared in the same number (two controls count once)."
)


def write_comparison(comparison: ArmComparison, directory: str | Path) -> list[Path]:
    """Write comparison.json, comparison.md, runs.csv and differences.csv, each atomically, and return their paths."""
    contents = {
        "comparison.json": pretty_json(to_json(comparison)),
        "comparison.md": to_markdown(comparison).encode(),
        "runs.csv": runs_csv(comparison.rows).encode(),
        "differences.csv": differences_csv(comparison.differences).encode(),
    }
    for name, content in contents.items():
        write_bytes(Path(directory) / name, content)
    return [Path(directory) / name for name in contents]


def to_json(comparison: ArmComparison) -> dict[str, Any]:
    """Return the comparison as JSON values; numbers have 6 decimals."""
    return {
        "format": "sgram-comparison",
        "version": 1,
        "arms": list(comparison.arms),
        "controls": list(comparison.controls),
        "seeds": list(comparison.seeds),
        "warmup_seeds": list(comparison.warmup_seeds),
        "steps": comparison.steps,
        "measures": dict(MEASURES),
        "runs": [_round_floats(asdict(row)) for row in comparison.rows],
        "differences": [difference_row(difference) for difference in comparison.differences],
        "failures": [asdict(failure) for failure in comparison.failures],
        "notes": NOTES,
    }


def difference_row(difference: Difference) -> dict[str, Any]:
    """Return a difference as one flat row."""
    return _round_floats(
        {
            "arm": difference.arm,
            "control": difference.control,
            "measure": difference.measure,
            **asdict(difference.interval),
            "holm_p": difference.holm_p,
            "verdict": difference.verdict,
            "holm_verdict": difference.holm_verdict,
        }
    )


def runs_csv(rows: Sequence[RunRow]) -> str:
    """Return CSV with one line a run; a missing measure is empty."""
    return _csv([column.name for column in fields(RunRow)], (_round_floats(asdict(row)) for row in rows))


def differences_csv(differences: Sequence[Difference]) -> str:
    """Return CSV with one line a difference."""
    rows = [difference_row(difference) for difference in differences]
    names = (
        "arm",
        "control",
        "measure",
        "n",
        "n_above",
        "mean",
        "low",
        "high",
        "p",
        "holm_p",
        "verdict",
        "holm_verdict",
        "undefined",
    )
    return _csv(names, rows)


def to_markdown(comparison: ArmComparison) -> str:
    """Return the tables of a comparison: arms, differences in pass@1, other measures, failed runs."""
    seeds, warmup_seeds = (", ".join(map(str, numbers)) for numbers in (comparison.seeds, comparison.warmup_seeds))
    lines = [
        f"{_count(len(comparison.arms), 'arm')}, {comparison.steps} steps each; seeds {seeds}, "
        f"start models {warmup_seeds}: {_count(len(comparison.rows), 'run')}. {_describe_masks(comparison)}".rstrip(),
        "",
        *_arm_table(comparison),
        "",
    ]
    for control in comparison.controls:
        lines += _control_table(comparison, control)
    for measure in list(MEASURES)[1:]:
        lines += _measure_table(comparison, measure)
    if comparison.failures:
        lines += ["### Runs that failed", ""]
        lines += [f"- {table_cell(failure_line(failure))}" for failure in comparison.failures] + [""]
    if comparison.differences:
        lines += [NOTES, ""]
    return "\n".join(lines)


def _describe_masks(comparison: ArmComparison) -> str:
    """Return a sentence about the masks of the runs; "" without runs."""
    masks = dict.fromkeys((row.mask, row.scorer) for row in comparison.rows)
    names = [f"{mask} (scorer {scorer[:12]})" if scorer else mask for mask, scorer in masks]
    return f"Planning tokens are those of the mask {' or '.join(names)}." if names else ""


def failure_line(failure: Failure) -> str:
    """Return one line about a failed run.

    >>> failure_line(Failure("hicra", 0, 1, "the loss is not finite"))
    'hicra, seed 0, warm-up seed 1: the loss is not finite'
    """
    log = f"; see {failure.log}" if failure.log else ""
    return f"{failure.arm}, seed {failure.seed}, warm-up seed {failure.warmup_seed}: {failure.message}{log}"


def arm_means(comparison: ArmComparison) -> list[tuple[str, int, dict[str, float | None]]]:
    """Return (arm, number of runs, mean of each column of `ARM_COLUMNS`) for every arm."""
    means = []
    for arm in comparison.arms:
        rows = [row for row in comparison.rows if row.arm == arm]
        column_means = {name: mean_or_none(getattr(row, name) for row in rows) for name in ARM_COLUMNS}
        means.append((arm, len(rows), column_means))
    return means


def format_number(number: float | None, signed: bool = False) -> str:
    """Return a number for a table: three decimals, one if it is >= 10, "-" if it is missing.

    >>> format_number(0.12345), format_number(12.34), format_number(None), format_number(0.1, signed=True)
    ('0.123', '12.3', '-', '+0.100')
    """
    if number is None:
        return "-"
    text = f"{number:.1f}" if abs(number) >= 10 else f"{number:.3f}"
    text = text.removeprefix("-") if float(text) == 0 else text
    return f"+{text}" if signed and not text.startswith("-") else text


def format_p_value(p_value: float | None) -> str:
    """Return a p-value for a table; one that three decimals would round to 0 becomes "<.001"."""
    return "<.001" if p_value is not None and p_value < 0.0005 else format_number(p_value)


def format_interval(difference: Difference) -> str:
    """Return the mean of a difference with its interval, or with the reason why it has none."""
    interval = difference.interval
    mean = format_number(interval.mean, True)
    if interval.low is None:
        return f"{mean} ({interval.undefined})"
    return f"{mean} [{format_number(interval.low, True)}, {format_number(interval.high, True)}]"


def known_columns(comparison: ArmComparison, columns: Mapping[str, str]) -> dict[str, str]:
    """Return `columns` (field of `RunRow` -> title) without the error kinds that no run has a share of."""
    unknown = {kind for kind in ERROR_KINDS if all(getattr(row, kind) is None for row in comparison.rows)}
    return {name: title for name, title in columns.items() if name not in unknown}


def _arm_table(comparison: ArmComparison) -> list[str]:
    columns = known_columns(comparison, ARM_COLUMNS)
    lines = ["### Arms: means over runs, least and greatest pass@1 in brackets", ""]
    lines += table_head(["arm", "runs", *columns.values()])
    for arm, n_runs, means in arm_means(comparison):
        rates = [row.pass_at_1 for row in comparison.rows if row.arm == arm and row.pass_at_1 is not None]
        cells = {name: format_number(means[name]) for name in columns}
        if len(rates) > 1:
            cells["pass_at_1"] += f" [{format_number(min(rates))}, {format_number(max(rates))}]"
        lines.append(table_line([arm, n_runs, *cells.values()]))
    return lines


def _control_table(comparison: ArmComparison, control: str) -> list[str]:
    differences = [
        difference
        for difference in comparison.differences
        if (difference.measure, difference.control) == ("pass_at_1", control)
    ]
    if not differences:
        return []
    lines = [f"### pass@1 at the end, less that of {table_cell(control)}", ""]
    lines += table_head(["arm", "difference", "above 0", "p", "Holm's p", "by itself", "among all"])
    for difference in differences:
        interval = difference.interval
        cells = [
            difference.arm,
            format_interval(difference),
            f"{interval.n_above} of {interval.n}",
            format_p_value(interval.p),
            format_p_value(difference.holm_p),
            difference.verdict,
            difference.holm_verdict,
        ]
        lines.append(table_line(cells))
    return [*lines, ""]


def _measure_table(comparison: ArmComparison, measure: str) -> list[str]:
    differences = [difference for difference in comparison.differences if difference.measure == measure]
    if not any(difference.interval.n for difference in differences):
        return []
    lines = [f"### {MEASURES[measure][0].upper()}{MEASURES[measure][1:]}: arm less control", ""]
    lines += table_head(["arm", *(f"less {control}" for control in comparison.controls)])
    for arm in comparison.arms:
        cells = {difference.control: _short_cell(difference) for difference in differences if difference.arm == arm}
        if cells:
            lines.append(table_line([arm, *(cells.get(control, "") for control in comparison.controls)]))
    return [*lines, ""]


def _short_cell(difference: Difference) -> str:
    interval = difference.interval
    mean = format_number(interval.mean, True)
    if interval.low is None or interval.high is None:
        return mean
    text = f"{mean} ± {format_number((interval.high - interval.low) / 2)}"
    return text if difference.verdict == "cannot say" else f"{text}, {difference.verdict}"


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def _csv(names: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)  # None is written as an empty cell
    return text.getvalue()


def _round_floats(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row with floats of 6 decimals, which do not depend on a machine's order of sums."""
    return {name: round(cell, 6) + 0.0 if isinstance(cell, float) else cell for name, cell in row.items()}
