"""Made-up rollouts for the tutorials: problems in the style of MATH and AIME, and a policy that learns to plan.

    python docs/tutorials/made_up_rollouts.py verl rollouts/        # {step}.jsonl, as verl dumps them
    python docs/tutorials/made_up_rollouts.py trl completions/      # Parquet, as TRL's log_completions writes it
    python docs/tutorials/made_up_rollouts.py models rollouts.jsonl # one problem set, before and after training
    python docs/tutorials/made_up_rollouts.py r1 traces.jsonl       # sample traces with their thinking in <think> tags

No model wrote these texts and no result can be drawn from them. The same command writes the same bytes.
"""

import json
import random
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

STEPS = (0, 20, 40, 60, 80)
"""Training steps of the made-up run."""
OPENERS = ("First, I need to find what is asked.", "Let me think about what we need.", "Let's see.")
CHECKS = ("Wait, let me check this.", "Let me double-check.", "Hold on, is that right?", "Let me verify the result.")


class Skill(NamedTuple):
    """Probabilities that describe a policy."""

    plan: float
    """A response has the right plan."""
    execute: float
    """The calculation has no slip."""
    reflect: float
    """A response says what it plans and checks."""


class Problem(NamedTuple):
    """Problem with its answer and its solution by any plan."""

    prompt: str
    answer: int
    solve: Callable[[bool], tuple[str, int]]
    """Steps and result; True: by the right plan."""


