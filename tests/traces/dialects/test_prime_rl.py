"""Token exports and episodes of prime-rl."""

import pytest
from hypothesis import given, settings

from sgram.errors import UsageError
from sgram.traces.dialect import DialectOptions, detect
from sgram.traces.dialects.prime_rl import PRIME_RL, PRIME_RL_EPISODES
from sgram.traces.ids import content_digest
from sgram.traces.trace import FailedRowError, RowError
from tests.builders.api_rows import gives_fields_or_row_error, mutations, parts_of, read_row
from tests.traces.dialects.test_verifiers import TRACE

EXPORT = {
    "schema_version": 2,
    "step": 9,
    "export_step": 4,
    "rank": 0,
    "run_id": None,
    "sample_id": None,
    "env_name": "math",
    "token_ids": [1, 2, 3, 4, 5],
    "position_ids": [0, 1, 2, 3, 4],
    "loss_mask": [False, False, True, True, False],
    "advantages": [0.0, 0.0, 0.5, 0.5, 0.0],
    "rewards": [None, None, 1.0, 1.0, None],
    "inference_logprobs": [0.0, 0.0, -0.5, -0.25, 0.0],
    "entropy": [0.1, 0.2, 0.3, 0.4, 0.5],
}
DECODES = DialectOptions(decode=lambda ids: "".join(f"<{token_id}>" for token_id in ids))
EPISODE = {
    "id": "e0",
    "env": {"id": "sums", "name": "easy"},
    "task": TRACE["task"],
    "group": {"id": "g0"},
    "run": {"type": "train", "id": "r", "work": {"type": "train", "step": 4, "policy": {"start": 3, "end": 4}}},
    "ok": True,
    "errors": [],
    "traces": [TRACE],
}


def only(record: dict, options: DialectOptions = DECODES) -> dict:
    (fields,) = read_row(record, options)
    return fields


def test_a_line_is_the_tokens_under_the_loss_mask():
    assert detect(EXPORT) is PRIME_RL
    assert only(EXPORT) == {
        "prompt": "<1><2>",
        "text": "<3><4>",
        "step": 4,
        "reward": 1.0,
        "token_ids": (3, 4),
        "logprobs": (-0.5, -0.25),
        "entropies": (0.3, 0.4),
        "group": content_digest("4", "<1><2>", "math"),
        "meta": {"schema_version": 2, "rank": 0, "env_name": "math", "advantages": [0.5, 0.5]},
    }


def test_sample_and_run_are_named_if_the_export_names_them():
    fields = only({**EXPORT, "sample_id": "s", "run_id": "r"})
    assert (fields["id"], fields["run"]) == ("s/4", "r")


def test_tokens_of_tools_between_those_of_the_policy_are_in_the_text_and_told_apart():
    fields = only({**EXPORT, "loss_mask": [False, True, False, True, True], "entropy": [9, 0.5, None, 0.25, 0.125]})
    assert (fields["prompt"], fields["text"], fields["token_ids"]) == ("<1>", "<2><3><4><5>", (2, 3, 4, 5))
    assert fields["entropies"] == (0.5, 0.0, 0.25, 0.125)
    assert fields["meta"]["policy_ids"] == [[0, 1], [2, 4]]
    assert parts_of(fields) == [
        ("turn", "<2>"),
        ("answer", "<2>"),
        ("tool", "<3>"),
        ("turn", "<4><5>"),
        ("answer", "<4><5>"),
    ]


def test_there_are_no_parts_if_a_character_lies_across_two_ranges():
    options = DialectOptions(decode=lambda ids: "é" if len(ids) > 2 else "?" * len(ids))
    fields = only({**EXPORT, "loss_mask": [False, False, True, False, True]}, options)
    assert (fields["text"], fields["meta"]["policy_ids"]) == ("é", [[0, 1], [2, 3]])
    assert "parts" not in fields["meta"]


def test_numbers_that_the_policys_tokens_lack_are_missing():
    hidden = {**EXPORT, "inference_logprobs": [0, 0, None, -0.5, 0], "entropy": None, "rewards": None}
    assert not {"logprobs", "entropies", "reward"} & only(hidden).keys()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"loss_mask": [True]}, "token_ids and loss_mask are not two arrays of one length"),
        ({"loss_mask": [False] * 5}, "loss_mask selects no token"),
        ({"loss_mask": None}, "field loss_mask is missing"),
        ({"token_ids": [1, 2, -3, 4, 5]}, "field token_ids holds something else than token ids"),
        ({"entropy": [0.5]}, "field entropy has another length than token_ids"),
    ],
)
def test_a_line_whose_columns_do_not_fit_raises_an_error(changes, reason):
    with pytest.raises(RowError, match=f"^{reason}"):
        read_row({**EXPORT, **changes}, DECODES)


def test_an_export_needs_a_tokenizer():
    with pytest.raises(UsageError, match="hold token ids, not text; name the tokenizer"):
        read_row(EXPORT)


def test_an_episode_has_step_group_and_run():
    assert detect(EPISODE) is PRIME_RL_EPISODES
    fields = only(EPISODE, DialectOptions())
    assert (fields["id"], fields["group"], fields["run"], fields["step"]) == ("e0/t0", "g0", "r", 4)
    assert (fields["prompt"], fields["text"], fields["reward"]) == ("2+2?", "Let me see.\n\nIt is 4", 1.25)
    assert (fields["meta"]["env"], fields["meta"]["work"]) == ("easy", "train")


def test_without_a_group_the_task_is_one():
    assert only({**EPISODE, "group": None}, DialectOptions())["group"] == "Sums/k0"


def test_the_agents_of_an_episode_are_groups_of_their_own_and_failed_ones_are_counted():
    judge = {**TRACE, "id": "t1", "agent": {"name": "judge", "trainable": False}}
    failed = {**TRACE, "ok": False}
    rows = read_row({**EPISODE, "traces": [TRACE, judge, failed]})
    assert [fields["group"] for fields in rows] == ["g0", "g0/judge"]
    assert [fields["meta"]["failed_traces"] for fields in rows] == [1, 1]
    assert rows[1]["meta"]["trainable"] is False


def test_an_episode_that_failed_is_a_failed_row():
    for changes in ({"ok": False}, {"traces": []}, {"traces": [{**TRACE, "ok": False}]}):
        with pytest.raises(FailedRowError):
            read_row({**EPISODE, **changes})


@given(mutations(EPISODE))
@settings(max_examples=300)
def test_no_mutation_of_an_episode_raises_anything_but_a_row_error(row):
    assert gives_fields_or_row_error(PRIME_RL_EPISODES, row)


@given(mutations(EXPORT))
@settings(max_examples=300)
def test_no_mutation_of_an_export_raises_anything_but_a_row_error(row):
    if not PRIME_RL.fits(row):
        return
    try:
        read = read_row(row, DECODES)
    except RowError:
        return
    assert all(fields["text"] for fields in read)
