"""What does mining by parts cost beside mining at once, and does it give the same lexicon?

    python benchmarks/mining_parts.py [--parts 4] [--also 1,7,64] [--rounds 3]
    python benchmarks/mining_parts.py --sizes 1,3,10 --parts 16 [--folder DIR]
    python benchmarks/mining_parts.py --draw

First form: all real traces, ``sgram mine`` and ``sgram mine split`` with ``join`` in turn, each in processes of its
own; then every step in a process of its own, with its CPU and its peak of memory (each includes the start of Python
and the imports, given as the first row). The digests must be one.

Second form: recombined text of these sizes in GB, written file by file as JSONL, then split, part, union, count,
choose, describe and join, with a memory limit of 1 GiB; wall seconds, CPU, peak of memory and bytes on disk by step.
The text and the split are deleted at the end. Each size is a line of mining_parts.jsonl; a size that is there is not
measured again. The third form draws these lines as mining_parts.png.
"""

import argparse
import json
import random
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

sys.path.insert(0, str(Path(__file__).parent))
from corpora import SHARED, real_texts
from processes import measured_sgram

from sgram.files import write_bytes
from sgram.mining.array_files import ArrayFile
from sgram.mining.parts.plan import SplitPlan
from sgram.mining.parts.steps import CHOICE, UNION
from sgram.reports.figures.canvas import COLORS, figure_format, render_figure
from sgram.reports.figures.figure import Point, draw_curve, write_curve_names

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FILE_BYTES = 256 << 20
"""Bytes of one file of recombined text."""
MEMORY = "1GiB"
"""Limit for arrays and tables; the process also holds Python, the libraries and the model of the embedder."""

GROWTH = Path(__file__).with_suffix(".jsonl")

Cost = dict[str, float]


def add_costs(costs: list[Cost]) -> Cost:
    """Return the sum of wall and CPU seconds, and the largest peak."""
    return {
        "wall": sum(cost["wall"] for cost in costs),
        "cpu": sum(cost["cpu"] for cost in costs),
        "peak": max(cost["peak"] for cost in costs),
    }


def mine_at_once(traces: str, folder: Path, workers: int) -> tuple[str, Cost]:
    """Return the digest of ``sgram mine`` and its cost."""
    printed, cost = measured_sgram("mine", traces, "--json", "--runs", str(folder), "--workers", str(workers))
    return json.loads(printed)["digest"], cost


def mine_by_parts(traces: str, folder: Path, n_parts: int, workers: int) -> tuple[str, Cost]:
    """Return the digest of ``split`` and ``join``, and their cost together."""
    options = ("--workers", str(workers))
    _, split = measured_sgram(
        "mine", "split", traces, "--parts", str(n_parts), "--exact-parts", "-o", str(folder), *options
    )
    printed, join = measured_sgram("mine", "join", str(folder), "--json", *options)
    return json.loads(printed)["digest"], add_costs([split, join])


def run_steps(
    traces: str, folder: Path, n_parts: int, workers: int, *more: str, memory: str = "2GiB"
) -> Iterator[tuple[str, Cost]]:
    """Run every step in processes of its own; yield (step, cost), the costs of the parts of a step added up."""
    options = ("--workers", str(workers), "--memory", memory)
    printed, cost = measured_sgram(
        "mine", "split", traces, "--parts", str(n_parts), "-o", str(folder), "--json", *more, *options
    )
    yield "split", cost
    parts = [f"{folder}/{part['name']}" for part in json.loads(printed)["parts"]]
    yield "part", add_costs([measured_sgram("mine", "part", part, *options)[1] for part in parts])
    yield "union", measured_sgram("mine", "union", str(folder), *options)[1]
    yield "count", add_costs([measured_sgram("mine", "count", part, *options)[1] for part in parts])
    yield "choose", measured_sgram("mine", "choose", str(folder), *options)[1]
    yield "describe", add_costs([measured_sgram("mine", "describe", part, *options)[1] for part in parts])
    yield "join", measured_sgram("mine", "join", str(folder), "--rows", "0", *options)[1]


