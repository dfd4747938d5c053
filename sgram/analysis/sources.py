"""Inputs of an analysis: training runs, comparisons of runs, and rollouts."""

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import orjson

from sgram.errors import InputError, UsageError
from sgram.files import canonical_json, digest, excerpt
from sgram.traces import ReadOptions, Trace, TraceReader
from sgram.traces.input_files import expand_path, find_input_files, natural_key
from sgram.traces.runs import name_runs, split_run
from sgram.traces.trace_keys import UNKNOWN_MODEL
from sgram.urls import is_url, printable_name

POOLED_SOURCES = "other sources"
"""Name of the pooled small sources."""
_SEPARATOR = "\x1f"
"""Stands between the model and the run in the key of a source of rollouts."""
_RUN_FILE = "run.json"
_MAX_NAME = 24
"""Characters of a configured setting in the name of a run."""


@dataclass(frozen=True, slots=True)
class Source:
    """A training run, or rollouts whose traces name their models and runs."""

    name: str | None
    """Name of all its traces together; None if each trace belongs to the source of its model and run."""
    kind: Literal["run", "traces"]
    typed_path: str
    """The input as the user typed it; for a run in a folder of runs, followed by its directory."""
    paths: tuple[str, ...]
    """Files and folders to read."""
    lexicon: str | None = None
    """The run's own lexicon file."""
    tokenizer: str | None = None
    """Folder of the run's model."""
    runs: Mapping[str, str] = field(default_factory=dict)
    """Run of each file of rollouts; empty if the files are named by themselves."""
    run_record: Mapping[str, Any] | None = None
    """The run's `config` and versions, as provenance reports them."""

    @property
    def input_name(self) -> str:
        """The input as messages and reports call it.

        >>> Source(None, "traces", "-", ("-",)).input_name
        'stdin'
        """
        return printable_name(self.typed_path) if self.typed_path == "-" or is_url(self.typed_path) else self.typed_path

    def reader(self, options: ReadOptions | None = None, dialect: str = "auto") -> TraceReader:
        """Return a reader of its traces that sets invalid rows aside."""
        return TraceReader(
            self.paths, "sgram" if self.kind == "run" else dialect, options=options, runs=self.runs or None
        )

    def source_key(self, trace: Trace, pool_runs: bool = False) -> str:
        """Return what identifies the source of `trace`: the training run, or its model and run.

        With `pool_runs`, traces of one model are one source, whatever their run. `label_sources` makes names of keys.
        """
        if self.name is not None:
            return self.name
        return f"{trace.model or ''}{_SEPARATOR}{'' if pool_runs else trace.run or ''}"

    def provenance(self, digests: Sequence[str], n_bytes: int) -> dict[str, Any]:
        """Return the input's name, digest and size in bytes, by the digests of the files that were read.

        The digest does not depend on the names of files.
        """
        digests = sorted(digests)
        input_digest = digests[0] if len(digests) == 1 else digest(canonical_json(digests))
        path = Path(self.input_name)
        name = path.name if path.is_absolute() else self.input_name  # no folders of the machine
        return {"path": name, "digest": input_digest, "bytes": n_bytes}


def find_inputs(inputs: Sequence[str | os.PathLike[str]]) -> tuple[list[Source], list[str]]:
    """Return the sources that `inputs` name, and notes for the user.

    A folder of runs yields all its runs, the directory of a comparison the runs that it compares. Runs come first,
    in the order of their names, which are unique; an input that is named twice is read once.

    Raise `UsageError` if there is no input, `InputError` if an input cannot be read.
    """
    if not inputs:
        raise UsageError("nothing to analyze; name rollout files or directories of training runs")
    sources: list[Source] = []
    notes: list[str] = []
    for path in map(_path_text, inputs):
        runs = _find_runs(Path(path), path, notes)
        sources += [Source(None, "traces", path, (split_run(path)[1],))] if runs is None else runs
    runs_by_path: dict[str, Source] = {}
    for source in sorted(
        (source for source in sources if source.kind == "run"),
        key=lambda source: (natural_key(source.typed_path), source.typed_path),
    ):
        runs_by_path.setdefault(os.path.realpath(source.paths[0]), source)
    rollouts_by_path = {os.path.realpath(source.paths[0]): source for source in sources if source.kind == "traces"}
    named_runs = _name_runs(list(runs_by_path.values()))
    rollouts = [rollouts_by_path[path] for path in sorted(rollouts_by_path)]
    return [*named_runs, *_join_runs(_drop_repeated(rollouts, named_runs, notes))], notes


def model_of_key(key: str) -> str:
    """Return the part of a source's key that does not depend on names of files: its model, or the training run."""
    return key.partition(_SEPARATOR)[0] or UNKNOWN_MODEL


