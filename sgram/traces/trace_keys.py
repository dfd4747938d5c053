"""What identifies a trace, its problem, its group and its outcome in counts and samples."""

import hashlib
from collections.abc import Sequence

from sgram.traces.trace import Trace

OUTCOMES = ("correct", "wrong", "not judged")
UNKNOWN_MODEL = "unknown model"
"""Name in tables for traces without a model."""


def stable_key(*parts: str | None) -> int:
    """Return 62 bits, never 0, that identify the parts; the same in every process.

    >>> stable_key("ab", "c") == stable_key("a", "bc"), stable_key(None) == stable_key("")
    (False, False)
    """
    digest = hashlib.blake2b(digest_size=8)
    for part in parts:
        encoded = b"\0" if part is None else b"\1" + part.encode("utf-8", "surrogatepass")
        digest.update(len(encoded).to_bytes(8, "little") + encoded)
    return (int.from_bytes(digest.digest(), "little") >> 2) or 1


def trace_identity(trace: Trace) -> int:
    """Return the `stable_key` of a trace by its model, run, step, id and text, whatever the input around it.

    >>> trace_identity(Trace(id="1", text="so")) == trace_identity(Trace(id="1", text="so", step=2))
    False
    """
    return stable_key(trace.model, trace.run, None if trace.step is None else str(trace.step), trace.id, trace.text)


def problem_name(trace: Trace) -> str:
    """Return what identifies the problem of a trace in a bootstrap over problems.

    For a trace of a run it is the prompt, whatever the step; else the group; else the trace itself.

    >>> problem_name(Trace(id="1", text="so", group="g", prompt="p"))
    'group g'
    >>> problem_name(Trace(id="1", text="so", group="g", prompt="p", step=3))
    'prompt p'
    """
    identifiers: Sequence[tuple[str, str | None]]
    if trace.step is None:
        identifiers = (("group", trace.group), ("prompt", trace.prompt))
    else:
        identifiers = (("prompt", trace.prompt), ("group", trace.group))
    return next((f"{kind} {name}" for kind, name in identifiers if name is not None), f"trace {trace.id}")


def group_name(trace: Trace) -> str:
    """Return what identifies the samples of one problem at one step.

    >>> group_name(Trace(id="1", text="so", prompt="p", step=3))
    '3 prompt p'
    """
    run = "" if trace.run is None else f"{trace.run} "
    if trace.group is not None:
        return f"{run}{trace.step} group {trace.group}"
    return f"{run}{trace.step} {problem_name(trace)}"


def outcome_index(trace: Trace) -> int:
    """Return the index in `OUTCOMES` of the outcome of a trace.

    >>> OUTCOMES[outcome_index(Trace(id="1", text="so", correct=False))]
    'wrong'
    """
    return 2 if trace.correct is None else int(not trace.correct)
