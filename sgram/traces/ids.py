"""Ids of traces: digests for traces without an id, and a compact set that finds repeated ids."""

import hashlib
from array import array
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
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


@dataclass(frozen=True, slots=True)
class EarlierIds:
    """Ids of one file that files before it in the same input have as well; hashes are those of `stable_hash`."""

    names: tuple[int, ...] = ()
    contents: tuple[int, ...] = ()
    """Hashes of (id, prompt, text), and of the sample if the row names it."""
    created: Mapping[str, int] = field(default_factory=dict)
    """Id made of the content -> traces of earlier files that have it."""

    def __bool__(self) -> bool:
        return bool(self.names or self.contents or self.created)


NO_EARLIER_IDS = EarlierIds()


def _hashes() -> "array[int]":
    return array("Q")


@dataclass(slots=True)
class IdLog:
    """The ids of one file, as hashes: 16 bytes a trace. `sgram.file_passes` compares those of several files."""

    names: "array[int]" = field(default_factory=_hashes)
    """Ids as the file has them, and ids made of the content, without the suffixes that make them unique."""
    contents: "array[int]" = field(default_factory=_hashes)
    created: "array[int]" = field(default_factory=_hashes)
    """Ids made of the content, as numbers."""
    suffixed: "array[int]" = field(default_factory=_hashes)
    """Ids with a suffix."""


class IdRegistry:
    """Keeps the ids of one pass over an input unique: repeated digests get the suffix ``~2``, ``~3``, ...

    With a `log`, the pass is over one file of an input: `earlier` says which of its ids the files before it have.

    >>> ids = IdRegistry()
    >>> ids.register("a"), ids.register("a")
    (True, False)
    """

    def __init__(self, log: IdLog | None = None, earlier: EarlierIds | None = None) -> None:
        self._ids, self._contents = IdSet(), IdSet()
        self._repeats: dict[str, int] = {}
        self._log = log
        self._hash: Callable[..., int] = _process_hash if log is None else stable_hash
        if earlier is not None:
            for name in earlier.names:
                self._ids.add_hash(name)
            for content in earlier.contents:
                self._contents.add_hash(content)
            self._repeats.update(earlier.created)

    def register(self, name: str) -> bool:
        """Register an id that the input holds; return whether it is new."""
        return self._ids.add_hash(self._hash(name))

    def make_unique(self, name: str, prompt: str | None, text: str, sample: str = "") -> str | None:
        """Return the id of a trace: `name`, or with six digits of a digest if another trace has it already.

        None if a trace with this id, prompt and text, and of this `sample` of the prompt, was registered before.

        >>> ids = IdRegistry()
        >>> ids.make_unique("0", "2+2?", "4"), ids.make_unique("0", "2+2?", "5"), ids.make_unique("0", "2+2?", "4")
        ('0', '0~bb6459', None)
        """
        parts = (prompt, text, sample) if sample else (prompt, text)
        content = self._hash(name, *parts)
        if self._log is not None:
            self._log.contents.append(content)
        if not self._contents.add_hash(content):
            return None
        unique, length = name, 0
        while not self.register(unique):
            length += 6
            unique = f"{name}~{content_digest(*parts)[:length]}"
        self._log_id(name, unique)
        return unique

    def create(self, prompt: str | None, text: str, step: int | None) -> str:
        """Return a new id made of the content. Equal content gives numbered ids, in order of arrival."""
        content_id = name = content_digest(prompt, text, step)
        while not self.register(name):
            self._repeats[content_id] = self._repeats.get(content_id, 1) + 1
            name = f"{content_id}~{self._repeats[content_id]}"
        if self._log is not None:
            self._log.created.append(int(content_id, 16))
        self._log_id(content_id, name)
        return name

    def _log_id(self, name: str, unique: str) -> None:
        if self._log is None:
            return
        self._log.names.append(stable_hash(name))
        if unique != name:
            self._log.suffixed.append(stable_hash(unique))


def _process_hash(*parts: str | None) -> int:
    """Return Python's hash of an id or of a content; it holds for this process only, and takes no time."""
    return hash(parts)


def stable_hash(*parts: str | None) -> int:
    """Return 64 bits of an id or of a content that are the same in every process."""
    return int(content_digest(*parts), 16)
