"""Token ids of which the policy wrote some."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.errors import InputError
from sgram.traces import Trace
from sgram.traces.dialect import DialectOptions
from sgram.traces.policy_tokens import (
    PolicyTokens,
    add_policy_tokens,
    n_policy_tokens,
    policy_ranges,
    turn_pieces,
    written_by_policy,
)
from sgram.traces.trace import RowError

SPELLS = DialectOptions(decode=lambda ids: "".join(chr(token_id) for token_id in ids))


@given(st.lists(st.booleans()))
def test_the_ranges_hold_the_tokens_of_the_policy_and_no_others(by_policy):
    ranges = policy_ranges(by_policy)
    rows = [row for start, end in ranges for row in range(start, end)]
    assert rows == [row for row, sampled in enumerate(by_policy) if sampled]
    assert all(end < next_start for (_, end), (next_start, _) in zip(ranges, ranges[1:], strict=False))


@given(st.lists(st.tuples(st.integers(97, 122), st.booleans()), min_size=1))
def test_ranges_of_the_policy_spell_its_turns(tokens):
    fields = {"text": "as before"}
    add_policy_tokens(fields, PolicyTokens([row[0] for row in tokens], [row[1] for row in tokens], None, None), SPELLS)
    written = "".join(chr(token_id) for token_id, sampled in tokens if sampled)
    if not written:
        assert fields == {"text": "as before"}
        return
    ids = fields["token_ids"]
    ranges = fields.get("meta", {}).get("policy_ids", [[0, len(ids)]])
    assert "".join(SPELLS.decode(ids[start:end]) for start, end in ranges) == written
    assert SPELLS.decode(ids) == fields["text"]


def test_turns_are_added_with_what_belongs_to_their_sampled_tokens():
    tokens = PolicyTokens()
    tokens.extend([97], [False])
    tokens.extend([98, 99], [False, True], [-0.5], [0.25])
    assert (tokens.token_ids, tokens.by_policy, tokens.n_before) == ([97, 98, 99], [False, False, True], 2)
    assert (tokens.logprobs, tokens.entropies) == ([0.0, 0.0, -0.5], [0.0, 0.0, 0.25])
    tokens.extend([100], [True], [])
    assert (tokens.logprobs, tokens.entropies) == (None, None)  # one token has none


@pytest.mark.parametrize(("ids", "mask"), [([1], []), ("ab", [True]), ([1.5], [True]), ([-1], [True])])
def test_ids_and_masks_that_do_not_fit_are_refused(ids, mask):
    with pytest.raises(RowError, match="token_ids"):
        PolicyTokens().extend(ids, mask)


@given(st.lists(st.booleans(), max_size=8))
def test_a_trace_says_which_tokens_the_policy_wrote(by_policy):
    meta = {"policy_ids": policy_ranges(by_policy)}
    trace = Trace(id="a", text="so", token_ids=(1,) * len(by_policy), meta=meta)
    assert written_by_policy(trace) == (None if all(by_policy) else by_policy)
    assert n_policy_tokens(trace) == sum(by_policy)


def test_the_policy_wrote_all_tokens_of_a_trace_without_ranges():
    assert written_by_policy(Trace(id="a", text="so", token_ids=(1, 2))) is None
    assert n_policy_tokens(Trace(id="a", text="so", token_ids=(1, 2))) == 2
    assert n_policy_tokens(Trace(id="a", text="so", meta={"policy_ids": [[0, 9]]})) == 0


@pytest.mark.parametrize(
    "ranges", [[[0, 3]], [[1, 2], [0, 1]], [[-1, 1]], [[0.0, 1.0]], [[0]], [0, 1], "all", [[2, 1]]]
)
def test_ranges_that_are_not_within_the_ids_are_refused_with_the_trace(ranges):
    with pytest.raises(
        InputError, match=r"trace 'odd': meta.policy_ids are no ascending ranges within its 2 token ids"
    ):
        written_by_policy(Trace(id="odd", text="so", token_ids=(1, 2), meta={"policy_ids": ranges}))


PIECES = st.sampled_from([b"so", b" wait", b" ", b"\n", b"", b" 4 ", "é".encode()])


@given(st.lists(st.tuples(PIECES, st.booleans()), max_size=12))
def test_turns_alone_are_spelled_by_the_policy_s_tokens_and_blank_lines(tokens):
    pieces, by_policy = [piece for piece, _ in tokens], [sampled for _, sampled in tokens]
    turns = [b"".join(pieces[start:end]).strip() for start, end in policy_ranges(by_policy)]
    spelled = turn_pieces(pieces, by_policy)
    assert b"".join(spelled) == b"\n\n".join(turn for turn in turns if turn)
    for piece, part, sampled in zip(pieces, spelled, by_policy, strict=True):
        assert part in piece if sampled else part in (b"", b"\n\n")
