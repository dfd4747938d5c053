"""Rollouts with and without ids, through real tokenizers; masks compared with the encoder's offsets."""

from dataclasses import replace

import numpy as np
import pytest

from sgram.errors import InputError
from sgram.files import data_path
from sgram.lexicon import Lexicon
from sgram.tagging import tagged_rollouts as rollouts
from sgram.tagging.projection import project_spans
from sgram.tagging.spans import Span, find_spans
from sgram.tagging.tagged_rollouts import RolloutTagger, TaggedTrace
from sgram.traces import Trace, read_traces
from tests.builders.tokenizer_examples import deepseek, minilm, trained_bpe, trained_unigram, trained_wordpiece

LEXICON = Lexicon.from_grams(["wait", "let me", "let me re-read it"], move="backtracking")
TEXT = "But hold on, wait; let me re-read it. Wait"
SAMPLE = list(read_traces(data_path("sample_traces.jsonl")))


def encode_text(text: str, tokenizer=None):
    return (tokenizer or trained_bpe()).encode(text, add_special_tokens=False)


def tag_trace(trace: Trace, tokenizer=None) -> tuple[TaggedTrace, RolloutTagger]:
    tagger = RolloutTagger(LEXICON, tokenizer or trained_bpe())
    (tagged,) = tagger([trace])
    return tagged, tagger


@pytest.mark.parametrize("build", [trained_bpe, deepseek])
def test_masks_of_encoded_texts_are_the_spans_projected_through_the_encoder_s_offsets(build):
    tokenizer, lexicon = build(), Lexicon.load("wang2025")
    tagger = RolloutTagger(lexicon, tokenizer)
    n_planning = 0
    for trace, tagged in zip(SAMPLE, tagger(SAMPLE), strict=True):
        encoding = encode_text(trace.text, tokenizer)
        assert tagged.trace is trace
        assert tagged.spans == find_spans(trace.text, lexicon)
        assert tagged.token_ids.tolist() == encoding.ids
        assert tagged.planning_mask.tolist() == project_spans(tagged.spans, trace.text, encoding.offsets).tolist()
        n_planning += tagged.planning_mask.sum()
    assert n_planning > 500
    assert (tagger.id_counts.n_encoded, tagger.id_counts.n_with_ids, tagger.id_counts.n_projected) == (
        len(SAMPLE),
        0,
        0,
    )


def test_the_ids_of_a_rollout_are_tagged_unchanged():
    # split as no encoder would: one byte per token
    ids = [trained_bpe().token_to_id(token) for token in ("W", "a", "i", "t", ",", "Ġ", "x")]
    tagged, tagger = tag_trace(Trace(id="a", text="Wait, x", token_ids=tuple(ids)))
    assert tagged.token_ids.tolist() == ids
    assert tagged.planning_mask.tolist() == [True] * 4 + [False] * 3
    assert tagged.count_units() == (4, 7)
    assert (tagger.id_counts.n_with_ids, tagger.id_counts.n_encoded, tagger.id_counts.n_mismatched) == (1, 0, 0)


def test_tokens_of_tools_are_never_planning_and_not_counted():
    ids = [trained_bpe().token_to_id(token) for token in (*"Wait", ",", *"wait")]
    # a tool wrote ", wa"
    trace = Trace(id="a", text="Wait,wait", token_ids=tuple(ids), meta={"policy_ids": [[0, 4], [7, 9]]})
    tagged, _ = tag_trace(trace)
    assert tagged.token_ids.tolist() == ids
    assert tagged.planning_mask.tolist() == [True] * 4 + [False] * 3 + [True] * 2
    assert tagged.count_units() == (6, 6)


@pytest.mark.parametrize("part", ["all", "answer"])
def test_a_text_of_turns_alone_is_spelled_by_the_policy_s_tokens(part):
    ids = [trained_bpe().token_to_id(token) for token in (*"Wait", "Ġ", "x", "Ġ", *"wait")]
    # a tool wrote " x"; the space behind it is the policy's, and no part of its turn
    parts = [
        {"kind": kind, "start": start, "end": end} for start, end in ((0, 4), (6, 10)) for kind in ("turn", "answer")
    ]
    meta = {"policy_ids": [[0, 4], [6, 11]], "parts": parts}
    trace = Trace(id="a", text="Wait\n\nwait", token_ids=tuple(ids), meta=meta)
    tagger = RolloutTagger(LEXICON, trained_bpe(), part=part)
    (tagged,) = tagger([trace])
    assert [(span.start, span.end) for span in tagged.spans] == [(0, 4), (6, 10)]
    assert tagged.planning_mask.tolist() == [True] * 4 + [False] * 3 + [True] * 4
    assert tagged.count_units()[0] == 8
    assert (tagger.id_counts.n_mismatched, tagger.id_counts.n_unaligned) == (0, 0)


def test_rollouts_with_and_without_ids_may_be_mixed():
    bare = Trace(id="a", text=TEXT)
    whole = Trace(id="b", text=TEXT, token_ids=tuple(encode_text(TEXT).ids))
    tagger = RolloutTagger(LEXICON, trained_bpe())
    tagged_traces = list(tagger([bare, whole, replace(bare, id="c"), replace(whole, id="d")]))
    assert [tagged.trace.id for tagged in tagged_traces] == ["a", "b", "c", "d"]
    assert len({tuple(tagged.planning_mask.tolist()) for tagged in tagged_traces}) == 1
    assert (tagger.id_counts.n_with_ids, tagger.id_counts.n_encoded, tagger.id_counts.n_mismatched) == (2, 2, 0)


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
    ids = (*encode_text(TEXT).ids, trained_bpe().token_to_id("<|endoftext|>"))
    tagged, tagger = tag_trace(Trace(id="a", text=text, token_ids=ids))
    assert tagger.id_counts.n_mismatched == (not spelled)
    assert tagged.planning_mask.tolist() == [
        *project_spans(find_spans(TEXT, LEXICON), TEXT, encode_text(TEXT).offsets),
        False,
    ]
    assert tagged.spans == find_spans(text, LEXICON)  # spans are always of the trace's own text


