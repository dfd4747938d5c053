from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.traces.parts import (
    _ANGLE_MARKER,
    _BRACKET_MARKER,
    MARKERS,
    SEPARATOR,
    _cover,
    _is_pair,
    _tag_blocks,
    check_parts,
    find_parts,
    holds_reasoning,
    insert_reasoning,
    join_pieces,
    select_part,
    text_and_parts,
)
from sgram.traces.trace import RowError

WORDS = ["Hmm. ", "so 4", "\n", " ", "`", '"', "analysis", "assistantfinal", "Here is my response:", "é"]
HARMONY = [
    "<|start|>assistant",
    "<|channel|>analysis",
    "<|channel|>final",
    "<|message|>",
    "<|end|>",
    "<|call|>",
    " to=f",
]
MARKER_WORDS = [marker for pair in MARKERS for marker in (pair.opening, pair.closing, pair.answer) if marker]
TEXTS = st.lists(st.sampled_from([*WORDS, *HARMONY, *MARKER_WORDS]), max_size=14).map("".join)
PIECES = st.lists(
    st.tuples(st.sampled_from(["reasoning", "answer", "tool"]), st.text(max_size=12).filter(str.strip)), max_size=6
)


def stretches(text):
    """(kind, stretch) of each part that is found."""
    return [(part["kind"], text[part["start"] : part["end"]]) for part in find_parts(text)]


@pytest.mark.parametrize("pair", [pair for pair in MARKERS if pair.closing], ids=lambda pair: pair.opening)
def test_every_pair_of_markers_encloses_a_reasoning_and_stays_in_it(pair):
    reasoning = f"{pair.opening}\nHmm.\n{pair.closing}"
    assert stretches(f"{reasoning}\n\n4") == [("reasoning", reasoning), ("answer", "4")]
    assert stretches(f"{pair.opening}\nHmm.") == [("reasoning", f"{pair.opening}\nHmm.")]
    alone = [("reasoning", f"Hmm.\n{pair.closing}"), ("answer", "4")] if pair.closes_alone else []
    assert stretches(f"Hmm.\n{pair.closing}\n\n4") == alone


@pytest.mark.parametrize("pair", [pair for pair in MARKERS if pair.answer], ids=lambda pair: pair.opening)
def test_a_marker_of_the_answer_ends_a_reasoning_and_belongs_to_the_answer(pair):
    found = [("reasoning", f"{pair.opening}\nHmm."), ("answer", f"{pair.answer}4")]
    assert stretches(f"{pair.opening}\nHmm.\n{pair.answer}4") == found
    closed = f"{pair.opening}Hmm.{pair.closing}"
    if pair.closing:
        assert stretches(f"{closed}\n{pair.answer}4") == [("reasoning", closed), ("answer", f"{pair.answer}4")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("2 < 3 and [4]", []),
        ("I think so.", []),
        # an empty reasoning, as Qwen3 writes it when it must not think
        ("<think>\n\n</think>\n\n4", [("reasoning", "<think>\n\n</think>"), ("answer", "4")]),
        # several blocks, words before the first
        (
            "Look: <think>a</think> b <think>c\n</think>\n d ",
            [
                ("answer", "Look:"),
                ("reasoning", "<think>a</think>"),
                ("answer", "b"),
                ("reasoning", "<think>c\n</think>"),
                ("answer", "d"),
            ],
        ),
        # the last of several is not closed
        ("<think>a</think>b <think>c", [("reasoning", "<think>a</think>"), ("answer", "b"), ("reasoning", "<think>c")]),
        # the first without an opening tag, which stood in the prompt
        (
            "a</think>b<think>c</think>d",
            [("reasoning", "a</think>"), ("answer", "b"), ("reasoning", "<think>c</think>"), ("answer", "d")],
        ),
        # a second closing tag is text
        ("a</think>b</think>c", [("reasoning", "a</think>"), ("answer", "b</think>c")]),
        # an opening tag inside the reasoning is text, of the same family and of another one
        ("<think>a <think> b</think>c", [("reasoning", "<think>a <think> b</think>"), ("answer", "c")]),
        ("<think>a <reasoning> b</think>c", [("reasoning", "<think>a <reasoning> b</think>"), ("answer", "c")]),
        (
            "<thinking>a <reflection>b</reflection> c</thinking><output>d</output>",
            [("reasoning", "<thinking>a <reflection>b</reflection> c</thinking>"), ("answer", "<output>d</output>")],
        ),
        # the tags of the answer's format, spoken of in a reasoning whose opening tag stood in the prompt
        (
            "They want <reasoning> tags.</think><reasoning>a</reasoning><answer>4</answer>",
            [
                ("reasoning", "They want <reasoning> tags.</think>"),
                ("reasoning", "<reasoning>a</reasoning>"),
                ("answer", "<answer>4</answer>"),
            ],
        ),
        # a tag that is never closed is text if it stands inside a line
        ("Write <think> first.", []),
        (
            "<think>a</think>Write <reasoning> next.",
            [("reasoning", "<think>a</think>"), ("answer", "Write <reasoning> next.")],
        ),
        ("Well.\n  <think>\na", [("answer", "Well."), ("reasoning", "<think>\na")]),
        # quoted tags
        ("Close it with `</think>` at last.", []),
        ('The tags "<think>" and “</think>”.', []),
        (
            "<think>They want `<think>a</think>` and '</think>'.</think>b",
            [("reasoning", "<think>They want `<think>a</think>` and '</think>'.</think>"), ("answer", "b")],
        ),
        # a code fence is no reason to overlook a tag
        ("```\na\n</think>\n4", [("reasoning", "```\na\n</think>"), ("answer", "4")]),
        # upper case, prefix, suffix
        ("<THINK>a</Think>b", [("reasoning", "<THINK>a</Think>"), ("answer", "b")]),
        ("<x:think>a</think>b</x:think>c", [("reasoning", "<x:think>a</think>b</x:think>"), ("answer", "c")]),
        ("<think:s>a</think:s>b", [("reasoning", "<think:s>a</think:s>"), ("answer", "b")]),
    ],
)
def test_the_parts_follow_the_markers_in_order(text, expected):
    assert stretches(text) == expected


