"""What an analysis reads: training runs, comparisons of them, rollouts. Knows nothing about what is measured."""

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import orjson

from sgram.errors import InputError, UsageError
from sgram.files import canonical_json, digest, excerpt
from sgram.traces import ReadOptions, Trace, TraceReader
from sgram.traces.sources import find_sources

NOT_TOLD = "not told"
OTHERS = "other sources"
_IDENTITY = "run.json"


@dataclass(frozen=True, slots=True)
class Source:
    """Where traces come from: a training run, or rollouts, whose traces tell their models."""

    name: str | None
    """What the traces are called together; None: by each trace's model."""
    kind: Literal["run", "traces"]
    shown: str
    """The input as the user typed it; for a run in a folder of runs, with its directory's name."""
    paths: tuple[str, ...]
    """Files and folders to read."""
    lexicon: str | None = None
    """The run's own lexicon file."""
    tokenizer: str | None = None
    """Folder of the run's model."""
    facts: Mapping[str, Any] | None = None
    """The run's configuration, and its versions."""

    def reader(self, options: ReadOptions | None = None, dialect: str = "auto") -> TraceReader:
        """A reader of its traces; bad rows are set aside."""
        return TraceReader(self.paths, "sgram" if self.kind == "run" else dialect, options=options)

    def name_of(self, trace: Trace) -> str:
        """What the source of `trace` is called."""
        return self.name or trace.model or NOT_TOLD

    def record(self) -> dict[str, Any]:
        """The input's name, digest and bytes, as provenance tells them; the digest does not depend on names."""
        files = [Path(each.path) for each in find_sources(self.paths)[0]]
        digests = sorted(_file_digest(path) for path in files)
        whole = digests[0] if len(digests) == 1 else digest(canonical_json(digests))
        typed = Path(self.shown)
        place = typed.name if typed.is_absolute() else self.shown  # no folders of the machine
        return {"path": place, "digest": whole, "bytes": sum(path.stat().st_size for path in files)}


def find_inputs(inputs: Sequence[str | os.PathLike[str]]) -> tuple[list[Source], list[str]]:
    """(sources, what must be said of them); runs have unique names, in the order of these.

    A folder that holds runs gives all of them, the directory of a comparison those that it compares.
    """
    if not inputs:
        raise UsageError("there is nothing to analyze; name rollouts, or the directories of training runs")
    found, notes = [], []
    for given in map(os.fspath, inputs):
        if given == "-":
            raise UsageError("traces are read twice, so stdin cannot be analyzed; save them in a file first")
        runs = _runs_in(Path(given), given, notes)
        if runs is None:
            runs = [Source(None, "traces", given, (given,))]
        found += runs
    runs: dict[str, Source] = {}  # the same run named twice is read once
    for each in sorted((each for each in found if each.kind == "run"), key=lambda each: each.shown):
        runs.setdefault(os.path.realpath(each.paths[0]), each)
    rollouts = {os.path.realpath(each.shown): each for each in found if each.kind == "traces"}
    named = _named(list(runs.values()))
    return [*named, *_apart([rollouts[path] for path in sorted(rollouts)], named, notes)], notes


def _apart(rollouts: list[Source], runs: list[Source], notes: list[str]) -> list[Source]:
    """The `rollouts` without those whose files are all read as part of another input; in their order."""
    files = {id(each): _files(each) for each in (*runs, *rollouts)}
    seen = set().union(*(files[id(run)] for run in runs))
    kept = []
    for each in sorted(rollouts, key=lambda each: -len(files[id(each)])):  # a folder before what lies in it
        if files[id(each)] <= seen:
            notes.append(f"{excerpt(each.shown)} is read as part of another input, and not again")
        else:
            kept.append(id(each))
        seen |= files[id(each)]
    return [each for each in rollouts if id(each) in kept]


def _files(source: Source) -> set[str]:
    return {os.path.realpath(each.path) for each in find_sources(source.paths)[0]}


def _runs_in(place: Path, shown: str, notes: list[str]) -> list[Source] | None:
    """The runs that `place` is or holds; None where it is no directory of runs."""
    if not place.is_dir():
        return None
    about = _identity(place)
    if about is not None and about.get("verb") == "train":
        return [_run(place, shown, about, notes)]
    if about is not None and about.get("verb") == "compare":
        return _compared(place, shown, notes)
    inside = sorted(each for each in place.iterdir() if each.is_dir() and each.name.startswith("train-"))
    runs, faults = [], []
    for each in inside:
        try:
            known = _identity(each)
            if known is not None and known.get("verb") == "train":
                runs.append(_run(each, f"{shown.rstrip('/')}/{each.name}", known, notes))
        except InputError as error:
            faults.append(error)
    if faults and not runs:
        raise faults[0]
    notes += [f"left out: {fault}" for fault in faults]
    return runs or None


