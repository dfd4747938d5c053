"""A sentence encoder in processes of its own, which load it while this process reads and counts.

Importing sentence-transformers takes longer than everything else in a short mining run, and it holds Python's lock. So
another process imports the library and loads the model from the start of a run. It then forks itself into one process
a core, each with one thread: the matrices of short phrases are too small for more.

A process gets texts as JSON and returns the bytes of an array. If it ends early, for whatever reason, this process
encodes by itself, with the same vectors or the same error.
"""

import gc
import importlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec, module_from_spec
from multiprocessing.connection import Connection
from pathlib import Path
from queue import SimpleQueue
from threading import Lock
from typing import Any

import numpy as np

from sgram.array_types import AnyArray
from sgram.mining.embed import Embedder, SentenceEmbedder, get_embedder, without_garbage_collection

ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
DEFERRED_MODULES = ("sklearn", "sklearn.metrics")
"""sentence-transformers imports scikit-learn, and scipy.stats with it, for a function that encoding never calls."""
_PACKAGES = Path(__file__).resolve().parents[2]


class EncodingProcess:
    """An embedder whose texts are encoded in `n_processes` other processes. `close` ends them."""

    def __init__(self, embedder: SentenceEmbedder, n_processes: int) -> None:
        self.name, self.parallel = embedder.name, n_processes
        self.n_encoded = 0
        """Calls of `encode` that another process answered."""
        self._embedder = embedder
        self._model_lock = Lock()
        self._connections: SimpleQueue[Connection | None] = SimpleQueue()
        """Free connections; None stands for one whose process has ended."""
        pairs = [socket.socketpair() for _ in range(n_processes)]
        try:
            child_ends = [child_end.fileno() for _, child_end in pairs]
            self._process = subprocess.Popen(  # noqa: S603  our own interpreter and module; no shell
                [sys.executable, "-m", __name__, embedder.name, str(embedder.folder), *map(str, child_ends)],
                env={**os.environ, **ONE_THREAD, "PYTHONPATH": _search_path()},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=child_ends,
            )
            self._all_connections = [Connection(parent_end.detach()) for parent_end, _ in pairs]
        finally:
            for parent_end, child_end in pairs:
                parent_end.close()
                child_end.close()
        for connection in self._all_connections:
            self._connections.put(connection)

    @property
    def version(self) -> str:
        """Version of the embedder."""
        return self._embedder.version

    def encode(self, texts: Sequence[str]) -> AnyArray:
        """Return the vectors of `texts`, float32 (n, d). Up to `parallel` threads may call at a time."""
        connection = self._connections.get()
        vectors = None
        try:
            if connection is not None:
                vectors = _ask(connection, texts)
        finally:
            self._connections.put(connection if vectors is not None else None)
        if vectors is not None:
            self.n_encoded += 1
            return vectors
        with self._model_lock:
            return self._embedder.encode(texts)

    def close(self) -> None:
        """End the processes."""
        for connection in self._all_connections:
            connection.close()
        if not self.n_encoded:
            self._process.kill()  # it may be importing still; what it has forked ends with its connections
        self._process.wait()


@contextmanager
def open_embedder(name: str = "auto", seed: int = 0, workers: int = 1) -> Iterator[Embedder]:
    """Yield the embedder of that name, see `get_embedder`.

    With two workers or more, a sentence encoder that is on this machine is loaded by processes of its own, at once,
    unless this process has imported sentence-transformers already.
    """
    embedder = get_embedder(name, seed)
    is_worth_it = workers > 1 and hasattr(os, "fork") and "sentence_transformers" not in sys.modules
    if not (is_worth_it and isinstance(embedder, SentenceEmbedder) and embedder.is_on_disk):
        yield embedder
        return
    process = EncodingProcess(embedder, workers)
    try:
        yield process
    finally:
        process.close()


def _search_path() -> str:
    """Return PYTHONPATH for a process that imports this package and what this process can import."""
    return os.pathsep.join(dict.fromkeys([str(_PACKAGES), *filter(None, sys.path)]))


def _ask(connection: Connection, texts: Sequence[str]) -> AnyArray | None:
    """Return the vectors that the process behind `connection` sends; None if it has ended."""
    with suppress(OSError, EOFError):
        connection.send_bytes(json.dumps(list(texts)).encode())
        shape = json.loads(connection.recv_bytes())
        return np.frombuffer(connection.recv_bytes(), "<f4").reshape(shape)
    return None


def defer_imports(names: Sequence[str]) -> None:
    """Let functions of these modules be imported by name, but execute the modules only when one is called.

    A package comes before its modules. What is not installed is left alone, and all modules are executed at once. This
    is for modules that give functions only, in a process of our own.
    """
    deferred: list[str] = []

    def execute(name: str) -> Any:
        for other in deferred:
            sys.modules.pop(other, None)
        deferred.clear()
        return importlib.import_module(name)

    def make_getattr(module: str) -> Callable[[str], Any]:
        def get(attribute: str) -> Any:
            if attribute.startswith("_"):
                raise AttributeError(f"module {module!r} is not executed yet and has no attribute {attribute!r}")
            return lambda *arguments, **options: getattr(execute(module), attribute)(*arguments, **options)

        return get

    for name in names:
        spec = None if name in sys.modules else find_spec(name)
        if spec is not None:
            module = module_from_spec(spec)
            vars(module)["__getattr__"] = make_getattr(name)
            sys.modules[name] = module
            deferred.append(name)
            package, _, last_name = name.rpartition(".")
            if package:
                setattr(sys.modules[package], last_name, module)


def _serve(embedder: Embedder, descriptors: Sequence[int]) -> None:
    """Load the model, fork into one process a connection, and answer until the connection is closed."""
    defer_imports(DEFERRED_MODULES)
    with without_garbage_collection():
        embedder.encode(["so"])
        gc.freeze()  # it is no garbage, and the forked processes share it
    connections = [Connection(descriptor) for descriptor in descriptors]
    served = connections[0]
    forked = []
    for connection in connections[1:]:
        if process_id := os.fork():
            forked.append(process_id)
        else:
            served, forked = connection, []
            break
    for connection in connections:
        if connection is not served:  # a connection ends when its one process does
            connection.close()
    with suppress(OSError, EOFError):
        while True:
            vectors = np.ascontiguousarray(embedder.encode(json.loads(served.recv_bytes())), "<f4")
            served.send_bytes(json.dumps(vectors.shape).encode())
            served.send_bytes(vectors.tobytes())
    for process_id in forked:
        os.waitpid(process_id, 0)
    os._exit(0)  # without the clean-up of large libraries


if __name__ == "__main__":
    name, folder, *numbers = sys.argv[1:]
    _serve(SentenceEmbedder(name, Path(folder)), list(map(int, numbers)))
