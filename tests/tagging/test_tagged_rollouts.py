"""Rollouts with and without ids, through real tokenizers; masks held against offsets of the encoder."""

from dataclasses import replace

import numpy as np
import pytest

from sgram.errors import InputError
from sgram.files import data_path
from sgram.lexicon import Lexicon
from sgram.tagging import tagged_rollouts as rollouts
from sgram.tagging.projection import project
from sgram.tagging.spans import Span, find_spans
from sgram.tagging.tagged_rollouts import RolloutTagger, TaggedTrace
from sgram.traces import Trace, read_traces
from tests.builders.tokenizer_examples import deepseek, minilm, trained_bpe, trained_unigram, trained_wordpiece

LEXICON = Lexicon.from_grams(["wait", "let me", "let me re-read it"], move="backtracking")
TEXT = "But hold on, wait; let me re-read it. Wait"
SAMPLE = list(read_traces(data_path("sample_traces.jsonl")))


def encoded(text: str, tokenizer=None):
    return (tokenizer or trained_bpe()).encode(text, add_special_tokens=False)


def tagged_one(trace: Trace, tokenizer=None) -> tuple[TaggedTrace, RolloutTagger]:
    tagger = RolloutTagger(LEXICON, tokenizer or trained_bpe())
    (one,) = tagger([trace])
    return one, tagger


@pytest.mark.parametrize("made", [trained_bpe, deepseek])
def test_masks_of_encoded_texts_are_the_spans_projected_through_the_encoder_s_offsets(made):
    tokenizer, lexicon = made(), Lexicon.load("wang2025")
    tagger = RolloutTagger(lexicon, tokenizer)
    n_planning = 0
    for trace, one in zip(SAMPLE, tagger(SAMPLE), strict=True):
        encoding = encoded(trace.text, tokenizer)
        assert one.trace is trace
        assert one.spans == find_spans(trace.text, lexicon)
        assert one.token_ids.tolist() == encoding.ids
        assert one.planning_mask.tolist() == project(one.spans, trace.text, encoding.offsets).tolist()
        n_planning += one.planning_mask.sum()
    assert n_planning > 500
    assert (tagger.report.n_encoded, tagger.report.n_given, tagger.report.n_projected) == (len(SAMPLE), 0, 0)


def test_ids_that_a_rollout_holds_are_kept_and_tagged():
    # cut as no encoder would: one byte a token
    ids = [trained_bpe().token_to_id(each) for each in ("W", "a", "i", "t", ",", "Ġ", "x")]
    one, tagger = tagged_one(Trace(id="a", text="Wait, x", token_ids=tuple(ids)))
    assert one.token_ids.tolist() == ids
    assert one.planning_mask.tolist() == [True] * 4 + [False] * 3
    assert one.counts() == (4, 7)
    assert (tagger.report.n_given, tagger.report.n_encoded, tagger.report.n_unlike_text) == (1, 0, 0)


def test_rollouts_with_and_without_ids_may_be_mixed():
    bare = Trace(id="a", text=TEXT)
    whole = Trace(id="b", text=TEXT, token_ids=tuple(encoded(TEXT).ids))
    tagger = RolloutTagger(LEXICON, trained_bpe())
    found = list(tagger([bare, whole, replace(bare, id="c"), replace(whole, id="d")]))
    assert [one.trace.id for one in found] == ["a", "b", "c", "d"]
    assert len({tuple(one.planning_mask.tolist()) for one in found}) == 1
    assert (tagger.report.n_given, tagger.report.n_encoded, tagger.report.n_unlike_text) == (2, 2, 0)


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        (TEXT, True),
        (f"\n {TEXT}  ", True),  # the space around a text is often stripped
        (f"{TEXT}<|endoftext|>", True),  # as exports of ids are decoded
        (TEXT.lower(), False),
        (TEXT + " and more", False),
    ],
)
def test_ids_that_do_not_spell_the_text_are_counted_and_followed(text, spelled):
    ids = (*encoded(TEXT).ids, trained_bpe().token_to_id("<|endoftext|>"))
    one, tagger = tagged_one(Trace(id="a", text=text, token_ids=ids))
    assert tagger.report.n_unlike_text == (not spelled)
    assert one.planning_mask.tolist() == [*project(find_spans(TEXT, LEXICON), TEXT, encoded(TEXT).offsets), False]
    assert one.spans == find_spans(text, LEXICON)  # spans are always of the trace's own text


