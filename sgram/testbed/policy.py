"""Cache of warm policies on disk.

A policy is a Hugging Face folder: weights, configuration and tokenizer. Its name in the cache is the digest of
everything that shapes it. It appears there whole: it is written beside its final folder and renamed. If several
processes make the same policy, the first to finish publishes it; all get the same path.
"""

import json
import os
import secrets
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import sgram
from sgram.errors import InputError, SgramError
from sgram.files import canonical_json, digest, excerpt, pretty_json, private_temporary_folder, write_bytes
from sgram.progress_bars import no_progress_bars
from sgram.testbed.problems import AnyConfig, TestbedConfig
from sgram.testbed.warmup import OnStep, warm_up
from sgram.testbed.warmup_config import WarmUpConfig

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

RECORD = "sgram.json"
"""Name of the file with the identity of a policy and the digest of each of its files."""


def cache_folder() -> Path:
    """Return the folder of policies: ``$SGRAM_CACHE``, else ``sgram`` in the user's cache folder.

    If the user's cache folder cannot be written, it is a private folder below the system's temporary one.
    """
    if requested := os.environ.get("SGRAM_CACHE"):
        return Path(requested)
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sgram"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        is_writable = os.access(folder, os.W_OK | os.X_OK)
    except OSError:
        is_writable = False
    return folder if is_writable else private_temporary_folder("cache") or folder


def policy_identity(testbed: AnyConfig, config: WarmUpConfig, device: str = "cpu") -> dict[str, Any]:
    """Return everything that shapes a warm policy, as JSON: settings, versions of this code and of the libraries."""
    import tokenizers
    import torch
    import transformers

    folder = Path(__file__).parent
    code = {path.name: digest(path.read_bytes()) for path in sorted(folder.glob("*.py"))}
    return {
        "testbed": asdict(testbed),
        "warm_up": asdict(config),
        "device": device,
        "sgram": sgram.__version__,
        "code": digest(canonical_json(code)),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "tokenizers": tokenizers.__version__,
    }


def warm_policy(
    testbed: AnyConfig = TestbedConfig(),  # noqa: B008  frozen
    config: WarmUpConfig = WarmUpConfig(),  # noqa: B008  frozen
    cache: str | os.PathLike[str] | None = None,
    *,
    on_step: OnStep | None = None,
    device: str = "cpu",
) -> Path:
    """Return the folder of the warm policy; make it if the cache does not have it whole.

    `on_step` is called after each step of the warm-up. Raise `SgramError` if the cache cannot be written.
    """
    identity = policy_identity(testbed, config, device)
    root = cache_folder() if cache is None else Path(cache)
    folder = root / f"policy-{digest(canonical_json(identity))[:16]}"
    if is_complete(folder):
        return folder
    unfinished = root / f".{folder.name}-{secrets.token_hex(8)}.tmp"
    try:
        unfinished.mkdir(parents=True)
        _make_policy(unfinished, testbed, config, identity, on_step, device)
        _publish(unfinished, folder)
    except OSError as error:
        reason = error.strerror or error
        raise SgramError(
            f"cannot write a policy to {excerpt(root)}: {reason}; set SGRAM_CACHE to another folder"
        ) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return folder


def _make_policy(
    folder: Path,
    testbed: AnyConfig,
    config: WarmUpConfig,
    identity: dict[str, Any],
    on_step: OnStep | None,
    device: str,
) -> None:
    import torch

    from sgram.testbed.tokenizer import make_tokenizer

    model = warm_up(testbed, config, on_step=on_step, device=device)
    with no_progress_bars():
        model.to(torch.device("cpu"))  # type: ignore[arg-type]  # transformers' wrapper hides the type of `self`
        model.save_pretrained(folder)
    make_tokenizer(testbed, config.vocabulary).save_pretrained(folder)
    files = {path.name: digest(path.read_bytes()) for path in sorted(folder.iterdir())}
    write_bytes(folder / RECORD, pretty_json({"made_from": identity, "files": files}))


def _publish(unfinished: Path, folder: Path) -> None:
    """Rename `unfinished` to `folder`; replace a damaged policy there, keep a complete one."""
    for _ in range(3):
        try:
            unfinished.rename(folder)
            return
        except OSError:
            if is_complete(folder):  # another process was faster
                return
            if not folder.exists():
                raise
            damaged = unfinished.with_name(unfinished.name + "-damaged")
            folder.rename(damaged)
            shutil.rmtree(damaged, ignore_errors=True)
    raise SgramError(f"another process keeps writing {excerpt(folder)}; try again when it has ended")


def is_complete(folder: Path) -> bool:
    """Return whether `folder` has every file that its record names, unchanged."""
    try:
        digests = json.loads((folder / RECORD).read_bytes())["files"]
        return bool(digests) and all(digest((folder / name).read_bytes()) == sha for name, sha in digests.items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def load_policy(path: str | os.PathLike[str]) -> tuple["LlamaForCausalLM", "PreTrainedTokenizerFast"]:
    """Return the model, in fp32 and eval mode, and the tokenizer of a folder made by `warm_policy`.

    Raise `InputError` if the folder is not a policy or cannot be loaded.
    """
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = Path(path)
    if not (folder / "config.json").is_file():
        raise InputError(f"{excerpt(path)} is not a policy (config.json is missing); name a policy's folder")
    try:
        with no_progress_bars():
            model = AutoModelForCausalLM.from_pretrained(folder, dtype="float32", local_files_only=True)
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"cannot load the policy {excerpt(path)}: {excerpt(str(error), 300)}") from error
    # warm_policy saved these two classes; the auto classes declare their common bases
    return cast("LlamaForCausalLM", model.eval()), cast("PreTrainedTokenizerFast", tokenizer)
