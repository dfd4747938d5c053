"""Samples for annotators, held against the reference span finder and against counts by hand."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sgram.annotation.items import items_bytes
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


def drawn(traces, made=WANG, budget=None, **config):
    return draw_sample(traces, made, SamplingConfig(**config), budget=budget)


def of_kind(draw, kind):
    return [item for item in draw.sample.items if item.kind == kind]


def test_items_are_occurrences_and_controls_overlap_none():
    draw, texts = drawn(SAMPLE, n=60), {trace.id: trace.text for trace in SAMPLE}
    assert (len(of_kind(draw, "sg")), len(of_kind(draw, "control"))) == (30, 30)
    for item in draw.sample.items:
        text = texts[item.trace]
        assert item.text in text
        place = text.index(item.text) + item.start
        where = {(span.start, span.end): span for span in find_spans(text, WANG)}
        here = (place, place + item.end - item.start)
        if item.kind == "sg":
            span = where[here]
            assert (item.gram, item.cluster, item.move) == (span.gram, span.cluster, span.label)
        else:
            assert not any(start < here[1] and here[0] < end for start, end in where)
            words = [word for word in find_words(text) if here[0] <= word.start and word.end <= here[1]]
            assert " ".join(word.text for word in words) == item.gram
            assert (words[0].start, words[-1].end) == here
            assert len({word.sentence for word in words}) == 1


def test_controls_are_as_long_as_the_grams_and_of_the_same_models():
    draw = drawn(SAMPLE, n=24)
    lengths, models = (
        [Counter(key(item) for item in of_kind(draw, kind)) for kind in ("sg", "control")]
        for key in (lambda item: item.gram.count(" "), lambda item: item.model)
    )
    assert lengths[0] == lengths[1]
    assert models[0] == models[1]


def test_a_trace_gives_one_item_while_there_are_enough():
    items = drawn(SAMPLE, n=60).sample.items
    assert len({item.trace for item in items}) == len(items) == 60


def test_the_order_of_traces_does_not_matter_and_the_seed_does():
    first = drawn(SAMPLE, n=40)
    assert items_bytes(drawn(SAMPLE[::-1], n=40).sample) == items_bytes(first.sample)
    other = drawn(SAMPLE, n=40, seed=1)
    assert not {item.item for item in other.sample.items} & {item.item for item in first.sample.items}


@given(st.permutations(range(30)), st.integers(2, 40))
@settings(max_examples=15)
def test_nor_does_it_matter_when_memory_is_short(order, budget):
    traces = SAMPLE[:30]
    shuffled = [traces[place] for place in order]
    assert drawn(shuffled, n=10, budget=budget).sample == drawn(traces, n=10, budget=budget).sample


def test_common_clusters_grams_and_models_do_not_swamp_the_rest():
    # "wait" 90 times by model a and 5 by b, "hold on" (same cluster) 5 by a, "let me check" 5 by a
    made = lexicon(cluster(gram("wait"), gram("hold on"), move="backtracking"), cluster("let me check"))
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
    items = drawn(traces, made, n=10, controls=0).sample.items
    assert Counter(item.cluster for item in items) == {0: 5, 1: 5}
    grams = Counter(item.gram for item in items)
    assert grams["let me check"] == 5
    assert sorted((grams["wait"], grams["hold on"])) in ([2, 3],)
    waits = Counter(item.model for item in items if item.gram == "wait")
    assert waits["b"] >= waits["a"]  # a has the other grams already


def test_frequent_and_rare_grams_of_a_cluster_come_alike():
    # six grams in ten traces each (two digits), two in one each (one digit)
    frequent, rare = (
        [f"let me {word}" for word in ("see", "think", "check", "look", "try", "go")],
        ["wait", "hold on"],
    )
    made = lexicon(cluster(*map(gram, (*frequent, *rare))))
    texts = [f"Now {text} at {name}." for text in frequent for name in "abcdefghij"] + [f"{text}." for text in rare]
    traces = [Trace(id=str(number), text=text) for number, text in enumerate(texts)]
    for seed in range(5):
        grams = {item.gram for item in drawn(traces, made, n=4, controls=0, seed=seed).sample.items}
        assert (grams >= set(rare), len(grams & set(frequent))) == (True, 2)


def test_only_core_grams_are_sampled_unless_all_are_asked_for():
    made = lexicon(cluster(gram("wait"), gram("hold on", core=False), move="backtracking"))
    traces = [Trace(id=name, text=f"Well, hold on. Wait for {name}.") for name in "abcdef"]
    assert {item.gram for item in drawn(traces, made, n=4, controls=0).sample.items} == {"wait"}
    everything = drawn(traces, made, n=4, controls=0, all_grams=True)
    assert {item.gram for item in everything.sample.items} == {"wait", "hold on"}
    # but no control lies on a gram that is not core
    assert all("hold" not in item.gram for item in drawn(traces, made, n=8).sample.items)


def test_a_trace_is_used_again_only_when_all_are_used():
    made = lexicon(cluster("wait"), cluster("hold on"))
    traces = [Trace(id="a", text="Wait here. Hold on there. Wait a bit."), Trace(id="b", text="Wait in b.")]
    two = drawn(traces, made, n=2, controls=0, context=0)
    assert {item.trace for item in two.sample.items} == {"a", "b"}
    four = drawn(traces, made, n=4, controls=0)
    assert Counter(item.trace for item in four.sample.items) == {"a": 3, "b": 1}
    assert drawn(traces, made, n=40, controls=0).n_drawn("sg") == 4


def test_grams_that_overlap_are_never_both_items():
    made = lexicon(cluster(gram("let me"), gram("let me check"), gram("check it")))
    draw = drawn([Trace(id="a", text="Now let me check it.")], made, n=3, controls=0)
    assert len(draw.sample.items) in (1, 2)  # "let me" and "check it" may stand together
    spans = sorted((item.start, item.end) for item in draw.sample.items)
    assert all(one[1] <= other[0] for one, other in zip(spans, spans[1:], strict=False))


def test_the_same_passage_is_asked_about_once():
    traces = [Trace(id=name, text="Wait for the bus.") for name in "abc"]
    assert len(drawn(traces, lexicon(cluster("wait")), n=3, controls=0).sample.items) == 1


def test_too_few_occurrences_are_told_and_the_share_of_controls_is_kept():
    traces = [
        Trace(id=name, text=f"Wait, {name}. The quick brown {name} jumps over it.") for name in ("ox", "cat", "dog")
    ]
    draw = drawn(traces, lexicon(cluster("wait")), n=20, controls=0.25)
    assert (draw.n_wanted, draw.n_drawn("sg"), draw.n_drawn("control")) == ((15, 5), 3, 1)
    assert (draw.found.n_traces, draw.found.n_occurrences, draw.found.n_grams) == (3, 3, 1)


def test_without_any_occurrence_it_says_so():
    with pytest.raises(InputError, match="no core gram of the lexicon made occurs in the 1 traces; look at them with"):
        drawn([Trace(id="a", text="Nothing here.")], lexicon(cluster("wait")))
    with pytest.raises(InputError, match="occurs in the 0 traces"):
        drawn([])


def test_a_lexicon_without_controls_has_none():
    assert drawn(SAMPLE, n=10, controls=0).n_drawn("control") == 0


def test_ids_and_their_order_tell_nothing_of_the_kind():
    items = drawn(SAMPLE, n=100).sample.items
    assert [item.item for item in items] == sorted(item.item for item in items)
    assert all(len(item.item) == 12 and int(item.item, 16) >= 0 for item in items)
    kinds = [item.kind for item in items]
    changes = sum(one != other for one, other in zip(kinds, kinds[1:], strict=False))
    assert 30 < changes < 70  # 49.5 are expected of a random order


def test_words_as_long_as_a_book_are_no_controls():
    traces = [Trace(id=name, text=f"wait. {name * 5000}. wait.") for name in "abc"]
    draw = drawn(traces, lexicon(cluster("wait")), n=6)
    assert (draw.n_drawn("sg"), draw.n_drawn("control")) == (3, 0)


def test_nor_is_a_phrase_followed_by_thousands_of_marks_an_item():
    made, marks = lexicon(cluster("wait")), "\ufe0f" * 5000
    draw = drawn([Trace(id="a", text=f"First wait {marks} and wait{marks}, then wait here.")], made, n=9, controls=0)
    assert [item.text[item.end :] for item in draw.sample.items if "then" in item.text[: item.start]] == [" here."]
    assert max(len(item.text) for item in draw.sample.items) < 1000


@pytest.mark.parametrize(
    ("field", "value"),
    [("n", 0), ("n", 100_001), ("controls", -0.1), ("controls", 1.0), ("context", -1), ("context", 2001), ("seed", -1)],
)
def test_a_config_that_means_nothing_is_refused(field, value):
    with pytest.raises(UsageError, match=f"{field} is {value}"):
        SamplingConfig(**{field: value})
