"""A comparison of arms as JSON, Markdown and CSV. Knows nothing about how runs are made or numbers found."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from sgram.files import pretty_json, write_bytes
from sgram.training.experiments.compare import MEASURES, Comparison, Difference, RunRow, mean_of

_COLUMNS = {
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
NOTES = (
    "Differences are taken within pairs of runs of one seed and one start model; brackets are Student's 95 % intervals "
    'over these pairs. "higher" and "lower" are said where an interval excludes 0, "cannot say" where it does not; '
    "Holm's p is that of a difference among all that are compared in the same number (two controls count once). Runs "
    "from one start model are not independent of it: the intervals speak of the start models that were used."
)


def write_comparison(comparison: Comparison, directory: str | Path) -> list[Path]:
    """Write comparison.json, comparison.md, runs.csv and differences.csv, each atomically; their paths."""
    made = {
        "comparison.json": pretty_json(to_json(comparison)),
        "comparison.md": to_markdown(comparison).encode(),
        "runs.csv": runs_csv(comparison.rows).encode(),
        "differences.csv": differences_csv(comparison.differences).encode(),
    }
    for name, data in made.items():
        write_bytes(Path(directory) / name, data)
    return [Path(directory) / name for name in made]


def to_json(comparison: Comparison) -> dict[str, Any]:
    """As plain values, numbers kept to 6 decimals."""
    return {
        "format": "sgram-comparison",
        "version": 1,
        "arms": list(comparison.arms),
        "controls": list(comparison.controls),
        "seeds": list(comparison.seeds),
        "warmup_seeds": list(comparison.warmup_seeds),
        "steps": comparison.steps,
        "measures": dict(MEASURES),
        "runs": [_plain(asdict(row)) for row in comparison.rows],
        "differences": [difference_row(each) for each in comparison.differences],
        "failures": [asdict(each) for each in comparison.failures],
        "notes": NOTES,
    }


def difference_row(each: Difference) -> dict[str, Any]:
    """A difference as flat plain values."""
    return _plain(
        {
            "arm": each.arm,
            "control": each.control,
            "measure": each.measure,
            **asdict(each.interval),
            "holm_p": each.holm_p,
            "verdict": each.verdict,
            "holm_verdict": each.holm_verdict,
        }
    )


def runs_csv(rows: Sequence[RunRow]) -> str:
    """One line a run; what was not measured is empty."""
    return _csv([each.name for each in fields(RunRow)], (_plain(asdict(row)) for row in rows))


def differences_csv(differences: Sequence[Difference]) -> str:
    """One line a difference."""
    rows = [difference_row(each) for each in differences]
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


def to_markdown(comparison: Comparison) -> str:
    """The tables that people read: the arms, each difference in pass@1, the other measures, what failed."""
    seeds, starts = (", ".join(map(str, each)) for each in (comparison.seeds, comparison.warmup_seeds))
    lines = [
        f"{_number_of(len(comparison.arms), 'arm')}, {comparison.steps} steps each; seeds {seeds}, "
        f"start models {starts}: {_number_of(len(comparison.rows), 'run')}.",
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
        lines += [f"- {_cell(failure_line(each))}" for each in comparison.failures] + [""]
    if comparison.differences:
        lines += [NOTES, ""]
    return "\n".join(lines)


def failure_line(failure: Any) -> str:
    """A failed run in a sentence."""
    log = f"; see {failure.log}" if failure.log else ""
    return f"{failure.arm}, seed {failure.seed}, warm-up seed {failure.warmup_seed}: {failure.message}{log}"


def arm_means(comparison: Comparison) -> list[tuple[str, int, dict[str, float | None]]]:
    """(arm, runs, mean of each column) for every arm."""
    told = []
    for arm in comparison.arms:
        rows = [row for row in comparison.rows if row.arm == arm]
        told.append((arm, len(rows), {name: mean_of(getattr(row, name) for row in rows) for name in _COLUMNS}))
    return told


def number(value: float | None, signed: bool = False) -> str:
    """A number as tables hold it: three decimals, one above 10, "-" where it is not known."""
    if value is None:
        return "-"
    text = f"{value:.1f}" if abs(value) >= 10 else f"{value:.3f}"
    text = text.removeprefix("-") if float(text) == 0 else text
    return f"+{text}" if signed and not text.startswith("-") else text


def p_text(value: float | None) -> str:
    """A p value; one too small for three decimals is said to be so."""
    return "<.001" if value is not None and value < 0.0005 else number(value)


def interval_text(each: Difference) -> str:
    """The mean with its interval, or with the reason why it has none."""
    found = each.interval
    if found.low is None:
        return f"{number(found.mean, True)} ({found.undefined})"
    return f"{number(found.mean, True)} [{number(found.low, True)}, {number(found.high, True)}]"


def _arm_table(comparison: Comparison) -> list[str]:
    lines = ["### Arms: means over runs, least and greatest pass@1 in brackets", ""]
    lines += _table_head(["arm", "runs", *_COLUMNS.values()])
    for arm, n_runs, means in arm_means(comparison):
        ends = [row.pass_at_1 for row in comparison.rows if row.arm == arm and row.pass_at_1 is not None]
        cells = {name: number(mean) for name, mean in means.items()}
        if len(ends) > 1:
            cells["pass_at_1"] += f" [{number(min(ends))}, {number(max(ends))}]"
        lines.append(_line([arm, n_runs, *cells.values()]))
    return lines


def _control_table(comparison: Comparison, control: str) -> list[str]:
    rows = [each for each in comparison.differences if (each.measure, each.control) == ("pass_at_1", control)]
    if not rows:
        return []
    lines = [f"### pass@1 at the end, less that of {_cell(control)}", ""]
    lines += _table_head(["arm", "difference", "above 0", "p", "Holm's p", "by itself", "among all"])
    for each in rows:
        found = each.interval
        lines.append(
            _line(
                [
                    each.arm,
                    interval_text(each),
                    f"{found.n_above} of {found.n}",
                    p_text(found.p),
                    p_text(each.holm_p),
                    each.verdict,
                    each.holm_verdict,
                ]
            )
        )
    return [*lines, ""]


def _measure_table(comparison: Comparison, measure: str) -> list[str]:
    rows = [each for each in comparison.differences if each.measure == measure]
    if not any(each.interval.n for each in rows):
        return []
    lines = [f"### {MEASURES[measure][0].upper()}{MEASURES[measure][1:]}: arm less control", ""]
    lines += _table_head(["arm", *(f"less {control}" for control in comparison.controls)])
    for arm in comparison.arms:
        cells = {each.control: _short_cell(each) for each in rows if each.arm == arm}
        if cells:
            lines.append(_line([arm, *(cells.get(control, "") for control in comparison.controls)]))
    return [*lines, ""]


def _short_cell(each: Difference) -> str:
    found = each.interval
    if found.low is None:
        return number(found.mean, True)
    told = f"{number(found.mean, True)} ± {number((found.high - found.low) / 2)}"
    return told if each.verdict == "cannot say" else f"{told}, {each.verdict}"


def _table_head(names: Sequence[str]) -> list[str]:
    return [_line(names), "|" + "|".join(["---"] + ["--:"] * (len(names) - 1)) + "|"]


def _line(cells: Iterable[Any]) -> str:
    return "| " + " | ".join(_cell(str(cell)) for cell in cells) + " |"


def _cell(text: str) -> str:
    """Text that cannot leave its cell or become a tag."""
    text = " ".join(text.split())
    for character, shown in (("\\", "\\\\"), ("|", "\\|"), ("<", "&lt;"), ("`", "\\`"), ("*", "\\*")):
        text = text.replace(character, shown)
    return text


def _number_of(n: int, what: str) -> str:
    return f"{n:,} {what}{'' if n == 1 else 's'}"


def _csv(names: Sequence[str], rows: Iterable[dict[str, Any]]) -> str:
    held = io.StringIO()
    writer = csv.DictWriter(held, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)  # None is written as nothing
    return held.getvalue()


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """Numbers to 6 decimals: what is left does not depend on the machine's order of sums."""
    return {name: round(value, 6) + 0.0 if isinstance(value, float) else value for name, value in values.items()}
