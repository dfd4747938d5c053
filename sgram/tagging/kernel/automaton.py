"""A lexicon as arrays that compiled code can walk, byte by byte and word by word. Knows nothing about tokens or texts.

Two machines, both exact: there is no hash in them that could take one word for another.

- A trie over the UTF-8 bytes of the lexicon's words: from `ROOT`, one step a byte; `DEAD` is where a word leads
  that the lexicon does not know. A word may thus be read in pieces, cut wherever a tokenizer likes.
- An automaton of Aho and Corasick (1975) over words: its state is the longest run of last words that some
  gram begins with, so every word costs about one step however many grams there are.
"""

from collections import deque
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from sgram.lexicon import MOVES, Lexicon

DEAD, ROOT = 0, 1


@dataclass(frozen=True, slots=True, eq=False)
class Automaton:
    """Tables of one lexicon; N nodes of the byte trie, S states of the word automaton, W words."""

    columns: np.ndarray
    """(256,) uint8: column of each byte in `trie`; 0 for bytes that no word holds."""
    trie: np.ndarray
    """(N, C) int32: the node that a byte leads to."""
    word_of: np.ndarray
    """(N,) int32: the word that ends at a node, -1 for none."""
    first: np.ndarray
    """(W,) int32: state after a word at the start of a sentence, 0 if no gram begins with it."""
    base: np.ndarray
    """(S,) int32: where a state's row of `edges` begins; rows are laid over one another."""
    edges: np.ndarray
    """(E, 2) int32: the state that an edge leaves, and the one it leads to."""
    fail: np.ndarray
    """(S,) int32: state of the longest proper suffix of a state's words."""
    longest: np.ndarray
    """(S,) int32: words of the longest gram that ends here, 0 for none."""
    move: np.ndarray
    """(S,) int8: move of that gram, an index into `MOVES`."""
    depth: np.ndarray
    """(S,) int32: words of a state."""
    gram: np.ndarray
    """(S,) int32: row in ``lexicon.grams`` of the gram that is the state's own words, -1 for none."""
    shorter: np.ndarray
    """(S,) int32: nearest state among the suffixes whose words are a gram, 0 for none."""

    @classmethod
    @lru_cache(maxsize=4)
    def of(cls, lexicon: Lexicon) -> "Automaton":
        """Tables of all grams of `lexicon`; kept, as a tagger and a finder of one lexicon both ask for them."""
        words = sorted({word for gram in lexicon.grams for word in gram.words})
        columns, trie, word_of = _byte_trie(words)
        states = _States.of(lexicon, {word: number for number, word in enumerate(words)})
        first = np.zeros(len(words), np.int32)
        for word, state in states.children[0].items():
            first[word] = state
        base, edges = _laid_over(states.children[1:], len(words))
        return cls(
            columns,
            trie,
            word_of,
            first,
            np.concatenate(([0], base)).astype(np.int32),
            edges,
            np.array(states.fail, np.int32),
            np.array(states.longest, np.int32),
            np.array(states.move, np.int8),
            np.array(states.depth, np.int32),
            np.array(states.gram, np.int32),
            np.array(states.shorter, np.int32),
        )


def _byte_trie(words: list[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    spelled = [word.encode() for word in words]
    columns = np.zeros(256, np.uint8)
    held = sorted(set().union(*spelled))
    if len(held) > 255:
        raise AssertionError("UTF-8 never holds more than 243 different bytes")
    columns[held] = np.arange(1, len(held) + 1)
    column_of = columns.tolist()
    rows: list[list[int]] = [[0] * (len(held) + 1), [0] * (len(held) + 1)]
    word_of = [-1, -1]
    for number, word in enumerate(spelled):
        node = ROOT
        for byte in word:
            column = column_of[byte]
            if not rows[node][column]:
                rows[node][column] = len(rows)
                rows.append([0] * (len(held) + 1))
                word_of.append(-1)
            node = rows[node][column]
        word_of[node] = number
    return columns, np.array(rows, np.int32), np.array(word_of, np.int32)


@dataclass(slots=True)
class _States:
    """States of the word automaton; 0 is the empty one."""

    children: list[dict[int, int]]
    depth: list[int]
    gram: list[int]
    fail: list[int]
    longest: list[int]
    move: list[int]
    shorter: list[int]

    @classmethod
    def of(cls, lexicon: Lexicon, number_of: dict[str, int]) -> "_States":
        children: list[dict[int, int]] = [{}]
        gram, depth = [-1], [0]
        moves = [MOVES.index(cluster.move) for cluster in lexicon.clusters for _ in cluster.grams]
        for row, each in enumerate(lexicon.grams):
            state = 0
            for word in each.words:
                if number_of[word] not in children[state]:
                    children[state][number_of[word]] = len(children)
                    children.append({})
                    gram.append(-1)
                    depth.append(depth[state] + 1)
                state = children[state][number_of[word]]
            gram[state] = row
        fail, longest, move, shorter = ([0] * len(children) for _ in range(4))
        waiting = deque(children[0].values())
        while waiting:  # breadth first: a suffix is settled before whatever it is a suffix of
            state = waiting.popleft()
            suffix = fail[state]
            shorter[state] = suffix if gram[suffix] >= 0 else shorter[suffix]
            if gram[state] >= 0:
                longest[state], move[state] = depth[state], moves[gram[state]]
            else:
                longest[state], move[state] = longest[suffix], move[suffix]
            for word, child in children[state].items():
                back = suffix
                while back and word not in children[back]:
                    back = fail[back]
                fail[child] = children[back].get(word, 0)
                waiting.append(child)
        return cls(children, depth, gram, fail, longest, move, shorter)


def _laid_over(rows: list[dict[int, int]], n_words: int) -> tuple[np.ndarray, np.ndarray]:
    """(base, edges): the sparse rows of states 1, 2, ... in one table, each shifted to where it fits.

    Edge `word` of state s is at ``base[s] + word``, and is there if ``edges[..., 0] == s``.
    """
    after: dict[int, int] = {}  # taken slot -> where a free one may be; paths are halved as they are walked
    placed: dict[int, tuple[int, int]] = {}
    base = np.zeros(len(rows), np.int32)

    def free(slot: int) -> int:
        while slot in after:
            after[slot] = after.get(after[slot], after[slot])
            slot = after[slot]
        return slot

    for row in sorted(range(len(rows)), key=lambda each: -len(rows[each])):  # the widest rows find room first
        words = sorted(rows[row])
        if not words:
            continue
        slot = free(words[0])
        while any(slot - words[0] + word in after for word in words):
            slot = free(slot + 1)
        base[row] = slot - words[0]
        for word in words:
            place = int(base[row]) + word
            placed[place] = row + 1, rows[row][word]
            after[place] = place + 1
    edges = np.zeros((int(base.max(initial=0)) + n_words + 1, 2), np.int32)
    edges[np.array(list(placed), np.int64)] = np.array(list(placed.values()), np.int32).reshape(-1, 2)
    return base, edges
