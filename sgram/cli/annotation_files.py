"""Files of annotation studies on the command line: exports, items files, and files of raters with their names."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from sgram.annotation.items import BlindedItem, Sample, read_rows, read_sample
from sgram.annotation.tasks import AnnotationTask
from sgram.errors import InputError, UsageError
from sgram.files import excerpt, write_bytes
from sgram.lexicon import Lexicon
from sgram.reports.pages.annotation_page import AnnotationPage, render_annotation_page
from sgram.traces.runs import split_run

if TYPE_CHECKING:
    from sgram.diagnosis.error_items import ErrorSample

PHRASES_TITLE, ERRORS_TITLE = "Phrases in context", "Wrong responses"
"""Titles of the pages for annotators; they do not name the lexicon, which would say where the phrases are from."""
Format = Literal["label-studio", "prodigy", "doccano", "csv", "html"]
_FORMATS: dict[str, Format] = {".html": "html", ".htm": "html", ".csv": "csv", ".json": "label-studio"}
"""Format of a file name's suffix."""


def split_raters(arguments: Iterable[str]) -> tuple[list[str], dict[str, str]]:
    """Return the paths of arguments ``PATH`` or ``RATER=PATH``, and the named raters by path.

    Raise `UsageError` if one file has two names.

    >>> split_raters(["ada=a.csv", "b.csv"])
    (['a.csv', 'b.csv'], {'a.csv': 'ada'})
    """
    paths: list[str] = []
    names: dict[str, str] = {}
    for argument in arguments:
        name, path = split_run(argument)
        paths.append(path)
        if name is not None and names.setdefault(path, name) != name:
            raise UsageError(f"{excerpt(path)} is of the rater {excerpt(names[path], 60)} and of {excerpt(name, 60)}")
    return paths, names


def find_format(output: str) -> Format:
    """Return the format that the suffix of `output` asks for; raise `UsageError` if it asks for none."""
    suffix = Path(output).suffix.lower()
    if suffix not in _FORMATS:
        raise UsageError(
            f"-o {output} does not determine the format; name it: --format label-studio, prodigy, doccano, csv or html"
        )
    return _FORMATS[suffix]


def file_stem(output: str) -> str:
    """Return the file name of an export without its suffix."""
    return str(Path(output).with_suffix(""))


def write_export(
    items: tuple[BlindedItem, ...],
    task: AnnotationTask,
    title: str,
    key_bytes: bytes | None,
    format_name: str,
    output: str,
) -> list[tuple[str, str]]:
    """Write the export, the files beside it and the key (None: no key); return (path, description) of each.

    Raise `UsageError` if the key of another sample would be overwritten.
    """
    from sgram.annotation.exchange import encode_export

    key = f"{file_stem(output)}.items.jsonl"
    if key_bytes is not None and Path(key).exists() and Path(key).read_bytes() != key_bytes:
        raise UsageError(f"{key} is the key of another sample and must not be overwritten; give -o another name")
    if format_name == "html":
        contents = {"": render_annotation_page(AnnotationPage.of_task(task, title, items))}
    else:
        contents = encode_export(format_name, items, task)
    descriptions = {
        "": f"{len(items):,} items for the annotators",
        ".config.xml": "labeling config",
        ".guideline.md": "guideline for them",
    }
    files = []
    for ending, content in contents.items():
        path = f"{file_stem(output)}{ending}" if ending else output
        write_bytes(path, content)
        files.append((path, descriptions[ending]))
    if key_bytes is None:
        return files
    write_bytes(key, key_bytes)
    return [*files, (key, "key of the blinded items, not for them")]


def load_any_sample(items: str, lexicon: str | None = None) -> "Sample | ErrorSample":
    """Return the sample of an items file, of phrases or of errors.

    Raise `InputError` as `load_sample`, `UsageError` if `lexicon` is given for errors.
    """
    from sgram.diagnosis.error_items import is_error_sample, read_error_sample

    if items == "-":
        return load_sample(items, lexicon)
    _, header = next(read_rows(items), ("", {}))
    if not is_error_sample(header):
        return load_sample(items, lexicon)
    if lexicon is not None:
        raise UsageError(f"{excerpt(items)} has wrong traces, which are of no lexicon; leave out --lexicon")
    return read_error_sample(items)


def load_sample(items: str, lexicon: str | None) -> Sample:
    """Return the sample of an items file; raise `InputError` if it was not drawn from `lexicon` (None: any)."""
    sample = read_sample(items)
    if lexicon is not None and Lexicon.load(lexicon).digest != sample.lexicon:
        raise InputError(
            f"{excerpt(items)} has items of the lexicon {excerpt(sample.lexicon, 12)} "
            f"({excerpt(str(sample.source.get('name', 'no name')), 40)}), not of {excerpt(lexicon)}; name the lexicon "
            "that was exported"
        )
    return sample