def test_harmony_channels_are_reasoning_calls_and_answer():
    analysis = "<|channel|>analysis<|message|>Hmm.<|end|>"
    preamble = "<|start|>assistant<|channel|>commentary<|message|>I look it up.<|end|>"
    call = '<|start|>assistant<|channel|>commentary to=functions.f <|constrain|>json<|message|>{"x": 2}<|call|>'
    early_call = "<|start|>assistant to=functions.f<|channel|>commentary json<|message|>{}<|call|>"
    output = "<|start|>functions.f to=assistant<|channel|>commentary<|message|>4<|end|>"
    final = "<|start|>assistant<|channel|>final<|message|>4<|return|>"
    expected = [
        ("reasoning", analysis),
        ("answer", preamble),
        ("tool", call),
        ("tool", early_call),
        ("tool", output),
        ("answer", final),
    ]
    assert stretches("".join(stretch for _, stretch in expected)) == expected
    # cut off in the reasoning, and in the header after it
    assert stretches("<|channel|>analysis<|message|>Hmm") == [("reasoning", "<|channel|>analysis<|message|>Hmm")]
    assert stretches(f"{analysis}<|start|>assistant") == [("reasoning", f"{analysis}<|start|>assistant")]
    # the prompt holds the first header, or a part of it
    assert stretches(f"Hmm.<|end|>{final}") == [("reasoning", "Hmm.<|end|>"), ("answer", final)]
    assert stretches(f"analysis<|message|>Hmm.<|end|>{final}") == [
        ("reasoning", "analysis<|message|>Hmm.<|end|>"),
        ("answer", final),
    ]
    # no end token before the next message
    assert stretches(f"<|channel|>analysis<|message|>Hmm.{final}")[0] == (
        "reasoning",
        "<|channel|>analysis<|message|>Hmm.",
    )
    assert stretches("The token <|message|> is special.") == []
    assert stretches("The tokens `<|channel|>analysis<|message|>` are special.") == []
    assert stretches(f"{analysis} stray {final}")[1] == ("answer", "stray")


def test_harmony_without_its_special_tokens_is_told_by_its_headers():
    text = (
        'analysisHmm.assistantcommentary to=f json{"x": 2}assistantanalysisWell.assistantcommentaryWait.assistantfinal4'
    )
    assert stretches(text) == [
        ("reasoning", "analysisHmm."),
        ("tool", 'assistantcommentary to=f json{"x": 2}'),
        ("reasoning", "assistantanalysisWell."),
        ("answer", "assistantcommentaryWait."),
        ("answer", "assistantfinal4"),
    ]
    assert stretches("analysis of the sum: 4") == []


