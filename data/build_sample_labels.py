"""Build data/sample_labels.jsonl: ten of the sample traces, sentence by sentence, with the move that each makes.

    python data/build_sample_labels.py

The traces and the labels were written for this project, by one reader: an example of the format, and something to
try `sgram validate` on without data of one's own. It is no benchmark.
"""

import re
from pathlib import Path

import orjson

HERE = Path(__file__).parent
UNIT = re.compile(r"\S[^.?!\n]*(?:\d[.]\d[^.?!\n]*)*[.?!\n]*[\"')\]]*")
GOAL, BRANCH, BACK, VERIFY, DEDUCE = "goal-setting", "branching", "backtracking", "verification", "deduction"
# trace -> move -> beginnings of the sentences that make it
MOVES = {
    "a01-searcher": {
        GOAL: ["Okay, so the question is", "My first plan"],
        BACK: [
            "Hmm, that",
            "Wait, the problem",
            "I left those",
            "Let me go back",
            "That gives 48",
            "Hold on",
            "Which one",
        ],
        BRANCH: ["Let me keep a careful", "Is there a simpler", "Suppose that I look", "What if the order"],
        VERIFY: ["Let me double-check", "Let's check the chain", "To make sure"],
    },
    "a05-searcher": {
        GOAL: ["I think it helps", "So the question is"],
        BACK: ["No, of course not", "Is it too easy"],
        BRANCH: ["Another way", "Alternatively", "Perhaps the order"],
        VERIFY: [
            "Okay, that's plausible",
            "Wait, let me check",
            "Good, that agrees",
            "That makes me",
            "Let me see what else",
            "Let me verify",
        ],
    },
    "a09-searcher": {
        GOAL: ["The problem asks", "I could just search"],
        BACK: ["Hmm.", "Let me look at the remainders", "Hmm, that's much", "Let me go back"],
        BRANCH: ["Is there a reason", "What if n"],
        VERIFY: ["That went almost", "Good, that's what", "Let's check 118"],
        DEDUCE: ["Ah, the key"],
    },
    "b01-searcher": {
        GOAL: ["Okay, first"],
        BACK: ["Hmm, this is getting"],
        BRANCH: [
            "Maybe I should split",
            "Consider the case",
            "Suppose that the counts",
            "Let me try a different",
            "Is there a simpler",
        ],
        VERIFY: ["Wait, let me double-check", "Both routes agree"],
        DEDUCE: ["We can use the fact"],
    },
    "b05-searcher": {
        GOAL: ["I want exactly", "First I thought", "Now go through"],
        BACK: ["It works, but"],
        BRANCH: ["On second thought", "Let me start over"],
        VERIFY: [
            "Wait, let me double-check",
            "Is the third marble",
            "Does the draw-by-draw",
            "Nice, so combinations",
            "Is the size",
        ],
    },
    "b09-searcher": {
        GOAL: ["My first idea"],
        BACK: ["Hmm, that doesn't", "Let me go back", "Yes, I made a mistake"],
        BRANCH: ["Instead of working", "Another way"],
        VERIFY: ["Wait, let me double-check", "Great, it agrees"],
        DEDUCE: ["So it does come back"],
    },
    "b12-textbook": {DEDUCE: ["It follows that"]},
    "c03-textbook": {
        GOAL: ["The square may rest", "It remains to compare"],
        BRANCH: ["Suppose first", "Next, let the square"],
        DEDUCE: ["By symmetry"],
    },
    "c06-textbook": {GOAL: ["We seek"], DEDUCE: ["The statuses of 7"]},
    "c10-searcher": {
        GOAL: ["The problem asks", "Let’s think about", "So the question is"],
        BACK: ["Hmm, that", "I made a mistake", "But careful"],
        BRANCH: ["Alternatively"],
        VERIFY: ["A whole number", "Wait, let me double-check"],
    },
}


def labeled(trace: dict) -> dict:
    """The trace's text with its sentences as units; what makes no move is labeled "execution"."""
    begins = {begin: move for move, found in MOVES[trace["id"]].items() for begin in found}
    units, met = [], set()
    for match in UNIT.finditer(trace["text"]):
        found = [begin for begin in begins if match.group().startswith(begin)]
        met.update(found)
        label = begins[found[0]] if found else "execution"
        end = match.start() + len(match.group().rstrip())
        units.append({"start": match.start(), "end": end, "label": label})
    if missing := begins.keys() - met:
        raise SystemExit(f"{trace['id']}: no sentence begins with {sorted(missing)}")
    return {"id": trace["id"], "problem": trace["group"], "text": trace["text"], "units": units}


def main() -> None:
    """Write the file."""
    traces = [orjson.loads(line) for line in (HERE / "sample_traces.jsonl").read_bytes().splitlines()]
    rows = [labeled(trace) for trace in traces if trace["id"] in MOVES]
    text = b"".join(orjson.dumps(row) + b"\n" for row in rows)
    (HERE / "sample_labels.jsonl").write_bytes(text)
    units = [unit["label"] for row in rows for unit in row["units"]]
    print(f"{len(rows)} documents, {len(units)} units, {sum(label != 'execution' for label in units)} with a move")


if __name__ == "__main__":
    main()
