"""Names of options in messages."""

import pytest

from sgram.cli.read import InputFlags
from sgram.traces import ReadOptions
from sgram.traces.option_names import name_option


@pytest.mark.parametrize(
    ("option", "value", "flag"),
    [
        ("columns", {"text": "a b"}, "--column text=a b"),
        ("where", ("meta.filter=NAME",), "--where meta.filter=NAME"),
        ("correct_above", -0.0001, "--correct-above -0.0001"),
        ("infer_correct", False, "--no-infer-correct"),
        ("tokenizer", "tokenizer.json", "--tokenizer tokenizer.json"),
    ],
)
def test_an_option_is_named_by_its_flag_and_by_what_python_takes(option, value, flag):
    spelled, python = name_option(option, value).removesuffix(" in Python)").split(" (")
    assert spelled == flag
    # the second form is what ReadOptions takes
    options = eval(f"ReadOptions({python})", {"ReadOptions": ReadOptions})  # noqa: S307  the test's own text
    assert getattr(options, option) == value


def test_every_option_of_reading_has_the_flag_that_messages_name():
    for option in ("columns", "max_bad", "where", "correct_above", "infer_correct", "tokenizer"):
        assert hasattr(ReadOptions(), option)
        assert option.removesuffix("s") in InputFlags.__dataclass_fields__
