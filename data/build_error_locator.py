"""Build data/error_locator.json: the weights that `sgram diagnose` locates first errors with.

    python data/build_error_locator.py ../shared/data/labels

The argument is a folder with people's marks of first wrong steps: ProcessBench (Qwen/ProcessBench, Apache-2.0),
Mr-Ben's mathematics (dvlab-research/Mr-Ben, MIT) and BIG-Bench-Mistake (WHGTyen/BIG-Bench-Mistake, Apache-2.0). Some
50 weights are kept, no text. Mr-Ben, the smallest, weighs 2.5 times. What they reach by cross-validation is told by
benchmarks/error_location.py.
"""

import gzip
import json
import sys
from pathlib import Path

from sgram.diagnosis.fit_locator import MarkedSolution, fit_locator
from sgram.diagnosis.step_features import step_evidence
from sgram.files import digest, pretty_json, write_bytes

FILES = ("processbench", "mr_ben_math", "bigbench_mistake")
WEIGHTS = {"ProcessBench": 1.0, "Mr-Ben": 2.5, "BIG-Bench-Mistake": 1.0}
OUTPUT = Path(__file__).parent / "error_locator.json"


def marked(folder: Path) -> list[tuple[str, str, str, str, list[str], int | None]]:
    """(set, its part, problem id, problem, steps, mark) of every solution with steps."""
    found = []
    for row in _rows(folder / "processbench.jsonl.gz"):
        mark = row["label"] if row["label"] >= 0 else None
        found.append(("ProcessBench", row["split"], row["problem_id"], row["problem"], row["steps"], mark))
    for row in _rows(folder / "mr_ben_math.jsonl.gz"):
        first = str(row["Model_Solution_First_Error_Step"])
        mark = int(first) - 1 if first.isdigit() else None
        problem = f"{row['Question']}\n{row['Options']}"
        found.append(("Mr-Ben", "math", row["problem_id"], problem, row["Model_Solution_Steps"], mark))
    for row in _rows(folder / "bigbench_mistake.jsonl.gz"):
        name = digest(row["input"].encode())
        found.append(("BIG-Bench-Mistake", row["task"], name, row["input"], row["steps"], row["mistake_index"]))
    return [row for row in found if row[4]]


def _rows(path: Path) -> list[dict]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def solutions(folder: Path) -> list[MarkedSolution]:
    """The marked solutions with their evidence, which takes half a minute."""
    return [
        MarkedSolution(source, problem_id, step_evidence(problem, steps), mark)
        for source, _, problem_id, problem, steps, mark in marked(folder)
    ]


def main(folder: Path) -> None:
    """Fit and write."""
    locator = fit_locator(solutions(folder), WEIGHTS)
    inputs = {f"{name}.jsonl.gz": digest((folder / f"{name}.jsonl.gz").read_bytes()) for name in FILES}
    about = {"built_by": "data/build_error_locator.py", "inputs": inputs, "weights_of_sets": WEIGHTS}
    write_bytes(OUTPUT, pretty_json({**locator.to_json(), "source": about}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