def test_an_id_out_of_range_is_an_error_that_names_the_trace():
    n_ids = trained_bpe().get_vocab_size()
    traces = [Trace(id="good", text="a"), Trace(id="b\x1bd", text="x", token_ids=(3, n_ids))]
    tagger = RolloutTagger(LEXICON, trained_bpe(), "small")
    with pytest.raises(
        InputError,
        match=rf"^trace 'b\\x1bd' has the token id {n_ids}, but the tokenizer small has {n_ids} ids; name the token",
    ):
        list(tagger(traces))


def test_an_empty_rollout_has_an_empty_mask():
    for trace in (Trace(id="a", text=""), Trace(id="b", text="", token_ids=())):
        tagged, tagger = tag_trace(trace)
        assert (tagged.spans, tagged.token_ids.shape, tagged.planning_mask.shape, tagged.count_units()) == (
            [],
            (0,),
            (0,),
            (0, 0),
        )
        assert tagger.id_counts.n_mismatched == 0


def test_a_tokenizer_that_loses_text_is_tagged_through_its_offsets():
    # WordPiece loses the line break, which ends the sentence between "let" and "me"
    text = "Let me see: let\nme WAIT"
    for build in (trained_wordpiece, minilm):
        tagged, tagger = tag_trace(Trace(id="a", text=text), build())
        words = [text[start:end] for start, end in encode_text(text, build()).offsets]
        planning = [word for word, marked in zip(words, tagged.planning_mask, strict=True) if marked]
        assert "".join(planning) == "LetmeWAIT"
        assert (tagger.id_counts.n_encoded, tagger.id_counts.n_projected) == (1, 1)


def test_ids_of_a_tokenizer_that_loses_text_are_followed():
    text = "Let me see"
    ids = tuple(encode_text(text, trained_wordpiece()).ids)
    tagged, tagger = tag_trace(Trace(id="a", text=text, token_ids=ids), trained_wordpiece())
    assert tagger.id_counts.n_projected == 0
    assert tagged.planning_mask.any()


def test_unigram_with_its_own_normal_form_is_projected_on_the_text_as_it_stands():
    text = "ｗａｉｔ  ² let   me"  # full-width letters become ASCII, spaces one
    tagged, tagger = tag_trace(Trace(id="a", text=text), trained_unigram())
    assert tagger.id_counts.n_projected == 1
    offsets = np.array(encode_text(text, trained_unigram()).offsets)
    covered = {position for start, end in offsets[tagged.planning_mask] for position in range(start, end)}
    assert tagged.spans == [Span(8, 16, "backtracking", LEXICON.find("let me")[0].id, "let me")]
    assert covered >= {8, 9, 10, 14, 15}
    assert not covered & set(range(7))


def test_without_a_tokenizer_there_are_spans_alone():
    tagger = RolloutTagger(LEXICON)
    (tagged,) = tagger([Trace(id="a", text=TEXT, token_ids=(1, 2))])
    assert (tagged.token_ids, tagged.planning_mask, tagger.vocabulary) == (None, None, None)
    # "wait", "letmere-readit", "Wait" of "Butholdon,wait;letmere-readit.Wait"
    assert tagged.count_units() == (22, 34)


def test_rows_are_those_of_the_masks_file():
    tagged, tagger = tag_trace(Trace(id="a", text=TEXT))
    row = tagged.mask_row()
    assert (row.id, row.spans) == ("a", tuple(tagged.spans))
    assert row.token_ids is tagged.token_ids
    assert row.planning_mask is tagged.planning_mask
    assert tagger.vocabulary.name == "tokenizers BPE"
    assert RolloutTagger(LEXICON, trained_bpe(), "mine").vocabulary.name == "mine"
    assert RolloutTagger(LEXICON, trained_bpe(), "mine").vocabulary.digest == tagger.vocabulary.digest


@pytest.mark.parametrize(("rows", "characters"), [(1, 1 << 20), (2, 1 << 20), (64, 1), (64, 1 << 20)])
def test_the_size_of_batches_changes_nothing(rows, characters, monkeypatch):
    traces = [
        replace(trace, token_ids=tuple(encode_text(trace.text).ids)) if number % 3 else trace
        for number, trace in enumerate(SAMPLE[:7])
    ]
    expected = [tagged.planning_mask.tolist() for tagged in RolloutTagger(LEXICON, trained_bpe())(traces)]
    monkeypatch.setattr(rollouts, "_BATCH_ROWS", rows)
    monkeypatch.setattr(rollouts, "_BATCH_CHARS", characters)
    tagged_traces = list(RolloutTagger(LEXICON, trained_bpe())(iter(traces)))
    assert [tagged.planning_mask.tolist() for tagged in tagged_traces] == expected
    assert [tagged.trace.id for tagged in tagged_traces] == [trace.id for trace in traces]


def test_traces_are_read_one_batch_at_a_time():
    n_read = 0

    def endless():
        nonlocal n_read
        while True:
            n_read += 1
            yield Trace(id=str(n_read), text="wait")

    tagged_traces = RolloutTagger(LEXICON)(endless())
    assert next(tagged_traces).trace.id == "1"
    assert n_read == 64
