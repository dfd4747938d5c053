"""Warm policies kept on disk, made once. Knows nothing about what they have learned.

A policy is a Hugging Face folder: weights, configuration and tokenizer. It stands in the cache under the digest
of all that shapes it, and appears there whole: it is made beside its place and renamed. Of several processes
that make the same one the first to finish puts it there; all get the same path.
"""

import json
import os
import secrets
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sgram
from sgram.errors import InputError, SgramError
from sgram.files import canonical_json, digest, excerpt, pretty_json, write_bytes
from sgram.progress_bars import no_progress_bars
from sgram.testbed.problems import TestbedConfig
from sgram.testbed.warmup import WarmUpConfig, warm_up

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

RECORD = "sgram.json"
"""Name of the file that tells what a policy was made from, and the digest of each of its files."""


def cache_folder() -> Path:
    """Where policies are kept: ``$SGRAM_CACHE``, else ``sgram`` in the user's cache folder."""
    if told := os.environ.get("SGRAM_CACHE"):
        return Path(told)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sgram"


def identity(testbed: TestbedConfig, config: WarmUpConfig, device: str = "cpu") -> dict[str, Any]:
    """All that shapes a warm policy, as JSON: settings, and versions of this code and of the libraries."""
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
    testbed: TestbedConfig = TestbedConfig(),  # noqa: B008  frozen
    config: WarmUpConfig = WarmUpConfig(),  # noqa: B008  frozen
    cache: str | os.PathLike[str] | None = None,
    *,
    tell: Callable[[Mapping[str, Any]], None] | None = None,
    device: str = "cpu",
) -> Path:
    """Folder of the warm policy, made if the cache does not hold it whole; `tell` hears of the steps of the making."""
    made_from = identity(testbed, config, device)
    root = cache_folder() if cache is None else Path(cache)
    folder = root / f"policy-{digest(canonical_json(made_from))[:16]}"
    if is_whole(folder):
        return folder
    making = root / f".{folder.name}-{secrets.token_hex(8)}.tmp"
    try:
        making.mkdir(parents=True)
        _save(making, testbed, config, made_from, tell, device)
        _publish(making, folder)
    except OSError as error:
        reason = error.strerror or error
        raise SgramError(
            f"cannot keep a policy in {excerpt(root)}: {reason}; set SGRAM_CACHE to another folder"
        ) from error
    finally:
        shutil.rmtree(making, ignore_errors=True)
    return folder


def _save(
    folder: Path,
    testbed: TestbedConfig,
    config: WarmUpConfig,
    made_from: dict[str, Any],
    tell: Callable[[Mapping[str, Any]], None] | None,
    device: str,
) -> None:
    from sgram.testbed.tokenizer import make_tokenizer

    model = warm_up(testbed, config, tell=tell, device=device)
    with no_progress_bars():
        model.to("cpu").save_pretrained(folder)
    make_tokenizer(testbed, config.vocabulary).save_pretrained(folder)
    files = {path.name: digest(path.read_bytes()) for path in sorted(folder.iterdir())}
    write_bytes(folder / RECORD, pretty_json({"made_from": made_from, "files": files}))


def _publish(making: Path, folder: Path) -> None:
    """Rename `making` to `folder`; a damaged one in its place goes, a whole one stays."""
    for _ in range(3):
        try:
            making.rename(folder)
            return
        except OSError:
            if is_whole(folder):  # another process was faster
                return
            if not folder.exists():
                raise
            damaged = making.with_name(making.name + "-damaged")
            folder.rename(damaged)
            shutil.rmtree(damaged, ignore_errors=True)
    raise SgramError(f"another process keeps writing {excerpt(folder)}; try again when it has ended")


def is_whole(folder: Path) -> bool:
    """Whether `folder` holds every file that its record names, unchanged."""
    try:
        files = json.loads((folder / RECORD).read_bytes())["files"]
        return bool(files) and all(digest((folder / name).read_bytes()) == wanted for name, wanted in files.items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def load_policy(path: str | os.PathLike[str]) -> tuple["LlamaForCausalLM", "PreTrainedTokenizerFast"]:
    """Model in fp32 and in eval mode, and tokenizer, of a folder that `warm_policy` has made."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = Path(path)
    if not (folder / "config.json").is_file():
        raise InputError(f"{excerpt(path)} holds no policy (config.json is missing); name a policy's folder")
    try:
        with no_progress_bars():
            model = AutoModelForCausalLM.from_pretrained(folder, dtype="float32", local_files_only=True)
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"cannot load the policy {excerpt(path)}: {excerpt(str(error), 300)}") from error
    return model.eval(), tokenizer
