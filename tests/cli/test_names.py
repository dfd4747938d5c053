import pytest

from sgram.cli.names import refuse_options
from sgram.errors import UsageError


def test_files_and_stdin_are_let_through():
    refuse_options(["a.jsonl", "./-b", "-", ""], "mine")


def test_an_option_that_is_not_there_is_named_with_what_to_do():
    with pytest.raises(
        UsageError, match=r"^there is no option --x; see sgram mine --help, or write \./--x for a file$"
    ):
        refuse_options(["a.jsonl", "--x"], "mine")