def test_the_sentences_of_granite_count_only_together_and_at_the_start():
    reasoning, answer = "Here is my thought process: Hmm.", "Here's my response: 4"
    assert stretches(f"{reasoning}\n\n{answer}") == [("reasoning", reasoning), ("answer", answer)]
    assert stretches(reasoning) == stretches(answer) == stretches(f"Well. {reasoning} {answer}") == []


@given(
    st.lists(
        st.sampled_from(
            ["<think>", "</think>", "<thinking>", "[THINK]", "[/THINK]", "<|message|>", '"', "`", "\n", "so "]
        ),
        max_size=6,
    )
)
def test_a_text_with_one_pair_of_markers_has_the_parts_that_the_rules_give(fragments):
    text = "".join(fragments)
    matches = [*_ANGLE_MARKER.finditer(text), *_BRACKET_MARKER.finditer(text)]
    if _is_pair(text, matches):
        assert find_parts(text) == list(_cover(text, _tag_blocks(text, matches)))


@given(TEXTS)
def test_parts_are_in_order_disjoint_and_hold_all_that_is_no_space(text):
    parts = find_parts(text)
    assert parts == find_parts(text)
    assert check_parts(text, parts) == parts
    for part in parts:
        stretch = text[part["start"] : part["end"]]
        assert stretch
        assert stretch == stretch.strip()
    assert all(one["end"] <= two["start"] for one, two in pairwise(parts))
    if parts:
        gaps = pairwise([0, *(offset for part in parts for offset in (part["start"], part["end"])), len(text)])
        assert not any(text[start:end].strip() for start, end in list(gaps)[::2])
    # the same parts are found in a text that is longer by whitespace alone
    assert [part["kind"] for part in find_parts(f"{text}\n")] == [part["kind"] for part in parts]


REPEATED = [
    *("<think>", "</think>", "`<think>", "<a:think>", "◁think▷", " <think>", "\n<thinking>", "<", "["),
    *("<|channel|>", "<|start|><|message|>", "assistantfinal", "Here is my thought process:"),
]