def label_sources(keys: Iterable[str]) -> dict[str, str]:
    """Return the name of each source: its model, its run if it has no model, or both where models have several runs.

    >>> list(label_sources(["gpt\x1fa", "qwen\x1fa", "qwen\x1fb", "\x1fb"]).values())
    ['gpt', 'qwen, a', 'qwen, b', 'b']
    """
    pairs = {key: tuple(key.split(_SEPARATOR, 1)) for key in keys}
    models = Counter(pair[0] for pair in pairs.values())
    labels: dict[str, str] = {}
    for key, pair in pairs.items():
        model, run = pair[0], pair[1] if len(pair) == 2 else ""
        if len(pair) == 1 or not run or (model and models[model] == 1):
            labels[key] = model or UNKNOWN_MODEL
        else:
            labels[key] = f"{model}, {run}" if model else run
    copies = Counter[str]()
    for key in sorted(labels):  # a run that is called as a model
        copies[labels[key]] += 1
        if copies[labels[key]] > 1:
            labels[key] = f"{labels[key]}, {copies[labels[key]]}"
    return labels


def _join_runs(rollouts: list[Source]) -> list[Source]:
    """Return `rollouts` with their runs named together; arguments of one run, such as its steps, become one source."""
    named = [split_run(source.typed_path) for source in rollouts]
    arguments = [(name, match) for name, path in named for match in expand_path(path)]
    files = [[file.path for file in find_input_files(source.paths)[0]] for source in rollouts]
    runs = name_runs(arguments, [path for paths in files for path in paths])
    joined: dict[str, list[int]] = {}
    for row, paths in enumerate(files):
        names = sorted({runs[path] for path in paths})
        joined.setdefault(_SEPARATOR.join(names), []).append(row)
    sources = []
    for rows in joined.values():
        members = [rollouts[row] for row in rows]
        typed_path = members[0].typed_path
        if len(members) > 1:
            typed_path = f"{members[0].input_name} and {len(members) - 1} more"
        joined_paths = tuple(path for source in members for path in source.paths)
        run_of_file = {path: runs[path] for row in rows for path in files[row]}
        sources.append(replace(members[0], typed_path=typed_path, paths=joined_paths, runs=run_of_file))
    return sources


def _path_text(path: str | os.PathLike[str]) -> str:
    return os.fspath(path)


def _drop_repeated(rollouts: list[Source], runs: list[Source], notes: list[str]) -> list[Source]:
    """Return `rollouts` without those whose files are all part of another input; the order stays."""
    run_files = [_source_files(run) for run in runs]
    rollout_files = [_source_files(source) for source in rollouts]
    read_files = set[str]().union(*run_files)
    new_rows = set()
    for row in sorted(range(len(rollouts)), key=lambda row: -len(rollout_files[row])):  # a folder before its files
        if rollout_files[row] <= read_files:
            notes.append(f"{excerpt(rollouts[row].typed_path)} is read as part of another input, and not again")
        else:
            new_rows.add(row)
        read_files |= rollout_files[row]
    return [source for row, source in enumerate(rollouts) if row in new_rows]


def _source_files(source: Source) -> set[str]:
    return {os.path.realpath(file.path) for file in find_input_files(source.paths)[0]}


def _find_runs(directory: Path, typed_path: str, notes: list[str]) -> list[Source] | None:
    """Return the runs that `directory` is or contains; None if it is no directory of runs."""
    if not directory.is_dir():
        return None
    run_file = _read_run_file(directory)
    if run_file is not None and run_file.get("verb") == "train":
        return [_run_source(directory, typed_path, run_file, notes)]
    if run_file is not None and run_file.get("verb") == "compare":
        return _find_compared_runs(directory, typed_path, notes)
    subdirectories = sorted(path for path in directory.iterdir() if path.is_dir() and path.name.startswith("train-"))
    runs, errors = [], []
    for subdirectory in subdirectories:
        try:
            run_file = _read_run_file(subdirectory)
            if run_file is not None and run_file.get("verb") == "train":
                path = f"{typed_path.rstrip('/')}/{subdirectory.name}"
                runs.append(_run_source(subdirectory, path, run_file, notes))
        except InputError as error:
            errors.append(error)
    if errors and not runs:
        raise errors[0]
    notes += [f"left out: {error}" for error in errors]
    return runs or None


def _find_compared_runs(directory: Path, typed_path: str, notes: list[str]) -> list[Source]:
    """Return the runs of a comparison, which are in the same parent directory."""
    rows = _read_json_object(directory / "comparison.json").get("runs", ())
    compared = [row.get("directory") for row in rows]
    names = {Path(name).name for name in compared if isinstance(name, str)}
    runs = []
    for name in sorted(names):
        run_file = _read_run_file(directory.parent / name)
        if run_file is None:
            notes.append(f"{excerpt(typed_path)} compares {excerpt(name)}, which does not lie beside it; left out")
        else:
            path = f"{typed_path.rstrip('/')}:{name}"
            runs.append(_run_source(directory.parent / name, path, run_file, notes))
    if not runs:
        raise InputError(
            f"{excerpt(typed_path)} is a comparison, but its parent directory contains none of its runs; name the runs"
        )
    return runs


