"""Does `sgram mine` stay within --memory? 1 GiB of text under --memory 1GiB, and what the whole costs.

    python benchmarks/memory.py [--text 1024] [--memory 1GiB] [--embedder auto]

Writes recombined traces (12 a problem, two outcomes) as plain JSONL to a temporary folder, mines
them in a process of its own and prints its peak resident memory (VmHWM), CPU and wall seconds.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import orjson

sys.path.insert(0, str(Path(__file__).parent))
from corpora import recombined_texts
from processes import measured_sgram

from sgram.files import parse_size

CHUNK = 64 << 20


def write_traces(path: Path, size: int) -> int:
    """Write about `size` bytes of text as traces; returns the exact bytes of text."""
    written = 0
    with path.open("wb") as file:
        for seed in range(-(-size // CHUNK)):
            for at, text in enumerate(recombined_texts(min(CHUNK, size - written), seed)):
                row = {
                    "id": f"{seed}-{at}",
                    "prompt": f"problem {seed}-{at // 12}",
                    "text": text,
                    "correct": at % 2 == 0,
                }
                file.write(orjson.dumps(row) + b"\n")
                written += len(text.encode())
    return written


def main() -> None:
    """Generate, mine, report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--text", type=int, default=1024, help="MiB of text")
    parser.add_argument("--memory", default="1GiB")
    parser.add_argument("--workers", default="2")
    parser.add_argument("--embedder", default="auto")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "traces.jsonl"
        size = write_traces(path, options.text << 20)
        out, used = measured_sgram(
            "mine",
            str(path),
            "--memory",
            options.memory,
            "--json",
            "--runs",
            folder,
            "--workers",
            options.workers,
            "--embedder",
            options.embedder,
        )
    grams = orjson.loads(out)["grams"]
    asked = parse_size(options.memory)
    print("| text MiB | --memory | peak RSS MiB | share of --memory | wall s | CPU s | grams |")
    print("|---|---|---|---|---|---|---|")
    print(
        f"| {size / 2**20:.0f} | {options.memory} | {used['peak'] / 2**20:.0f} "
        f"| {used['peak'] / asked:.2f} | {used['wall']:.0f} | {used['cpu']:.0f} | {grams:,} |"
    )


if __name__ == "__main__":
    main()
