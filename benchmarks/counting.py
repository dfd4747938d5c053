"""How fast are 3..5-grams counted, against scikit-learn and polars, on the same words?

    python benchmarks/counting.py [--size 50] [--real] [--sentences] [--peers sklearn,polars]

Texts are words separated by single spaces, so that every method sees the same words and makes the same
n-grams, and CountVectorizer is called as everyone calls it. With --sentences, texts keep their sentence ends
(a sentence a line) and n-grams stay inside a sentence; CountVectorizer's own n-gram maker is then called a
line at a time. Every method runs in a process of its own, texts loaded and compiled functions built (ours are
cached on disk) before the clock starts, and ends with a dictionary of strings. CPU is user + system time,
memory what the peak adds to what was held before.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parent))
from corpora import real_texts, recombined_texts

MIN_DF, LENGTHS = 5, (3, 5)


def as_words(texts: list[str], sentences: bool) -> list[str]:
    """Each text as its words in normal form, one space between them; a sentence a line, or all in one."""
    from sgram.scan import find_words

    prepared = []
    for text in texts:
        lines, current = [[]], 0
        for word in find_words(text):
            if word.sentence != current:
                lines.append([])
                current = word.sentence
            lines[-1].append(word.text)
        prepared.append(("\n" if sentences else " ").join(" ".join(line) for line in lines if line))
    return prepared


class Found(NamedTuple):
    """A vocabulary (gram -> row) and the df and count of each row."""

    rows: dict[str, int]
    df: list
    count: list
    seconds: float = 0.0
    """Wall time until the table stood, before its strings were made (ours only)."""


def by_sgram(texts: list[str], workers: int) -> Found:
    """Ours."""
    import numpy as np

    from sgram.mining.corpus import Document, encode_documents
    from sgram.mining.count import count_grams

    start = time.perf_counter()
    corpus = encode_documents((Document(text) for text in texts), workers=workers)
    table = count_grams(corpus, MIN_DF, LENGTHS[1], workers)
    seconds = time.perf_counter() - start
    grams = [gram for level in table.all_texts()[LENGTHS[0] - 1 :] for gram in level]
    levels = table.levels[LENGTHS[0] - 1 :]
    df, count = (np.concatenate([getattr(level, name).sum(axis=1) for level in levels]) for name in ("df", "count"))
    return Found(dict(zip(grams, range(len(grams)), strict=True)), df, count, seconds)


def by_sklearn(texts: list[str], sentences: bool) -> Found:
    """CountVectorizer."""
    import numpy as np
    from sklearn.feature_extraction.text import CountVectorizer

    settings = {"ngram_range": LENGTHS, "min_df": MIN_DF, "token_pattern": r"\S+", "lowercase": False}
    vectorizer = CountVectorizer(**settings)
    if sentences:
        maker = vectorizer._word_ngrams
        vectorizer.set_params(
            analyzer=lambda text: [gram for line in text.split("\n") for gram in maker(line.split(" "))]
        )
    matrix = vectorizer.fit_transform(texts)
    df = np.bincount(matrix.indices, minlength=matrix.shape[1])
    return Found(vectorizer.vocabulary_, df, np.asarray(matrix.sum(axis=0)).ravel())


def by_polars(texts: list[str]) -> Found:
    """Words in rows, shifted beside each other, grouped."""
    import polars as pl

    words = (
        pl.DataFrame({"doc": range(len(texts)), "text": texts}, schema={"doc": pl.Int32, "text": pl.String})
        .with_columns(pl.col("text").str.split("\n"))
        .explode("text")
        .with_row_index("line")
        .with_columns(pl.col("text").str.split(" "))
        .explode("text")
        .rename({"text": "word"})
    )
    levels = []
    for n in range(LENGTHS[0], LENGTHS[1] + 1):
        levels.append(
            words.select(
                "doc",
                pl.concat_str([pl.col("word").shift(-step) for step in range(n)], separator=" ").alias("gram"),
                (pl.col("line").shift(-(n - 1)) == pl.col("line")).alias("inside"),
            )
            .filter("inside")
            .group_by("gram")
            .agg(pl.col("doc").n_unique().alias("df"), pl.len().alias("count"))
            .filter(pl.col("df") >= MIN_DF)
        )
    found = pl.concat(levels)
    return Found(dict(zip(found["gram"].to_list(), range(len(found)), strict=True)), found["df"], found["count"])


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def measured(work: Callable[[], Found]) -> dict:
    """CPU seconds, wall seconds, added peak bytes and a digest of what `work` returns."""
    before = _resident()
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts here, not at what loading needed
    cpu, wall = time.process_time(), time.perf_counter()
    found = work()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    status = Path("/proc/self/status").read_text()
    peak = int(status.split("VmHWM:")[1].split()[0]) * 1024
    facts = "\n".join(f"{gram}\t{found.df[row]}\t{found.count[row]}" for gram, row in sorted(found.rows.items()))
    return {
        "cpu": cpu,
        "wall": wall,
        "added": peak - before,
        "grams": len(found.rows),
        "seconds": found.seconds,
        "digest": sha256(facts.encode()).hexdigest(),
    }


def run_one(method: str, size: int, real: bool, sentences: bool) -> None:
    """Child process: one method, once; prints JSON."""
    # 1.28 raw bytes leave about one byte of words
    texts = as_words(real_texts(16_000) if real else recombined_texts(size * 1_280_000), sentences)
    n_bytes = sum(len(text.encode()) for text in texts)
    if method.startswith("sgram"):
        workers = int(method.removeprefix("sgram-"))
        by_sgram(texts[:50], workers)
        result = measured(lambda: by_sgram(texts, workers))
    elif method == "sklearn":
        result = measured(lambda: by_sklearn(texts, sentences))
    else:
        result = measured(lambda: by_polars(texts))
    print(json.dumps(result | {"bytes": n_bytes}))


def main() -> None:
    """Run every method in turn and print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=50, help="MB of recombined text")
    parser.add_argument("--real", action="store_true", help="the real traces instead")
    parser.add_argument("--sentences", action="store_true", help="n-grams stay inside a sentence")
    parser.add_argument("--peers", default="sklearn,polars")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each method; the median is shown")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        run_one(options.one, options.size, options.real, options.sentences)
        return
    results = {}
    methods = ["sgram-1", "sgram-2", *filter(None, options.peers.split(","))]
    for method in methods:
        runs = []
        for _ in range(1 if method == "sklearn" else options.repeats):
            command = [sys.executable, __file__, "--one", method, "--size", str(options.size)]
            command += ["--real"] * options.real + ["--sentences"] * options.sentences
            environment = os.environ | ({"POLARS_MAX_THREADS": "1"} if method == "polars" else {})
            out = subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout
            runs.append(json.loads(out.splitlines()[-1]))
        results[method] = sorted(runs, key=lambda run: run["cpu"])[len(runs) // 2]
    base = results["sgram-1"]
    what = "real traces" if options.real else "recombined sentences"
    what += " with sentence ends" if options.sentences else ", words only"
    print(f"{what}: {base['bytes'] / 1e6:.0f} MB, {base['grams']:,} grams of 3..5 words in >= {MIN_DF} texts")
    print("\n| method | CPU s | wall s | MB / CPU s | added MB | CPU x | memory x | same table |")
    print("|---|---|---|---|---|---|---|---|")
    for method, run in results.items():
        print(
            f"| {method} | {run['cpu']:.2f} | {run['wall']:.2f} | {run['bytes'] / 1e6 / run['cpu']:.1f} "
            f"| {run['added'] / 1e6:.0f} | {run['cpu'] / base['cpu']:.1f} | {run['added'] / base['added']:.1f} "
            f"| {'yes' if run['digest'] == base['digest'] else 'NO'} |"
        )
    gain = base["seconds"] / results["sgram-2"]["seconds"]
    print(f"\ncounting with 2 workers: {gain:.2f} times faster than with 1 (wall)")


if __name__ == "__main__":
    main()
