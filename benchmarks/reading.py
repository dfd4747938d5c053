"""How fast rollouts are read: `TraceReader` beside parsing alone (orjson) and `datasets.load_dataset`, in one process.

    python benchmarks/reading.py [--mb 64] [--memory-gb 1]

CPU time, not wall time; each reader reads the same file three times, and the least counts. Rows have a prompt, a
response with its thinking, a model, a step and a reward of 0 or 1 in every row, so that the whole file is surveyed for
correctness before it is read: the dearest case. `judged` rows say themselves whether they are correct, so that one pass
is enough.

`least` is what no reader with the same results can save: the lines, the parsing of each pass, the SHA-256 of each
response, which is its id, and the search for marks of thinking, all of it compiled code.
"""

import argparse
import hashlib
import json
import resource
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import orjson

from sgram.traces import TraceReader
from sgram.traces.parts import find_parts

WORDS = "wait let me check this again so we have the sum of both and then it follows that we can use the fact".split()
SIZES = (1024, 8192, 32768)


def write_rows(path: Path, row_bytes: int, n_rows: int, is_judged: bool) -> None:
    """Write rows of about `row_bytes` each."""
    words = " ".join(WORDS) + " "
    with path.open("w", encoding="utf-8") as file:
        for number in range(n_rows):
            filler = (words * (row_bytes // len(words) + 1))[: max(0, row_bytes - 260)]
            row = {
                "prompt": f"What is {number} + {number % 97}?",
                "completion": f"<think>\n{filler}\n</think>\n\nThe answer is {number + number % 97}.",
                "model": "a-model",
                "step": number // 64,
                "score": float(number % 2),
            }
            if is_judged:
                row["correct"] = bool(number % 2)
            file.write(json.dumps(row) + "\n")


def parse(path: Path) -> int:
    """Parse every line."""
    with path.open("rb") as file:
        return sum(1 for line in file if orjson.loads(line))


def read(path: Path) -> int:
    """Read every trace."""
    return sum(1 for _ in TraceReader(path))


def read_least(path: Path, n_passes: int) -> int:
    """Do what reading cannot save: parse each line in each pass, digest the response, search it for marks."""
    n_rows = 0
    for number in range(n_passes):
        with path.open("rb") as file:
            for line in file:
                row = orjson.loads(line)
                if number == 0:
                    n_rows += 1
                    hashlib.sha256(orjson.dumps((row["prompt"], row["completion"], row["step"]))).hexdigest()
                    find_parts(row["completion"])
    return n_rows


def load(path: Path) -> int:
    """Load the file with datasets, without its cache of an earlier call."""
    import datasets

    with tempfile.TemporaryDirectory() as cache:
        return len(datasets.load_dataset("json", data_files=str(path), split="train", cache_dir=cache))


def cpu_seconds(function: Callable[[Path], int], path: Path, repeats: int = 3) -> float:
    """Return the least CPU time of several calls, children included."""
    times = []
    for _ in range(repeats):
        before = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        function(path)
        after = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        times.append(sum(b.ru_utime + b.ru_stime - a.ru_utime - a.ru_stime for a, b in zip(before, after, strict=True)))
    return min(times)


def main() -> None:
    """Print a table of ratios, and the memory of a long file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mb", type=int, default=64, help="size of each file")
    parser.add_argument("--memory-gb", type=float, default=0.0, help="size of a file whose memory is measured")
    arguments = parser.parse_args()
    columns = ("sgram", "least", "judged", "least judged", "datasets")
    print("CPU as a multiple of orjson's")
    print(f"{'row bytes':>9}  {'rows':>8}  {'orjson s':>8}  " + "  ".join(f"{name:>12}" for name in columns))
    with tempfile.TemporaryDirectory() as folder:
        for row_bytes in SIZES:
            n_rows = arguments.mb * 2**20 // row_bytes
            paths = [Path(folder, f"{row_bytes}-{is_judged}.jsonl") for is_judged in (False, True)]
            for path, is_judged in zip(paths, (False, True), strict=True):
                write_rows(path, row_bytes, n_rows, is_judged)
            base = cpu_seconds(parse, paths[0])
            seconds = [
                *(
                    cpu_seconds(function, path)
                    for path, n_passes in zip(paths, (2, 1), strict=True)
                    for function in (read, partial(read_least, n_passes=n_passes))
                ),
                cpu_seconds(load, paths[0], 1),
            ]
            ratios = "  ".join(f"{second / base:12.1f}" for second in seconds)
            print(f"{row_bytes:>9}  {n_rows:>8,}  {base:8.2f}  {ratios}")
            for path in paths:
                path.unlink()
        if arguments.memory_gb:
            path = Path(folder, "long.jsonl")
            peaks = []
            for share in (0.05, 1.0):
                write_rows(path, 8192, int(arguments.memory_gb * share * 2**30) // 8192, False)
                started = time.process_time()
                read(path)
                seconds = time.process_time() - started
                peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
                size = path.stat().st_size / 2**30
                print(f"{size:.2f} GiB read in {seconds:.1f} CPU s; peak memory {peaks[-1]:.0f} MiB")


if __name__ == "__main__":
    main()
