"""What is shown is the gram where it stands, and which use is shown depends on the traces only."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sgram.mining.array_store import ArrayStore
from sgram.mining.corpus import CORRECT, UNKNOWN, WRONG, Document
from sgram.mining.examples import GramExample, find_examples
from sgram.text import find_words, gram_words
from tests.builders.mining_examples import count_documents, documents_of_grams, label_grams

words = st.sampled_from(
    [
        "wait",
        "Let",
        "me",
        "let's",
        "see",
        "été",
        "𝔸",
        "等等",
        "’",
        "“",
        "\n",
        ". ",
        ", ",
        "\r\n",
        "7",
        "\u2011",
        "e\u0301",
    ]
)
texts = st.lists(words, max_size=40).map(" ".join)


def examples_of(samples, grams, n_examples=3, **options):
    """Return examples of `grams` in `samples`, Documents or texts."""
    documents = [
        sample if isinstance(sample, Document) else Document(sample, name=f"t{key}", key=key)
        for key, sample in enumerate(samples)
    ]
    corpus, table = count_documents(documents, 1, 6, keep_text=True, **options)
    row_of = {gram: row for row, gram in enumerate(grams)}
    return find_examples(corpus, table, label_grams(table, lambda text: row_of.get(text, -1)), grams, n_examples)


def example_of(text, gram):
    ((example,),) = examples_of([text], [gram])
    return example


@given(
    st.lists(st.tuples(texts, st.sampled_from([UNKNOWN, CORRECT, WRONG])), min_size=1, max_size=8), st.integers(1, 3)
)
def test_the_text_shown_normalizes_to_the_gram_in_the_traces_of_smallest_key(samples, n_examples):
    documents_of_gram = documents_of_grams([text for text, _ in samples], 3)
    grams = sorted(documents_of_gram)
    keys = [(number * 7919) % 1000 for number in range(len(samples))]
    documents = [
        Document(text, outcome, name=f"t{number}", key=keys[number]) for number, (text, outcome) in enumerate(samples)
    ]
    for gram, uses in zip(grams, examples_of(documents, grams, n_examples), strict=True):
        expected = sorted(documents_of_gram[gram], key=keys.__getitem__)[:n_examples]
        assert [use.trace for use in uses] == [f"t{number}" for number in expected]
        for use, number in zip(uses, expected, strict=True):
            assert use.gram == gram
            assert gram_words(use.text[use.start : use.end]) == tuple(gram.split(" "))
            assert use.text in samples[number][0]
            assert "\n" not in use.text


@settings(max_examples=40)
@given(
    st.lists(texts, min_size=1, max_size=8),
    st.randoms(use_true_random=False),
    st.sampled_from([1, 60, 1000]),
    st.booleans(),
)
def test_the_choice_does_not_depend_on_order_shards_or_spilling(tmp_path_factory, samples, random, shard_bytes, spill):
    documents = [
        Document(text, number % 3, name=f"t{number}", key=(number * 7919) % 1000) for number, text in enumerate(samples)
    ]
    grams = sorted(documents_of_grams(samples, 2))
    plain = examples_of(documents, grams, 2)
    random.shuffle(documents)
    store = ArrayStore(tmp_path_factory.mktemp("examples"), memory_limit=0) if spill else None
    assert examples_of(documents, grams, 2, shard_bytes=shard_bytes, store=store) == plain


def test_the_first_use_in_a_trace_is_shown():
    assert example_of("Hmm. Wait, no. And wait, yes", "wait") == GramExample(
        "wait", "t0", "Hmm. Wait, no. And wait, yes", 5, 9
    )


def test_keys_of_64_bits_are_compared_as_they_are():
    documents = [Document("wait", name=f"t{key:x}", key=key) for key in (2**64 - 2, 2**63, 2**63 - 1, 5)]
    names = [use.trace for use in examples_of(documents, ["wait"])[0]]
    assert names == ["t5", f"t{2**63 - 1:x}", f"t{2**63:x}"]


@pytest.mark.parametrize(
    ("text", "gram", "context", "start"),
    [
        ("Wait", "wait", "Wait", 0),  # the whole text
        ("Let me see", "let me", "Let me see", 0),  # at the start
        ("So let me see", "me see", "So let me see", 7),  # at the end
        ("“Let’s”—see", "let's see", "“Let’s”—see", 1),  # curly quotes and a dash, inside and before
        ("été, ça va: 𝔸𝔸 wait", "wait", "été, ça va: 𝔸𝔸 wait", 15),  # wider than a byte before the gram
        ("One line\nthen wait\nand more", "wait", "then wait", 5),  # only its own line
        ("\nwait\n", "wait", "wait", 0),
        ("one. wait", "wait", "one. wait", 5),  # other sentences of the line are shown
    ],
)
def test_a_use_is_shown_with_its_line(text, gram, context, start):
    example = example_of(text, gram)
    assert (example.text, example.start) == (context, start)
    assert gram_words(example.text[example.start : example.end]) == tuple(gram.split(" "))


def test_a_long_line_is_cut_at_spaces_on_both_sides():
    before, after = "abcd " * 40, " efgh" * 40
    example = example_of(f"{before}wait{after}", "wait")
    # 90 characters on either side, less the outermost word, which may be cut: 17 words of 5 characters n_examples
    assert example.text == "abcd " * 17 + "wait" + " efgh" * 17
    assert example.text[example.start : example.end] == "wait"


def test_a_line_without_spaces_is_cut_where_it_must_be():
    example = example_of("等" * 300 + "，wait，" + "等" * 300, "wait")
    assert example.text[example.start : example.end] == "wait"
    assert 4 <= len(example.text) <= 4 + 2 * 90


def test_a_gram_longer_than_the_context_is_shown_whole():
    words = ["a" * 60, "b" * 60, "c" * 60]
    example = example_of(f"so {' '.join(words)} then", " ".join(words))
    assert example.text[example.start : example.end] == " ".join(words)


def test_a_gram_in_no_trace_has_no_examples():
    assert examples_of(["wait"], ["wait", "hmm"]) == [[GramExample("wait", "t0", "wait", 0, 4)], []]
    assert examples_of(["wait"], []) == []


def test_no_more_examples_than_traces_that_hold_the_gram():
    assert [use.trace for use in examples_of(["wait. wait. wait", "no", "wait"], ["wait"])[0]] == ["t0", "t2"]


def test_words_that_are_none_do_not_shift_what_is_shown():
    # x1, f_x and \frac are no words, though they are made of letters
    text = r"Take \frac x1 and f_x. Wait é x2, let me see"
    example = example_of(text, "let me")
    assert example.text[example.start : example.end] == "let me"
    assert [word.text for word in find_words(text)] == ["take", "and", "wait", "é", "let", "me", "see"]
