"""A sentence encoder in other processes: the same bytes as here, whatever happens to these processes."""

import subprocess
import sys

import numpy as np
import pytest

from sgram.mining import encoding_process
from sgram.mining.embed import CHUNK, HashEmbedder, SentenceEmbedder, embed_texts, get_embedder
from sgram.mining.encoding_process import DEFERRED_MODULES, EncodingProcess, defer_imports, open_embedder

TEXTS = [f"let me check step {number} again" for number in range(2 * CHUNK + 3)]


@pytest.fixture
def minilm():
    return get_embedder("all-MiniLM-L6-v2")


@pytest.fixture
def not_imported(monkeypatch):
    """sentence-transformers, as if no test had imported it."""
    monkeypatch.delitem(sys.modules, "sentence_transformers", raising=False)


def test_two_processes_encode_as_this_one_does_and_then_end(minilm):
    here = embed_texts(TEXTS, minilm)
    process = EncodingProcess(minilm, 2)
    n_done = []
    there = embed_texts(TEXTS, process, progress=lambda done, total: n_done.append((done, total)))
    assert there.tobytes() == here.tobytes()
    assert process.n_encoded == 3, "three chunks, the last of three texts"
    assert n_done == [(256, 515), (512, 515), (515, 515)]
    process._process.kill()
    process._process.wait()
    assert np.array_equal(process.encode(TEXTS[:2]), minilm.encode(TEXTS[:2])), "one of the two has ended"
    assert np.array_equal(process.encode(TEXTS[:2]), minilm.encode(TEXTS[:2])), "the other goes on"
    process.close()
    assert process._process.poll() is not None


def test_a_deferred_module_is_executed_when_one_of_its_functions_is_called():
    script = """
import sys
from sgram.mining.encoding_process import DEFERRED_MODULES, defer_imports
defer_imports(["nobody_has_this", *DEFERRED_MODULES])
assert "nobody_has_this" not in sys.modules
import sklearn.metrics
from sklearn.metrics import accuracy_score, pairwise_distances
assert not hasattr(sklearn, "__version__")
assert "scipy" not in sys.modules, "nothing of scikit-learn is executed"
assert sklearn.metrics.accuracy_score([1, 1], [1, 0]) == 0.5
from sklearn.metrics import accuracy_score as executed
assert executed([1], [1]) == 1 and executed is sys.modules["sklearn.metrics"].accuracy_score
assert sys.modules["sklearn"].__version__
assert pairwise_distances([[0.0, 3.0], [4.0, 0.0]])[0, 1] == 5
"""
    subprocess.run([sys.executable, "-c", script], check=True)


def test_a_module_that_is_imported_already_is_not_deferred():
    import sklearn.metrics

    defer_imports(DEFERRED_MODULES)
    assert sys.modules["sklearn.metrics"] is sklearn.metrics
    assert sklearn.metrics.accuracy_score is not None


def test_texts_are_encoded_here_if_the_processes_cannot_start(minilm, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    process = EncodingProcess(minilm, 2)
    assert np.array_equal(process.encode(TEXTS[:2]), minilm.encode(TEXTS[:2]))
    assert np.array_equal(process.encode([]), minilm.encode([]))
    assert process.n_encoded == 0
    process.close()


def test_a_process_is_opened_where_it_saves_time_only(monkeypatch, not_imported):
    opened = []

    class RecordedProcess:
        def __init__(self, embedder, n_processes):
            opened.append((embedder.name, n_processes))

        def close(self):
            opened.append("closed")

    monkeypatch.setattr(encoding_process, "EncodingProcess", RecordedProcess)
    with open_embedder("hash", workers=2) as embedder:
        assert isinstance(embedder, HashEmbedder)
    with open_embedder("auto", workers=1) as embedder:
        assert isinstance(embedder, SentenceEmbedder)
    with open_embedder("nobody/nothing", workers=2) as embedder:
        assert isinstance(embedder, SentenceEmbedder), "a download is not made twice"
    assert opened == []
    with pytest.raises(KeyError), open_embedder("auto", workers=3):
        raise KeyError
    assert opened == [("sentence-transformers/all-MiniLM-L6-v2", 3), "closed"]
    monkeypatch.setitem(sys.modules, "sentence_transformers", sys)
    with open_embedder("auto", workers=3) as embedder:
        assert isinstance(embedder, SentenceEmbedder), "the library is imported already"


def test_an_error_ends_the_encoding_of_other_chunks(minilm):
    class FailingEmbedder:
        name, parallel = "failing", 2

        def encode(self, texts):
            raise ValueError("no memory")

    with pytest.raises(ValueError, match="no memory"):
        embed_texts(TEXTS, FailingEmbedder())
