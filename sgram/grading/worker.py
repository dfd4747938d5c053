"""The process in which answers are checked: it reads one question per line and writes one reply per line, as JSON.

    python -m sgram.grading.worker maths SECONDS BYTES

A line is the CPU time in seconds that the question may take, a space, and the question. The operating system ends the
process when this time is used up (SIGPROF), however busy the machine is; `SECONDS` limits its start in the same way.
Before it says that it is ready it does what its libraries do once.

Answers were written by a model, and the libraries that check them may compute for ever, fill the memory, or evaluate an
answer as code. So this process holds no secrets and has little memory. Once it is ready it must not write files, start
programs or open connections. This prevents accidents and simple tricks; it is not a sandbox against an expert of
Python.
"""

import importlib
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

Handler = Callable[[Mapping[str, Any]], Mapping[str, Any]]

HANDLERS = {"maths": "sgram.grading.formulas", "gym": "sgram.training.tasks.gym_worker"}
"""Module whose ``reply`` answers each kind of question; its ``warm_up``, if it has one, is called once before."""

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
    _limit_computing(float(seconds))
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print must not mix with the replies
    _limit_memory(int(memory))
    try:
        module = importlib.import_module(HANDLERS[kind])
    except ImportError as error:
        _send(replies, {"missing": str(error)})
        return
    handler: Handler = module.reply
    getattr(module, "warm_up", lambda: None)()
    _limit_computing(0)
    _send(replies, {"ready": True})
    sys.addaudithook(_refuse_event)
    for line in sys.stdin.buffer:
        limit, _, question = line.partition(b" ")
        _limit_computing(float(limit))
        try:
            reply = handler(json.loads(question))
        except Exception as error:
            reply = {"fault": f"{type(error).__name__}: {error}"[:500]}
        _limit_computing(0)
        _send(replies, reply)


def _limit_computing(seconds: float) -> None:
    """Let the system end this process after `seconds` more of CPU time; 0: never."""
    signal.setitimer(signal.ITIMER_PROF, seconds)


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
