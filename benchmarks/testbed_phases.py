"""What settles first on the hard testbed, by its checker and by entropies, in runs of the comparison.

    python benchmarks/testbed_phases.py [--root DIR]

Reads the runs of GRPO and of HICRA (alpha 1) at their chosen rates that have ended under --root, as
`training_comparison.py` trained them, and asks each of them what `sgram metrics` asks. A run that was asked before is
read from testbed_phases.jsonl beside this file; runs that are on another machine stay there. Writes
testbed_phases.jsonl (a line a run) and testbed_phases.md. About 20 s of one core for a run of 100 steps.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parent))
from training_comparison import RECORDS, ROOT
from training_design import BASELINE, TREATMENT, PlannedRun, choose_rate
from training_page import format_rate
from training_records import read_records

from sgram.analysis import AnalysisConfig, analyze
from sgram.files import write_bytes
from sgram.training.experiments.markdown_tables import table_head, table_line
from sgram.training.experiments.run import read_finished_run, run_directory

HERE = Path(__file__).parent
VERDICTS, PAGE = (HERE / f"testbed_phases.{suffix}" for suffix in ("jsonl", "md"))
TRUTHS = {"testbed_result_phases": "results", "testbed_phases": "all equations"}
"""Table of the analysis -> what of an execution the checker asks for."""
CHECKER = "checker"
SHARES = (0.5, 0.9)
ANSWERS = ("execution", "planning", "cannot say")

Key = tuple[str, float, int, int]


class PhaseVerdict(NamedTuple):
    """What settles first in a run, by one judge and by one share of the change."""

    truth: str
    judged_by: str
    of_change: float
    first: str
    steps: float | None
    low: float | None
    high: float | None
    agreement: str
    remark: str


def judge_run(folder: Path) -> list[PhaseVerdict]:
    """Return the verdicts of the analysis of a run; nothing that they do not need is diagnosed."""
    analysis = analyze(folder, AnalysisConfig(max_diagnosed=0))
    return [
        PhaseVerdict(
            truth,
            record.text("judged_by"),
            float(record["of_change"]),
            record.text("first"),
            *(record.number(name) for name in ("steps", "low", "high")),
            record.text("agreement"),
            record.text("remark"),
        )
        for table, truth in TRUTHS.items()
        for record in analysis.tables[table].records()
    ]


def finished_runs(root: Path) -> dict[Key, Path]:
    """Return the folders of the comparison's runs of both arms under `root`, by arm, rate, seed and start model."""
    records = read_records(RECORDS)
    means = {key: record.mean_of_run for key, record in records.items()}
    rates = {arm: choose_rate(means, arm) for arm in (BASELINE, TREATMENT)}
    runs = [PlannedRun(*key) for key in sorted(records) if key[1] == rates.get(key[0]) and key[2] < 100]
    return {
        run.key: run_directory(run.config(), root) for run in runs if read_finished_run(run.config(), root) is not None
    }


def read_verdicts() -> dict[Key, list[PhaseVerdict]]:
    """Return the verdicts of the runs that were asked before."""
    if not VERDICTS.exists():
        return {}
    documents = map(json.loads, VERDICTS.read_text(encoding="utf-8").splitlines())
    return {
        (row["arm"], row["rate"], row["seed"], row["start"]): [PhaseVerdict(**cells) for cells in row["verdicts"]]
        for row in documents
    }


def write_verdicts(runs: Mapping[Key, Sequence[PhaseVerdict]]) -> None:
    """Write a line a run."""
    lines = []
    for (arm, rate, seed, start), verdicts in sorted(runs.items()):
        row: dict[str, Any] = {"arm": arm, "rate": rate, "seed": seed, "start": start}
        lines.append(json.dumps({**row, "verdicts": [verdict._asdict() for verdict in verdicts]}, sort_keys=True))
    write_bytes(VERDICTS, "".join(f"{line}\n" for line in lines).encode())


