"""How fast are token ids tagged, and spans of text found, beside what else finds them? And how soon is a tagger ready?

    python benchmarks/tagging.py [--sizes 200,2000,20000] [--parts mask,spans,build,threads]

mask: 64 rows of 4,096 ids (R1-like traces one after the other, DeepSeek's tokenizer), lexicons of 200, 2,000 and 20,000
grams: the published list, then frequent grams of 2 to 5 words drawn at random from the traces. spans: 5 MB of the same
texts. Everything on one core; CPU milliseconds, median of 5 runs after a warm-up (of 1 run where a run takes more
than 15 s; left out where the next smaller lexicon says that it would take more than 60 s).

The exact byte regex (peer_rules.py) comes in two forms: the grams one after the other, as anyone would write it, and
those that begin alike sharing their beginning, each behind its first byte, which is as good as `re` gets. Both are
compared with sgram's mask in the same run. build: processes of their own, compiled functions already on disk.
threads: wall time, all cores. Rows are handed to the others as lists, outside the clock.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from statistics import median

import numpy as np

os.environ["RAYON_NUM_THREADS"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
sys.path.insert(0, str(Path(__file__).parent))
from peer_rules import ByteRegex, DecodeSearchEncode, IdSequences, id_sequences
from tagging_inputs import (
    batch,
    byte_level_tokens,
    deepseek,
    lexicons,
    litellm_tokenizers,
    machine,
    training_texts,
    training_tokenizer,
)

from sgram.lexicon import Lexicon
from sgram.tagging.span_finder import SpanFinder
from sgram.tagging.tagger import PlanningTagger

ROWS, LENGTH = 64, 4096
RUNS, SLOW, TOO_SLOW = 5, 15.0, 60.0
TARGETS = {"exact byte regex, one after the other": 80, "decode, regex, encode again": 200, "spaCy PhraseMatcher": 20}


class Clock:
    """CPU seconds by method and lexicon size; leaves out what would be too slow."""

    def __init__(self) -> None:
        self.seconds: dict[tuple[str, int], float] = {}
        self.single: set[tuple[str, int]] = set()

    def run(self, method: str, size: int, build: Callable[[], Callable]) -> object | None:
        """Time what `build` returns; its result, or None if it was left out."""
        smaller = [(held, spent) for (name, held), spent in self.seconds.items() if name == method]
        if smaller:
            held, spent = max(smaller)
            if spent * size / held > TOO_SLOW:
                return None
        work = build()
        result, first = self._timed(work)
        runs = [self._timed(work)[1] for _ in range(RUNS if first < SLOW else 1)]
        if len(runs) == 1:
            self.single.add((method, size))
        self.seconds[method, size] = median(runs)
        return result

    @staticmethod
    def _timed(work: Callable) -> tuple[object, float]:
        start = time.process_time()
        result = work()
        return result, time.process_time() - start

    def cell(self, method: str, size: int, ours: str) -> str:
        """Milliseconds, and how many times ours."""
        if (method, size) not in self.seconds:
            return "not run"
        spent, base = self.seconds[method, size], self.seconds[ours, size]
        note = " (1 run)" if (method, size) in self.single else ""
        return f"{shown_ms(spent)}{note}" + (f", {spent / base:,.1f}x" if method != ours else "")

    def table(self, ours: str, sizes: list[int], notes: dict[str, str]) -> None:
        """Print all methods."""
        print(f"| method | {' | '.join(f'{size:,} grams' for size in sizes)} | {notes['']} |")
        print(f"|---|{'--:|' * len(sizes)}---|")
        for method in dict.fromkeys(name for name, _ in self.seconds):
            cells = [self.cell(method, size, ours) for size in sizes]
            print(f"| {method} | {' | '.join(cells)} | {notes.get(method, '')} |")
        print()

    def judge(self, ours: str, sizes: list[int]) -> None:
        """Print the targets, reached or missed."""
        for method, target in TARGETS.items():
            ratios = [
                (size, self.seconds[method, size] / self.seconds[ours, size])
                for size in sizes
                if (method, size) in self.seconds
            ]
            if ratios:
                kept = "reached" if all(ratio >= target for _, ratio in ratios) else "MISSED"
                found = ", ".join(f"{ratio:,.0f}x at {size:,}" for size, ratio in ratios)
                print(f"target >= {target}x {method}: {kept} ({found})")
        print()


def shown_ms(seconds: float) -> str:
    """Milliseconds with about three digits."""
    spent = seconds * 1e3
    return f"{spent:,.1f}" if spent < 100 else f"{spent:,.0f}"


def pin() -> None:
    """Keep this process on one core."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


