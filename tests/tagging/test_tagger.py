"""What one calls: shapes, kinds, padding, special tokens, labels, spans, refusals. Exactness has its own file."""

import random
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sgram import Lexicon, PlanningTagger, find_spans
from sgram.errors import InputError, SgramError, UsageError
from sgram.lexicon import MOVES, Cluster, Gram
from sgram.tagging.vocabulary import Vocabulary
from tests.builders.mask_oracle import Cutter, cases, characters, oracle_mask
from tests.builders.tokenizer_examples import encode, trained_bpe, trained_sentencepiece_bpe, trained_wordpiece

TOKENS = [b"wait", b" let", b" me", b",", b" see", None, b".", b" x", b"1", b"let", b"\xc2\xa0"]
WAIT, LET, ME, COMMA, SEE, END, DOT, X, ONE, BARE, SPACE = range(11)
LEXICON = Lexicon.from_grams(["let me", "wait"])
BYTES = [bytes([byte]) for byte in range(256)]


@pytest.fixture
def tagger():
    return PlanningTagger(LEXICON, TOKENS)


# -- shapes and kinds ------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.int16, np.uint8])
def test_a_mask_has_the_shape_of_its_ids(tagger, dtype):
    row = np.array([WAIT, COMMA, LET, ME, SEE], dtype)
    assert tagger(row).tolist() == [True, False, True, True, False]
    both = tagger(np.stack([row, row[::-1]]))
    assert both.dtype == np.bool_
    assert both.tolist() == [[True, False, True, True, False], [False, False, False, False, True]]


def test_lists_are_accepted(tagger):
    assert tagger([LET, ME]).tolist() == [True, True]
    assert tagger([[LET, ME], [ME, LET]]).tolist() == [[True, True], [False, False]]


@pytest.mark.parametrize("dtype", ["int64", "int32"])
def test_tensors_come_back_as_tensors_on_their_device(tagger, dtype):
    torch = pytest.importorskip("torch")
    ids = torch.tensor([[WAIT, COMMA, LET, ME, SEE]], dtype=getattr(torch, dtype))
    mask = tagger(ids, torch.ones_like(ids))
    assert (mask.dtype, mask.device, tuple(mask.shape)) == (torch.bool, ids.device, (1, 5))
    assert mask.tolist() == [[True, False, True, True, False]]
    assert tagger.labels(ids).dtype == torch.int8
    assert (tagger(ids.t().contiguous().t()) == mask).all()  # however it lies in memory


def test_read_only_and_strided_arrays_are_accepted(tagger):
    row = np.array([WAIT, 0, COMMA, 0, LET, 0, ME, 0])
    row.flags.writeable = False
    assert tagger(row[::2]).tolist() == [True, False, True, True]


def test_rows_of_any_lengths_are_tagged_independently(tagger):
    masks = tagger.tag_rows([[LET], [], [ME, WAIT], np.array([LET, ME], np.int32), (LET, ME)])
    assert [mask.tolist() for mask in masks] == [[False], [], [False, False], [True, True], [True, True]]
    assert tagger.tag_rows([]) == []
    assert [mask.tolist() for mask in tagger.tag_rows([[]])] == [[]]


def test_the_host_and_any_number_of_threads_give_the_same_bits(monkeypatch):
    monkeypatch.setattr("sgram.tagging.tagger._MIN_TOKENS_PER_THREAD", 1 << 12)
    rng = np.random.default_rng(0)
    ids = rng.integers(0, 11, (64, 4096))
    single, threaded = (PlanningTagger(LEXICON, TOKENS, workers=n) for n in (1, 7))
    assert (single(ids) == threaded(ids)).all()
    assert (single.labels(ids) == threaded.labels(ids)).all()
    alone = np.stack([single(row) for row in ids[:3]])
    assert (single(ids)[:3] == alone).all()


