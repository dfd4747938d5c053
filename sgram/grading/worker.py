"""The process in which answers are checked: it reads one question per line and writes one reply per line, as JSON.

    python -m sgram.grading.worker maths SECONDS BYTES

Answers were written by a model, and the libraries that check them may compute for ever, fill the memory, or evaluate an
answer as code. So this process holds no secrets and has little memory. It ends by itself after `SECONDS` of computing
on one question, in case its parent died and cannot kill it. Once it is ready it must not write files, start programs or
open connections. This prevents accidents and simple tricks; it is not a sandbox against an expert of Python.
"""

import importlib
import json
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

Handler = Callable[[Mapping[str, Any]], Mapping[str, Any]]

HANDLERS = {"maths": "sgram.grading.equality", "gym": "sgram.training.tasks.gym_worker"}
"""Module whose ``reply`` answers each kind of question."""

_FORBIDDEN_EVENTS = (
    "os.",
    "subprocess.",
    "socket.",
    "shutil.",
    "ctypes.",
    "pty.",
    "ftplib.",
    "http.",
    "urllib.",
    "smtplib.",
    "sqlite3.",
    "webbrowser.",
    "winreg.",
    "tempfile.",
)
"""Prefixes of Python's audit events that are refused."""
_ALLOWED_EVENTS = (
    "os.listdir",
    "os.scandir",
    "os.walk",
    "os.fwalk",
    "os.putenv",
    "os.unsetenv",
    "os.add_dll_directory",
)
"""Events of importing a module, which libraries do late."""


def main(kind: str, seconds: str, memory: str) -> None:
    """Answer questions until stdin ends."""
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print must not mix with the replies
    _limit_memory(int(memory))
    try:
        handler: Handler = importlib.import_module(HANDLERS[kind]).reply
    except ImportError as error:
        _send(replies, {"missing": str(error)})
        return
    _send(replies, {"ready": True})
    restart_clock = _computing_limit(float(seconds))
    sys.addaudithook(_refuse_event)
    for line in sys.stdin.buffer:
        restart_clock()
        try:
            reply = handler(json.loads(line))
        except Exception as error:
            reply = {"fault": f"{type(error).__name__}: {error}"[:500]}
        _send(replies, reply)


def _send(replies: BinaryIO, reply: Mapping[str, Any]) -> None:
    replies.write(json.dumps(reply).encode() + b"\n")
    replies.flush()


def _limit_memory(n_bytes: int) -> None:
    try:
        import resource
    except ImportError:  # Windows
        return
    _lower_limit(resource, resource.RLIMIT_AS, n_bytes)
    _lower_limit(resource, resource.RLIMIT_CORE, 0)


def _lower_limit(resource: Any, limit: int, maximum: int) -> None:
    """Lower one limit of this process to `maximum`, unless it is lower already."""
    soft, hard = resource.getrlimit(limit)
    if soft == resource.RLIM_INFINITY or soft > maximum:
        try:
            resource.setrlimit(limit, (maximum, hard))
        except (OSError, ValueError):
            return  # a system that has this limit in name only


def _computing_limit(seconds: float) -> Callable[[], None]:
    """Return a function that restarts the clock: after `seconds` of computing the system ends this process."""
    try:
        import resource
    except ImportError:  # Windows
        return lambda: None
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]

    def restart_clock() -> None:
        usage = resource.getrusage(resource.RUSAGE_SELF)
        end = int(usage.ru_utime + usage.ru_stime + seconds) + 1
        if hard == resource.RLIM_INFINITY or end < hard:
            resource.setrlimit(resource.RLIMIT_CPU, (end, hard))

    return restart_clock


def _refuse_event(event: str, arguments: tuple[Any, ...]) -> None:
    """Raise `PermissionError` for an audit event that writes files, starts programs or opens connections."""
    if event == "open":  # path, mode, flags
        is_refused = bool(arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
    else:
        is_refused = event.startswith(_FORBIDDEN_EVENTS) and event not in _ALLOWED_EVENTS
    if is_refused:
        raise PermissionError(f"{event} is not allowed in a process that checks answers")


if __name__ == "__main__":
    main(*sys.argv[1:])