# Masks


def mask_part(texts: list[str], held: dict[int, Lexicon]) -> None:
    """Token ids to masks."""
    tokenizer, name = training_tokenizer(texts)
    tokens = byte_level_tokens(tokenizer)
    ids = batch(tokenizer, texts, ROWS, LENGTH)
    rows = ids.tolist()
    n_bytes = sum(len(tokens[token] or b"") for row in rows for token in row)
    print(
        f"{ROWS} x {LENGTH:,} ids, {n_bytes / 1e6:.2f} MB of text, {name} ({len(tokens):,} ids), "
        "CPU ms a batch and times sgram\n"
    )
    clock, shares, same = Clock(), [], {}
    for size, lexicon in held.items():
        grams = [gram.text for gram in lexicon.grams]
        tagger = PlanningTagger(lexicon, tokenizer, workers=1)
        mask = clock.run("**sgram**", size, lambda tagger=tagger: lambda: tagger(ids))
        shares.append(f"{mask.mean():.1%}")
        clock.run("sgram, labels", size, lambda tagger=tagger: lambda: tagger.labels(ids))
        for method, plain in (
            ("exact byte regex, one after the other", True),
            ("exact byte regex, beginnings shared", False),
        ):

            def regex(plain=plain, grams=grams) -> Callable:
                rule = ByteRegex(grams, tokens, plain=plain)
                return lambda: rule(rows)

            found = clock.run(method, size, regex)
            if found is not None:
                same.setdefault(method, []).append(bool((np.array(found) == mask).all()))
        others(clock, size, grams, tokenizer, rows)
    notes = {"": "same mask as sgram", "**sgram**": f"planning: {', '.join(shares)}"}
    notes |= {method: "yes" if all(found) else "NO" for method, found in same.items()}
    clock.table("**sgram**", list(held), notes)
    rates = [f"{ROWS * LENGTH / clock.seconds['**sgram**', size] / 1e6:.0f} M at {size:,} grams" for size in held]
    print(f"tokens a second and core: {', '.join(rates)}\n")
    clock.judge("**sgram**", list(held))
    if not all(all(found) for found in same.values()):
        raise SystemExit("sgram's mask differs from the exact byte regex")


def others(clock: Clock, size: int, grams: list[str], tokenizer, rows: list[list[int]]) -> None:
    """Methods that give another mask, and decoding alone."""

    def ids(text: str) -> list[int]:
        return tokenizer.encode(text, add_special_tokens=False).ids

    def sequences() -> Callable:
        rule = IdSequences(id_sequences(grams, ids, spaced=True))
        return lambda: rule(rows)

    def again() -> Callable:
        rule = DecodeSearchEncode(grams, tokenizer)
        return lambda: rule(rows)

    clock.run("decode, regex, encode again", size, again)
    clock.run("id sequences with leading space, a trie", size, sequences)
    clock.run("decode_batch alone", size, lambda: lambda: tokenizer.decode_batch(rows))


# Spans


