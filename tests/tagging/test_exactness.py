"""For every family of tokenizers, the mask is that of the spelled text, wherever tokens split it.

For each family 10,000 cases of (lexicon, text, segmentation): 1,000 examples, each cut in ten ways.
"""

import random
from functools import cache
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sgram import PlanningTagger
from sgram.tagging.vocabulary import Vocabulary
from tests.builders.mask_oracle import Cutter, cases, oracle_mask, texts
from tests.builders.tokenizer_examples import TRAINED, deepseek, encode, trained_bpe, trained_sentencepiece_bpe

EXAMPLES, WAYS = 1_000, 10
FAMILIES = {
    "byte-level BPE": "trained_bpe",
    "SentencePiece BPE": "trained_sentencepiece_bpe",
    "SentencePiece BPE without a space in front": "trained_gemma",
    "Unigram": "trained_unigram",
    "Unigram with bytes": "exact_processor",
    "WordPiece": "trained_wordpiece",
    "BPE with a suffix": "trained_suffix_bpe",
    "tiktoken": "tiny_encoding",
}


def examples(number: int) -> settings:
    return settings(max_examples=number, deadline=None, suppress_health_check=list(HealthCheck), database=None)


def check(tagger: PlanningTagger, ids: list[int], family: str = "") -> None:
    row_tokens = [tagger.vocabulary.tokens[token_id] for token_id in ids]
    expected = oracle_mask(row_tokens, tagger.lexicon)
    assert tagger(np.array(ids)).tolist() == expected, (family, row_tokens)


@cache
def families() -> dict[str, tuple[Any, Vocabulary, Cutter]]:
    """Tokenizer, vocabulary and cutter of every family."""
    tokenizers = {family: TRAINED[name]() for family, name in FAMILIES.items()}
    vocabularies = {family: Vocabulary.from_tokenizer(tokenizer) for family, tokenizer in tokenizers.items()}
    return {
        family: (tokenizer, vocabularies[family], Cutter(vocabularies[family].tokens))
        for family, tokenizer in tokenizers.items()
    }


@examples(EXAMPLES)
@given(cases(), st.integers(0, 2**32))
def test_the_mask_is_that_of_the_spelled_text_wherever_tokens_split_it(case, seed):
    """All families get the same examples, because drawing one costs more than a check."""
    lexicon, text = case
    for family, (tokenizer, vocabulary, cutter) in families().items():
        tagger, rng = PlanningTagger(lexicon, vocabulary), random.Random(seed)
        try:
            ids = encode(tokenizer, text)
        except BaseException as error:  # a character that a small vocabulary does not know; tiktoken panics
            if isinstance(error, KeyboardInterrupt):
                raise
            ids = []
        text_bytes = b"".join(vocabulary.spell(ids))
        if ids:
            check(tagger, ids, family)
        for way in range(WAYS):
            ids = cutter.cut(text_bytes, rng, longest_share=way / WAYS)
            if ids:
                check(tagger, ids, family)


@st.composite
def vocabularies(draw) -> list[bytes | None]:
    """Tokens of any bytes: parts of characters, several words in one token, nothing, special ones."""
    odd = [None, b"", b" ", b"\xc2", b"\xa0", b"\xe2\x80", b"\x99", b"let", b" me", b"'", b"-", b"1", b"\\"]
    tokens = st.one_of(st.binary(max_size=5), texts().map(str.encode), st.sampled_from(odd))
    return draw(st.lists(tokens, min_size=1, max_size=6))


@examples(EXAMPLES // 2)  # two rows of each cut
@given(cases(), vocabularies(), st.integers(0, 2**32))
def test_any_byte_strings_may_be_tokens(case, tokens, seed):
    lexicon, text = case
    rng, text_bytes = random.Random(seed), text.encode()
    for _ in range(WAYS):  # pieces of the text itself, cut anywhere, with other tokens thrown in
        cuts = sorted(rng.sample(range(len(text_bytes) + 1), min(len(text_bytes), rng.randint(0, 12))))
        row = [text_bytes[start:end] for start, end in zip([0, *cuts], [*cuts, None], strict=True)]
        for _ in range(rng.choice([0, 0, 1, 4])):
            row.insert(rng.randint(0, len(row)), rng.choice(tokens))
        if any(token is not None for token in row):
            ids = list(range(len(row)))
            tagger = PlanningTagger(lexicon, row)
            check(tagger, ids)
            rng.shuffle(ids)
            check(tagger, ids)


@examples(250)  # one of 20 tokens has 20 masks
@given(cases(), st.integers(0, 2**32))
def test_a_stream_has_the_mask_of_what_it_was_fed_at_every_step_and_settles_for_good(case, seed):
    vocabulary = Vocabulary.from_tokenizer([bytes([byte]) for byte in range(256)] + [b"let me", None, b"", b" so "])
    (lexicon, text), rng = case, random.Random(seed)
    ids = Cutter(vocabulary.tokens).cut(text.encode(), rng, longest_share=0.5) or [65]
    ids.insert(rng.randrange(len(ids)), rng.choice([257, 258, 65]))
    tagger = PlanningTagger(lexicon, vocabulary)
    stream, early_masks = tagger.stream(), []
    for end in range(1, len(ids) + 1):
        stream.feed(ids[end - 1])
        mask = stream.mask
        assert mask.tolist() == oracle_mask([vocabulary.tokens[token_id] for token_id in ids[:end]], lexicon)
        early_masks.append(mask[: stream.n_settled].tolist())
    final = stream.mask.tolist()
    assert all(final[: len(early)] == early for early in early_masks)


def test_bpe_dropout_changes_the_ids_and_not_what_is_marked():
    from tokenizers import Tokenizer

    loose = []
    for tokenizer in (trained_bpe(), trained_sentencepiece_bpe()):
        copy = Tokenizer.from_str(tokenizer.to_str())
        copy.model.dropout = 0.4
        loose.append((copy, Vocabulary.from_tokenizer(tokenizer)))

    @examples(EXAMPLES // 2)
    @given(cases())
    def holds(case):
        lexicon, text = case
        for tokenizer, vocabulary in loose:
            tagger = PlanningTagger(lexicon, vocabulary)
            for _ in range(WAYS):
                ids = encode(tokenizer, text)
                if ids:
                    check(tagger, ids)

    holds()


def test_a_real_vocabulary_marks_any_segmentation_of_the_same_text_alike():
    tagger = PlanningTagger("wang2025", deepseek())
    text = (
        "Wait, let’s double-check. “So we can’t” use the fact that x1 = 3. So wait—let me think…\n\nAlternatively, "
        "maybe we could try another approach? 再想一想 🤔 but first, let me verify: \\frac{1}{2}so that's it."
    )
    rng, cutter = random.Random(0), Cutter(tagger.vocabulary.tokens)
    check(tagger, encode(deepseek(), text))
    for way in range(200):
        check(tagger, cutter.cut(text.encode(), rng, longest_share=way / 200))
