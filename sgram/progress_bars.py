"""Loading and saving of models without progress bars."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_LOCK = threading.Lock()
_open_blocks = 0
_settings: tuple[Any, bool] | None = None
"""What the first block of several has changed: tqdm's ``__init__``, and whether ``transformers`` shows bars."""


@contextmanager
def no_progress_bars() -> Iterator[None]:
    """Hide all progress bars of tqdm and ``transformers`` during the block, then restore the settings.

    The settings belong to the whole process, so they must not stay changed. Blocks may overlap in any order, also those
    of several threads: the last one to end restores. Some bars of ``transformers``, such as that of GGUF files, are
    tqdm's and do not read its own setting.
    """
    global _open_blocks
    with _LOCK:
        if not _open_blocks:
            _hide()
        _open_blocks += 1
    try:
        yield
    finally:
        with _LOCK:
            _open_blocks -= 1
            if not _open_blocks:
                _restore()


def _hide() -> None:
    global _settings
    from tqdm import tqdm
    from transformers.utils import logging

    make_bar = tqdm.__init__

    def make_hidden_bar(bar: Any, *args: Any, **named: Any) -> None:
        make_bar(bar, *args, **{**named, "disable": True})

    _settings = make_bar, logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    tqdm.__init__ = make_hidden_bar


def _restore() -> None:
    global _settings
    from tqdm import tqdm
    from transformers.utils import logging

    if _settings is None:
        return
    make_bar, is_enabled = _settings
    tqdm.__init__ = make_bar
    if is_enabled:
        logging.enable_progress_bar()
    _settings = None
