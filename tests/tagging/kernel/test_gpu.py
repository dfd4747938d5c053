"""The GPU kernel compared with the machine on the host: on a GPU if there is one, else in Triton's interpreter."""

import os
import random
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.builders.mask_oracle import Cutter, cases, oracle_mask
from tests.builders.tokenizer_examples import encode, trained_bpe

torch = pytest.importorskip("torch", reason="the GPU path needs PyTorch")
pytest.importorskip("triton", reason="the GPU path needs Triton")

from sgram import Lexicon, PlanningTagger  # noqa: E402

ON_GPU = torch.cuda.is_available()
DEVICE = "cuda" if ON_GPU else "cpu"
SETTINGS = settings(max_examples=400 if ON_GPU else 8, deadline=None, suppress_health_check=list(HealthCheck))
BYTES = [bytes([byte]) for byte in range(256)] + [None, b"", b"let me", b" so ", b"\xe2\x80", b"\xa0\xc2", b"'s"]


@pytest.fixture(scope="module", autouse=True)
def gpu():
    """The kernel's module, compiled for the GPU or interpreted; Triton decides when the module is imported."""
    with pytest.MonkeyPatch.context() as patch:
        if not ON_GPU:
            patch.setenv("TRITON_INTERPRET", "1")
        import sgram.tagging.kernel.gpu as module

        yield module


def tag_on_device(gpu, tagger, ids, attention_mask=None):
    """Return the kernel's mask of `ids`, an array (B, T)."""
    tables = gpu.DeviceTables.from_tables(tagger._tables, DEVICE)
    attention = None if attention_mask is None else torch.from_numpy(attention_mask).to(DEVICE)
    return tables.tag(torch.from_numpy(ids).to(DEVICE), attention).cpu().numpy()


@SETTINGS
@given(cases(), st.integers(0, 2**32), st.sampled_from([3, 8, 32]))
def test_the_kernel_has_the_mask_of_the_host_for_any_tokens_and_chunks(case, seed, chunk):
    import sgram.tagging.kernel.gpu as gpu

    (lexicon, text), rng = case, np.random.default_rng(seed)
    tagger = PlanningTagger(lexicon, BYTES)
    row = Cutter(BYTES).cut(text.encode(), random.Random(seed), longest_share=0.5)[: 400 if ON_GPU else 40] or [65]
    ids = np.array(row)
    for _ in range(rng.integers(0, 3)):
        ids = np.insert(ids, rng.integers(0, len(ids) + 1), rng.choice([256, 257, 10, 49]))
    batch = np.stack([ids, ids[::-1]])
    attention_mask = rng.random(batch.shape) < 0.9 if rng.random() < 0.5 else None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gpu, "CHUNK", chunk)
        mask = tag_on_device(gpu, tagger, batch, attention_mask)
    assert (mask == tagger(batch, attention_mask)).all()
    if attention_mask is None:
        assert mask[0].tolist() == oracle_mask([BYTES[token_id] for token_id in ids], lexicon)


@pytest.mark.parametrize("dtype", [np.int64, np.int32])
def test_one_row_two_rows_and_either_kind_of_integers(gpu, dtype):
    tagger = PlanningTagger("wang2025", trained_bpe())
    ids = np.array(encode(trained_bpe(), "Wait, let’s double-check. So x1 = 3; let me try “another” approach."), dtype)
    expected = tagger(ids)
    assert expected.any()
    assert tag_on_device(gpu, tagger, ids).tolist() == expected.tolist()
    assert tag_on_device(gpu, tagger, np.stack([ids, ids])).tolist() == [expected.tolist()] * 2


def test_ids_out_of_range_hold_no_text(gpu):
    tagger = PlanningTagger(Lexicon.from_grams(["let me"]), [b"let", b" me"])
    assert tag_on_device(gpu, tagger, np.array([0, 1, 7, 1, -100, 0, 1])).tolist() == [
        True,
        True,
        False,
        False,
        False,
        True,
        True,
    ]


def test_a_space_that_is_cut_into_bytes_is_no_planning_token(gpu):
    # "let", NO-BREAK SPACE as C2 + A0, "me": the two bytes stand inside the span, and are a space.
    # "é" as C3 + A9 is none.
    tokens = [b"let", b"\xc2", b"\xa0", b"me", b"\xc3", b"\xa9", b" "]
    tagger = PlanningTagger(Lexicon.from_grams(["let me", "let é me"]), tokens)
    assert tag_on_device(gpu, tagger, np.array([0, 1, 2, 3])).tolist() == [True, False, False, True]
    assert tag_on_device(gpu, tagger, np.array([0, 6, 4, 5, 6, 3])).tolist() == [True, False, True, True, False, True]


def test_the_kernel_compiles_for_gpus_that_this_machine_lacks():
    program = """
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from sgram.tagging.kernel import gpu
types = {"ids": "*i64", "attention_mask": "*u8", "mask": "*u8", "numbers": "*i32", "letters": "*u8", "starts": "*i32",
         "n_tokens": "i32", "n_chunks": "i32", "chunk_size": "constexpr", "has_attention_mask": "constexpr"}
for arch in (80, 90):
    for has_mask in (False, True):
        constants = {"chunk_size": gpu.CHUNK, "has_attention_mask": has_mask}
        source = ASTSource(fn=gpu._tag_chunk, signature=types, constexprs=constants)
        compiled = triton.compile(source, target=GPUTarget("cuda", arch, 32), options={"num_warps": 1})
        assert "st.local" not in compiled.asm["ptx"]
        print(arch, len(compiled.asm["cubin"]) > 0)
"""
    environment = {key: value for key, value in os.environ.items() if key != "TRITON_INTERPRET"}
    process = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment)
    assert process.returncode == 0, process.stderr
    assert process.stdout.split() == ["80", "True"] * 2 + ["90", "True"] * 2


def test_the_kernel_has_the_characters_of_the_normal_form():
    # The kernel repeats these numbers because it cannot read a Python table: they must change with the normal form.
    from sgram.text import ESCAPE, NON_LETTERS, PASS, SPACES, STOP

    assert [row for row in NON_LETTERS if row[1] > 0xFFFF] == [
        (0x1D400, 0x1D7FF, STOP),
        (0x1F000, 0x1FAFF, STOP),
        (0xE0000, 0xE0FFF, PASS),
        (0xF0000, 0x10FFFF, STOP),
    ]
    assert set(SPACES) == {9, 10, 13, 32, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000}
    assert max(PASS, STOP, ESCAPE) < 16  # a class has four bits of `flags`


@pytest.mark.skipif(not ON_GPU, reason="needs a CUDA device")
def test_a_call_on_the_device_waits_for_nothing_and_can_be_captured():
    tagger = PlanningTagger("wang2025", trained_bpe(), device="cuda")
    row = encode(trained_bpe(), "Wait, let me double-check. So the answer is 3, but maybe not.")
    ids, reversed_ids = torch.tensor([row], device="cuda"), torch.tensor([row[::-1]], device="cuda")
    tagger(ids)
    torch.cuda.set_sync_debug_mode("error")
    try:
        mask = tagger(ids)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert mask.device.type == "cuda"
    assert (mask.cpu().numpy() == tagger(np.array([row]))).all()
    graph_ids, graph = ids.clone(), torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        captured = tagger(graph_ids)
    graph_ids.copy_(reversed_ids)
    graph.replay()
    assert (captured.cpu().numpy() == tagger(np.array([row[::-1]]))).all()
