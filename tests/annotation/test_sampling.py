"""Samples for annotators, compared with the reference span finder and with counts by hand."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sgram.annotation.items import encode_sample
from sgram.annotation.sampling import SamplingConfig, draw_sample
from sgram.errors import InputError, UsageError
from sgram.files import data_path
from sgram.lexicon import Lexicon
from sgram.tagging.spans import find_spans
from sgram.text import find_words
from sgram.traces import Trace, read_traces
from tests.builders.lexicon_examples import cluster, gram, lexicon

WANG = Lexicon.load("wang2025")
SAMPLE = list(read_traces(data_path("sample_traces.jsonl")))


def draw_items(traces, sampled_lexicon=WANG, budget=None, **config):
    return draw_sample(traces, sampled_lexicon, SamplingConfig(**config), budget=budget)


def items_of_kind(draw, kind):
    return [item for item in draw.sample.items if item.kind == kind]


def test_items_are_occurrences_and_controls_overlap_none():
    draw, texts = draw_items(SAMPLE, n=60), {trace.id: trace.text for trace in SAMPLE}
    assert (len(items_of_kind(draw, "sg")), len(items_of_kind(draw, "control"))) == (30, 30)
    for item in draw.sample.items:
        text = texts[item.trace]
        assert item.text in text
        first = text.index(item.text) + item.start
        spans = {(span.start, span.end): span for span in find_spans(text, WANG)}
        item_span = (first, first + item.end - item.start)
        if item.kind == "sg":
            span = spans[item_span]
            assert (item.gram, item.cluster, item.move) == (span.gram, span.cluster, span.label)
        else:
            assert not any(start < item_span[1] and item_span[0] < end for start, end in spans)
            words = [word for word in find_words(text) if item_span[0] <= word.start and word.end <= item_span[1]]
            assert " ".join(word.text for word in words) == item.gram
            assert (words[0].start, words[-1].end) == item_span
            assert len({word.sentence for word in words}) == 1


def test_controls_are_as_long_as_the_grams_and_of_the_same_models():
    draw = draw_items(SAMPLE, n=24)
    lengths, models = (
        [Counter(key(item) for item in items_of_kind(draw, kind)) for kind in ("sg", "control")]
        for key in (lambda item: item.gram.count(" "), lambda item: item.model)
    )
    assert lengths[0] == lengths[1]
    assert models[0] == models[1]


def test_a_trace_gives_one_item_if_there_are_enough_traces():
    items = draw_items(SAMPLE, n=60).sample.items
    assert len({item.trace for item in items}) == len(items) == 60


def test_the_seed_matters_and_the_order_of_traces_does_not():
    first = draw_items(SAMPLE, n=40)
    assert encode_sample(draw_items(SAMPLE[::-1], n=40).sample) == encode_sample(first.sample)
    second = draw_items(SAMPLE, n=40, seed=1)
    assert not {item.item for item in second.sample.items} & {item.item for item in first.sample.items}


@given(st.permutations(range(30)), st.integers(2, 40))
@settings(max_examples=15)
def test_the_order_does_not_matter_with_a_small_budget(order, budget):
    traces = SAMPLE[:30]
    shuffled = [traces[index] for index in order]
    assert draw_items(shuffled, n=10, budget=budget).sample == draw_items(traces, n=10, budget=budget).sample


def test_common_clusters_grams_and_models_are_not_overrepresented():
    # "wait" 90 times by model a and 5 by b, "hold on" (same cluster) 5 by a, "let me check" 5 by a
    planning_lexicon = lexicon(cluster(gram("wait"), gram("hold on"), move="backtracking"), cluster("let me check"))
    texts = [
        *(("a", "wait now"),) * 90,
        *(("b", "wait now"),) * 5,
        *(("a", "hold on now"),) * 5,
        *(("a", "let me check it"),) * 5,
    ]
    traces = [
        Trace(id=str(n), text=f"{text} for {n:b} things".replace("0", "o").replace("1", "i"), model=model)
        for n, (model, text) in enumerate(texts)
    ]
    items = draw_items(traces, planning_lexicon, n=10, controls=0).sample.items
    assert Counter(item.cluster for item in items) == {0: 5, 1: 5}
    grams = Counter(item.gram for item in items)
    assert grams["let me check"] == 5
    assert sorted((grams["wait"], grams["hold on"])) in ([2, 3],)
    waits = Counter(item.model for item in items if item.gram == "wait")
    assert waits["b"] >= waits["a"]  # a has the other grams already


def test_frequent_and_rare_grams_of_a_cluster_are_balanced():
    # six grams in ten traces each (two digits), two in one each (one digit)
    frequent, rare = (
        [f"let me {word}" for word in ("see", "think", "check", "look", "try", "go")],
        ["wait", "hold on"],
    )
    planning_lexicon = lexicon(cluster(*map(gram, (*frequent, *rare))))
    texts = [f"Now {text} at {name}." for text in frequent for name in "abcdefghij"] + [f"{text}." for text in rare]
    traces = [Trace(id=str(number), text=text) for number, text in enumerate(texts)]
    for seed in range(5):
        grams = {item.gram for item in draw_items(traces, planning_lexicon, n=4, controls=0, seed=seed).sample.items}
        assert (grams >= set(rare), len(grams & set(frequent))) == (True, 2)


def test_only_core_grams_are_sampled_unless_all_are_requested():
    planning_lexicon = lexicon(cluster(gram("wait"), gram("hold on", core=False), move="backtracking"))
    traces = [Trace(id=name, text=f"Well, hold on. Wait for {name}.") for name in "abcdef"]
    assert {item.gram for item in draw_items(traces, planning_lexicon, n=4, controls=0).sample.items} == {"wait"}
    all_grams = draw_items(traces, planning_lexicon, n=4, controls=0, all_grams=True)
    assert {item.gram for item in all_grams.sample.items} == {"wait", "hold on"}
    # but no control lies on a gram that is not core
    assert all("hold" not in item.gram for item in draw_items(traces, planning_lexicon, n=8).sample.items)


def test_a_trace_is_reused_only_after_all_are_used():
    planning_lexicon = lexicon(cluster("wait"), cluster("hold on"))
    traces = [Trace(id="a", text="Wait here. Hold on there. Wait a bit."), Trace(id="b", text="Wait in b.")]
    two = draw_items(traces, planning_lexicon, n=2, controls=0, context=0)
    assert {item.trace for item in two.sample.items} == {"a", "b"}
    four = draw_items(traces, planning_lexicon, n=4, controls=0)
    assert Counter(item.trace for item in four.sample.items) == {"a": 3, "b": 1}
    assert draw_items(traces, planning_lexicon, n=40, controls=0).n_drawn("sg") == 4


def test_overlapping_grams_are_never_both_items():
    planning_lexicon = lexicon(cluster(gram("let me"), gram("let me check"), gram("check it")))
    draw = draw_items([Trace(id="a", text="Now let me check it.")], planning_lexicon, n=3, controls=0)
    assert len(draw.sample.items) in (1, 2)  # "let me" and "check it" may stand together
    spans = sorted((item.start, item.end) for item in draw.sample.items)
    assert all(span[1] <= next_span[0] for span, next_span in zip(spans, spans[1:], strict=False))


def test_equal_contexts_give_one_item():
    traces = [Trace(id=name, text="Wait for the bus.") for name in "abc"]
    assert len(draw_items(traces, lexicon(cluster("wait")), n=3, controls=0).sample.items) == 1


def test_with_too_few_occurrences_the_share_of_controls_is_kept():
    traces = [
        Trace(id=name, text=f"Wait, {name}. The quick brown {name} jumps over it.") for name in ("ox", "cat", "dog")
    ]
    draw = draw_items(traces, lexicon(cluster("wait")), n=20, controls=0.25)
    assert (draw.n_requested, draw.n_drawn("sg"), draw.n_drawn("control")) == ((15, 5), 3, 1)
    assert (draw.candidate_counts.n_traces, draw.candidate_counts.n_occurrences, draw.candidate_counts.n_grams) == (
        3,
        3,
        1,
    )


def test_a_lexicon_that_does_not_occur_is_refused():
    with pytest.raises(InputError, match="no core gram of the lexicon made occurs in the 1 traces; look at them with"):
        draw_items([Trace(id="a", text="Nothing here.")], lexicon(cluster("wait")))
    with pytest.raises(InputError, match="occurs in the 0 traces"):
        draw_items([])


def test_a_sample_without_controls_has_none():
    assert draw_items(SAMPLE, n=10, controls=0).n_drawn("control") == 0


def test_ids_and_their_order_do_not_reveal_the_kind():
    items = draw_items(SAMPLE, n=100).sample.items
    assert [item.item for item in items] == sorted(item.item for item in items)
    assert all(len(item.item) == 12 and int(item.item, 16) >= 0 for item in items)
    kinds = [item.kind for item in items]
    changes = sum(kind != next_kind for kind, next_kind in zip(kinds, kinds[1:], strict=False))
    assert 30 < changes < 70  # 49.5 are expected of a random order


def test_extremely_long_words_are_not_controls():
    traces = [Trace(id=name, text=f"wait. {name * 5000}. wait.") for name in "abc"]
    draw = draw_items(traces, lexicon(cluster("wait")), n=6)
    assert (draw.n_drawn("sg"), draw.n_drawn("control")) == (3, 0)


def test_a_phrase_followed_by_thousands_of_marks_is_not_an_item():
    planning_lexicon, marks = lexicon(cluster("wait")), "\ufe0f" * 5000
    draw = draw_items(
        [Trace(id="a", text=f"First wait {marks} and wait{marks}, then wait here.")], planning_lexicon, n=9, controls=0
    )
    assert [item.text[item.end :] for item in draw.sample.items if "then" in item.text[: item.start]] == [" here."]
    assert max(len(item.text) for item in draw.sample.items) < 1000


@pytest.mark.parametrize(
    ("field", "setting"),
    [("n", 0), ("n", 100_001), ("controls", -0.1), ("controls", 1.0), ("context", -1), ("context", 2001), ("seed", -1)],
)
def test_an_invalid_config_is_refused(field, setting):
    with pytest.raises(UsageError, match=rf"{field} must be .* \(got {setting}\)"):
        SamplingConfig(**{field: setting})