def span_part(texts: list[str], held: dict[int, Lexicon], size_mb: float = 5.0) -> None:
    """Text to spans."""
    chosen, n_bytes = [], 0
    for text in texts:
        if n_bytes >= size_mb * 1e6:
            break
        chosen.append(text)
        n_bytes += len(text.encode())
    print(f"{len(chosen):,} texts, {n_bytes / 1e6:.1f} MB, CPU ms and times sgram's offsets\n")
    clock, hits = Clock(), {}
    for size, lexicon in held.items():
        finder = SpanFinder(lexicon)
        grams = [gram.text for gram in lexicon.grams]
        methods = {
            "**sgram, offsets**": lambda finder=finder: lambda: sum(len(finder.offsets(text)) for text in chosen),
            "sgram, Span objects": lambda finder=finder: lambda: sum(len(finder(text)) for text in chosen),
            "spaCy PhraseMatcher": lambda grams=grams: phrase_matcher(grams, chosen),
            "`re` alternation": lambda grams=grams: alternation(grams, chosen),
        }
        for method, build in methods.items():
            found = clock.run(method, size, build)
            hits.setdefault(method, []).append("-" if found is None else f"{found:,}")
    notes = {"": "hits"} | {method: ", ".join(found) for method, found in hits.items()}
    clock.table("**sgram, offsets**", list(held), notes)
    ours = ("**sgram, offsets**", "sgram, Span objects")
    for method in ours:
        rates = [f"{n_bytes / 1e6 / clock.seconds[method, size]:.0f} at {size:,}" for size in held]
        print(f"{method.strip('*')}: MB a second and core: {', '.join(rates)}")
    print()
    for method in ours:
        print(f"{method.strip('*')}:")
        clock.judge(method, list(held))


def phrase_matcher(grams: list[str], texts: list[str]) -> Callable[[], int]:
    """spaCy's matcher on lower case, its tokenizer included."""
    import spacy
    from spacy.matcher import PhraseMatcher

    nlp = spacy.blank("en")
    matcher = PhraseMatcher(nlp.vocab, attr="LOWER")
    matcher.add("gram", [nlp.make_doc(gram) for gram in grams])
    return lambda: sum(len(matcher(nlp.make_doc(text))) for text in texts)


def alternation(grams: list[str], texts: list[str]) -> Callable[[], int]:
    """One regular expression, longest first; finds no overlapping hits."""
    longest_first = sorted(grams, key=lambda gram: (-len(gram), gram))
    pattern = re.compile(rf"\b(?:{'|'.join(map(re.escape, longest_first))})\b", re.IGNORECASE)
    return lambda: sum(1 for text in texts for _ in pattern.finditer(text))


# Building and threads, in processes of their own


