"""Loading and saving without progress bars."""

import io

from tqdm.auto import tqdm
from transformers.utils import logging

from sgram.progress_bars import no_progress_bars


def test_bars_of_all_libraries_are_hidden_inside_the_block_and_shown_after_it(capsys):
    inside, after = io.StringIO(), io.StringIO()
    with no_progress_bars():
        assert list(tqdm(range(3), file=inside)) == [0, 1, 2]
        assert list(tqdm(range(3), file=inside, disable=False)) == [0, 1, 2]
        assert not logging.is_progress_bar_enabled()
    assert list(tqdm(range(3), file=after)) == [0, 1, 2]
    assert inside.getvalue() == ""
    assert "3/3" in after.getvalue()
    assert logging.is_progress_bar_enabled()


def test_blocks_that_overlap_restore_the_bars_in_any_order():
    first, second, after = no_progress_bars(), no_progress_bars(), io.StringIO()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert not logging.is_progress_bar_enabled(), "the second block is open"
    second.__exit__(None, None, None)
    assert list(tqdm(range(3), file=after)) == [0, 1, 2]
    assert "3/3" in after.getvalue()