def page(runs: Mapping[Key, Sequence[PhaseVerdict]]) -> str:
    """Return the page as Markdown: how often each answer came, how often entropies agree, and every run."""
    lines = [
        "# What settles first on the hard testbed",
        "",
        f"Runs of [the comparison](training_comparison.md), each of 100 steps at its arm's best rate: "
        f"{_count_runs(runs)}. Two shares rise in a run, that of right methods and that of right executions of the "
        "announced method: which of them has made half (or nine tenths) of its change first? The verdict is that of "
        "the 95 % interval of the difference in steps (`sgram metrics`).",
        "",
        "## By the checker",
        "",
        *table_head(["arm", "of an execution", "of the change", "execution first", "method first", "cannot say"]),
    ]
    for arm in (BASELINE, TREATMENT):
        for truth in TRUTHS.values():
            for part in SHARES:
                firsts = Counter(verdict.first for verdict in _select(runs, arm, truth, CHECKER, part))
                lines.append(table_line([arm, truth, f"{part:.0%}", *(firsts[answer] for answer in ANSWERS)]))
    lines += [
        "",
        "Results: the answer is that of the announced method, which is all that the reward sees. All equations: every "
        "equation before it is right, too. The checker cannot say where a share falls over the run, or where the "
        "interval holds 0.",
        "",
        "## By entropies, against the checker by results",
        "",
        *table_head(["arm", "judged by", "of the change", *ANSWERS, "agrees", "contradicts", "one cannot say"]),
    ]
    judges = dict.fromkeys(
        verdict.judged_by for verdicts in runs.values() for verdict in verdicts if verdict.judged_by != CHECKER
    )
    for arm in (BASELINE, TREATMENT):
        for judge in judges:
            for part in SHARES:
                chosen = _select(runs, arm, "results", judge, part)
                firsts, agreements = (Counter(getattr(row, name) for row in chosen) for name in ("first", "agreement"))
                counts = [*(firsts[answer] for answer in ANSWERS)]
                counts += [agreements[name] for name in ("agrees", "contradicts", "cannot say")]
                lines.append(table_line([arm, judge, f"{part:.0%}", *counts]))
    lines += ["", "## Runs: steps from half of execution's change to half of the method's", ""]
    lines += table_head(["run", "rate", "by results", "by all equations", "by token entropy"])
    for (arm, rate, seed, start), verdicts in sorted(runs.items()):
        cells = [
            _say([row for row in verdicts if (row.truth, row.judged_by, row.of_change) == (truth, judge, 0.5)])
            for truth, judge in (("results", CHECKER), ("all equations", CHECKER), ("results", "token entropy"))
        ]
        lines.append(table_line([f"{arm}, seed {seed}, start model {start}", format_rate(rate), *cells]))
    return "\n".join([*lines, "", "`python benchmarks/testbed_phases.py`"]) + "\n"


def _count_runs(runs: Iterable[Key]) -> str:
    counts = Counter(arm for arm, *_ in runs)
    return ", ".join(f"{counts[arm]} of {arm}" for arm in (BASELINE, TREATMENT))


def _select(
    runs: Mapping[Key, Sequence[PhaseVerdict]], arm: str, truth: str, judge: str, part: float
) -> list[PhaseVerdict]:
    return [
        verdict
        for (run_arm, *_), verdicts in runs.items()
        for verdict in verdicts
        if (run_arm, verdict.truth, verdict.judged_by, verdict.of_change) == (arm, truth, judge, part)
    ]


def _say(verdicts: Sequence[PhaseVerdict]) -> str:
    if not verdicts:
        return "-"
    (verdict,) = verdicts
    interval = ""
    if verdict.steps is not None and verdict.low is not None and verdict.high is not None:
        interval = f", {verdict.steps:.0f} [{verdict.low:.0f}, {verdict.high:.0f}]"
    if verdict.first == "cannot say":
        return f"cannot say{interval}" if interval or not verdict.remark else f"cannot say ({verdict.remark})"
    return f"{verdict.first} first{interval}"


def main() -> int:
    """Ask the runs that were not asked before, then write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, default=ROOT, help="directory of the runs of training_comparison.py")
    options = parser.parse_args()
    runs = read_verdicts()
    for key, folder in finished_runs(options.root).items():
        if key not in runs:
            runs[key] = judge_run(folder)
            print(*key, file=sys.stderr, flush=True)
            write_verdicts(runs)
    if not runs:
        print(f"no run of {BASELINE} or {TREATMENT} has ended under {options.root}", file=sys.stderr)
        return 1
    write_bytes(PAGE, page(runs).encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