def test_threads_may_share_a_tagger(tagger):
    rng = np.random.default_rng(1)
    rows = [rng.integers(0, 11, 5_000) for _ in range(8)]
    expected = [tagger(row).tolist() for row in rows]
    masks = [None] * 8

    def tag(row):
        for _ in range(20):
            masks[row] = tagger(rows[row]).tolist()

    threads = [threading.Thread(target=tag, args=(row,)) for row in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert masks == expected


def test_a_lexicon_may_be_a_preset_name(tagger):
    assert PlanningTagger("wang2025", TOKENS).lexicon == Lexicon.load("wang2025")
    assert "11 ids" in repr(tagger)


# -- tokens without text ----------------------------------------------------------------------------------


@pytest.mark.parametrize("pad", [END, 0, -100, 999])
def test_a_padded_row_is_tagged_like_the_bare_one_on_whichever_side_the_padding_is(tagger, pad):
    row = [WAIT, COMMA, LET, ME, SEE]
    bare = tagger(row).tolist()
    right_padded, left_padded = np.array([[*row, pad, pad]]), np.array([[pad, pad, *row]])
    assert tagger(right_padded, [[1] * 5 + [0] * 2]).tolist() == [[*bare, False, False]]
    assert tagger(left_padded, [[0] * 2 + [1] * 5]).tolist() == [[False, False, *bare]]


def test_a_gram_does_not_reach_from_the_prompt_into_the_completion(tagger):
    ids = np.array([LET, ME])
    assert tagger(ids).tolist() == [True, True]
    assert tagger(ids, [0, 1]).tolist() == [False, False]


def test_text_on_the_far_side_of_a_masked_token_starts_anew(tagger):
    # "let" [masked " see"] " me" is no "let me"; "1" masked does not spoil "wait"
    assert tagger([LET, SEE, ME], [1, 0, 1]).tolist() == [False] * 3
    assert tagger([ONE, WAIT], [1, 1]).tolist() == [False, False]
    assert tagger([ONE, WAIT], [0, 1]).tolist() == [False, True]


def test_a_special_token_ends_the_text_and_is_never_planning(tagger):
    assert tagger([LET, END, ME, WAIT]).tolist() == [False] * 4  # "let" | " mewait"
    assert tagger([WAIT, END, LET, ME]).tolist() == [True, False, True, True]


def test_ids_between_the_tokenizers_and_the_models_size_hold_no_text():
    tagger = PlanningTagger(LEXICON, TOKENS, vocab_size=16)
    assert tagger([LET, 15, ME, LET, ME]).tolist() == [False, False, False, True, True]


def test_a_token_of_spaces_inside_a_span_is_no_planning_token(tagger):
    assert tagger([BARE, SPACE, COMMA, ME]).tolist() == [True, False, True, True]


def test_a_token_across_the_edge_of_a_span_is_a_planning_token():
    tagger = PlanningTagger(LEXICON, [b". Wait", b", le", b"t me see", b"."])
    assert tagger([0, 1, 2, 3]).tolist() == [True, True, True, False]


# -- labels and spans ------------------------------------------------------------------------------------


def with_moves(*pairs: tuple[str, str]) -> Lexicon:
    clusters = [Cluster(0, (Gram(tuple(text.split())),), None, text, move) for text, move in pairs]
    return Lexicon.build("moves", clusters, {})


def test_a_token_in_several_spans_has_the_move_of_the_longest_then_of_the_first():
    lexicon = with_moves(
        ("let", "other"), ("let me", "goal-setting"), ("me see", "verification"), ("wait", "backtracking")
    )
    tagger = PlanningTagger(lexicon, TOKENS)
    labels = tagger.labels([WAIT, COMMA, LET, ME, SEE, DOT, LET])
    names = [tagger.moves[label] if label >= 0 else None for label in labels]
    # "me" is in "let me" and "me see", both of two words: the first has it
    assert names == ["backtracking", None, "goal-setting", "goal-setting", "verification", None, "other"]


def test_the_moves_of_labels_are_those_of_the_lexicon_in_the_usual_order():
    tagger = PlanningTagger(with_moves(("wait", "other"), ("let me", "branching"), ("see", "other")), TOKENS)
    assert tagger.moves == ("branching", "other")
    assert tagger.labels([WAIT, LET, ME, DOT]).tolist() == [1, 0, 0, -1]


def oracle_labels(tokens: list[bytes | None], lexicon: Lexicon) -> list[int]:
    """Return the moves of a row without special tokens, from the spans."""
    chars = characters(b"".join(tokens))
    spans = find_spans("".join(character for character, _, _ in chars), lexicon)
    best: dict[int, tuple[int, int, int]] = {}
    for span in spans:
        for character, first, after in chars[span.start : span.end]:
            for byte in range(first, after) if not character.isspace() else ():
                rank = (span.n_words, -span.start, lexicon.moves.index(span.label))
                best[byte] = max(best.get(byte, rank), rank)
    labels, at = [], 0
    for token in tokens:
        ranks = [best[byte] for byte in range(at, at + len(token)) if byte in best]
        labels.append(max(ranks)[2] if ranks else -1)
        at += len(token)
    return labels


@settings(max_examples=300)
@given(cases(), st.integers(0, 2**32))
def test_labels_are_those_of_the_spans_whatever_the_tokens(case, seed):
    lexicon, text = case
    rng = random.Random(seed)
    moves = rng.choices(MOVES, k=len(lexicon.clusters))
    lexicon = with_moves(*((cluster.medoid, move) for cluster, move in zip(lexicon.clusters, moves, strict=True)))
    tagger = PlanningTagger(lexicon, [*BYTES, b"let me", b" so ", "’s".encode(), b"e, w"])
    ids = Cutter(tagger.vocabulary.tokens).cut(text.encode(), rng, longest_share=0.5)
    if ids:
        tokens = tagger.vocabulary.spell(ids)
        assert tagger.labels(ids).tolist() == oracle_labels(tokens, lexicon)
        assert (tagger.labels(ids) >= 0).tolist() == oracle_mask(tokens, lexicon)


@settings(max_examples=200)
@given(cases())
def test_spans_are_those_of_the_text_that_the_ids_spell(case):
    lexicon, text = case
    tagger = PlanningTagger(lexicon, BYTES)
    ids = list(text.encode())
    assert tagger.decode(ids) == text
    assert tagger.spans(ids) == find_spans(text, lexicon)


def test_spans_and_texts_of_a_batch_are_lists_of_rows(tagger):
    ids = np.array([[WAIT, COMMA, LET, ME], [LET, END, ME, DOT]])
    assert tagger.decode(ids) == ["wait, let me", " let me."]
    first, second = tagger.spans(ids)
    assert [(span.start, span.end, span.gram) for span in first] == [(0, 4, "wait"), (6, 12, "let me")]
    assert second == []  # a special token stands between
    assert tagger.decode(ids, [[1, 0, 1, 1], [0, 0, 1, 1]]) == ["wait let me", " me."]
    assert tagger.decode([]) == ""
    assert tagger.spans([]) == []


def test_offsets_continue_after_a_special_token(tagger):
    # "wait" | " let me": the text is "wait let me", and "let me" begins at 5
    assert [(span.start, span.end) for span in tagger.spans([WAIT, END, LET, ME])] == [(0, 4), (5, 11)]


@pytest.mark.parametrize("family", [trained_sentencepiece_bpe, trained_wordpiece])
def test_the_space_that_a_tokenizer_puts_in_front_is_not_in_the_text(family):
    tagger = PlanningTagger("wang2025", family())
    ids = encode(family(), "wait, let me try")
    text = tagger.decode(ids)
    assert text.startswith("wait")
    assert {text[span.start : span.end] for span in tagger.spans(ids)} >= {"wait", "let me"}


def test_invalid_bytes_are_decoded_as_replacements_and_end_a_sentence():
    tagger = PlanningTagger(Lexicon.from_grams(["let me"]), [b"let ", b"\xff", b"me"])
    assert tagger.decode([0, 1, 2]) == "let \ufffdme"
    assert tagger([0, 1, 2]).tolist() == [False] * 3
    assert tagger([0, 2]).tolist() == [True, True]


# -- refusals --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ids", "mask", "message"),
    [
        ([[LET, ME], [ME, 11]], None, r"id 11 in row 1, position 1, is out of range: .* are 0 to 10; .*vocab_size="),
        ([LET, -1], None, r"id -1 in row 0, position 1, is out of range"),
        ([[LET, -100]], [[1, 1]], r"id -100 .* mask padding with attention_mask"),
        ([0.5, 1.0], None, r"input_ids must be integers \(got float64\)"),
        ([True, False], None, r"input_ids must be integers \(got bool\)"),
        (["let"], None, r"input_ids must be integers"),
        ([], None, r"input_ids must have at least one token \(got shape \(0,\)\)"),
        (np.zeros((0, 8), int), None, r"at least one token \(got shape \(0, 8\)\)"),
        (np.zeros((8, 0), int), None, r"at least one token \(got shape \(8, 0\)\)"),
        (np.zeros((1, 2, 3), int), None, r"must have shape \(B, T\) or \(T,\) \(got \(1, 2, 3\)\)"),
        (3, None, r"must have shape \(B, T\) or \(T,\) \(got \(\)\)"),
        ([[LET, ME]], [[1, 1, 1]], r"attention_mask must have the shape of input_ids, \(1, 2\) \(got \(1, 3\)\)"),
        ([[LET, ME]], [1, 1], r"attention_mask must have the shape of input_ids, \(1, 2\) \(got \(2,\)\)"),
        (
            [[LET, ME], [LET]],
            None,
            r"input_ids must be rectangular, .*; for rows of different lengths use PlanningTagger.tag_rows",
        ),
    ],
)
def test_ids_that_cannot_be_tagged_are_refused_with_the_reason(tagger, ids, mask, message):
    with pytest.raises(UsageError, match=message):
        tagger(ids, mask)


