import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sgram.errors import UsageError
from sgram.lexicon import Lexicon, LinearWeights, SentenceScorer
from sgram.tagging.mask_kinds import PlanningFinder
from sgram.tagging.tagger import PlanningTagger
from sgram.tagging.text_masks import decode, tokens_of_spans
from tests.builders.mask_oracle import oracle_mask

LEXICON = Lexicon.from_grams(["let me", "so", "wait"], move="deduction")
SCORER = SentenceScorer(
    "example",
    LinearWeights(-1000, {"let me": 1500, "? $": 1200}),
    {"first": LinearWeights(0, {"let me": 10}), "second": LinearWeights(5, {})},
)
KINDS = ("sentences", "grams-in-sentences")
TOKENS = [
    *(
        None,
        b"",
        b" ",
        b"Let",
        b" me",
        b"let me ",
        b"So",
        b" so",
        b"wait",
        b". ",
        b"?",
        b"\n",
        b" \n",
        b"\xc3",
        b"\xa9",
    ),
    *(b"\xe2\x80", b"\x9d", b"\xff", b"x1", b"...", b". W", b"ait"),
]


@given(st.lists(st.integers(0, len(TOKENS) - 1), min_size=1, max_size=30), st.sampled_from(KINDS))
@example([15, 14, 5], "sentences")  # U+2029, a line end that is no white space of a mask, split over two tokens
def test_the_mask_is_that_of_the_spelled_text_wherever_tokens_split_it(ids, kind):
    tagger = PlanningTagger(LEXICON, TOKENS, mask=kind, scorer=SCORER)
    expected = oracle_mask([TOKENS[token] for token in ids], LEXICON, kind, SCORER)
    assert tagger(np.array(ids)).tolist() == expected
    assert tagger.tag_rows([ids, [], ids])[2].tolist() == expected
    assert (tagger.labels(np.array(ids)) >= 0).tolist() == expected
    # the tokens of each span, which together are those of the mask
    span_tokens = tokens_of_spans([TOKENS[token] for token in ids], PlanningFinder(LEXICON, kind, SCORER))
    positions = {position for _, span_positions in span_tokens for position in span_positions.tolist()}
    assert sorted(positions) == np.flatnonzero(expected).tolist()


def test_each_kind_marks_its_tokens_and_names_their_moves():
    tokens = [b"Let", b" me", b" see", b".", b" So", b" it", b" is", b".", b" Wait", b"?"]
    ids = list(range(len(tokens)))
    sentences = PlanningTagger(LEXICON, tokens, mask="sentences", scorer=SCORER)
    # "Let me see." plans by "let me", "Wait?" by its end; "So it is." does not
    assert sentences(ids).tolist() == [True] * 4 + [False] * 4 + [True] * 2
    assert [sentences.moves[move] if move >= 0 else "-" for move in sentences.labels(ids)] == (
        ["first"] * 4 + ["-"] * 4 + ["second"] * 2
    )
    grams = PlanningTagger(LEXICON, tokens, mask="grams-in-sentences", scorer=SCORER)
    assert grams(ids).tolist() == [True, True, *[False] * 6, True, False]
    assert [grams.moves[move] if move >= 0 else "-" for move in grams.labels(ids)] == (
        ["first"] * 2 + ["-"] * 6 + ["second", "-"]
    )
    assert [span.gram for span in grams.spans(ids)] == ["let me", "wait"]
    assert grams.decode(ids) == "Let me see. So it is. Wait?"


def test_masked_positions_have_no_text_and_ids_out_of_range_are_refused():
    tagger = PlanningTagger(LEXICON, [b"Let", b" me", b"?"], mask="sentences", scorer=SCORER)
    assert tagger([[0, 1, 2], [0, 9, 1]], [[1, 1, 1], [1, 0, 1]]).tolist() == [
        [True, True, True],
        [False, False, False],
    ]
    with pytest.raises(UsageError, match="id 9 in row 1, position 0"):
        tagger([[0, 1], [9, 0]])
    with pytest.raises(UsageError, match="grams, sentences or grams-in-sentences"):
        PlanningTagger(LEXICON, [b"so"], mask="words")


def test_a_tagger_says_its_kind_and_its_scorer():
    tagger = PlanningTagger(LEXICON, [b"so"], mask="sentences", scorer=SCORER)
    assert (tagger.mask, tagger.scorer, "mask sentences by" in repr(tagger)) == ("sentences", SCORER, True)
    plain = PlanningTagger(LEXICON, [b"so"])
    assert (plain.mask, plain.scorer, "mask" in repr(plain)) == ("grams", None, False)


@given(st.binary(max_size=12))
def test_bytes_are_decoded_with_the_width_of_each_character(data):
    text, widths = decode(data)
    assert text == data.decode("utf-8", "replace")
    assert (len(widths), widths.sum()) == (len(text), len(data))
    ends = np.cumsum([0, *widths.tolist()])
    for character, start, end in zip(text, ends[:-1].tolist(), ends[1:].tolist(), strict=True):
        assert data[start:end].decode("utf-8", "replace") == character


@given(
    st.lists(
        st.sampled_from(
            [
                *("let me ", "So it is. ", "wait? ", "再想一想。", "\u00a0", "\u3000? ", "é", "🤔", "\n", "…", "  "),
                "a word longer than any other ",
            ]
        ),
        min_size=1,
        max_size=12,
    ),
    st.lists(st.integers(1, 20), min_size=1, max_size=8),
    st.sampled_from(KINDS),
)
def test_the_fast_masks_are_those_of_the_oracle_for_tokens_of_any_length(pieces, lengths, kind):
    data = "".join(pieces).encode()
    tokens, position = [], 0
    while position < len(data):
        length = lengths[len(tokens) % len(lengths)]
        tokens.append(data[position : position + length])
        position += length
    tokens.append(None)
    tagger = PlanningTagger(LEXICON, tokens, mask=kind, scorer=SCORER, workers=2)
    ids = np.arange(len(tokens))
    expected = oracle_mask(tokens, LEXICON, kind, SCORER)
    assert tagger.tag_rows([ids, ids[::-1], ids])[2].tolist() == expected
    assert tagger(ids, np.arange(len(ids)) % 3 > 0).tolist() == oracle_mask(
        [token if row % 3 > 0 else None for row, token in enumerate(tokens)], LEXICON, kind, SCORER
    )


def test_a_token_that_holds_two_sentences_is_marked_by_a_gram_of_the_planning_one_alone():
    # "Let me." plans; the "so" of the second sentence does not stand in a planning one, the "so" of the third does
    tokens = [b"Let me. So", b" it is.", b" Let me so. N", b"o."]
    tagger = PlanningTagger(LEXICON, [b"Let", b" see. So", *tokens], mask="grams-in-sentences", scorer=SCORER)
    assert tagger([0, 1, 3]).tolist() == [False, False, False]
    assert tagger([2, 3, 4, 5]).tolist() == [True, False, True, False]
    # "? So": the planning sentence ends in the token, and its gram belongs to the next
    question = PlanningTagger(LEXICON, [b"It", b"? So", b" it"], mask="grams-in-sentences", scorer=SCORER)
    assert question([0, 1, 2]).tolist() == [False, False, False]
