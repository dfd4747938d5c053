"""The plan that `split` writes: settings, sizes and decisions over the whole input, by which all other steps work."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from sgram import __version__
from sgram.array_types import IntArray
from sgram.errors import InputError, UsageError
from sgram.files import canonical_json, digest, excerpt, pretty_json, write_bytes
from sgram.mining.config import MiningConfig, least_counted_df
from sgram.mining.parts.folder import SplitFolder

PLAN = "plan.json"
FORMAT, FORMAT_VERSION = "sgram-mining-parts", 1
LEAST_LOCAL_DF = 20
"""Least local threshold: below it a part reports many grams by chance (64 small parts: 81 times the frequent grams)."""


@dataclass(frozen=True, slots=True)
class PlannedPart:
    """One part of the traces."""

    name: str
    files: tuple[str, ...]
    """Names of its files in the folder of the split."""
    n_docs: int
    n_bytes: int
    """Bytes of its text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitPlan:
    """A split of traces into parts, and everything that was decided over all of them."""

    folder: SplitFolder = field(compare=False)
    config: MiningConfig
    inputs: Mapping[str, Any]
    """Number and digest of the traces, for a lexicon's source."""
    n_docs: tuple[int, ...]
    """Documents by outcome, (3,)."""
    n_problems: int
    models: tuple[str, ...]
    """Names of the models, in the order of their ids."""
    parts: tuple[PlannedPart, ...]
    requested_parts: int
    classifier: str | None
    """Digest of the classifier of grams beside the plan; None for the packaged one or another scorer."""
    background: bool
    """Whether a background of the user lies beside the plan."""
    summary: Mapping[str, Any]
    """Rows read, dialects, warnings, decisions."""

    @classmethod
    def load(cls, folder: Path | SplitFolder) -> "SplitPlan":
        """Read the plan in `folder`. Raise `InputError` if there is none, or another version of sgram wrote it."""
        folder = SplitFolder(folder) if isinstance(folder, Path) else folder
        path = folder.fetch(PLAN)
        try:
            plan = orjson.loads(path.read_bytes())
            if plan["format"] != FORMAT or plan["version"] != FORMAT_VERSION:
                raise ValueError("it is no plan of this version")
            if plan["sgram"] != __version__:
                raise InputError(
                    f"{folder.title} was split by sgram {plan['sgram']}, and this is {__version__}: use one version "
                    "for all steps, or split again"
                )
            names = [column.name for column in fields(cls) if column.name not in ("folder", "config", "parts")]
            config = MiningConfig(**plan["config"] | {"contrast_models": tuple(plan["config"]["contrast_models"])})
            columns: dict[str, Any] = {
                name: tuple(plan[name]) if isinstance(plan[name], list) else plan[name] for name in names
            }
            parts = tuple(PlannedPart(**part | {"files": tuple(part["files"])}) for part in plan["parts"])
            return cls(folder=folder, config=config, parts=parts, **columns)
        except (OSError, ValueError, KeyError, TypeError) as error:
            reason = getattr(error, "strerror", None) or error
            raise InputError(
                f"{folder.title} holds no finished split ({folder.file_title(PLAN)}: {reason}); run sgram mine split"
            ) from None

    def with_parts(self, parts: Sequence[PlannedPart]) -> "SplitPlan":
        """Return the plan with these parts."""
        return replace(self, parts=tuple(parts))

    def save(self) -> None:
        """Write the plan to its folder on this machine, atomically."""
        write_bytes(self.folder.path / PLAN, pretty_json(self._json()))

    def _json(self) -> dict[str, Any]:
        columns = {column.name: getattr(self, column.name) for column in fields(self) if column.name != "folder"}
        columns |= {"config": asdict(self.config), "parts": [asdict(part) for part in self.parts]}
        return {"format": FORMAT, "version": FORMAT_VERSION, "sgram": __version__} | columns

    @property
    def digest(self) -> str:
        """Digest of the plan, by which files of another split are told apart."""
        return digest(canonical_json(self._json()))

    @property
    def settings(self) -> dict[str, Any]:
        """All settings of the config, defaults resolved for these traces."""
        return self.config.resolve_settings(sum(self.n_docs), self.n_problems)

    @property
    def counted_df(self) -> int:
        """Fewest documents with a gram that is counted."""
        return least_counted_df(self.settings)

    @property
    def max_n(self) -> int:
        """Words of the longest gram that is counted."""
        return int(self.settings["max_words"]) + 1

    @property
    def n_docs_array(self) -> IntArray:
        """Documents by outcome, int64 (3,)."""
        return np.array(self.n_docs, np.int64)

    def local_df(self, part: PlannedPart) -> int:
        """Return the fewest documents of a part with a gram that it reports."""
        return local_threshold(self.counted_df, part.n_docs, sum(self.n_docs))

    def part(self, name: str) -> PlannedPart:
        """Return the part of that name. Raise `UsageError` if there is none."""
        for part in self.parts:
            if part.name == name:
                return part
        names = f"{self.parts[0].name} to {self.parts[-1].name}" if len(self.parts) > 1 else self.parts[0].name
        raise UsageError(f"{self.folder.title} has no part {excerpt(name)!r}; its parts are {names}")

    def split_path(self, file: str) -> Path:
        """Return the path of a file of the split, which is downloaded if it is behind a URL."""
        return self.folder.fetch(f"split/{file}")


def local_threshold(counted_df: int, n_docs: int, n_all_docs: int) -> int:
    """Return the least df in a part of `n_docs` that some part reaches for each gram of `counted_df` in all documents.

    If a gram were below ``counted_df * n_docs / n_all_docs`` in every part, its df in all would be below `counted_df`.

    >>> local_threshold(22, n_docs=4372, n_all_docs=17488), local_threshold(22, n_docs=4380, n_all_docs=17488)
    (6, 6)
    """
    return -(-counted_df * n_docs // n_all_docs)


def group_parts(docs_of_part: Sequence[int], counted_df: int, least_df: int = LEAST_LOCAL_DF) -> list[list[int]]:
    """Return the largest grouping of parts in which every local threshold is at least `least_df`; at worst one group.

    Part i is in group i modulo the number of groups. Parts without documents are left out.

    >>> group_parts([500, 500, 500, 500], counted_df=40)
    [[0, 2], [1, 3]]
    """
    filled = [part for part, n_docs in enumerate(docs_of_part) if n_docs]
    n_all_docs = sum(docs_of_part)
    for n_groups in range(len(filled), 1, -1):
        groups = [filled[first::n_groups] for first in range(n_groups)]
        sizes = [sum(docs_of_part[part] for part in group) for group in groups]
        if all(local_threshold(counted_df, size, n_all_docs) >= least_df for size in sizes):
            return groups
    return [filled] if filled else []
