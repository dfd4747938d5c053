"""Rewrite training runs of sgram into the layout of verl's dumps: a folder a run, ``<step>.jsonl`` a step.

    python docs/make_verl_runs.py reports/train-0123456789ab reports/train-ba9876543210 dumps/

The report of the folders that it writes is pictured in docs/report.md.
"""

import json
import sys
import uuid
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from sgram.traces import Trace, read_traces

SPACE = uuid.UUID("00000000-0000-0000-0000-000000000000")


def verl_rows(traces: list[Trace]) -> Iterator[dict[str, object]]:
    """Yield the rows that verl's RayPPOTrainer dumps of a step, keys of samples as its queue has them."""
    numbers: dict[str, int] = defaultdict(int)
    for trace in traces:
        group = str(uuid.uuid5(SPACE, trace.group))
        number = numbers[group]
        numbers[group] += 1
        yield {
            "input": trace.prompt,
            "output": trace.text,
            "gts": trace.reference,
            "score": trace.reward,
            "step": trace.step,
            "uid": f"{group}_0_{number}",
            "acc": float(bool(trace.correct)),
        }


def main(runs: list[str], folder: Path) -> None:
    """Write a folder for each run, named after its method and seed."""
    for run in runs:
        config = json.loads((Path(run) / "run.json").read_text())["config"]
        target = folder / f"{config['method']}_seed_{config['seed']}"
        target.mkdir(parents=True, exist_ok=True)
        steps: dict[int, list[Trace]] = defaultdict(list)
        for trace in read_traces([f"{run}/rollouts"]):
            steps[trace.step or 0].append(trace)
        for step, traces in steps.items():
            lines = "".join(json.dumps(row) + "\n" for row in verl_rows(traces))
            (target / f"{step}.jsonl").write_text(lines)
        print(f"{target}: {len(steps)} steps, {sum(map(len, steps.values()))} rows")


if __name__ == "__main__":
    main(sys.argv[1:-1], Path(sys.argv[-1]))
