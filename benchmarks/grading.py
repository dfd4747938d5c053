"""Are answers graded as people grade them? The grader beside math-verify alone, on real traces.

    python benchmarks/grading.py [--traces 300] [--seed 16] [--show 400]

Four parts: fourteen ways of naming an option; references in e-notation whose box holds the same number; traces drawn
from `../shared/data/traces`, with every one on which the two judges disagree with each other or with the file, to be
read; CPU time per 1,000 answers of both in the same run. Without `../shared/data` beside the checkout the last three
are skipped.

math-verify alone is ``verify(parse("$reference$"), parse(response))`` with its own limits, in a process of its own.
"""

import argparse
import gzip
import json
import random
import re
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

from sgram.grading.grader import Grade, Grader
from sgram.grading.pool import PoolConfig

TRACES = Path(__file__).resolve().parents[2] / "shared" / "data" / "traces"
LETTER_FORMS = (
    "Answer: B",
    "ANSWER: B",
    "**Answer: B**",
    "The answer is B.",
    "So the answer is **B**.",
    "The correct answer is (B).",
    "The correct answer is B",
    "Therefore, the correct option is (B).",
    "Answer: B) 4 apples",
    "<answer>(B)</answer>",
    "**B**",
    "\\boxed{\\text{(B)}}",
    "I choose option B.",
    "Option B is correct, because A and C are odd.",
)
E_NOTATION = re.compile(r"-?\d+(?:\.\d+)?e-?\d+")
BOXED_NUMBER = re.compile(
    r"(?P<factor>-?\d+(?:\.\d+)?)?\s*(?:\\times|\\cdot|[×x*])?\s*10\s*\^\s*\{?\s*(?P<power>-?\d+)\s*\}?"
    r"|(?P<plain>-?\d[\d,]*(?:\.\d+)?(?:[eE]-?\d+)?)"
)