def test_an_id_that_the_tokenizer_does_not_have_is_told_with_the_trace():
    n_ids = trained_bpe().get_vocab_size()
    traces = [Trace(id="good", text="a"), Trace(id="b\x1bd", text="x", token_ids=(3, n_ids))]
    tagger = RolloutTagger(LEXICON, trained_bpe(), "small")
    with pytest.raises(
        InputError,
        match=rf"^trace 'b\\x1bd' holds the token id {n_ids}, but the tokenizer small has {n_ids} ids; name the token",
    ):
        list(tagger(traces))


def test_an_empty_rollout_has_an_empty_mask():
    for trace in (Trace(id="a", text=""), Trace(id="b", text="", token_ids=())):
        one, tagger = tagged_one(trace)
        assert (one.spans, one.token_ids.shape, one.planning_mask.shape, one.counts()) == ([], (0,), (0,), (0, 0))
        assert tagger.report.n_unlike_text == 0


def test_a_tokenizer_that_loses_text_is_tagged_through_its_offsets():
    # WordPiece loses the line break, which ends the sentence between "let" and "me"
    text = "Let me see: let\nme WAIT"
    for made in (trained_wordpiece, minilm):
        one, tagger = tagged_one(Trace(id="a", text=text), made())
        words = [text[start:end] for start, end in encoded(text, made()).offsets]
        planning = [word for word, marked in zip(words, one.planning_mask, strict=True) if marked]
        assert "".join(planning) == "LetmeWAIT"
        assert (tagger.report.n_encoded, tagger.report.n_projected) == (1, 1)


def test_ids_of_such_a_tokenizer_are_followed_all_the_same():
    text = "Let me see"
    ids = tuple(encoded(text, trained_wordpiece()).ids)
    one, tagger = tagged_one(Trace(id="a", text=text, token_ids=ids), trained_wordpiece())
    assert tagger.report.n_projected == 0
    assert one.planning_mask.any()


def test_unigram_with_its_own_normal_form_is_projected_on_the_text_as_it_stands():
    text = "ｗａｉｔ  ² let   me"  # full-width letters become ASCII, spaces one
    one, tagger = tagged_one(Trace(id="a", text=text), trained_unigram())
    assert tagger.report.n_projected == 1
    offsets = np.array(encoded(text, trained_unigram()).offsets)
    covered = {at for start, end in offsets[one.planning_mask] for at in range(start, end)}
    assert one.spans == [Span(8, 16, "backtracking", LEXICON.find("let me")[0].id, "let me")]
    assert covered >= {8, 9, 10, 14, 15}
    assert not covered & set(range(7))


def test_without_a_tokenizer_there_are_spans_alone():
    tagger = RolloutTagger(LEXICON)
    (one,) = tagger([Trace(id="a", text=TEXT, token_ids=(1, 2))])
    assert (one.token_ids, one.planning_mask, tagger.vocabulary) == (None, None, None)
    # "wait", "letmere-readit", "Wait" of "Butholdon,wait;letmere-readit.Wait"
    assert one.counts() == (22, 34)


def test_rows_are_those_of_the_masks_file():
    one, tagger = tagged_one(Trace(id="a", text=TEXT))
    row = one.row()
    assert (row.id, row.spans) == ("a", tuple(one.spans))
    assert row.token_ids is one.token_ids
    assert row.planning_mask is one.planning_mask
    assert tagger.vocabulary.name == "tokenizers BPE"
    assert RolloutTagger(LEXICON, trained_bpe(), "mine").vocabulary.name == "mine"
    assert RolloutTagger(LEXICON, trained_bpe(), "mine").vocabulary.digest == tagger.vocabulary.digest


@pytest.mark.parametrize(("rows", "characters"), [(1, 1 << 20), (2, 1 << 20), (64, 1), (64, 1 << 20)])
def test_the_size_of_batches_changes_nothing(rows, characters, monkeypatch):
    traces = [
        replace(trace, token_ids=tuple(encoded(trace.text).ids)) if number % 3 else trace
        for number, trace in enumerate(SAMPLE[:7])
    ]
    wanted = [one.planning_mask.tolist() for one in RolloutTagger(LEXICON, trained_bpe())(traces)]
    monkeypatch.setattr(rollouts, "_BATCH_ROWS", rows)
    monkeypatch.setattr(rollouts, "_BATCH_CHARS", characters)
    found = list(RolloutTagger(LEXICON, trained_bpe())(iter(traces)))
    assert [one.planning_mask.tolist() for one in found] == wanted
    assert [one.trace.id for one in found] == [trace.id for trace in traces]


def test_traces_are_taken_a_batch_at_a_time():
    taken = []

    def endless():
        while True:
            taken.append(1)
            yield Trace(id=str(len(taken)), text="wait")

    found = RolloutTagger(LEXICON)(endless())
    assert next(found).trace.id == "1"
    assert len(taken) == 64
