"""What does scoring sentences cost, and is the mask of each kind what the text says?

    python benchmarks/sentence_scoring.py [--only finders masks equality] [--limit N] [--workers 2] [--lexicon wang2025]

Finders: CPU of `SentenceFinder` against `SpanFinder` on the same real texts, by turns, the smallest of several rounds.
Masks: CPU and wall time of 64 rows of 4,096 ids for each kind, and of their labels, with as many threads as cores.
Equality: all traces of ../shared/data/traces by six tokenizers. Expected: the bytes of a row's tokens joined and
decoded by Python, the spans of `PlanningFinder` in this text, projected to tokens by byte offsets; on 100 texts the
spans are first compared with those of `find_spans`, the readable implementation.
"""

import argparse
import multiprocessing
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parent))
from tagging_equality import CHUNK, NAMES, encode, tokenizer_of, train_unigram
from tagging_inputs import batch, gold_mask, machine, traces, training_texts, training_tokenizer

from sgram.lexicon import Lexicon
from sgram.tagging.mask_kinds import PlanningFinder
from sgram.tagging.sentence_finder import SentenceFinder
from sgram.tagging.span_finder import SpanFinder
from sgram.tagging.spans import MASK_KINDS, find_spans
from sgram.tagging.tagger import PlanningTagger
from sgram.tagging.vocabulary import Vocabulary

PARTS = ("finders", "masks", "equality")
ROUNDS = 25
ROWS, LENGTH = 64, 4096
N_CHECKED = 100


def timed(functions: dict[str, Callable[[], object]]) -> dict[str, tuple[float, float]]:
    """Return the smallest (CPU, wall) seconds of each function, called by turns."""
    best = dict.fromkeys(functions, (float("inf"), float("inf")))
    for function in functions.values():
        function()
    for _ in range(ROUNDS):
        for name, function in functions.items():
            cpu, wall = time.process_time(), time.perf_counter()
            function()
            cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
            best[name] = min(best[name][0], cpu), min(best[name][1], wall)
    return best


def find_in(texts: list[str], find: Callable[[str], object]) -> None:
    """Find spans in all texts."""
    for text in texts:
        find(text)


