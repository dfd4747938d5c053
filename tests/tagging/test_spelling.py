import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tokenizers import Regex, decoders

from sgram.tagging.spelling import (
    CannotSpellError,
    byte_level,
    decoder_settings,
    encoding_tokens,
    processor_tokens,
    read_decoder,
    spell_byte_pieces,
    unknown_ids,
)
from tests.builders import tokenizer_examples as examples


class Tokenizer:
    """An object with the only attribute that `decoder_settings` reads."""

    def __init__(self, decoder):
        self.decoder = decoder


def read_spelling(decoder):
    return read_decoder(json.loads(decoder_settings(Tokenizer(decoder))))


# -- byte-level tokens -----------------------------------------------------------------------------------


def test_every_byte_has_its_character_in_the_map():
    # The map of GPT-2: printable Latin-1 stands for itself, the other bytes, in order, for U+0100 and following.
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    unprintable = [byte for byte in range(256) if byte not in printable]
    assert [byte_level(chr(byte)) for byte in printable] == [bytes([byte]) for byte in printable]
    assert [byte_level(chr(0x100 + index)) for index in range(68)] == [bytes([byte]) for byte in unprintable]


@pytest.mark.parametrize(
    ("token", "spelled"),
    [
        ("ĠWait", b" Wait"),
        ("ĊĊ", b"\n\n"),
        ("âĢĻ", "’".encode()),
        ("é", b"\xe9"),
        ("", b""),
        ("<think>", b"<think>"),
        ("<｜User｜>", "<｜User｜>".encode()),
        # a space, a no-break space and a soft hyphen are outside the map, so the whole token is its own UTF-8
        ("Ġ x", "Ġ x".encode()),
        ("\xa0", b"\xc2\xa0"),
        ("é\xad", "é\xad".encode()),
        ("Ġ▁", "Ġ▁".encode()),
    ],
)
def test_a_byte_level_token_is_its_bytes(token, spelled):
    assert byte_level(token) == spelled
    assert decoders.ByteLevel().decode([token]) == spelled.decode(errors="replace")


# -- decoders --------------------------------------------------------------------------------------------

LLAMA = decoders.Sequence(
    [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
)
CASES = [
    (decoders.ByteLevel(), ["ĠWait", "Ċ"], [b" Wait", b"\n"], False),
    (decoders.Metaspace(), ["▁Wait", ",", "▁▁me", "<0x0A>"], [b" Wait", b",", b"  me", b"<0x0A>"], True),
    (decoders.Metaspace(prepend_scheme="first"), ["▁a"], [b" a"], True),
    (decoders.Metaspace(prepend_scheme="never"), ["▁a"], [b" a"], False),
    (decoders.Metaspace("_"), ["_a", "▁a"], [b" a", "▁a".encode()], True),
    (LLAMA, ["▁Wait", "<0x0A>", "<0xF0>", "<0xG0>"], [b" Wait", b"\n", b"\xf0", b"<0xG0>"], True),
    (decoders.WordPiece(), ["play", "##ing", "##", "'"], [b" play", b"ing", b"", b" '"], True),
    (decoders.WordPiece("@@"), ["play", "@@ing", "##ing"], [b" play", b"ing", b" ##ing"], True),
    (decoders.BPEDecoder(), ["let", "me</w>"], [b"let", b"me "], False),
    (decoders.BPEDecoder("_"), ["let_", "me</w>"], [b"let ", b"me</w>"], False),
    (decoders.Replace("ab", "c"), ["abab", "a", "b"], [b"cc", b"a", b"b"], False),
    (decoders.Strip("x", 1, 2), ["xxaxxx", "a"], [b"xax", b"a"], False),
    (decoders.Sequence([]), ["▁a"], ["▁a".encode()], False),
    (decoders.Sequence([decoders.Fuse(), decoders.Replace("▁", " ")]), ["▁a▁"], [b" a "], False),
    (decoders.Sequence([decoders.Sequence([LLAMA]), decoders.Fuse()]), ["▁a"], [b" a"], True),
    (decoders.Sequence([decoders.Fuse(), decoders.Strip(" ", 0, 0)]), [" a"], [b" a"], False),
]


@pytest.mark.parametrize(("decoder", "tokens", "spelled", "strips"), CASES)
def test_a_decoder_spells_each_token(decoder, tokens, spelled, strips):
    spelling = read_spelling(decoder)
    assert spelling(tokens) == spelled
    assert spelling.strips_first_space is strips


# A `Strip` at the end is left out: the library itself panics at a token shorter than what may be stripped.
LETTERS = st.text("aé▁Ġ’ #x<", min_size=1, max_size=4)
SPELLED = [
    decoders.Metaspace(prepend_scheme="never"),
    LLAMA,
    decoders.WordPiece(cleanup=False),
    decoders.ByteLevel(),
    decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]),
    decoders.Strip("x", 2, 0),
    decoders.Sequence([decoders.Strip("▁", 1, 0), decoders.Replace("a▁", "Ġ"), decoders.Fuse()]),
]