def describe_union(folder: Path) -> str:
    """Return how much larger the union is than what is frequent in all traces."""
    sizes = union_sizes(folder)
    return (
        f"{sizes['parts']} parts, local threshold {sizes['local_df']}: {sizes['reported']:,} grams reported, "
        f"{sizes['counted']:,} counted, {sizes['counted'] / sizes['frequent']:.2f} times the frequent ones"
    )


def union_sizes(folder: Path) -> dict[str, int]:
    """Return the number of parts, their least local threshold, and grams reported, counted and frequent in all."""
    plan, about = SplitPlan.load(folder), ArrayFile(folder / UNION).about
    return {
        "parts": len(plan.parts),
        "local_df": min(map(plan.local_df, plan.parts)),
        "reported": about["reported"],
        "counted": about["grams"],
        "frequent": ArrayFile(folder / CHOICE).about["grams"],
    }


def print_steps(steps: list[tuple[str, Cost]]) -> None:
    """Print a table of costs."""
    print("| step | wall s | CPU s | peak MiB |")
    print("|---|--:|--:|--:|")
    for step, cost in steps:
        print(f"| {step} | {cost['wall']:.1f} | {cost['cpu']:.1f} | {cost['peak'] / 2**20:,.0f} |")
    print()


def compare_on_real_traces(n_parts: int, other_parts: list[int], rounds: int, workers: int) -> None:
    """Compare mining by parts with mining at once on all real traces."""
    traces = str(SHARED / "traces")
    if not Path(traces).exists():
        raise SystemExit(f"no traces under {SHARED}: this benchmark needs them")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        digests, at_once, by_parts = set(), [], []
        for number in range(rounds):
            digest, cost = mine_at_once(traces, folder / f"once-{number}", workers)
            digests.add(digest)
            at_once.append(cost)
            digest, cost = mine_by_parts(traces, folder / f"parts-{number}", n_parts, workers)
            digests.add(digest)
            by_parts.append(cost)
        ratios = [parts["cpu"] / once["cpu"] for parts, once in zip(by_parts, at_once, strict=True)]
        print(f"CPU of {n_parts} parts by that of mining at once, {rounds} rounds in turn: median {median(ratios):.2f}")
        print_steps([("mine", add_costs(at_once)), ("split and join", add_costs(by_parts))])
        _, start = measured_sgram("mine", "part", "--help")
        print_steps(
            [("start of Python", start), *run_steps(traces, folder / "steps", n_parts, workers, "--exact-parts")]
        )
        print(describe_union(folder / "steps"))
        for n_other in other_parts:
            digest, _ = mine_by_parts(traces, folder / f"other-{n_other}", n_other, workers)
            digests.add(digest)
            print(describe_union(folder / f"other-{n_other}"))
        print(f"\nsame digest in all {2 * rounds + len(other_parts)} runs: {'yes' if len(digests) == 1 else 'NO'}")


