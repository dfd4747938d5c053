"""Loading and saving of models without progress bars."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def no_progress_bars() -> Iterator[None]:
    """Hide all progress bars of tqdm and ``transformers`` during the block, then restore the settings.

    The settings belong to the whole process, so they must not stay changed. Some bars of ``transformers``, such as that
    of GGUF files, are tqdm's and do not read its own setting.
    """
    from tqdm import tqdm
    from transformers.utils import logging

    make_bar, is_enabled = tqdm.__init__, logging.is_progress_bar_enabled()

    def make_hidden_bar(bar: Any, *args: Any, **named: Any) -> None:
        make_bar(bar, *args, **{**named, "disable": True})

    if is_enabled:
        logging.disable_progress_bar()
    tqdm.__init__ = make_hidden_bar
    try:
        yield
    finally:
        tqdm.__init__ = make_bar
        if is_enabled:
            logging.enable_progress_bar()