def _read_run_file(directory: Path) -> dict[str, Any] | None:
    file = directory / _RUN_FILE
    return _read_json_object(file) if file.is_file() else None


def _read_json_object(file: Path) -> dict[str, Any]:
    try:
        document = orjson.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        raise InputError(
            f"cannot read {excerpt(file)}: {excerpt(str(error))}; name the run's traces instead"
        ) from error
    if not isinstance(document, dict):
        raise InputError(f"{excerpt(file)} does not describe a run; name the run's traces instead")
    return document


def _run_source(directory: Path, typed_path: str, run_file: Mapping[str, Any], notes: list[str]) -> Source:
    """Return the source of one training run; `run_file` is the content of its run.json."""
    config = run_file.get("config")
    if not isinstance(config, dict):
        raise InputError(f"{excerpt(directory / _RUN_FILE)} has no `config`; name the run's rollouts instead")
    rollouts = directory / "rollouts"
    if not rollouts.is_dir() or not any(rollouts.iterdir()):
        raise InputError(f"the run {excerpt(typed_path)} has no rollouts yet; wait for its first step, or leave it out")
    if not (directory / "result.json").is_file():
        notes.append(f"the run {excerpt(typed_path)} has not ended; the steps that it has taken are analyzed")
    lexicon, model = directory / "lexicon.json", directory / "model"
    if not lexicon.is_file():
        notes.append(f"the run {excerpt(typed_path)} holds no lexicon of its own; the default one is taken for it")
    return Source(
        f"{_short(config.get('method', 'run'))}, seed {_short(config.get('seed', '?'))}",
        "run",
        typed_path,
        (str(rollouts),),
        lexicon=str(lexicon) if lexicon.is_file() else None,
        tokenizer=str(model) if (model / "tokenizer.json").is_file() else None,
        run_record={"config": config, "sgram": run_file.get("sgram"), "versions": run_file.get("versions")},
    )


def _name_runs(runs: list[Source]) -> list[Source]:
    """Return `runs` with unique names, in the order of the names.

    Runs of the same method and seed are named by the settings in which they differ, and all runs by their start model
    if they have several; then by their directories, then by a number.
    """
    names = [run.name or "" for run in runs]
    configs = [dict((run.run_record or {}).get("config", {})) for run in runs]
    start_models = {repr(config["warmup_seed"]) for config in configs if "warmup_seed" in config}
    of_all = {"warmup_seed"} if len(start_models) > 1 else set()
    for row, (name, config) in enumerate(zip(tuple(names), configs, strict=True)):
        same_named = [configs[peer] for peer, run in enumerate(runs) if run.name == name]
        differing = {key for key in config if len({repr(peer.get(key)) for peer in same_named}) > 1}
        settings = sorted(differing | (of_all & config.keys()))
        names[row] = name + "".join(f", {key} {_short(config[key])}" for key in settings)
    name_counts = Counter(names)
    names = [
        name if name_counts[name] == 1 else f"{name} ({Path(run.paths[0]).parent.name})"
        for name, run in zip(names, runs, strict=True)
    ]
    named_runs, copies = [], Counter[str]()
    for name, run in sorted(zip(names, runs, strict=True), key=_natural_order):
        copies[name] += 1  # a copy of a run in another folder
        named_runs.append(replace(run, name=name if copies[name] == 1 else f"{name}, {copies[name]}"))
    return named_runs


def _natural_order(named_run: tuple[str, Source]) -> tuple[object, ...]:
    """Return the key of a run's name and of its path, by which "seed 2" comes before "seed 10"."""
    name, run = named_run
    return natural_key(name), name, natural_key(run.typed_path), run.typed_path


def _short(setting: object) -> str:
    return excerpt(str(setting), _MAX_NAME)


def pool_small_sources(sizes: Iterable[tuple[str, int]], max_sources: int) -> dict[str, str]:
    """Return the name under which each source is shown: its own, or `POOLED_SOURCES` for the smallest sources.

    `sizes` are (source, number of traces). At most `max_sources` different names are returned.

    >>> pool_small_sources([("a", 9), ("b", 5), ("c", 1)], 2)
    {'a': 'a', 'b': 'other sources', 'c': 'other sources'}
    """
    ranked = sorted(sizes, key=lambda pair: (-pair[1], natural_key(pair[0]), pair[0]))
    largest = ranked if len(ranked) <= max_sources else ranked[: max_sources - 1]
    large_names = {name for name, _ in largest}
    return {name: name if name in large_names else POOLED_SOURCES for name, _ in ranked}
