"""Policies on disk: made once, whole or not at all, and made again when damaged."""

import os
import shutil
import threading

import pytest

from sgram.errors import InputError, SgramError
from sgram.testbed import TestbedConfig, WarmUpConfig, load_policy, warm_policy
from sgram.testbed import policy as module
from sgram.testbed.warmup import warm_up

torch = pytest.importorskip("torch", reason="needs sgram[train]")
pytest.importorskip("transformers", reason="needs sgram[train]")

TINY = WarmUpConfig(steps=2, batch=2, layers=1, width=32)


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def make_policy(cache, config=TINY, testbed=TestbedConfig()):  # noqa: B008
    """Return (folder, number of steps of its warm-up)."""
    steps = []
    return warm_policy(testbed, config, cache, on_step=steps.append), len(steps)


def test_a_policy_is_made_once_and_then_only_read(tmp_path):
    folder, steps = make_policy(tmp_path)
    assert steps == 2
    before = contents(folder)
    assert make_policy(tmp_path) == (folder, 0)
    assert contents(folder) == before
    assert set(before) >= {"model.safetensors", "config.json", "tokenizer.json", "tokenizer_config.json", "sgram.json"}
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]  # nothing is left beside it


def test_what_is_loaded_is_what_was_learned(tmp_path):
    model, tokenizer = load_policy(make_policy(tmp_path)[0])
    learned = warm_up(TestbedConfig(), TINY).state_dict()
    assert all(torch.equal(learned[name], weights) for name, weights in model.state_dict().items())
    assert not model.training
    assert {weights.dtype for weights in model.parameters()} == {torch.float32}
    assert (tokenizer.padding_side, tokenizer.pad_token, tokenizer.eos_token) == ("left", "<|pad|>", "<|end|>")
    assert model.config.eos_token_id == tokenizer.eos_token_id
    prompt = tokenizer("How many pens?\n", return_tensors="pt")
    generated = model.generate(**prompt, max_new_tokens=3, do_sample=False)
    assert generated.shape[1] <= prompt["input_ids"].shape[1] + 3


def test_other_settings_are_another_policy(tmp_path):
    folders = {
        make_policy(tmp_path)[0],
        make_policy(tmp_path, WarmUpConfig(steps=2, batch=2, layers=1, width=32, seed=1))[0],
        make_policy(tmp_path, testbed=TestbedConfig(methods=4))[0],
    }
    assert len(folders) == 3


def test_the_name_tells_versions_and_code_apart(monkeypatch):
    before = module.policy_identity(TestbedConfig(), TINY)
    monkeypatch.setattr(torch, "__version__", "9.9.9")
    assert module.policy_identity(TestbedConfig(), TINY) == {**before, "torch": "9.9.9"}
    assert {"testbed", "warm_up", "sgram", "code", "torch", "transformers", "tokenizers"} <= set(before)


@pytest.mark.parametrize("damage", ["cut", "changed", "lost", "record", "emptied"])
def test_a_damaged_policy_is_made_again(tmp_path, damage):
    folder, _ = make_policy(tmp_path)
    before = contents(folder)
    weights = folder / "model.safetensors"
    if damage == "cut":
        weights.write_bytes(before[weights.name][:1000])
    elif damage == "changed":
        weights.write_bytes(before[weights.name][:-1] + bytes([before[weights.name][-1] ^ 1]))
    elif damage == "lost":
        weights.unlink()
    elif damage == "record":
        (folder / "sgram.json").write_text("[]")
    else:
        for path in folder.iterdir():
            path.unlink()
    assert make_policy(tmp_path) == (folder, 2)
    assert contents(folder) == before
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]


def test_a_warm_up_that_fails_leaves_no_file(tmp_path):
    def fail(row):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        warm_policy(TestbedConfig(), TINY, tmp_path, on_step=fail)
    assert list(tmp_path.iterdir()) == []


def test_concurrent_makers_get_one_complete_policy(tmp_path):
    barrier, folders = threading.Barrier(2, timeout=60), []

    def make():
        folders.append(warm_policy(TestbedConfig(), TINY, tmp_path, on_step=lambda row: row["step"] or barrier.wait()))

    makers = [threading.Thread(target=make) for _ in range(2)]  # both are inside the warm-up before either is done
    for maker in makers:
        maker.start()
    for maker in makers:
        maker.join()
    assert len(folders) == 2
    assert len(set(folders)) == 1
    assert module.is_complete(folders[0])
    assert [path.name for path in tmp_path.iterdir()] == [folders[0].name]


def test_a_policy_that_another_process_has_finished_stays(tmp_path):
    folder, _ = make_policy(tmp_path)
    late = tmp_path / "late"
    shutil.copytree(folder, late)
    module._publish(late, folder)
    assert late.exists()  # not put in the place of the whole one, which others may be reading


def test_the_cache_is_where_the_environment_says(monkeypatch, tmp_path):
    monkeypatch.setenv("SGRAM_CACHE", str(tmp_path / "own"))
    assert module.cache_folder() == tmp_path / "own"
    assert make_policy(None)[0].parent == tmp_path / "own"
    monkeypatch.setenv("SGRAM_CACHE", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert module.cache_folder() == tmp_path / "xdg" / "sgram"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert module.cache_folder() == tmp_path / ".cache" / "sgram"


def test_a_home_that_cannot_be_written_gives_a_private_temporary_folder(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("a folder cannot be created below a file")
    monkeypatch.delenv("SGRAM_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "file"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    folder = module.cache_folder()
    assert (folder.parent, folder.name) == (tmp_path, f"sgram-cache-{os.getuid()}")
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_cache_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SgramError, match=r"cannot write a policy to .*file: .*; set SGRAM_CACHE to another folder"):
        make_policy(tmp_path / "file")


def test_a_folder_without_a_policy_is_refused(tmp_path):
    with pytest.raises(InputError, match="is not a policy"):
        load_policy(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(InputError, match="cannot load the policy"):
        load_policy(tmp_path)
