"""prime-rl exports with a tokenizer trained here by the library itself."""

import json
from pathlib import Path

import pytest

from sgram.errors import InputError, MissingExtraError
from sgram.traces import ReadOptions, TraceReader
from sgram.traces.tokens import load_decoder, load_tokenizer, tokenizer_name

tokenizers = pytest.importorskip("tokenizers", reason="tokenizers comes with the embedder")
PROMPT, REPLY = "What is 2+2?", "Wait, let me check: é 😀 it is 4.<|im_end|>"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=["<|im_end|>"],
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([PROMPT, REPLY] * 10, trainer)
    folder = tmp_path_factory.mktemp("model")
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def export(folder: Path, tokenizer: object, step: int) -> Path:
    prompt, reply = tokenizer.encode(PROMPT).ids, tokenizer.encode(REPLY).ids
    ids, n = prompt + reply, len(prompt)
    row = {
        "schema_version": 1,
        "step": step,
        "export_step": step,
        "rank": 0,
        "env_name": "math",
        "token_ids": ids,
        "loss_mask": [False] * n + [True] * len(reply),
        "inference_logprobs": [-0.5] * len(ids),
        "entropy": [0.25] * len(ids),
        "rewards": [1.0] * len(ids),
        "advantages": [0.5] * len(ids),
    }
    path = folder / "token_exports" / f"step_{step}" / "rank_0.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(row) + "\n")
    (path.parent / "STABLE").touch()
    return path


def test_an_export_is_read_with_the_model_s_tokenizer(folder, tmp_path):
    tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    export(tmp_path, tokenizer, 1)
    export(tmp_path, tokenizer, 2)
    (first, second) = TraceReader(tmp_path, options=ReadOptions(tokenizer=folder))
    assert (first.prompt, first.text) == (PROMPT, REPLY)
    assert first.token_ids == tuple(tokenizer.encode(REPLY).ids)
    assert first.logprobs == (-0.5,) * len(first.token_ids)
    assert first.entropies == (0.25,) * len(first.token_ids)
    assert (first.step, second.step, first.reward) == (1, 2, 1.0)
    assert first.group != second.group


def test_a_tokenizer_is_a_file_or_a_model_s_folder_or_a_folder_of_the_hub_s_cache(folder, tmp_path):
    hub = tmp_path / "models--org--name"
    snapshot = hub / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    (hub / "refs").mkdir()
    (hub / "refs" / "main").write_text("abc\n")
    (snapshot / "tokenizer.json").symlink_to(folder / "tokenizer.json")
    ids = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json")).encode(REPLY).ids
    for path in (folder, folder / "tokenizer.json", hub, snapshot):
        assert load_decoder(path)(ids) == REPLY


def test_a_path_without_a_tokenizer_raises_an_input_error(tmp_path):
    with pytest.raises(InputError, match=r"holds no tokenizer\.json; name the file itself"):
        load_decoder(tmp_path)
    with pytest.raises(InputError, match="cannot be read as a tokenizer"):
        load_decoder(tmp_path / "missing.json")
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(InputError, match=r"tokenizer\.json cannot be read as a tokenizer: .*; check the path"):
        load_decoder(tmp_path)


def test_a_missing_library_raises_an_error_with_the_pip_command(folder, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "tokenizers", None)
    with pytest.raises(MissingExtraError, match="pip install tokenizers"):
        load_decoder(folder)


def test_a_tokenizer_that_was_saved_to_cut_and_pad_does_neither_here(folder, tmp_path):
    saved = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    saved.enable_truncation(2)
    saved.enable_padding(length=64)
    saved.save(str(tmp_path / "tokenizer.json"))
    (short, long) = load_tokenizer(tmp_path).encode_batch(["a", REPLY], add_special_tokens=False)
    assert (len(short.ids), long.ids) == (1, load_tokenizer(folder).encode(REPLY).ids)


def test_a_tokenizer_is_called_by_its_model_and_never_by_a_path():
    for path, name in (
        ("/models/Qwen2.5-7B", "Qwen2.5-7B"),
        ("/models/Qwen2.5-7B/tokenizer.json", "Qwen2.5-7B"),
        ("files/qwen.json", "qwen"),
        ("/hub/models--org--a-name", "org/a-name"),
        ("/hub/models--org--a-name/snapshots/abc/tokenizer.json", "org/a-name"),
    ):
        assert tokenizer_name(path) == name


def test_a_tokenizer_in_the_current_folder_is_called_by_that_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert tokenizer_name(".") == tokenizer_name("tokenizer.json") == tmp_path.name