@pytest.mark.parametrize("start", ["", "<think>", "analysis", "<|message|>", "a</think>", "`"])
@pytest.mark.parametrize("repeated", REPEATED)
def test_a_million_characters_are_searched_whatever_they_repeat(start, repeated):
    text = start + repeated * (1_000_000 // len(repeated))  # would take minutes if time were quadratic
    check_parts(text, find_parts(text))


@given(PIECES)
def test_joined_pieces_are_cut_out_again_by_their_parts(pieces):
    text, parts = join_pieces(pieces)
    assert [(part["kind"], text[part["start"] : part["end"]]) for part in parts] == pieces
    assert text == SEPARATOR.join(piece for _, piece in pieces)
    assert all(two["start"] - one["end"] == len(SEPARATOR) for one, two in pairwise(parts))


def test_blank_pieces_are_left_out():
    assert join_pieces([("reasoning", ""), ("answer", "\n\n"), ("answer", "4")]) == (
        "4",
        [{"kind": "answer", "start": 0, "end": 1}],
    )
    assert join_pieces([]) == text_and_parts([("turn", ""), ("answer", " ")]) == ("", [])


def test_turns_span_their_parts_if_there_are_several():
    turn, pieces = ("turn", ""), [("reasoning", "a"), ("answer", "b")]
    # offsets: a 0-1, b 3-4, a 6-7, b 9-10
    assert join_pieces([turn, *pieces, turn, *pieces, turn]) == (
        "a\n\nb\n\na\n\nb",
        [
            {"kind": "turn", "start": 0, "end": 4},
            {"kind": "reasoning", "start": 0, "end": 1},
            {"kind": "answer", "start": 3, "end": 4},
            {"kind": "turn", "start": 6, "end": 10},
            {"kind": "reasoning", "start": 6, "end": 7},
            {"kind": "answer", "start": 9, "end": 10},
        ],
    )
    assert [part["kind"] for part in join_pieces([turn, *pieces, turn])[1]] == ["reasoning", "answer"]


def test_markers_inside_the_answers_of_pieces_are_found():
    pieces = [("turn", ""), ("answer", "<think>a</think>b"), ("turn", ""), ("reasoning", "c"), ("answer", "d")]
    text, parts = text_and_parts(pieces)
    assert text == "<think>a</think>b\n\nc\n\nd"
    assert [(part["kind"], text[part["start"] : part["end"]]) for part in parts] == [
        ("turn", "<think>a</think>b"),
        ("reasoning", "<think>a</think>"),
        ("answer", "b"),
        ("turn", "c\n\nd"),
        ("reasoning", "c"),
        ("answer", "d"),
    ]
    # a reasoning that begins in one block of an answer and ends in another
    assert [part["kind"] for part in text_and_parts([("answer", "<think>a"), ("answer", "b</think>c")])[1]] == [
        "reasoning",
        "answer",
    ]
    assert text_and_parts([("answer", "a"), ("answer", "b")]) == ("a\n\nb", [])
    assert [part["kind"] for part in text_and_parts([("reasoning", "a")])[1]] == ["reasoning"]


def test_a_selected_part_is_intervals_of_the_text():
    text, parts = text_and_parts([("turn", ""), ("reasoning", "a"), ("answer", "b"), ("turn", ""), ("answer", "c")])
    assert select_part(text, parts, "reasoning") == [(0, 1)]
    assert select_part(text, parts, "answer") == [(3, 4), (6, 7)]
    assert select_part(text, parts, "all") == [(0, 7)]


def test_a_text_without_parts_has_neither_reasoning_nor_answer():
    for parts in (None, [], [{"kind": "turn", "start": 0, "end": 1}]):
        assert select_part("4", parts, "all") == [(0, 1)]
        assert select_part("4", parts, "answer") == select_part("4", parts, "reasoning") == []
    assert select_part("", [], "all") == []


def test_an_empty_part_is_no_interval():
    assert select_part("4", [{"kind": "answer", "start": 1, "end": 1}], "answer") == []


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ("all", "parts are a string"),
        ([4], "a part is a number"),
        ([{"kind": "prose", "start": 0, "end": 1}], "kind of a part is 'prose'"),
        ([{"kind": ["answer"], "start": 0, "end": 1}], "kind of a part is"),
        ([{"kind": "answer", "start": 0, "end": 2}], "offsets of a part do not fit the text: 0 to 2"),
        ([{"kind": "answer", "start": 1, "end": 0}], "offsets of a part"),
        ([{"kind": "answer", "start": -1, "end": 0}], "offsets of a part"),
        ([{"kind": "answer", "start": 0.0, "end": 1}], "offsets of a part"),
        ([{"kind": "answer", "start": 0, "end": 1}] * 2, "offsets of a part"),
    ],
)
def test_parts_that_are_not_of_the_text_are_refused(parts, reason):
    with pytest.raises(RowError, match=f"^{reason}"):
        select_part("4", parts, "answer")


def test_a_reasoning_is_inserted_before_the_last_answer():
    pieces = [("answer", "a"), ("turn", ""), ("answer", "b"), ("tool", "c")]
    assert insert_reasoning(pieces, ["Hmm.", " ", "Well."]) == [
        *pieces[:2],
        ("reasoning", "Hmm."),
        ("reasoning", "Well."),
        *pieces[2:],
    ]
    assert insert_reasoning([], ["Hmm."]) == [("reasoning", "Hmm.")]
    assert insert_reasoning(pieces, [" "]) == pieces


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        ([("reasoning", "Hmm.\n"), ("reasoning", "Well."), ("answer", "4")], True),
        ([("reasoning", "Oh. Hmm. Well."), ("answer", "4")], True),
        ([("answer", "<think>\nHmm. Well.\n</think>4")], True),
        ([("answer", "Hmm.\nWell.")], True),
        ([("answer", "Hmm. Well. 4")], False),
        ([("reasoning", "Hmm."), ("answer", "Well.")], False),
        ([], False),
    ],
)
def test_a_reasoning_that_is_there_already_is_recognized(pieces, expected):
    assert holds_reasoning(pieces, ["Hmm.\n\n", "Well."]) == expected


def test_an_answer_that_begins_with_the_reasoning_and_a_line_end_holds_it():
    assert holds_reasoning([("answer", "Hmm. Well.\n\n4")], ["Hmm. Well."])
    assert not holds_reasoning([("answer", "4 pens")], ["4"])