def print_finders(texts: list[str], lexicon: Lexicon) -> None:
    """Print the cost of both finders."""
    sample = texts[:: max(1, len(texts) // 1000)][:1000]
    n_bytes = sum(len(text.encode()) for text in sample)
    spans, sentences = SpanFinder(lexicon), SentenceFinder("sgram")
    best = timed({"spans": lambda: find_in(sample, spans), "sentences": lambda: find_in(sample, sentences)})
    rates = {name: n_bytes / cpu / 1e6 for name, (cpu, _) in best.items()}
    print(f"{len(sample):,} texts, {n_bytes:,} bytes, {len(lexicon.grams):,} grams, one thread")
    print(f"SpanFinder {rates['spans']:.0f} MB/s, SentenceFinder {rates['sentences']:.0f} MB/s of CPU: ", end="")
    print(f"{best['sentences'][0] / best['spans'][0]:.2f} times the CPU\n")


def print_masks(lexicon: Lexicon) -> None:
    """Print the cost of a mask of each kind."""
    training, source = training_texts()
    tokenizer, name = training_tokenizer(training[:300])
    taggers = {kind: PlanningTagger(lexicon, tokenizer, mask=kind) for kind in MASK_KINDS}
    for texts, title in ((training, source), (traces()[:3000], "the first 3,000 traces of all, plainer texts")):
        ids = batch(tokenizer, texts, ROWS, LENGTH)
        calls = {kind: partial(tagger, ids) for kind, tagger in taggers.items()}
        calls |= {f"{kind}, labels": partial(tagger.labels, ids) for kind, tagger in taggers.items()}
        best = timed(calls)
        print(f"{ROWS} x {LENGTH:,} ids of {title}; {name}, {taggers['grams'].workers} threads")
        print("| mask | planning | CPU ms | times the grams | wall ms | times the grams |\n|---|--:|--:|--:|--:|--:|")
        for call, (cpu, wall) in best.items():
            ratios = cpu / best["grams"][0], wall / best["grams"][1]
            share = taggers[call.removesuffix(", labels")](ids).mean()
            print(f"| {call} | {share:.1%} | {1e3 * cpu:.1f} | {ratios[0]:.2f} | {1e3 * wall:.1f} | {ratios[1]:.2f} |")
        print()


# Equality


class Work(NamedTuple):
    """What a worker process needs."""

    texts: list[str]
    lexicon: Lexicon
    folder: str


_work: Work | None = None


@cache
def finders() -> dict[str, PlanningFinder]:
    """Finder of each kind."""
    return {kind: PlanningFinder(_work.lexicon, kind) for kind in MASK_KINDS}


@cache
def prepared(name: str) -> tuple:
    """Tokenizer, vocabulary and taggers."""
    tokenizer = tokenizer_of(name, _work.folder)
    vocabulary = Vocabulary.from_tokenizer(tokenizer)
    taggers = {kind: PlanningTagger(_work.lexicon, vocabulary, workers=1, mask=kind) for kind in MASK_KINDS}
    return tokenizer, vocabulary, taggers


def compare(task: tuple[str, int]) -> Counter:
    """Return counts of one tokenizer on one chunk of traces."""
    name, start = task
    texts = _work.texts[start : start + CHUNK]
    tokenizer, vocabulary, taggers = prepared(name)
    ids = encode(name, tokenizer, texts, with_offsets=False).ids
    counts = Counter(traces=len(texts), tokens=sum(map(len, ids)))
    for kind, tagger in taggers.items():
        find = finders()[kind]
        for row, mask in zip(ids, tagger.tag_rows(ids), strict=True):
            gold = gold_mask(row, vocabulary.tokens, lambda text: [(span.start, span.end) for span in find(text)])  # noqa: B023
            counts[kind, "planning"] += int(gold.sum())
            counts[kind, "differing"] += int((mask != gold).sum())
    return counts


def check_finders(texts: list[str], lexicon: Lexicon) -> int:
    """Compare the finders with `find_spans` on a sample; return how many texts were compared."""
    sample = [text[:4000] for text in texts[:: max(1, len(texts) // N_CHECKED)][:N_CHECKED]]
    for kind, find in finders().items():
        for text in sample:
            if find(text) != find_spans(text, lexicon, kind):
                raise SystemExit(f"{kind}: PlanningFinder differs from find_spans on {text[:80]!r}...")
    return len(sample)


def print_equality(texts: list[str], lexicon: Lexicon, workers: int) -> int:
    """Print a row for each tokenizer; return the number of differing tokens."""
    global _work
    total: Counter = Counter()
    with tempfile.TemporaryDirectory() as folder:
        train_unigram(texts[:: max(1, len(texts) // 2000)], Path(folder) / "unigram.json")
        _work = Work(texts, lexicon, folder)
        n_checked = check_finders(texts, lexicon)
        print(f"{len(texts):,} traces; PlanningFinder equals find_spans on the first 4,000 characters of {n_checked}\n")
        print(f"| tokenizer | tokens | planning ({' / '.join(MASK_KINDS)}) | differing tokens |\n|---|--:|--:|--:|")
        os.environ["TOKENIZERS_PARALLELISM"] = "false"
        for name, title in NAMES.items():
            if tokenizer_of(name, folder) is None:
                print(f"| {title} | not installed | | |")
                continue
            tasks = [(name, place) for place in range(0, len(texts), CHUNK)]
            with multiprocessing.get_context("fork").Pool(workers) as pool:
                counts = sum(pool.imap_unordered(compare, tasks), Counter())
            shares = " / ".join(f"{counts[kind, 'planning'] / counts['tokens']:.1%}" for kind in MASK_KINDS)
            differing = " / ".join(f"{counts[kind, 'differing']:,}" for kind in MASK_KINDS)
            print(f"| {title} | {counts['tokens']:,} | {shares} | **{differing}** |", flush=True)
            total += counts
    n_differing = sum(total[kind, "differing"] for kind in MASK_KINDS)
    print(f"\n{total['tokens']:,} tokens, three kinds: {n_differing:,} differing tokens")
    return n_differing


def main() -> None:
    """Print the parts; exit code 1 if a token differs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="*", choices=PARTS, default=PARTS)
    parser.add_argument("--limit", type=int, help="so many traces, evenly drawn from all")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--lexicon", default="wang2025")
    options = parser.parse_args()
    texts, lexicon = traces(), Lexicon.load(options.lexicon)
    if not texts:
        raise SystemExit("no traces under ../shared/data/traces: this benchmark needs them")
    texts = texts[:: max(1, len(texts) // options.limit)][: options.limit] if options.limit else texts
    print(machine("tokenizers", "numpy", "numba") + "\n")
    if "finders" in options.only:
        print_finders(texts, lexicon)
    if "masks" in options.only:
        print_masks(lexicon)
    if "equality" in options.only:
        sys.exit(int(print_equality(texts, lexicon, options.workers) > 0))


if __name__ == "__main__":
    main()
