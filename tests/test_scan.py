"""The compiled scanner against the readable twin."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sgram import scan, text
from sgram.scan import BREAK, scan_shard

ODD = "aBz'’´- ,.;?!\n\t0_²\\</—“”…é漢。，😀𠀀𝑥*()$=\u00a0\u2011\ufe0f\x00"


@given(st.text(alphabet=ODD, max_size=80) | st.text(max_size=60))
@example("a" * 40 + " " + "a" * 40 + "b")
@example("it’")
@example("x’1")
@example("\ud800a\ud800")
def test_the_fast_scanner_equals_the_readable_one(sample):
    assert scan.find_words(sample) == text.find_words(sample)


def shard_words(documents):
    """Decode a scanned shard back to sentences per document."""
    raw = [document.encode() + b"\n" for document in documents]
    buffer = np.frombuffer(b"".join(raw), np.uint8)
    ids, id_ends, arena, word_ends, df, count = scan_shard(
        buffer, np.cumsum([len(part) for part in raw], dtype=np.int64)
    )
    ends = [0, *word_ends.tolist()]
    words = [arena.tobytes()[a:b].decode() for a, b in zip(ends, ends[1:], strict=False)]
    decoded, begin = [], 0
    for end in id_ends.tolist():
        sentences, current = [], []
        for number in ids[begin:end].tolist():
            if number == BREAK:
                sentences += [tuple(current)] if current else []
                current = []
            else:
                current.append(words[number])
        assert not current, "a document ends with a break"
        decoded.append(sentences)
        begin = end
    return decoded, words, df.tolist(), count.tolist()


@given(st.lists(st.text(alphabet=ODD, max_size=40), max_size=6))
def test_a_shard_decodes_to_the_sentences_of_its_documents(documents):
    decoded, words, df, count = shard_words(documents)
    assert decoded == [text.find_sentences(document) for document in documents]
    flat = [[word for sentence in document for word in sentence] for document in decoded]
    assert count == [sum(document.count(word) for document in flat) for word in words]
    assert df == [sum(word in document for document in flat) for word in words]


def test_a_large_vocabulary_survives_the_growth_of_the_tables():
    # 60,000 different words: the first table holds 16,384
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = [
        letters[i % 26] + letters[i // 26 % 26] + letters[i // 676 % 26] + letters[i // 17576] * 20
        for i in range(60_000)
    ]
    _, scanned_words, df, count = shard_words([" ".join(words), " ".join(words[::2])])
    assert scanned_words == words
    assert df == [2 - i % 2 for i in range(60_000)]
    assert count == df


def test_a_word_longer_than_any_buffer_is_kept_whole():
    long = "ab" * 10_000
    decoded, words, _, _ = shard_words([f"short {long}", long + "c"])
    assert words == ["short", long, long + "c"]
    assert decoded == [[("short", long)], [(long + "c",)]]


@pytest.mark.parametrize("documents", [[], [""], ["", "a", ""]])
def test_empty_documents_are_documents(documents):
    assert shard_words(documents)[0] == [text.find_sentences(document) for document in documents]
