"""The decorator of compiled functions (numba), with a cache that falls back to a temporary folder.

numba stores compiled code beside the source, or else in the user's cache folder, and refuses to compile if it can
write to neither of them. `kernel` then uses a private folder below the system's temporary one, or no cache.
"""

import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any, Literal, TypeVar, cast

from sgram.files import private_temporary_folder

Function = TypeVar("Function", bound=Callable[..., Any])

NOTE = "compiling kernels; this takes about 20 seconds and happens once"
QUIET = "SGRAM_QUIET_COMPILING"
"""Environment variable that silences the note."""


def _log_note() -> None:
    """Log the note, which Python prints on stderr unless logging is configured otherwise."""
    if QUIET not in os.environ:
        logging.getLogger(__name__).warning(NOTE)


_announcements: list[Callable[[], None]] = [_log_note]
_config_lock = threading.Lock()


def kernel(*, inline: Literal["never", "always"] = "never", fastmath: bool = False) -> Callable[[Function], Function]:
    """Return a decorator that compiles a function when it is first called, and releases the GIL while it runs.

    Compiled code is stored on disk, so that only the first process compiles it. `inline` and `fastmath` are options
    of ``numba.njit``.

    >>> @kernel()
    ... def add(a: int, b: int) -> int:
    ...     return a + b
    >>> add(2, 3)
    5
    """

    def compile_lazily(function: Function) -> Function:
        from numba import njit

        def decorate(is_cached: bool) -> Function:
            compiled = njit(nogil=True, inline=inline, fastmath=fastmath, cache=is_cached)(function)
            return cast(Function, compiled)  # to callers a dispatcher is the function

        _listen()
        with suppress(RuntimeError):  # numba's error if it finds no cache folder that it can write to
            return decorate(is_cached=True)
        with suppress(RuntimeError), _temporary_cache():
            return decorate(is_cached=True)
        return decorate(is_cached=False)

    return compile_lazily


def announce_compilation(announce: Callable[[], None]) -> None:
    """Call `announce` once, before this process compiles its next kernel; it replaces an earlier announcement.

    It is not called if all kernels come from the cache. Without a call of this function, a warning is logged by the
    logger ``sgram.compiling``, unless the environment has SGRAM_QUIET_COMPILING.
    """
    _announcements[:] = [announce]


@cache
def _listen() -> None:
    """Make numba report each compilation to `_announcements`."""
    from numba.core import event

    class CompilationListener(event.Listener):
        def on_start(self, event: Any) -> None:
            function = getattr(event.data["dispatcher"], "py_func", None)
            if getattr(function, "__module__", "").startswith("sgram."):
                while _announcements:
                    _announcements.pop()()

        def on_end(self, event: Any) -> None:
            """Ignore the end of a compilation."""

    event.register("numba:compile", CompilationListener())


@contextmanager
def _temporary_cache() -> Iterator[None]:
    """Point numba to this user's temporary cache folder during the block, if there is one."""
    from numba.core import config

    folder = private_temporary_folder("kernels")
    settings = vars(config)
    with _config_lock:
        configured = settings["CACHE_DIR"]
        settings["CACHE_DIR"] = str(folder or configured)
        try:
            yield
        finally:
            settings["CACHE_DIR"] = configured
