"""What does ``sgram tag`` cost beside the tokenizer alone?

    python benchmarks/tag_command.py [--megabytes 40] [--rounds 3]

In turn, each in a process of its own: ``sgram tag FILE --tokenizer TOKENIZER -o masks.parquet`` on that much text of
real traces, and a script that reads the same file and calls the tokenizer's ``encode_batch`` on its texts. Total CPU
of each process, start of Python included, and CPU less that of the same command on a file of one trace.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import orjson

sys.path.insert(0, str(Path(__file__).parent))
from processes import measured_sgram
from tagging_inputs import machine, training_texts, training_tokenizer

ENCODE = """
import sys
import orjson
from tokenizers import Tokenizer

tokenizer = Tokenizer.from_file(sys.argv[1])
with open(sys.argv[2], "rb") as file:
    texts = [orjson.loads(line)["response"] for line in file]
for start in range(0, len(texts), 1000):
    tokenizer.encode_batch(texts[start : start + 1000], add_special_tokens=False)
"""


def write_traces(path: Path, texts: Sequence[str]) -> None:
    """Write texts as rollouts."""
    with path.open("wb") as file:
        for number, text in enumerate(texts):
            file.write(orjson.dumps({"id": str(number), "response": text}) + b"\n")


def encode_cpu(tokenizer: Path, traces: Path) -> float:
    """Return the CPU seconds of a process that only reads and encodes."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", ENCODE, str(tokenizer), str(traces)], check=True, env=dict(os.environ))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def tag_cpu(tokenizer: Path, traces: Path, masks: Path) -> float:
    """Return the CPU seconds of ``sgram tag``."""
    return measured_sgram("tag", str(traces), "--tokenizer", str(tokenizer), "-o", str(masks), "--json")[1]["cpu"]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=float, default=40)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    all_texts, source = training_texts()
    tokenizer, name = training_tokenizer(all_texts)
    texts, n_bytes = [], 0
    while n_bytes < options.megabytes * 1e6:
        texts.append(all_texts[len(texts) % len(all_texts)])
        n_bytes += len(texts[-1].encode())
    print(machine("tokenizers", "numba"))
    print(f"{len(texts):,} traces, {n_bytes / 1e6:.0f} MB: {source}; {name}\n")
    costs = {key: [] for key in ("tag", "encode", "tag one", "encode one")}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        model, many, one, masks = (root / file for file in ("t.json", "many.jsonl", "one.jsonl", "masks.parquet"))
        tokenizer.save(str(model))
        write_traces(many, texts)
        write_traces(one, texts[:1])
        for number in range(options.rounds + 1):
            for size, traces in (("", many), (" one", one)):
                tagging, encoding = tag_cpu(model, traces, masks), encode_cpu(model, traces)
                if number:  # the first is the warm-up
                    costs[f"tag{size}"].append(tagging)
                    costs[f"encode{size}"].append(encoding)
    total = [tagging / encoding for tagging, encoding in zip(costs["tag"], costs["encode"], strict=True)]
    work = [
        (tag - tag_one) / (encode - encode_one)
        for tag, tag_one, encode, encode_one in zip(
            *(costs[k] for k in ("tag", "tag one", "encode", "encode one")), strict=True
        )
    ]
    print("| | sgram tag, CPU s | encode_batch, CPU s | ratio |")
    print("|---|--:|--:|--:|")
    print(f"| whole process | {median(costs['tag']):.1f} | {median(costs['encode']):.1f} | {median(total):.2f} |")
    tag_start, encode_start = median(costs["tag one"]), median(costs["encode one"])
    print(f"| one trace | {tag_start:.1f} | {encode_start:.1f} | |")
    print(
        f"| without the start | {median(costs['tag']) - tag_start:.1f} | "
        f"{median(costs['encode']) - encode_start:.1f} | {median(work):.2f} |"
    )


if __name__ == "__main__":
    main()
