"""Token ids of which the policy wrote some."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.traces.dialect import DialectOptions
from sgram.traces.policy_tokens import PolicyTokens, add_policy_tokens, policy_ranges
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