def read_rows() -> list[dict[str, Any]]:
    """Return the shared traces that have a reference, in the order of files and lines."""
    rows = []
    for path in sorted(TRACES.glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            rows += [row for row in map(json.loads, lines) if row["reference_answer"]]
    return rows


def boxed_value(response: str) -> Decimal | None:
    """Return the number in the last box, read by rules of its own, not those of the grader."""
    start = response.rfind("\\boxed{")
    content = response[start + len("\\boxed{") : start + 200] if start >= 0 else ""
    content = content.replace("\\,", " ").replace("{,}", ",").replace("−", "-")
    number = BOXED_NUMBER.search(content.split("=")[-1].split("\\approx")[-1])
    if number is None:
        return None
    if number["power"] is not None:
        return Decimal(number["factor"] or 1).scaleb(int(number["power"]))
    return Decimal(number["plain"].replace(",", ""))


def verify_alone(rows: Sequence[tuple[str, str]]) -> tuple[list[bool], float]:
    """Return math-verify's verdicts, and its CPU time in seconds; runs in a process of its own."""
    from math_verify import parse, verify

    verify(parse("$\\frac{1}{2}$"), parse("\\boxed{(1, 2)}"))  # warm-up
    start = time.process_time()
    verdicts = [bool(verify(parse(f"${reference}$"), parse(response))) for reference, response in rows]
    return verdicts, time.process_time() - start


def grade_rows(rows: Sequence[dict[str, Any]]) -> tuple[list[Grade], float]:
    """Return the grades of rows, and their CPU time in this process and the worker, without the worker's start."""
    with Grader(config=PoolConfig(workers=1)) as grader:
        grader.grade_many(["\\boxed{\\sqrt{4}}"], ["2"])
        pid = grader.pool._workers[0]._process.popen.pid  # type: ignore[union-attr]
        start, worker_start = time.process_time(), worker_seconds(pid)
        responses, references = [row["response"] for row in rows], [row["reference_answer"] for row in rows]
        grades = grader.grade_many(responses, references, [row["problem"] for row in rows])
        return grades, time.process_time() - start + worker_seconds(pid) - worker_start


def worker_seconds(pid: int) -> float:
    """Return the CPU time that a process has used; 0 if it has ended or the system does not say."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / 100


def print_letters() -> None:
    """Print how many ways of naming an option are understood."""
    responses = [f"Let us reason. A is wrong because x.\n\n{form}" for form in LETTER_FORMS]
    with Grader() as grader:
        right = grader.grade_many(responses, ["B"] * len(responses))
        wrong = grader.grade_many(responses, ["C"] * len(responses))
    n_right = sum(grade.correct is True for grade in right)
    n_wrong = sum(grade.correct is False for grade in wrong)
    print(f"letters: {n_right} of {len(responses)} ways of saying B are B, {n_wrong} of {len(responses)} are not C")


def print_e_notation(rows: Sequence[dict[str, Any]]) -> None:
    """Print how many boxes that hold exactly the reference in e-notation are right, and every other verdict."""
    equal = [
        row
        for row in rows
        if E_NOTATION.fullmatch(row["reference_answer"])
        and boxed_value(row["response"]) == Decimal(row["reference_answer"])
    ]
    grades, _ = grade_rows(equal)
    print(f"e-notation: {sum(grade.correct is True for grade in grades)} of {len(equal)} equal boxes are right")
    for row, grade in zip(equal, grades, strict=True):
        if not grade.correct:
            print(f"  {row['id']}: {grade.why}")


def print_disagreements(rows: Sequence[dict[str, Any]], n_shown: int) -> None:
    """Print the verdicts of both judges, every trace on which they differ, and the cost of both."""
    grades, seconds = grade_rows(rows)
    with ProcessPoolExecutor(1) as process:
        pairs = [(row["reference_answer"], row["response"]) for row in rows]
        alone, seconds_alone = process.submit(verify_alone, pairs).result()
    counts = Counter((grade.correct, verdict) for grade, verdict in zip(grades, alone, strict=True))
    print(f"\n{len(rows)} traces: (grader, math-verify alone)")
    for verdicts, count in sorted(counts.items(), key=str):
        print(f"  {verdicts}: {count}")
    for line in disagreements(rows, grades, alone, n_shown):
        print(line)
    per_1000 = [1000 * cpu / len(rows) for cpu in (seconds, seconds_alone)]
    print(f"\nCPU seconds per 1,000 answers: grader {per_1000[0]:.2f}, math-verify alone {per_1000[1]:.2f}")


def disagreements(
    rows: Sequence[dict[str, Any]], grades: Sequence[Grade], alone: Sequence[bool], n_shown: int
) -> Iterator[str]:
    """Yield a paragraph on every trace that the judges grade differently, or otherwise than its file."""
    number = 0
    for row, grade, verdict in zip(rows, grades, alone, strict=True):
        if grade.correct is not verdict or grade.correct is not row["correct"]:
            number += 1
            ending = " ".join(row["response"][-n_shown:].split()) if n_shown else ""
            yield (
                f"\n{number}. {row['id']} {row['dataset']}: grader {grade.correct}, math-verify {verdict}, "
                f"file {row['correct']}; {grade.why}; reference {row['reference_answer']!r}\n   ... {ending}"
            )


def main() -> int:
    """Run the four parts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--traces", type=int, default=300)
    parser.add_argument("--seed", type=int, default=16)
    parser.add_argument("--show", type=int, default=400, help="characters of an ending that are printed")
    arguments = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    print_letters()
    if not TRACES.exists():
        print(f"skipped: e-notation, disagreements and cost need the shared traces in {TRACES}")
        return 0
    rows = read_rows()
    print_e_notation(rows)
    random.Random(arguments.seed).shuffle(rows)
    print_disagreements(rows[: arguments.traces], arguments.show)
    return 0


if __name__ == "__main__":
    sys.exit(main())
