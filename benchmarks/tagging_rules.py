"""Which tokens do sgram and other people's rules mark, and which should they?

    python benchmarks/tagging_rules.py [--lexicon wang2025]

Lexicon: the published list, in normal form for every rule (which is kinder to the others than the strings as printed:
"does this make sense?" would ask for its question mark). Traces: DeepSeek-R1, QwQ-32B and QwQ-32B-Preview of
../shared/data/traces/reasoningflow.jsonl.gz, with DeepSeek's tokenizer. Gold: `find_spans` on the decoded text (by
Python's own decoder), projected to tokens by byte offsets; it shares no code with the tagger. Ids come twice: as the
tokenizer gives them, and with a random tenth of the tokens spelled in smaller ones, as sampling does at times.
The rules are restated in peer_rules.py from what their code is described to do. Without the shared traces, or without
DeepSeek's tokenizer, it takes the shipped sample and a BPE trained on it, and says so.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from peer_rules import ByteRegex, DecodeSearchEncode, IdSequences, Rule, WindowRegex, id_sequences
from tagging_inputs import (
    R1_LIKE,
    by_reference,
    byte_level_tokens,
    encode_all,
    gold_mask,
    machine,
    resegmented,
    traces,
    training_texts,
    training_tokenizer,
)

from sgram.lexicon import Lexicon
from sgram.tagging.tagger import PlanningTagger

SPLIT_SHARE = 0.1


def rules(lexicon: Lexicon, tokenizer, tokens: list[bytes | None]) -> dict[str, Rule]:
    """Every rule, by what it does; who does it stands in brackets."""
    grams = [gram.text for gram in lexicon.grams]

    def ids(text: str) -> list[int]:
        return tokenizer.encode(text, add_special_tokens=False).ids

    pieces = [tokenizer.id_to_token(place) for place in range(len(tokens))]
    return {
        "**sgram**": PlanningTagger(lexicon, tokenizer).tag_rows,
        "exact ids (TRL #4997)": IdSequences(id_sequences(grams, ids)),
        "+ leading space": IdSequences(id_sequences(grams, ids, spaced=True)),
        "+ capital first letter": IdSequences(id_sequences(grams, ids, spaced=True, capital=True)),
        "window of tokens, regex (textpolicy)": WindowRegex(grams, pieces),
        "decode, regex, encode again": DecodeSearchEncode(grams, tokenizer),
        "exact byte regex": ByteRegex(grams, tokens),
    }


def inputs(max_traces: int | None) -> tuple[list[str], str]:
    """Texts, and where they are from."""
    texts = traces("reasoningflow", models=R1_LIKE)[:max_traces]
    if texts:
        return texts, "DeepSeek-R1, QwQ-32B, QwQ-32B-Preview of reasoningflow.jsonl.gz"
    texts, source = training_texts()
    return texts[:max_traces], source


def shown(part: int, whole: int) -> str:
    """A ratio, 1.000 only when it is one."""
    if not whole:
        return "-"
    ratio = f"{part / whole:.3f}"
    return f"{min(part / whole, 0.9999):.4f}" if ratio == "1.000" and part < whole else ratio


def table(title: str, rows: list[list[int]], gold: list[np.ndarray], all_rules: dict[str, Rule]) -> bool:
    """Print one table; whether ours is the gold."""
    true = np.concatenate(gold)
    print(f"\n{title}: {len(true):,} tokens, {true.sum():,} of them planning ({true.mean():.2%})\n")
    print("| rule | precision | recall | tokens tagged | share | differing tokens | rows wholly right |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    ours = False
    for name, rule in all_rules.items():
        masks = rule(rows)
        found = np.concatenate(masks)
        both = int((found & true).sum())
        right = sum(bool((mask == each).all()) for mask, each in zip(masks, gold, strict=True))
        differing = int((found != true).sum())
        if name == "**sgram**":
            ours = differing == 0
        print(
            f"| {name} | {shown(both, int(found.sum()))} | {shown(both, int(true.sum()))} | {found.sum():,} "
            f"| {found.mean():.2%} | {differing:,} | {right} of {len(rows)} |",
            flush=True,
        )
    return ours


def returned(rows: list[list[int]], rule: Callable) -> str:
    """What encoding the decoded rows again gives."""
    same = rule.aligned(rows)[1]
    return f"{sum(same)} of {len(same)} rows come back with the same ids when decoded and encoded again"


def main() -> None:
    """Two tables; exit code 1 when ours is not the gold."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lexicon", default="wang2025", help="preset or file")
    parser.add_argument("--traces", type=int, help="only the first so many")
    options = parser.parse_args()
    texts, source = inputs(options.traces)
    tokenizer, tokenizer_name = training_tokenizer(texts)
    tokens = byte_level_tokens(tokenizer)
    lexicon = Lexicon.load(options.lexicon)
    print(machine("tokenizers", "numpy", "numba"))
    print(
        f"{len(texts):,} traces: {source}; {tokenizer_name} ({len(tokens):,} ids), "
        f"{lexicon.name}: {len(lexicon.grams)} grams"
    )
    all_rules = rules(lexicon, tokenizer, tokens)
    canonical = encode_all(tokenizer, texts)
    perfect = True
    for title, rows in (
        ("Ids as the tokenizer gives them", canonical),
        (f"{SPLIT_SHARE:.0%} of the tokens spelled in smaller ones", resegmented(canonical, tokens, SPLIT_SHARE)),
    ):
        gold = [gold_mask(row, tokens, by_reference(lexicon)) for row in rows]
        perfect &= table(title, rows, gold, all_rules)
        print(f"\n{returned(rows, all_rules['decode, regex, encode again'])}")
    if not perfect:
        raise SystemExit("sgram's mask differs from the gold")


if __name__ == "__main__":
    main()
