"""The process in which answers are checked: a question a line in, a reply a line out. Knows nothing about either.

    python -m sgram.grading.worker maths SECONDS BYTES

What is checked was written by a model, and the libraries that check it may compute for ever, fill the memory, or
evaluate it as code. So this process holds nothing of value, has little memory, ends by itself after `SECONDS` of
computing on one question should nobody be left to kill it, and once it is ready it may neither write files nor start
programs nor open connections. It is a fence against accidents and tricks, no sandbox against a Python expert.
"""

import importlib
import json
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

Handler = Callable[[Mapping[str, Any]], Mapping[str, Any]]

HANDLERS = {"maths": "sgram.grading.equality", "gym": "sgram.training.tasks.gym_worker"}
"""Kind of question -> the module whose ``reply`` answers it."""

_FORBIDDEN = (
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
_ALLOWED = ("os.listdir", "os.scandir", "os.walk", "os.fwalk", "os.putenv", "os.unsetenv", "os.add_dll_directory")
"""What importing a module, which libraries do late, may ask for."""


def main(kind: str, seconds: str, memory: str) -> None:
    """Answer questions until stdin ends."""
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print is no reply
    _cap_memory(int(memory))
    try:
        reply: Handler = importlib.import_module(HANDLERS[kind]).reply
    except ImportError as error:
        _say(replies, {"missing": str(error)})
        return
    _say(replies, {"ready": True})
    limit_computing = _computing_limit(float(seconds))
    sys.addaudithook(_fence)
    for line in sys.stdin.buffer:
        limit_computing()
        try:
            told = reply(json.loads(line))
        except Exception as error:
            told = {"fault": f"{type(error).__name__}: {error}"[:500]}
        _say(replies, told)


def _say(replies: BinaryIO, told: Mapping[str, Any]) -> None:
    replies.write(json.dumps(told).encode() + b"\n")
    replies.flush()


def _cap_memory(most: int) -> None:
    try:
        import resource
    except ImportError:  # Windows
        return
    _lower(resource, resource.RLIMIT_AS, most)
    _lower(resource, resource.RLIMIT_CORE, 0)


def _lower(resource: Any, which: int, most: int) -> None:
    soft, hard = resource.getrlimit(which)
    if soft == resource.RLIM_INFINITY or soft > most:
        try:
            resource.setrlimit(which, (most, hard))
        except (OSError, ValueError):
            return  # a system that has this limit in name only


def _computing_limit(seconds: float) -> Callable[[], None]:
    """What starts the clock anew: past it the system ends this process, even if whoever asked has died."""
    try:
        import resource
    except ImportError:
        return lambda: None
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]

    def renew() -> None:
        used = resource.getrusage(resource.RUSAGE_SELF)
        end = int(used.ru_utime + used.ru_stime + seconds) + 1
        if hard == resource.RLIM_INFINITY or end < hard:
            resource.setrlimit(resource.RLIMIT_CPU, (end, hard))

    return renew


def _fence(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open":  # path, mode, flags
        refused = bool(arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
    else:
        refused = event.startswith(_FORBIDDEN) and event not in _ALLOWED
    if refused:
        raise PermissionError(f"{event} is not for a process that checks answers")


if __name__ == "__main__":
    main(*sys.argv[1:])
