"""Texts that the benchmarks share. Real traces come from ../shared/data, which is not part of the project."""

import gzip
import random
from pathlib import Path

import orjson

SHARED = Path(__file__).parents[2] / "shared" / "data"


def real_texts(max_chars: int | None = None) -> list[str]:
    """Responses of all real traces, in file order."""
    files = sorted((SHARED / "traces").glob("*.jsonl.gz"))
    if not files:
        raise SystemExit(f"no traces under {SHARED}: this benchmark needs them")
    texts = []
    for path in files:
        with gzip.open(path) as lines:
            texts += [orjson.loads(line)["response"][:max_chars] for line in lines]
    return texts


def recombined_texts(size: int, seed: int = 0) -> list[str]:
    """Texts of `size` bytes in all: sentences of the real traces drawn at random, each with one word changed.

    Drawing with replacement keeps the skew of real text; changed words keep its long tail of rare grams, which
    mere repetition would cut off.
    """
    rng = random.Random(seed)
    sentences = [part for text in real_texts(4_000)[::7] for part in text.split(". ") if 20 < len(part) < 300]
    words = sorted({word for sentence in sentences[::50] for word in sentence.split()})
    texts, held = [], 0
    while held < size:
        chosen = rng.choices(sentences, k=rng.randint(10, 60))
        for place, sentence in enumerate(chosen):
            parts = sentence.split(" ")
            parts[rng.randrange(len(parts))] = rng.choice(words)
            chosen[place] = " ".join(parts)
        text = ". ".join(chosen)
        texts.append(text)
        held += len(text.encode())
    return texts
