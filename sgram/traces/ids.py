"""Ids for traces that have none, and duplicates among those that have. Knows nothing about files."""

import hashlib
from array import array

import orjson


def content_digest(*parts: str | int | None) -> str:
    """16 hex digits that stand for `parts`."""
    return hashlib.sha256(orjson.dumps(parts)).hexdigest()[:16]


class IdSet:
    """A set of ids in 11 to 21 bytes each: only 64 bits of a hash of an id are held.

    Two ids of 10 million are taken for one with a probability of about 3 in a million.
    """

    def __init__(self) -> None:
        self._count, self._slots = 0, array("Q", bytes(8 << 10))

    def __len__(self) -> int:
        return self._count

    def add(self, name: str) -> bool:
        """Hold `name`; whether it is new."""
        key = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little") or 1
        if not self._insert(self._slots, key):
            return False
        self._count += 1
        if self._count * 4 > len(self._slots) * 3:
            larger = array("Q", bytes(16 * len(self._slots)))
            for held in self._slots:
                if held:
                    self._insert(larger, held)
            self._slots = larger
        return True

    @staticmethod
    def _insert(slots: array, key: int) -> bool:
        mask = len(slots) - 1
        at = key & mask
        while slots[at]:
            if slots[at] == key:
                return False
            at = (at + 1) & mask
        slots[at] = key
        return True


class IdGiver:
    """Keeps the ids of one reading unique: made ones get ``~2``, ``~3`` when they repeat."""

    def __init__(self) -> None:
        self._seen = IdSet()
        self._repeats: dict[str, int] = {}

    def accept(self, given: str) -> bool:
        """Whether the `given` id was not seen before."""
        return self._seen.add(given)

    def make(self, prompt: str | None, text: str, step: int | None) -> str:
        """An id from the content; the same content again gives another id, in order of arrival."""
        made = name = content_digest(prompt, text, step)
        while not self._seen.add(name):
            self._repeats[made] = self._repeats.get(made, 1) + 1
            name = f"{made}~{self._repeats[made]}"
        return name
