"""The short way for plain rows gives what `complete_fields` gives in the long way."""

from copy import deepcopy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.traces.completing import ColumnNotes, ColumnOptions, complete_fields, complete_in_full
from sgram.traces.plain_rows import complete_plain

USUAL = {
    "text": ("It is 4.", "<think>\nHmm.\n</think>\n4", "[THINK]Hmm.[/THINK]\n4"),
    "prompt": ("2+2?", " 2+2?", "user"),
    "step": (0, 3, "3", 4.0),
    "reward": (1.0, 0, "0.5", True),
    "correct": (True, 0, "yes"),
    "reference": ("4", 4, ["4"]),
    "group": ("g", 3),
    "run": ("a run", "12"),
    "model": ("m",),
    "id": ("a", 1),
    "answer": ("4", 5),
}
"""Values of fields as they usually are."""
OTHERS = (
    "",
    " ",
    None,
    7,
    0.5,
    float("nan"),
    False,
    1 << 70,
    "x" * 70,
    '[{"role": "user", "content": "2+2?"}]',
    ["4"],
    {"a": 1},
)
COLUMNS = [
    *(("response", "text"), ("text", "text"), ("predict", "text"), ("content", "text"), ("question", "prompt")),
    *(("human", "prompt"), ("instruction", "prompt"), ("input", "prompt"), ("step", "step"), ("score", "reward")),
    *(("is_correct", "correct"), ("accuracy_reward", "correct"), ("gold", "reference"), ("label", "reference")),
    *(
        ("solution", "reference"),
        ("uid", "group"),
        ("group", "group"),
        ("run", "run"),
        ("model", "model"),
        ("id", "id"),
    ),
    *(("pred", "answer"), ("answer", "answer"), ("role", "model"), ("topic", "model"), ("parts", "answer")),
]
"""(column, field whose values it has)."""


def values(field):
    return st.sampled_from(USUAL[field] * 3 + OTHERS)


GIVEN = st.sampled_from(list(USUAL)).flatmap(lambda field: st.tuples(st.just(field), values(field)))
COLUMN = st.sampled_from(COLUMNS).flatmap(lambda column: st.tuples(st.just(column[0]), values(column[1])))
REWARDS = st.dictionaries(st.sampled_from(["accuracy_reward", "style"]), values("reward"), max_size=2)
ROWS = st.tuples(st.lists(GIVEN, max_size=4), st.lists(COLUMN, max_size=4), REWARDS, values("text"), st.booleans())


def rewarding_columns(notes):
    """Return the columns that became rewards or verdicts: what a survey has to note."""
    return {column: name for column, name in notes.became.items() if name in ("reward", "correct", "run")}


@given(row=ROWS, is_exact=st.booleans(), is_survey=st.booleans())
def test_a_plain_row_gives_the_same_fields_and_notes_as_in_full(row, is_exact, is_survey):
    given, columns, rewards, text, is_text_given = row
    place = given if is_text_given else columns
    place.insert(0, ("text" if is_text_given else "response", text))
    fields = dict(given)
    if columns:
        fields["columns"] = dict(columns)
    if rewards:
        fields["rewards"] = rewards
    notes = ColumnNotes(shapes={tuple(fields.get("columns", ()))})
    plain_notes = deepcopy(notes)
    plain = complete_plain(deepcopy(fields), plain_notes, is_exact, is_survey)
    if plain is None:
        assert plain_notes == notes
        return
    full = complete_in_full(deepcopy(fields), ColumnOptions(), notes, None, is_exact, is_survey)
    assert repr(sorted(plain.items())) == repr(sorted(full.items()))  # nan is no longer itself in a copy
    if is_survey:
        assert plain_notes.reward_columns == notes.reward_columns
        assert rewarding_columns(plain_notes) == rewarding_columns(notes)
    else:
        assert plain_notes == notes


@pytest.mark.parametrize(
    ("fields", "is_exact"),
    [
        ({"columns": {"question": "2+2?", "response": "It is 4.", "gold": "4", "score": 1, "topic": "sums"}}, False),
        (
            {"text": "It is 4.", "prompt": "2+2?", "step": 3, "rewards": {"score": 1.0}, "columns": {"model": "m"}},
            False,
        ),
        ({"id": "a", "text": "It is 4.", "prompt": " 2+2?", "reward": 1.0, "correct": None, "meta": {"n": 1}}, True),
    ],
)
@pytest.mark.parametrize("is_survey", [False, True])
def test_usual_rows_are_plain(fields, is_exact, is_survey):
    notes = ColumnNotes()
    complete_fields(deepcopy(fields), ColumnOptions(), notes, None, is_exact)
    plain = complete_plain(fields, notes, is_exact, is_survey)
    assert plain is not None
    assert plain["reward"] == 1.0


@pytest.mark.parametrize(
    "columns",
    [
        {"response": "It is 4.", "thinking": "Hmm, so I add 2 and 2 first."},
        {"response": "It is 4.", "messages": [{"role": "user", "content": "2+2?"}]},
        {"response": "It is 4.", "question": "2+2?", "answer": "4"},
        {"response": "It is 4.", "question": "2+2?", "solution": "It is 4."},
        {"response": "It is 4.", "output": "It is 5."},
        {"text": "2+2? It is 4."},
        {"response": "", "question": "2+2?"},
        {"response": "It is 4.", "question": '[{"role": "user", "content": "2+2?"}]'},
        {"response": "It is 4.", "question": "2+2?", "correctness": "perhaps"},
    ],
)
def test_rows_that_leave_something_to_choose_are_not_plain(columns):
    notes = ColumnNotes(shapes={tuple(columns)})
    assert complete_plain({"columns": columns}, notes, False, False) is None