def median(numbers: list[float]) -> float:
    """Return the median."""
    return sorted(numbers)[len(numbers) // 2]


def write_recombined(folder: Path, n_bytes: int) -> int:
    """Write recombined text of about `n_bytes` as JSONL files, each with a seed of its own; return its traces."""
    sentences = [part for text in real_texts(4_000) for part in text.split(". ") if 20 < len(part) < 300]
    words = sorted({word for sentence in sentences[::50] for word in sentence.split()})
    n_traces, written, number = 0, 0, 0
    while written < n_bytes:
        rng = random.Random(number)
        size = 0
        with (folder / f"{number:04d}.jsonl").open("wb") as file:
            while size < min(FILE_BYTES, n_bytes - written):
                drawn = rng.choices(sentences, k=rng.randint(20, 90))
                for row in range(0, len(drawn), 3):  # changed words keep the long tail of rare grams
                    parts = drawn[row].split(" ")
                    parts[rng.randrange(len(parts))] = rng.choice(words)
                    drawn[row] = " ".join(parts)
                problem = f"problem {rng.randrange(40_000)}"
                size += file.write(
                    orjson.dumps({"id": f"{number}-{n_traces}", "prompt": problem, "response": ". ".join(drawn)})
                    + b"\n"
                )
                n_traces += 1
        written += size
        number += 1
    return n_traces


def disk_bytes(folder: Path) -> int:
    """Return the bytes of all files below `folder`."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def measure_large(gigabytes: float, n_parts: int, root: Path, workers: int) -> None:
    """Mine recombined text of a size by parts, and print what each step cost."""
    folder = Path(tempfile.mkdtemp(dir=root))
    try:
        (folder / "text").mkdir()
        n_traces = write_recombined(folder / "text", int(gigabytes * 1e9))
        print(f"## {gigabytes:g} GB: {n_traces:,} traces\n")
        text_bytes = disk_bytes(folder / "text")
        steps = list(run_steps(str(folder / "text"), folder / "parts", n_parts, workers, memory=MEMORY))
        print_steps(steps)
        print(describe_union(folder / "parts"))
        parts_bytes = disk_bytes(folder / "parts")
        print(f"on disk: text {text_bytes / 1e9:.1f} GB, parts {parts_bytes / 1e9:.1f} GB\n", flush=True)
        line = {
            "gigabytes": gigabytes,
            "traces": n_traces,
            "text_bytes": text_bytes,
            "parts_bytes": parts_bytes,
            **union_sizes(folder / "parts"),
            "steps": {step: {name: round(number, 2) for name, number in cost.items()} for step, cost in steps},
        }
        with GROWTH.open("ab") as file:
            file.write(orjson.dumps(line) + b"\n")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def read_growth() -> list[dict[str, Any]]:
    """Return what is recorded, by size."""
    lines = GROWTH.read_bytes().splitlines() if GROWTH.exists() else []
    return sorted(map(orjson.loads, lines), key=lambda line: line["gigabytes"])


def draw_growth(lines: list[dict[str, Any]]) -> None:
    """Draw CPU seconds and the largest peak of memory of each step by the size of the text."""
    panels = (("CPU seconds of a step, all parts", "cpu", 1), ("largest peak of a process, MiB", "peak", 2**20))

    def draw(figure: "Figure") -> None:
        for axes, (title, cost, unit) in zip(figure.subplots(1, 2), panels, strict=True):
            ends = []
            for step, color in zip(lines[0]["steps"], COLORS, strict=True):
                points = [Point(line["gigabytes"], line["steps"][step][cost] / unit) for line in lines]
                draw_curve(axes, points, color)
                ends.append((step, points[-1], color))
            axes.set_title(title)
            axes.set_xlabel("text, GB")
            axes.set_xlim(0, lines[-1]["gigabytes"])
            axes.set_ylim(bottom=0)
            write_curve_names(axes, ends, 0.06, has_arrows=True)

    path = GROWTH.with_suffix(".png")
    write_bytes(path, render_figure((9.6, 4.2), draw, figure_format(str(path))))


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", type=int, default=4)
    parser.add_argument("--also", default="1,7,64", help="further numbers of parts whose digest is compared")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--sizes", default="", help="sizes of recombined text in GB")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()), help="for text and parts")
    parser.add_argument("--draw", action="store_true", help="draw what is recorded")
    options = parser.parse_args()
    if options.draw:
        draw_growth(read_growth())
        return
    if options.sizes:
        recorded = {line["gigabytes"] for line in read_growth()}
        for size in map(float, options.sizes.split(",")):
            if size not in recorded:
                measure_large(size, options.parts, options.folder, options.workers)
        return
    also = [int(number) for number in options.also.split(",") if number]
    compare_on_real_traces(options.parts, also, options.rounds, options.workers)


if __name__ == "__main__":
    main()
