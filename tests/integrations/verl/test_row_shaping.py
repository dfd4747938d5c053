"""Padded rows of verl, and sessions of several rows."""

import pytest
import torch

from sgram.errors import UsageError
from sgram.integrations.verl.row_shaping import RowBatch, RowShaper, SessionRows
from sgram.integrations.verl.settings import read_settings

TOKENIZER = [b"let", b" me", b" add", b" 4"]


def shaper(method: str = "hicra", **settings) -> RowShaper:
    return RowShaper(read_settings({"method": method, "lexicon": ["let me"], "alpha": 0.5, **settings}, {}), TOKENIZER)


def batch(ids, mask, advantages, groups, **fields) -> RowBatch:
    rows = torch.tensor(ids)
    tokens = torch.tensor(advantages)[:, None].expand(rows.shape) * torch.tensor(mask)
    return RowBatch(rows, torch.tensor(mask), tokens, groups, fields.pop("rewards", torch.zeros(len(ids))), **fields)


def test_planning_tokens_of_the_response_get_the_bonus_and_padding_none():
    # let me | add, the last token is padding; let | me of a tool: no gram
    rows = batch([[0, 1, 2], [0, 1, 3]], [[1, 1, 1], [1, 0, 1]], [1.0, -1.0], ["p", "p"])
    shaped, metrics = shaper()(rows)
    assert shaped.tolist() == [[1.5, 1.5, 1.0], [-1.0, 0.0, -1.0]]
    assert metrics["credit/share"] == metrics["planning/share"] == 2 / 5
    assert metrics["credit/changed"] == 2 / 5


def test_without_a_mask_the_lexicon_is_for_the_log():
    rows = batch([[0, 1, 2]], [[1, 1, 1]], [1.0], ["p"])
    shaped, metrics = shaper("grpo")(rows)
    assert shaped.tolist() == [[1.0, 1.0, 1.0]]
    assert (metrics["credit/share"], metrics["planning/share"]) == (0, 2 / 3)


def test_rows_of_a_session_are_laid_behind_each_other_and_come_back():
    mask = torch.tensor([[1, 0, 1], [1, 0, 0], [0, 0, 0], [1, 1, 0]])
    sessions = SessionRows.of([("a", 1), ("b", 0), ("c", 0), ("a", 0)], mask)
    # a: row 3 (2 tokens), then row 0 (3 tokens, one of a tool); b: row 1; c: no token
    rows = torch.tensor([[1, 2, 3], [4, 9, 9], [9, 9, 9], [5, 6, 9]])
    assert sessions.join(rows).tolist() == [[5, 6, 1, 2, 3], [4, 0, 0, 0, 0], [0, 0, 0, 0, 0]]
    assert sessions.last_rows == [0, 1, 2]
    assert sessions.split(sessions.join(rows) * 10, rows).tolist() == [[10, 20, 30], [40, 9, 9], [9, 9, 9], [50, 60, 9]]
    assert SessionRows.of([("a", 0), ("b", 0)], mask[:2]) is None


def test_a_group_is_one_of_sessions_whose_last_rows_have_the_rewards():
    # session a: rows 0 and 1, right; b: row 2, wrong; so p = 1/2 and mean|A| = 1, though two rows of three are a's
    rows = batch(
        [[0, 1], [0, 1], [0, 1]],
        [[1, 1]] * 3,
        [1.0, 1.0, -1.0],
        ["p"] * 3,
        rewards=torch.tensor([0.0, 1.0, 0.0]),
        sessions=[("a", 0), ("a", 1), ("b", 0)],
    )
    shaped, _ = shaper("hicra-push")(rows)
    assert shaped.tolist() == [[1.5, 1.5], [1.5, 1.5], [-0.5, -0.5]]


def test_ids_beyond_the_tokenizer_have_no_text():
    shaped, _ = shaper()(batch([[0, 1, 99]], [[1, 1, 1]], [1.0], ["p"]))
    assert shaped.tolist() == [[1.5, 1.5, 1.0]]


def test_advantages_that_are_not_finite_are_refused():
    # the row without response token has a reward, so it counts in the group, but has no advantage
    rows = batch([[0, 1], [0, 1], [0, 1]], [[1, 1], [1, 1], [0, 0]], [1.0, -1.0, 1.0], ["p"] * 3)
    rewards = torch.tensor([1.0, 0.0, 1.0])
    rows = RowBatch(rows.token_ids, rows.response_mask, rows.advantages, rows.groups, rewards)
    with pytest.raises(UsageError, match=r"method hicra-push gives advantages that are not finite.*rollout_rs"):
        shaper("hicra-push")(rows)


def test_a_mask_that_marks_nothing_ends_the_run_and_one_that_marks_little_warns():
    nothing, little = batch([[2, 3]], [[1, 1]], [1.0], ["p"]), batch([[0, 1] + [3] * 8], [[1] * 10], [1.0], ["p"])
    shape = shaper()
    for _ in range(4):
        shape(nothing)
    with pytest.raises(UsageError, match=r"marks 0 of the 10 response tokens of the first 5 batches"):
        shape(nothing)
    shape = shaper(min_mask_share=0.3)
    for _ in range(4):
        shape(little)
    with pytest.warns(RuntimeWarning, match=r"marks 10 of the 50 .* less than 0.3 of them"):
        shape(little)
    shape = shaper(min_mask_share=0)
    for _ in range(6):
        shape(nothing)