@pytest.mark.parametrize("rows", [[[0.5]], [[[1]]], ["ab"], [[LET], 3]])
def test_invalid_rows_are_refused(tagger, rows):
    with pytest.raises(UsageError, match=r"invalid row \d: token ids must be a sequence of integers"):
        tagger.tag_rows(rows)


def test_an_id_out_of_range_is_an_error_with_its_row_and_position(tagger):
    with pytest.raises(UsageError, match="id 77 in row 2, position 1, is out of range"):
        tagger.tag_rows([[LET, ME], [], [LET, 77]])
    with pytest.raises(UsageError, match="id 77 in row 0, position 1"):
        tagger.decode([LET, 77])


@pytest.mark.parametrize("lexicon", [None, 3])
def test_an_invalid_lexicon_is_refused(lexicon):
    with pytest.raises(UsageError, match=r"lexicon must be a Lexicon \(got (NoneType|int)\)"):
        PlanningTagger(lexicon, TOKENS)


def test_a_list_of_phrases_is_a_lexicon():
    by_phrases = PlanningTagger(["Let me!", "let me"], TOKENS)
    assert by_phrases.lexicon == Lexicon.from_grams(["let me"])
    assert by_phrases([[LET, ME]]).tolist() == [[True, True]]


@pytest.mark.parametrize(
    ("phrases", "message"),
    [
        ([], r"the list of phrases is empty: write lexicon=\['let me check', ...\]"),
        (["let me", ""], "text 2 of the list is not a gram"),
        (["one two three four five six seven"], "text 1 of the list is not a gram"),
        (["..."], "text 1 of the list is not a gram"),
        (["let me", 3], "text 2 of the list is int, not a text"),
        ({"let me": 1}, r"lexicon must be a Lexicon \(got dict\)"),
    ],
)
def test_a_list_that_is_no_list_of_phrases_is_refused_with_the_number_of_the_phrase(phrases, message):
    with pytest.raises(UsageError, match=message):
        PlanningTagger(phrases, TOKENS)


