"""Samples of wrong traces for people to rate."""

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.annotation.exchange import encode_export
from sgram.annotation.guideline import parse_guideline
from sgram.diagnosis.error_items import ErrorSurvey, build_error_sample, encode_error_sample, read_error_sample
from sgram.diagnosis.kind_guideline import ERRORS, KIND_MEANINGS
from sgram.diagnosis.kinds import KINDS
from sgram.errors import InputError, UsageError
from tests.builders.wrong_traces import error_sample, wrong_trace

TRACES = [
    wrong_trace(str(number), model="m" if number % 2 else "k", step=number % 4, group=str(number // 2))
    for number in range(200)
]


def test_kinds_sources_and_steps_have_their_shares_in_the_sample():
    # 120 strategic, 40 procedural, 40 undecided of 200: 12, 4 and 4 of 20. Half of each are of one model, and of the
    # 60, 20 and 20 traces of a kind and model half are of either step: 3, 1 and 1 each
    kinds = ["strategic"] * 120 + ["procedural"] * 40 + ["undecided"] * 40
    sample = error_sample(TRACES, kinds, 20)
    assert sample.n_wrong == 200
    assert {item.probability for item in sample.items} == {0.1}
    assert Counter(item.kind for item in sample.items) == {"strategic": 12, "procedural": 4, "undecided": 4}
    assert Counter(item.source for item in sample.items) == {"m": 10, "k": 10}
    assert Counter((item.kind, item.step) for item in sample.items) == {
        **{("strategic", step): 3 for step in range(4)},
        **{(kind, step): 1 for kind in ("procedural", "undecided") for step in range(4)},
    }


@given(st.randoms(), st.integers(0, 99), st.integers(1, 50))
def test_the_sample_depends_on_the_seed_and_on_no_order(random, seed, n):
    traces, kinds = TRACES[:50], [KINDS[number % 7] for number in range(50)]
    sample = error_sample(traces, kinds, n, seed)
    assert len({item.trace for item in sample.items}) == n
    pairs = list(zip(traces, kinds, strict=True))
    random.shuffle(pairs)
    shuffled = error_sample([trace for trace, _ in pairs], [kind for _, kind in pairs], n, seed)
    assert encode_error_sample(shuffled) == encode_error_sample(sample)


def test_every_trace_has_the_same_chance():
    traces, kinds = TRACES[:9], ["strategic"] * 5 + ["undecided"] * 4
    counts = Counter(item.trace for seed in range(600) for item in error_sample(traces, kinds, 3, seed).items)
    # 600 * 3/9 = 200 each, with a standard deviation of sqrt(600 * 2/9) = 11.5
    assert all(150 < counts[trace.id] < 250 for trace in traces)


def test_annotators_see_problem_reference_and_response_and_nothing_else():
    trace = wrong_trace("7", model="MODEL-NAME", run="RUN-NAME", step=5)
    (item,) = error_sample([trace], ["procedural"]).items
    assert item.text == "Problem\n\nWhat is 7 + 1?\n\nReference answer\n\n8\n\nResponse\n\nIt is 9."
    assert item.blinded.gram == "Response"
    assert set(item.item) <= set("0123456789abcdef")
    for name in ("label-studio", "prodigy", "doccano", "csv"):
        files = encode_export(name, (item.blinded,), ERRORS)
        tasks = files[""].decode("utf-8-sig")
        assert not [secret for secret in ("MODEL-NAME", "RUN-NAME") if secret in tasks]
        # what the classifier says changes nothing that they see
        assert files == encode_export(name, error_sample([trace], ["unfinished"]).blinded_items, ERRORS)
        (guideline,) = [content.decode() for ending, content in files.items() if ending]
        assert "not-wrong" in guideline
        assert "backtracking" not in guideline
    (bare,) = error_sample([wrong_trace("7", prompt=None, reference=None)], ["procedural"]).items
    assert bare.text.startswith("Problem\n\n(not given)\n\nReference answer\n\n(not given)\n\nResponse\n\n")


def test_options_out_of_range_and_traces_without_an_error_are_refused():
    with pytest.raises(UsageError, match="n must be between 1 and 10,000"):
        error_sample(TRACES[:1], ["format"], 0)
    with pytest.raises(UsageError, match="seed must be >= 0"):
        error_sample(TRACES[:1], ["format"], 1, -1)
    with pytest.raises(InputError, match="no trace is wrong"):
        build_error_sample([], ErrorSurvey(), 10)


def test_the_items_file_is_read_back_and_a_changed_one_refused(tmp_path):
    sample = error_sample(TRACES[:5], ["format"] * 5, 3, seed=4)
    path = tmp_path / "key.items.jsonl"
    path.write_bytes(encode_error_sample(sample))
    assert read_error_sample(path) == sample
    header, *rows = path.read_text().splitlines(keepends=True)
    fields = json.loads(rows[0])
    for content, words in (
        (header + "".join(rows[:-1]), "was changed or truncated"),
        (header + json.dumps({**fields, "kind": "strategic"}) + "\n" + "".join(rows[1:]), "was changed or truncated"),
        (header + json.dumps({**fields, "more": 1}) + "\n" + "".join(rows[1:]), "was changed or truncated"),
        (json.dumps({**json.loads(header), "version": 2}) + "\n", "unsupported version 2"),
        ("".join(rows), "is not the items file of a sample of errors"),
        ("", "is not the items file of a sample of errors"),
    ):
        path.write_text(content)
        with pytest.raises(InputError, match=words):
            read_error_sample(path)


def test_the_guideline_gives_every_kind_the_meaning_that_tools_show():
    tables = [block for block in parse_guideline(ERRORS.guideline) if block.kind == "table"]
    meanings = {row[0][0].text: "".join(piece.text for piece in row[1]) for row in tables[0].rows[1:]}
    assert meanings == dict(KIND_MEANINGS)
    assert tuple(meanings) == KINDS
    cases = [["".join(piece.text for piece in cell) for cell in row] for row in tables[1].rows[1:]]
    assert {case[1] for case in cases} == set(KINDS)
    assert len(set(ERRORS.keys.values())) == len(KINDS)