def _compared(place: Path, shown: str, notes: list[str]) -> list[Source]:
    """The runs of a comparison, which lie beside it."""
    held = _json(place / "comparison.json")
    names = [row.get("directory") for row in held.get("runs", ())] if isinstance(held, dict) else []
    names = [Path(name).name for name in names if isinstance(name, str)]
    runs = []
    for name in sorted(set(names)):
        about = _identity(place.parent / name)
        if about is None:
            notes.append(f"{excerpt(shown)} compares {excerpt(name)}, which does not lie beside it; left out")
        else:
            runs.append(_run(place.parent / name, f"{shown.rstrip('/')}:{name}", about, notes))
    if not runs:
        raise InputError(f"{excerpt(shown)} is a comparison, but none of its runs lie beside it; name the runs")
    return runs


def _identity(place: Path) -> dict[str, Any] | None:
    file = place / _IDENTITY
    return _json(file) if file.is_file() else None


def _json(file: Path) -> dict[str, Any]:
    try:
        held = orjson.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        raise InputError(f"{excerpt(file)} cannot be read: {excerpt(str(error))}; name its traces instead") from error
    if not isinstance(held, dict):
        raise InputError(f"{excerpt(file)} does not describe a run; name its traces instead")
    return held


def _run(place: Path, shown: str, about: Mapping[str, Any], notes: list[str]) -> Source:
    config = about.get("config")
    if not isinstance(config, dict):
        raise InputError(f"{excerpt(place / _IDENTITY)} holds no configuration; name the run's rollouts instead")
    rollouts = place / "rollouts"
    if not rollouts.is_dir() or not any(rollouts.iterdir()):
        raise InputError(f"the run {excerpt(shown)} has no rollouts yet; let it take a step, or leave it out")
    if not (place / "result.json").is_file():
        notes.append(f"the run {excerpt(shown)} has not ended; the steps that it has taken are analyzed")
    if not (place / "lexicon.json").is_file():
        notes.append(f"the run {excerpt(shown)} holds no lexicon of its own; the default one is taken for it")
    known = {
        "lexicon": str(place / "lexicon.json") if (place / "lexicon.json").is_file() else None,
        "tokenizer": str(place / "model") if (place / "model" / "tokenizer.json").is_file() else None,
    }
    name = f"{_short(config.get('method', 'run'))}, seed {_short(config.get('seed', '?'))}"
    facts = {"config": config, "sgram": about.get("sgram"), "versions": about.get("versions")}
    return Source(name, "run", shown, (str(rollouts),), **known, facts=facts)


def _named(runs: list[Source]) -> list[Source]:
    """`runs` with unique names, by what their configurations differ in, in the order of their names."""
    alike = Counter(run.name for run in runs)
    made = []
    for run in runs:
        others = [other.facts["config"] for other in runs if other.name == run.name]
        differing = sorted(key for key in run.facts["config"] if len({repr(config.get(key)) for config in others}) > 1)
        told = "".join(f", {key} {_short(run.facts['config'][key])}" for key in differing)
        made.append(replace(run, name=run.name + told) if alike[run.name] > 1 else run)
    alike = Counter(run.name for run in made)
    made = [
        run if alike[run.name] == 1 else replace(run, name=f"{run.name} ({Path(run.paths[0]).parent.name})")
        for run in made
    ]
    made.sort(key=lambda run: (run.name, run.shown))
    before: Counter[str] = Counter()
    for place, run in enumerate(made):
        before[run.name] += 1
        if before[run.name] > 1:  # a copy in another folder
            made[place] = replace(run, name=f"{run.name}, {before[run.name]}")
    return made


def _short(value: Any) -> str:
    return excerpt(str(value), 24)


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def largest(names: Iterable[tuple[str, int]], most: int) -> dict[str, str]:
    """What each source is called: its name where it is one of the `most` with the most traces, else `OTHERS`."""
    ranked = sorted(names, key=lambda pair: (-pair[1], pair[0]))
    kept = ranked if len(ranked) <= most else ranked[: most - 1]
    shown = {name for name, _ in kept}
    return {name: name if name in shown else OTHERS for name, _ in ranked}


def all_traces(
    sources: Iterable[Source], options: ReadOptions | None = None, dialect: str = "auto"
) -> Iterator[tuple[Source, TraceReader, Trace]]:
    """Every trace of every source, one pass."""
    for source in sources:
        reader = source.reader(options, dialect)
        for trace in reader:
            yield source, reader, trace
