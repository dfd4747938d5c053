"""Samples of Inspect logs in JSON (``--log-format json``), read without the inspect-ai library."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import orjson

from sgram.errors import InputError
from sgram.safe_reading import Caps, DamagedInputError
from sgram.traces.containers.container import open_stream
from sgram.traces.containers.json_scanner import JsonEndError, JsonScanner
from sgram.traces.containers.json_values import DEEP_FAULT, fault_of, is_too_deep, loads
from sgram.traces.own_scores import own_mark
from sgram.traces.rows import InputFile, Row

_ATTACHMENT = "attachment://"
_BEGINNING = re.compile(rb'\s*\{\s*"version"\s*:\s*\d+\s*,\s*"status"\s*:\s*"\w+"\s*,\s*"eval"\s*:\s*\{')


def is_inspect_log(document: Any) -> bool:
    """Return whether a JSON document is an Inspect log, by its top-level keys.

    >>> is_inspect_log({"version": 2, "status": "success", "eval": {"task": "sums"}, "samples": []})
    True
    """
    if type(document) is not dict or type(document.get("eval")) is not dict:
        return False
    return "status" in document and ("version" in document or "samples" in document) and "task" in document["eval"]


def begins_inspect_log(head: bytes) -> bool:
    """Return whether a file's first bytes are those of an Inspect log in JSON.

    >>> begins_inspect_log(b'{"version": 2, "status": "success", "eval": {"eval_id": "3KW"')
    True
    """
    return _BEGINNING.match(head.removeprefix(b"\xef\xbb\xbf")) is not None


def iter_document(document: Mapping[str, Any], caps: Caps) -> Iterator[Row]:
    """Yield the samples of a parsed log."""
    samples = document.get("samples")
    for number, sample in enumerate(samples if type(samples) is list else [], 1):
        yield _sample_row(number, sample, document["eval"], caps)


def iter_inspect_json(file: InputFile, caps: Caps) -> Iterator[Row]:
    """Yield the samples of a log in JSON as rows, one in memory at a time.

    Raise `InputError` if it is not a log, or its header follows its samples and both are over the cap.
    """
    with open_stream(file, caps) as stream:
        scanner = JsonScanner(stream, caps.max_line_bytes)
        header: Any = None
        try:
            if scanner.read_byte() != b"{":
                raise JsonEndError("it is not a JSON object")
            while scanner.peek() == b'"':
                key = loads(scanner.take() or b'""')[0]
                if scanner.read_byte() != b":":
                    raise JsonEndError("a colon is missing")
                if key == "samples" and type(header) is dict and scanner.peek() == b"[":
                    yield from _iter_samples(scanner, header, caps)
                    return
                value = scanner.take()
                if key == "eval" and value is not None:
                    header = loads(value)[0]
                if scanner.read_byte() != b",":
                    break
        except (JsonEndError, DamagedInputError, orjson.JSONDecodeError) as error:
            raise InputError(f"{file.name} cannot be read as an Inspect log: {error}; check the file") from error
        if type(header) is not dict:
            raise InputError(f"{file.name} is not an Inspect log: it has no field eval; check the file")


def _iter_samples(scanner: JsonScanner, header: Mapping[str, Any], caps: Caps) -> Iterator[Row]:
    number = 0
    try:
        for number, (_, data) in enumerate(scanner.iter_array(), 1):
            yield _parsed_sample(number, data, header, caps)
    except (JsonEndError, DamagedInputError) as error:
        yield Row(number + 1, None, None, f"not valid JSON: {error}; the rest is not read")


def _parsed_sample(number: int, data: bytes | None, header: Mapping[str, Any], caps: Caps) -> Row:
    if data is None:
        return Row(number, None, None, f"longer than the cap of {caps.max_line_bytes} bytes a row")
    try:
        sample, n_missing = loads(data)
    except orjson.JSONDecodeError as error:
        return Row(number, None, None, fault_of(error), data)
    return _sample_row(number, sample, header, caps)._replace(n_missing=n_missing)


def _sample_row(number: int, sample: Any, header: Mapping[str, Any], caps: Caps) -> Row:
    if type(sample) is not dict:
        return Row(number, None, None, "the sample is not an object")
    if is_too_deep(sample):
        return Row(number, None, None, DEEP_FAULT)
    try:
        return Row(number, None, _record(sample, header, 4 * caps.max_line_bytes))
    except OverflowError as error:
        return Row(number, None, None, str(error))


def _record(sample: Mapping[str, Any], header: Mapping[str, Any], max_chars: int) -> dict[str, Any]:
    """Return a sample as the dialect ``inspect`` expects it."""
    attachments = sample.get("attachments")
    resolve = _resolver(attachments if type(attachments) is dict else {}, max_chars)
    output = sample.get("output") if type(sample.get("output")) is dict else {}
    scores = sample.get("scores") if type(sample.get("scores")) is dict else {}
    error = sample.get("error")
    return {
        "id": str(sample.get("id")),
        "epoch": sample.get("epoch", 1),
        "uuid": sample.get("uuid"),
        "run": header.get("run_id"),
        "task": header.get("task"),
        "model": header.get("model"),
        "input": resolve(sample.get("input")),
        "messages": resolve(sample.get("messages")),
        "completion": resolve(_completion(output or {})),
        "target": resolve(sample.get("target")),
        "scores": {
            name: {"value": score.get("value"), "answer": score.get("answer"), **own_mark(score.get("metadata"))}
            for name, score in (scores or {}).items()
            if type(score) is dict
        },
        "error": error.get("message") if type(error) is dict else error,
    }


def _completion(output: Mapping[str, Any]) -> Any:
    """Return the text of a sample's output; older logs have it only in the first choice's message."""
    if type(output.get("completion")) is str:
        return output["completion"]
    try:
        content = output["choices"][0]["message"]["content"]
    except (KeyError, IndexError, TypeError):
        return None
    if type(content) is list:
        texts = [part.get("text") for part in content if type(part) is dict and part.get("type") == "text"]
        return "\n".join(text for text in texts if type(text) is str)
    return content


def _resolver(attachments: Mapping[str, Any], max_chars: int) -> Callable[[Any], Any]:
    """Return a function that puts long texts, which a log stores once, where a value refers to them.

    Fields without a value are dropped, as inspect-ai drops them. The function raises `OverflowError` if the texts have
    more than `max_chars` characters.
    """
    n_chars = 0

    def resolve(value: Any) -> Any:
        nonlocal n_chars
        if type(value) is str and value.startswith(_ATTACHMENT):
            text = attachments.get(value[len(_ATTACHMENT) :], value)
            n_chars += len(text) if type(text) is str else 0
            if n_chars > max_chars:
                raise OverflowError(f"the sample's attachments have more than {max_chars} characters")
            return text
        if type(value) is list:
            return [resolve(child) for child in value]
        if type(value) is dict:
            return {key: resolve(child) for key, child in value.items() if child is not None}
        return value

    return resolve