def test_an_empty_lexicon_is_refused_where_it_is_made():
    with pytest.raises(UsageError, match="a lexicon must have at least one gram"):
        PlanningTagger(Lexicon.from_grams([]), TOKENS)


def test_a_lexicon_of_another_normal_form_is_refused_where_it_is_read():
    document = LEXICON.to_json() | {"words": "sgram-words-9"}
    with pytest.raises(InputError, match="sgram-words-9"):
        PlanningTagger(Lexicon.from_json(document), TOKENS)


@pytest.mark.parametrize("tokenizer", [None, "gpt2", object(), []])
def test_an_invalid_tokenizer_is_refused(tokenizer):
    with pytest.raises(SgramError, match=r"tokenizer|vocabulary"):
        PlanningTagger(LEXICON, tokenizer)


def test_a_tokenizer_whose_bytes_cannot_be_recovered_is_refused():
    from tokenizers import Tokenizer, decoders

    tokenizer = Tokenizer.from_str(trained_bpe().to_str())
    tokenizer.decoder = decoders.CTC()
    with pytest.raises(InputError, match="cannot be recovered"):
        PlanningTagger(LEXICON, tokenizer)


def test_no_workers_are_refused():
    with pytest.raises(UsageError, match=r"workers must be >= 1 \(got 0\)"):
        PlanningTagger(LEXICON, TOKENS, workers=0)


def test_without_triton_ids_on_a_gpu_are_tagged_on_the_host_with_one_warning(tagger, monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.setitem(__import__("sys").modules, "sgram.tagging.kernel.gpu", None)  # as where it cannot be imported
    with pytest.warns(
        RuntimeWarning, match="tagged on the host, because Triton is missing|tagged there, because Triton"
    ):
        assert tagger._tables_on(torch.device("cuda", 0)) is None
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert tagger._tables_on(torch.device("cuda", 0)) is None


def test_pieces_of_a_vocabulary_are_built_once_for_all_lexicons(monkeypatch):
    from sgram.tagging import tagger as module

    vocabulary, calls = Vocabulary.from_tokenizer([b"a", b"b", b"only here"]), []
    from_tokens = module.Pieces.from_tokens
    monkeypatch.setattr(module.Pieces, "from_tokens", lambda tokens: calls.append(tokens) or from_tokens(tokens))
    PlanningTagger(LEXICON, vocabulary)
    PlanningTagger("wang2025", vocabulary)
    assert calls == [vocabulary.tokens]
