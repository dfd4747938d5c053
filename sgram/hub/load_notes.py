"""Notes about values that are loaded from the hub: where they come from, and their digest.

What comes from the hub may change there without notice. The digest tells whether it is still the same value.
"""

import os
from collections.abc import Callable

from sgram.files import excerpt
from sgram.hub.addresses import is_hub_address

_announcements: list[Callable[[str], None]] = []
_announced: set[str] = set()


def announce_loads(announce: Callable[[str], None]) -> None:
    """Call `announce` with a sentence for each value that is loaded from the hub from now on, once for each digest."""
    _announcements[:] = [announce]
    _announced.clear()


def note_load(noun: str, name: str, path: str | os.PathLike[str], digest: str) -> None:
    """Announce a loaded value, if its path is an address of the hub."""
    if not is_hub_address(path):
        return
    sentence = f"{noun} {excerpt(name, 60)} from {excerpt(path)}, digest {digest[:16]}"
    if "@" not in os.fspath(path):
        sentence += "; write @REVISION behind owner/name to always get this one"
    if sentence not in _announced:
        _announced.add(sentence)
        for announce in _announcements:
            announce(sentence)