@pytest.mark.parametrize("decoder", SPELLED)
@given(tokens=st.lists(LETTERS | st.sampled_from(["<0x41>", "<0x0a>", "##x", "Ċ"]), min_size=1, max_size=6))
@example(tokens=["▁▁a", "▁"])
@example(tokens=["▁", "##a"])
def test_the_bytes_of_tokens_joined_are_what_the_decoder_makes_of_the_row(decoder, tokens):
    spelling = read_spelling(decoder)
    if tokens[0].startswith("##") and spelling.strips_first_space:  # WordPiece leaves the marks on a row's first token
        tokens = ["a", *tokens]
    text = b"".join(spelling(tokens)).decode(errors="replace")
    if spelling.strips_first_space:
        text = text.removeprefix(" ")
    assert text == decoder.decode(tokens)


def test_a_tokenizer_without_a_decoder_has_a_space_between_tokens():
    spelling = read_decoder(None)
    assert spelling(["Wait", ",", "let"]) == [b" Wait", b" ,", b" let"]
    assert spelling.strips_first_space


def test_an_added_token_of_a_byte_level_tokenizer_is_plain_text():
    assert read_spelling(decoders.ByteLevel()).spell_added("é Ġ") == "é Ġ".encode()
    assert read_spelling(LLAMA).spell_added("▁▁") == b"  "
    assert read_spelling(decoders.WordPiece()).spell_added("<think>") == b" <think>"


class Backwards:
    """A decoder written in Python."""

    def decode_chain(self, tokens):
        return tokens[::-1]


@pytest.mark.parametrize(
    ("decoder", "reason"),
    [
        (decoders.CTC(), "its decoder CTC does not work token by token"),
        (decoders.Sequence([decoders.Fuse(), decoders.CTC()]), "its decoder CTC does not work token by token"),
        (decoders.Replace(Regex("▁+"), " "), "its decoder replaces a regular expression"),
        (decoders.Sequence([decoders.Fuse(), decoders.Replace("ab", "")]), "replaces 'ab' after the tokens are"),
        (decoders.Sequence([decoders.ByteLevel(), decoders.Replace("_", " ")]), "replaces '_' after the tokens"),
        (decoders.Sequence([decoders.Fuse(), decoders.Metaspace()]), "Metaspace comes after the tokens are joined"),
        (decoders.Sequence([decoders.ByteLevel(), decoders.WordPiece()]), "WordPiece comes after the tokens are"),
        (decoders.Sequence([decoders.Fuse(), decoders.Strip(" ", 0, 1)]), "strips ' ' off the whole text"),
        (decoders.Sequence([decoders.Fuse(), decoders.Strip(" ", 2, 0)]), "strips ' ' off the whole text"),
        (decoders.Sequence([decoders.Fuse(), decoders.Strip("x", 1, 0)]), "strips 'x' off the whole text"),
        (decoders.Decoder.custom(Backwards()), "decoder written in Python does not work token by token"),
    ],
)
def test_a_decoder_that_looks_at_neighbors_is_refused(decoder, reason):
    with pytest.raises(CannotSpellError, match=reason):
        read_spelling(decoder)


