"""A million tokens of traces: how long does a report take, and how much memory? The bar: 2 minutes and 2 GiB.

    python benchmarks/report_scale.py [--tokens 1000000] [--placebos 3]

The corpus is every k-th real trace where ../shared/data is there, else the shipped samples again and again with
one word of each sentence changed. Each verb runs in a process of its own; memory is its own high-water mark (VmHWM).
A token is taken for 3.3 characters, as mathematical text has it.
"""

import argparse
import gzip
import random
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import orjson

sys.path.insert(0, str(Path(__file__).parent))
from corpora import SHARED
from processes import measured_sgram

from sgram.files import data_path

CHARS_A_TOKEN = 3.3


def real_rows(size: float) -> list[dict]:
    """Every k-th of the real traces, about `size` characters of responses in all; none where there are none."""
    rows = []
    for path in sorted((SHARED / "traces").glob("*.jsonl.gz")):
        with gzip.open(path) as lines:
            rows += [orjson.loads(line) for line in lines]
    total = sum(len(row["response"]) for row in rows)
    if total <= size or not rows:
        return rows
    order = random.Random(0).sample(range(len(rows)), len(rows))
    held, chosen = 0, []
    for place in order:
        held += len(rows[place]["response"])
        chosen.append(place)
        if held >= size:
            break
    return [rows[place] for place in sorted(chosen)]


def sample_rows(size: float) -> Iterator[dict]:
    """The shipped samples again and again, a word of each sentence changed, until they hold `size` characters."""
    rows = [orjson.loads(line) for line in data_path("sample_traces.jsonl").read_bytes().splitlines()]
    words = sorted({word for row in rows for word in row["text"].split()})
    rng, held, turn = random.Random(0), 0, 0
    while held < size:
        for row in rows:
            parts = row["text"].split(". ")
            for place, part in enumerate(parts):
                held_words = part.split(" ")
                held_words[rng.randrange(len(held_words))] = rng.choice(words)
                parts[place] = " ".join(held_words)
            text = ". ".join(parts)
            held += len(text)
            yield {**row, "id": f"{turn}-{row['id']}", "group": f"{turn // 4}-{row['group']}", "text": text}
        turn += 1


def write_corpus(path: Path, tokens: int) -> tuple[int, int]:
    """Write about so many `tokens`; (traces, characters)."""
    size = tokens * CHARS_A_TOKEN
    rows = real_rows(size) or list(sample_rows(size))
    path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    return len(rows), sum(len(row.get("response") or row["text"]) for row in rows)


def main() -> None:
    """Make the corpus, run both verbs, print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokens", type=int, default=1_000_000)
    parser.add_argument("--placebos", default="3")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        corpus, page = Path(folder) / "traces.jsonl", Path(folder) / "report.html"
        traces, chars = write_corpus(corpus, options.tokens)
        verbs = {"metrics": ("metrics", str(corpus), "--json", "--placebos", options.placebos)}
        if (Path(__file__).parents[1] / "sgram" / "cli" / "report.py").exists():
            verbs["report"] = ("report", str(corpus), "-o", str(page))
        print("| verb | traces | characters | tokens, about | wall s | CPU s | peak RSS MiB | page MB |")
        print("|---|---|---|---|---|---|---|---|")
        for verb, arguments in verbs.items():
            _, used = measured_sgram(*arguments)
            size = f"{page.stat().st_size / 1e6:.1f}" if verb == "report" else "-"
            print(
                f"| {verb} | {traces:,} | {chars:,} | {chars / CHARS_A_TOKEN:,.0f} | {used['wall']:.1f} "
                f"| {used['cpu']:.1f} | {used['peak'] / 2**20:.0f} | {size} |"
            )


if __name__ == "__main__":
    main()