def divisibility(rng: random.Random) -> Problem:
    """Count the multiples of two numbers. The wrong plan counts some of them twice."""
    a, b = rng.choice([(4, 6), (6, 10), (6, 9), (8, 12), (10, 15)])
    n = 20 * rng.randint(10, 45)
    common = {(4, 6): 12, (6, 10): 30, (6, 9): 18, (8, 12): 24, (10, 15): 30}[a, b]
    both = n // a + n // b

    def solve(is_right: bool) -> tuple[str, int]:
        steps = f"There are {n // a} multiples of {a} and {n // b} multiples of {b}, and {n // a} + {n // b} = {both}."
        if not is_right:
            return steps, both
        rest = both - n // common
        also = f" Now I need to subtract those that are counted twice, the {n // common} multiples of {common}:"
        return f"{steps}{also} {both} - {n // common} = {rest}.", rest

    prompt = f"How many integers from 1 to {n} are divisible by {a} or by {b}?"
    return Problem(prompt, both - n // common, solve)


def series(rng: random.Random) -> Problem:
    """Sum an arithmetic series. The wrong plan leaves out a term."""
    first, gap, count = rng.randint(2, 9), rng.randint(3, 9), rng.randint(11, 30)
    last = first + gap * (count - 1)

    def solve(is_right: bool) -> tuple[str, int]:
        n = count if is_right else count - 1
        why = " plus one for the first term" if is_right else ""
        steps = f"The number of terms is ({last} - {first}) / {gap}{why}, so {n}. First and last: {first} + {last} = "
        return f"{steps}{first + last}. Then {n} * {first + last} = {n * (first + last)}.", n * (first + last)

    prompt = f"Let S = {first} + {first + gap} + {first + 2 * gap} + ... + {last}. Find 2S."
    return Problem(prompt, count * (first + last), solve)


def remainder(rng: random.Random) -> Problem:
    """Find the last digit of a power. The wrong plan takes the power's first digit for a cycle of length 2."""
    base, exponent = rng.choice([2, 3, 7, 8]), 4 * rng.randint(8, 60) + rng.choice([2, 3])

    def solve(is_right: bool) -> tuple[str, int]:
        cycle = 4 if is_right else 2
        rest = exponent % cycle or cycle
        steps = f"The last digits of the powers of {base} repeat with period {cycle}. We have {exponent} = {cycle} * "
        steps += f"{(exponent - rest) // cycle} + {rest}, so I can use {base}^{rest} = {base**rest}."
        return steps, base**rest % 10

    prompt = f"What is the last digit of {base}^{exponent}?"
    return Problem(prompt, pow(base, exponent, 10), solve)


def make_problems(count: int, seed: int = 7) -> list[Problem]:
    """Return different problems, of three kinds in turn."""
    rng, problems = random.Random(seed), {}
    while len(problems) < count:
        problem = (divisibility, series, remainder)[len(problems) % 3](rng)
        problems.setdefault(problem.prompt, problem)
    return list(problems.values())


def respond(problem: Problem, skill: Skill, rng: random.Random) -> tuple[str, bool]:
    """Return a made-up response, and whether it is correct."""
    steps, result = problem.solve(rng.random() < skill.plan)
    if rng.random() >= skill.execute:
        slip = rng.choice([-2, -1, 1, 2])
        steps = re.sub(r"= (\d+)(?=\.$|\.(?!.*= \d))", lambda match: f"= {int(match[1]) + slip}", steps, count=1)
        result += slip
    lines = [steps]
    if rng.random() < skill.reflect:
        lines.insert(0, rng.choice(OPENERS))
        lines.append(rng.choice(CHECKS))
        lines.append(f"So the answer is {result}.")
    lines.append(f"\\boxed{{{result}}}")
    return "\n".join(lines), result == problem.answer


def skill_at(step: int) -> Skill:
    """Return the skill of the policy: execution settles early, planning later."""
    early, late = min(1.0, step / 30), min(1.0, step / 80)
    return Skill(plan=0.35 + 0.5 * late, execute=0.7 + 0.27 * early, reflect=0.25 + 0.6 * late)


def training_rows() -> Iterator[dict[str, object]]:
    """Yield the responses of a made-up training run: 15 problems, 4 responses each, 5 steps."""
    rng = random.Random(11)
    for step in STEPS:
        for problem in make_problems(15):
            for _ in range(4):
                text, correct = respond(problem, skill_at(step), rng)
                yield {"step": step, "problem": problem, "text": text, "correct": correct}


def write_verl(folder: Path) -> None:
    """Write a file for each step, as `trainer.rollout_data_dir` of verl does."""
    rows = list(training_rows())
    folder.mkdir(parents=True, exist_ok=True)
    for step in STEPS:
        lines = [
            {
                "input": row["problem"].prompt,
                "output": row["text"],
                "gts": str(row["problem"].answer),
                "score": float(row["correct"]),
                "step": step,
            }
            for row in rows
            if row["step"] == step
        ]
        write_lines(folder / f"{step}.jsonl", lines)


def write_trl(folder: Path) -> None:
    """Write a Parquet file for each step, as `log_completions` of TRL does."""
    import pyarrow as pa
    from pyarrow import parquet

    rows = list(training_rows())
    folder.mkdir(parents=True, exist_ok=True)
    for step in STEPS:
        part = [row for row in rows if row["step"] == step]
        columns = {
            "step": [step] * len(part),
            "prompt": [row["problem"].prompt for row in part],
            "completion": [row["text"] for row in part],
            "solution": [str(row["problem"].answer) for row in part],
            "accuracy_reward": [float(row["correct"]) for row in part],
            "advantage": [0.0] * len(part),
        }
        parquet.write_table(pa.table(columns), folder / f"completions_{step:05}.parquet")


def write_models(path: Path) -> None:
    """Write 8 responses of two models to each of 30 problems."""
    rng, lines = random.Random(13), []
    for model, skill in (("before", Skill(0.45, 0.8, 0.25)), ("after", Skill(0.75, 0.95, 0.85))):
        for problem in make_problems(30, seed=17):
            for _ in range(8):
                text, _ = respond(problem, skill, rng)
                row = {"problem": problem.prompt, "response": text, "answer": str(problem.answer), "model": model}
                lines.append(row)
    write_lines(path, lines)


def write_r1(path: Path) -> None:
    """Write the long sample traces as reasoning models write them: thinking in tags, then the answer."""
    sample = Path(__file__).parents[2] / "data" / "sample_traces.jsonl"
    lines = []
    for row in map(json.loads, sample.read_text(encoding="utf-8").splitlines()):
        if row["model"] == "sample-searcher":
            thinking, _, answer = row["text"].rpartition("\n\n")
            text = f"<think>\n{thinking}\n</think>\n\n{answer}"
            lines.append({"problem": row["prompt"], "response": text, "correct": row["correct"]})
    write_lines(path, lines)


def write_lines(path: Path, rows: list[dict[str, object]]) -> None:
    """Write JSON, a row a line."""
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")


if __name__ == "__main__":
    kind, target = sys.argv[1:]
    {"verl": write_verl, "trl": write_trl, "models": write_models, "r1": write_r1}[kind](Path(target))