def child(*arguments: str) -> dict:
    """What a process of this file reports."""
    done = subprocess.run(
        [sys.executable, __file__, "--child", *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def build_once(which: str, lexicon_path: str) -> dict:
    """Child: wall and CPU seconds of a tagger, the first and the second, and of the first row tagged."""
    lexicon = Lexicon.load(lexicon_path)
    if which == "o200k":
        os.environ["TIKTOKEN_CACHE_DIR"] = str(litellm_tokenizers())
        import tiktoken

        tokenizer = tiktoken.get_encoding("o200k_base")
    else:
        tokenizer = deepseek()
    pin()
    figures = {}
    for name in ("first", "second"):
        wall, cpu = time.perf_counter(), time.process_time()
        tagger = PlanningTagger(lexicon, tokenizer)
        figures[name] = [time.perf_counter() - wall, time.process_time() - cpu]
        wall, cpu = time.perf_counter(), time.process_time()
        tagger(np.arange(100, 200))
        figures[f"{name} call"] = [time.perf_counter() - wall, time.process_time() - cpu]
    figures["ids"] = len(tagger.vocabulary.tokens)
    return figures


def build_part(held: dict[int, Lexicon], folder: Path) -> None:
    """From a tokenizer and a lexicon to a tagger that has tagged a row."""
    if litellm_tokenizers() is None:
        print("build: left out, no tokenizer of 128,000 ids or more is installed (litellm carries two)\n")
        return
    size = 2000 if 2000 in held else max(held)
    path = folder / "lexicon.json"
    held[size].save(path)
    print(f"building a tagger of {size:,} grams, a process each, one core, compiled functions on disk: wall (CPU) s\n")
    print("| vocabulary | ids | first in a process | its first call | second | its first call |")
    print("|---|--:|--:|--:|--:|--:|")
    slowest = 0.0
    for which in ("DeepSeek", "o200k"):
        child("build", which, str(path))  # whatever is compiled is on disk from here on
        runs = [child("build", which, str(path)) for _ in range(RUNS)]
        cells = []
        for step in ("first", "first call", "second", "second call"):
            wall, cpu = (median(run[step][place] for run in runs) for place in (0, 1))
            cells.append(f"{wall:.3f} ({cpu:.3f})")
        slowest = max(slowest, median(run["first"][1] + run["first call"][1] for run in runs))
        print(f"| {which} | {runs[0]['ids']:,} | {' | '.join(cells)} |", flush=True)
    print(f"\ntarget < 2 s: {'reached' if slowest < 2 else 'MISSED'} ({slowest:.2f} CPU s with the first call)\n")


def threads_once(batch_path: str, lexicon_path: str, workers: str) -> dict:
    """Child: wall seconds, median and best, of batches of 64 and of 512 rows."""
    ids = np.load(batch_path)
    tokenizer = training_tokenizer(training_texts()[0])[0]
    tagger = PlanningTagger(Lexicon.load(lexicon_path), tokenizer, workers=int(workers))
    figures = {}
    for held, runs in ((ids, 100), (np.tile(ids, (8, 1)), 30)):
        tagger(held)
        spent = []
        for _ in range(runs):
            start = time.perf_counter()
            tagger(held)
            spent.append(time.perf_counter() - start)
        figures[str(len(held))] = [median(spent), min(spent)]
    return figures


def spare() -> float:
    """How many times as much two threads hash as one, on this machine at this moment."""
    data = b"x" * (32 << 20)

    def seconds(n: int) -> float:
        with ThreadPoolExecutor(n) as pool:
            start = time.perf_counter()
            list(pool.map(lambda _: sha256(data).digest(), range(n)))
            return time.perf_counter() - start

    return 2 * min(seconds(1) for _ in range(5)) / median(seconds(2) for _ in range(5))


def threads_part(texts: list[str], held: dict[int, Lexicon], folder: Path) -> None:
    """One thread, two threads."""
    if len(os.sched_getaffinity(0)) < 2:
        print("threads: left out, there is one core")
        return
    size = 2000 if 2000 in held else max(held)
    held[size].save(folder / "lexicon.json")
    np.save(folder / "ids.npy", batch(training_tokenizer(texts)[0], texts, ROWS, LENGTH))
    print(f"rows of {LENGTH:,} ids, {size:,} grams, wall ms a batch: median (best)\n")
    paths = str(folder / "ids.npy"), str(folder / "lexicon.json")
    one, two = (child("threads", *paths, workers) for workers in "12")
    print("| rows | 1 thread | 2 threads | times faster |")
    print("|--:|--:|--:|--:|")
    for rows in one:
        cells = [f"{shown_ms(run[rows][0])} ({shown_ms(run[rows][1])})" for run in (one, two)]
        gains = [one[rows][place] / two[rows][place] for place in (0, 1)]
        print(f"| {rows} | {' | '.join(cells)} | {gains[0]:.2f} ({gains[1]:.2f}) |")
    print(f"\ntwo threads that only hash gained {spare():.2f} just then (2 where nothing else runs)\n")


def main() -> None:
    """Flags, or the part of a child."""
    if sys.argv[1:2] == ["--child"]:
        part, *arguments = sys.argv[2:]
        print(json.dumps({"build": build_once, "threads": threads_once}[part](*arguments)))
        return
    import tempfile

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", default="200,2000,20000")
    parser.add_argument("--parts", default="mask,spans,build,threads")
    options = parser.parse_args()
    parts = options.parts.split(",")
    print(machine("numpy", "numba", "tokenizers", "tiktoken", "spacy"))
    texts, source = training_texts()
    held = lexicons(texts, map(int, options.sizes.split(",")))
    held = {len(lexicon.grams): lexicon for lexicon in held.values()}  # small samples hold fewer grams
    print(f"{len(texts):,} traces: {source}\n")
    with tempfile.TemporaryDirectory() as folder:
        if "threads" in parts:
            threads_part(texts, held, Path(folder))
        if "build" in parts:
            build_part(held, Path(folder))
    pin()
    if "mask" in parts:
        mask_part(texts, held)
    if "spans" in parts:
        span_part(texts, held)


if __name__ == "__main__":
    main()
