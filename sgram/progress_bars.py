"""Loading and saving of models without progress bars."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_progress_bars() -> Iterator[None]:
    """Hide the progress bars of ``transformers`` during the block, then restore the setting.

    The setting belongs to the whole process, so it must not stay changed.
    """
    from transformers.utils import logging

    is_enabled = logging.is_progress_bar_enabled()
    if is_enabled:
        logging.disable_progress_bar()
    try:
        yield
    finally:
        if is_enabled:
            logging.enable_progress_bar()
