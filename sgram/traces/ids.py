"""Ids of traces: digests for traces without an id, and a compact set that finds repeated ids."""

import hashlib
from array import array
from functools import lru_cache

import orjson


def content_digest(*parts: str | int | None) -> str:
    """Return 16 hex digits that identify `parts`.

    >>> content_digest("2+2?", "4", None)
    'b5b2c47ace7d3387'
    """
    return hashlib.sha256(orjson.dumps(parts)).hexdigest()[:16]


_MAX_KEY = (1 << 64) - 1


@lru_cache(maxsize=64)
def prompt_group(step: int | None, prompt: str | None) -> str:
    """Return the group of the traces of one prompt at one step, where data name no group.

    >>> prompt_group(3, "2+2?") == content_digest(3, "2+2?")
    True
    """
    return content_digest(step, prompt)


class IdSet:
    """Set of ids in 11 to 21 bytes each: it stores a hash of 64 bits of each id.

    With 10 million ids, the probability that any two are confused is about 3 in a million.

    >>> ids = IdSet()
    >>> ids.add("a"), ids.add("a"), len(ids)
    (True, False, 1)
    """

    def __init__(self) -> None:
        self._count, self._slots = 0, array("Q", bytes(8 << 10))

    def __len__(self) -> int:
        return self._count

    def add(self, name: str) -> bool:
        """Add the id `name`; return whether it is new."""
        return self.add_hash(hash(name))

    def add_hash(self, value: int) -> bool:
        """Add what has this hash, as `hash` gives it; return whether it is new."""
        key = value & _MAX_KEY or 1
        if not self._insert(self._slots, key):
            return False
        self._count += 1
        if self._count * 4 > len(self._slots) * 3:
            larger = array("Q", bytes(16 * len(self._slots)))
            for old_key in self._slots:
                if old_key:
                    self._insert(larger, old_key)
            self._slots = larger
        return True

    @staticmethod
    def _insert(slots: "array[int]", key: int) -> bool:
        mask = len(slots) - 1
        slot = key & mask
        while slots[slot]:
            if slots[slot] == key:
                return False
            slot = (slot + 1) & mask
        slots[slot] = key
        return True


class IdRegistry:
    """Keeps the ids of one pass over an input unique: repeated digests get the suffix ``~2``, ``~3``, ...

    >>> ids = IdRegistry()
    >>> ids.register("a"), ids.register("a")
    (True, False)
    """

    def __init__(self) -> None:
        self._ids, self._contents = IdSet(), IdSet()
        self._repeats: dict[str, int] = {}

    def register(self, name: str) -> bool:
        """Register an id that the input holds; return whether it is new."""
        return self._ids.add(name)

    def make_unique(self, name: str, prompt: str | None, text: str) -> str | None:
        """Return the id of a trace: `name`, or with six digits of a digest if another text has it already.

        None if a trace with this id, prompt and text was registered before.

        >>> ids = IdRegistry()
        >>> ids.make_unique("0", "2+2?", "4"), ids.make_unique("0", "2+2?", "5"), ids.make_unique("0", "2+2?", "4")
        ('0', '0~bb6459', None)
        """
        if not self._contents.add_hash(hash((name, prompt, text))):
            return None
        unique, length = name, 0
        while not self._ids.add(unique):
            length += 6
            unique = f"{name}~{content_digest(prompt, text)[:length]}"
        return unique

    def create(self, prompt: str | None, text: str, step: int | None) -> str:
        """Return a new id made of the content. Equal content gives numbered ids, in order of arrival."""
        content_id = name = content_digest(prompt, text, step)
        while not self._ids.add(name):
            self._repeats[content_id] = self._repeats.get(content_id, 1) + 1
            name = f"{content_id}~{self._repeats[content_id]}"
        return name