# -- sentencepiece and tiktoken --------------------------------------------------------------------------


def test_a_processor_says_what_its_pieces_are():
    processor = examples.exact_processor()
    tokens, strips = processor_tokens(processor)
    assert strips
    assert len(tokens) == processor.get_piece_size()
    for piece in ("<unk>", "<s>", "</s>", "<control>"):
        assert tokens[processor.piece_to_id(piece)] is None
    assert tokens[processor.piece_to_id("<think>")] == b"<think>"
    assert tokens[processor.piece_to_id("▁")] == b" "
    for byte in range(256):
        assert tokens[processor.piece_to_id(f"<0x{byte:02X}>")] == bytes([byte])


def test_unused_pieces_are_no_tokens():
    processor = examples.trained_processor()
    last_id = processor.get_piece_size() - 1

    class Restricted:
        """The processor with its last piece marked as unused."""

        def __getattr__(self, name):
            return getattr(processor, name)

        def is_unused(self, token_id):
            return token_id == last_id

    assert processor_tokens(Restricted())[0][-1] is None
    assert processor_tokens(processor)[0][-1] is not None


@pytest.mark.parametrize(
    ("options", "strips"),
    [
        ({}, True),
        ({"normalization_rule_name": "identity", "remove_extra_whitespaces": False}, True),
        ({"add_dummy_prefix": False, "remove_extra_whitespaces": False}, False),
    ],
)
def test_whether_a_processor_drops_the_first_space_is_found_out(options, strips):
    processor = examples.trained_processor(**options)
    assert processor_tokens(processor)[1] is strips
    begins = next(i for i in range(300, processor.get_piece_size()) if processor.id_to_piece(i)[:1] == "▁")
    assert processor.decode_ids([begins, begins]).startswith(" ") is not strips


def test_an_encoding_has_the_bytes_themselves():
    tokens = encoding_tokens(examples.tiny_encoding())
    assert tokens[:256] == [bytes([byte]) for byte in range(256)]
    assert tokens[256:300] == [None] * 44  # ids without a token
    assert tokens[300:303] == [b"th", b"the", b" the"]
    assert tokens[310:] == [None] * 11  # ten such ids and the special token
    assert len(tokens) == 321


# -- unknown tokens, byte names --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("build", "token"),
    [
        (examples.trained_unigram, "<unk>"),
        (examples.trained_wordpiece, "[UNK]"),
        (examples.trained_words, "<unk>"),
        (examples.trained_sentencepiece_bpe, "<unk>"),
        (examples.trained_bpe, None),
    ],
)
def test_the_unknown_token_is_found_in_every_model(build, token):
    tokenizer = build()
    assert unknown_ids(tokenizer.model) == ([] if token is None else [tokenizer.token_to_id(token)])


def test_a_token_that_looks_like_the_setting_is_not_the_unknown_token():
    from tokenizers.models import Unigram

    pieces = [('"unk_id":7', 0.0), ("unk_id", -1.0), ("a", -1.0), ("<unk>", -2.0)]
    assert unknown_ids(Unigram(pieces, unk_id=3)) == [3]
    assert unknown_ids(Unigram(pieces)) == []


def test_a_missing_unknown_token_is_no_id():
    from tokenizers.models import BPE, WordLevel

    assert unknown_ids(WordLevel({"a": 0}, unk_token=examples.UNKNOWN)) == []
    assert unknown_ids(BPE({"a": 0}, [])) == []


def test_names_of_bytes_in_a_text_become_the_text_of_those_bytes():
    # F0 9F A4 94 is one emoji; a lone continuation byte is no text.
    assert spell_byte_pieces("so <0xF0><0x9F><0xA4><0x94>!<0x0A>") == "so 🤔!\n"
    assert spell_byte_pieces("<0x94> <0xGG>") == "\ufffd <0xGG>"
